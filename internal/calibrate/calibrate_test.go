package calibrate

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"lutra/internal/engine"
	"lutra/internal/graph"
	"lutra/internal/safe"
	"lutra/internal/tensor"
)

// twoLayers is relu(conv(x)) -> conv with weights of one: y = x, then 2y.
func twoLayers() *graph.Graph {
	return &graph.Graph{
		Opsets: map[string]int64{"": 13},
		Consts: map[string]*tensor.Tensor{
			"one": tensor.Of([]float32{1}, 1, 1, 1, 1),
			"two": tensor.Of([]float32{2}, 1, 1, 1, 1),
		},
		Inputs: []graph.Value{{Name: "x", DType: tensor.Float32, Dims: []graph.Dim{{Size: 1}, {Size: 1}, {Size: 2}, {Size: 3}}}},
		Nodes: []*graph.Node{
			{Name: "first", Op: "Conv", Inputs: []string{"x", "one"}, Outputs: []string{"a"}},
			{Name: "relu", Op: "Relu", Inputs: []string{"a"}, Outputs: []string{"b"}},
			{Name: "second", Op: "Conv", Inputs: []string{"b", "two"}, Outputs: []string{"c"}},
		},
		Outputs: []graph.Value{{Name: "c", DType: tensor.Float32, NoShape: true}},
	}
}

type samples [][]float32

func (s samples) Len() int { return len(s) }
func (s samples) Sample(i int) (map[string]*tensor.Tensor, error) {
	return map[string]*tensor.Tensor{"x": tensor.Of(s[i], 1, 1, 2, 3)}, nil
}

func TestMinMax(t *testing.T) {
	src := samples{{1, 2, -3, 0.5, 0, 1}, {-1, 5, 2, 0, 0, 0}}
	for threads := 1; threads <= 3; threads++ {
		got, err := Run(context.Background(), twoLayers(), src, Options{Engine: engine.Options{Threads: threads}})
		if err != nil {
			t.Fatal(err)
		}
		// The convolution and its ReLU are one step: "a" is never in memory.
		want := map[string]graph.Range{"x": {Lo: -3, Hi: 5}, "b": {Lo: 0, Hi: 5}, "c": {Lo: 0, Hi: 10}}
		for name, r := range got {
			// The step is 1/255 of the range, its square twelve times the error.
			if r.Noise <= 0 || r.Noise > 1e-4 {
				t.Errorf("%s: noise %g", name, r.Noise)
			}
			r.Noise = 0
			got[name] = r
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%d threads: %v, want %v", threads, got, want)
		}
	}
}

func TestRefused(t *testing.T) {
	var fe *safe.FormatError
	if _, err := Run(context.Background(), twoLayers(), samples{}, Options{}); !errors.As(err, &fe) {
		t.Errorf("no samples: %v", err)
	}
	nan := samples{{float32(math.NaN()), 0, 0, 0, 0, 0}}
	if _, err := Run(context.Background(), twoLayers(), nan, Options{}); !errors.As(err, &fe) {
		t.Errorf("NaN: %v", err)
	}
	if _, err := ParseMethod("median"); err == nil {
		t.Error("an unknown method was accepted")
	}
	for _, name := range Methods() {
		if m, err := ParseMethod(name); err != nil || m.String() != name {
			t.Errorf("%s: %v, %v", name, m, err)
		}
	}
}

// normal is n numbers of a normal distribution and one far outlier.
func normal(n int, outlier float32) []float32 {
	rng := rand.New(rand.NewPCG(1, 2))
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(rng.NormFloat64())
	}
	x[0] = outlier
	return x
}

// TestPercentile compares with the sorted values.
func TestPercentile(t *testing.T) {
	x := normal(100000, 40)
	lo, hi, err := bounds(x)
	if err != nil {
		t.Fatal(err)
	}
	h := newHistogram(graph.Range{Lo: lo, Hi: hi})
	h.add(x)
	r := h.percentile(outside)
	slices.Sort(x)
	width := float32(h.width())
	// Five values may lie outside at either end.
	if r.Lo > x[5] || r.Lo < x[5]-width || r.Hi < x[len(x)-6] || r.Hi > x[len(x)-6]+width {
		t.Errorf("%v, want %g to %g within a bin of %g", r, x[5], x[len(x)-6], width)
	}
}

// TestLeastError compares the errors that the bounds cause when values are
// really quantised.
func TestLeastError(t *testing.T) {
	for name, outlier := range map[string]float32{"far outlier": 40, "none": 0} {
		x := normal(20000, outlier)
		lo, hi, err := bounds(x)
		if err != nil {
			t.Fatal(err)
		}
		all := graph.Range{Lo: lo, Hi: hi}
		h := newHistogram(all)
		h.add(x)
		best := quantisedError(x, h.leastError())
		for part := float32(0.05); part <= 1; part += 0.05 {
			r := graph.Range{Lo: all.Lo * part, Hi: all.Hi * part}
			if e := quantisedError(x, r); e < best*0.97 {
				t.Errorf("%s: error %g with %v, %g with %v", name, e, r, best, h.leastError())
			}
		}
	}
}

func quantisedError(x []float32, r graph.Range) float64 {
	scale, zero := r.Affine()
	sum := 0.0
	for _, v := range x {
		q := min(max(math.RoundToEven(float64(v/scale))+float64(zero), 0), 255)
		d := float64(v) - float64(scale)*(q-float64(zero))
		sum += d * d
	}
	return sum
}

// TestNothingSeen keeps the range of an activation that is always zero.
func TestNothingSeen(t *testing.T) {
	h := newHistogram(graph.Range{})
	h.add(make([]float32, 10))
	if r := h.percentile(outside); r != (graph.Range{}) {
		t.Errorf("percentile %v", r)
	}
	if r := h.leastError(); r != (graph.Range{}) {
		t.Errorf("least error %v", r)
	}
}

// TestBudget finds the cheapest budget for a network that 8 bits suit.
func TestBudget(t *testing.T) {
	g, src := twoLayers(), samples{{1, 2, -3, 0.5, 0, 1}, {-1, 5, 2, 0, 0, 0}}
	ranges, err := Run(context.Background(), g, src, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := g.SetRanges(ranges); err != nil {
		t.Fatal(err)
	}
	got, err := Budget(context.Background(), g, src, Options{})
	if err != nil || got != budgets[0] {
		t.Errorf("%v, %v", got, err)
	}
	if _, ok, _ := g.Budget(); ok {
		t.Error("the caller's graph was changed")
	}
	// Ranges that clip nearly everything leave nothing to 8 bits.
	for name, r := range ranges {
		ranges[name] = graph.Range{Lo: r.Lo / 100, Hi: r.Hi / 100, Noise: 1}
	}
	if err := g.SetRanges(ranges); err != nil {
		t.Fatal(err)
	}
	if got, err = Budget(context.Background(), g, src, Options{}); err != nil || got.Activations > 0.5 {
		t.Errorf("%v, %v", got, err)
	}
}
