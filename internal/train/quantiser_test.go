package train

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"lutra/internal/graph"
	"lutra/internal/kernel"
	"lutra/internal/tensor"
)

// TestQuantiser: the outputs are levels, the nearest ones; the gradient is that
// of the function without steps, by finite differences.
func TestQuantiser(t *testing.T) {
	clamp := func(low, high float64) func(float64) float64 {
		return func(x float64) float64 { return min(max(x, low), high) }
	}
	for _, c := range []struct {
		q graph.Quantiser
		f func(float64) float64
	}{
		{graph.Quantiser{Tanh: true, Levels: 5, Low: -1, High: 1}, math.Tanh},
		{graph.Quantiser{Tanh: true, Levels: 2, Low: -1, High: 1}, math.Tanh},
		{graph.Quantiser{Levels: 4, Low: 0, High: 1.3}, clamp(0, float64(float32(1.3)))},
		{graph.Quantiser{Levels: 32, Low: -0.7, High: 2}, clamp(float64(float32(-0.7)), 2)},
	} {
		t.Run(fmt.Sprintf("%+v", c.q), func(t *testing.T) {
			const n = 101
			g := &graph.Graph{Opsets: map[string]int64{"": 13}, IRVersion: 8, Consts: map[string]*tensor.Tensor{}}
			dims := []graph.Dim{{Size: 1}, {Size: n}}
			g.Inputs = []graph.Value{{Name: "x", DType: tensor.Float32, Dims: dims}}
			g.Outputs = []graph.Value{{Name: "y", DType: tensor.Float32, Dims: dims}}
			w := tensor.New(tensor.Float32, n, n)
			for i := range n {
				w.Float32s()[i*n+i] = 1
			}
			g.Consts["w"] = w
			g.Nodes = []*graph.Node{{Name: "m", Op: "MatMul", Inputs: []string{"x", "w"}, Outputs: []string{"s"}}}
			if err := g.AddQuantiser(c.q, "s", "y"); err != nil {
				t.Fatal(err)
			}
			net, err := Compile(t.Context(), g, Options{Batch: 1})
			if err != nil {
				t.Fatal(err)
			}
			x := make([]float32, n)
			for i := range x {
				x[i] = float32(i-n/2)*0.0613 + 0.01
			}
			if err := net.Forward(t.Context(), map[string]*tensor.Tensor{"x": tensor.Of(x, 1, n)}, true); err != nil {
				t.Fatal(err)
			}
			out := net.Outputs()[0]
			step := float64(c.q.High-c.q.Low) / float64(c.q.Levels-1)
			for i, v := range x {
				y := float64(out.Data[i])
				if at := (y - float64(c.q.Low)) / step; math.Abs(at-math.Round(at)) > 1e-4 || math.Abs(y-c.f(float64(v))) > step/2+1e-5 {
					t.Errorf("%v becomes %v", v, y)
				}
				out.Grad[i] = 1 + float32(i)
			}
			if err := net.Backward(t.Context()); err != nil {
				t.Fatal(err)
			}
			grad := net.Params()[0].Grad // of w[i][i]: the derivative times x[i] times the gradient
			for i, v := range x {
				const h = 1e-4
				want := (c.f(float64(v)+h) - c.f(float64(v)-h)) / (2 * h) * float64(v) * float64(1+i)
				if got := float64(grad[i*n+i]); math.Abs(got-want) > 1e-3*(1+math.Abs(want)) {
					t.Errorf("gradient at %v: %v, expected %v", v, got, want)
				}
			}
		})
	}
}

// TestSpacing: the kernel rounds as the quantiser does.
func TestSpacing(t *testing.T) {
	for _, q := range []graph.Quantiser{
		{Levels: 2, High: 1}, {Levels: 32, High: 6}, {Levels: 256, High: 1.3}, {Levels: 7, Low: -0.7, High: 2}, {Levels: 100, Low: 3, High: 1e3},
	} {
		var x []float32
		span := q.High - q.Low
		for i := range 4000 {
			x = append(x, q.Low+span*(float32(i)/2000-0.5))
		}
		for i := range q.Levels { // levels and the middles between them
			v := q.Value(uint8(i))
			half := span / float32(q.Levels-1) / 2
			x = append(x, v, v+half, math.Nextafter32(v+half, v), math.Nextafter32(v, q.Low))
		}
		got := make([]float32, len(x))
		kernel.Best().FakeQuantize(got, x, *spacing(q))
		for i, v := range x {
			if want := q.Value(q.Index(v)); got[i] != want {
				t.Errorf("%+v: %v becomes %v, expected %v", q, v, got[i], want)
			}
		}
	}
}

// TestFusedQuantisers: behind a normalisation and a sum, outputs and gradients
// are bit for bit those of quantisers on their own, which asking for what they
// read makes them.
func TestFusedQuantisers(t *testing.T) {
	const batch, channels = 3, 5
	g := &graph.Graph{Opsets: map[string]int64{"": 13}, IRVersion: 8, Consts: map[string]*tensor.Tensor{}}
	g.Inputs = []graph.Value{{Name: "x", DType: tensor.Float32, Dims: []graph.Dim{{Size: batch}, {Size: channels}, {Size: 6}, {Size: 7}}}}
	g.Outputs = []graph.Value{{Name: "y", DType: tensor.Float32, NoShape: true}}
	rng := rand.New(rand.NewPCG(1, 2))
	normal := func(shape ...int) *tensor.Tensor {
		c := tensor.New(tensor.Float32, shape...)
		for i := range c.Float32s() {
			c.Float32s()[i] = float32(rng.NormFloat64())
		}
		return c
	}
	for _, name := range []string{"scale", "shift", "mean"} {
		g.Consts[name] = normal(channels)
	}
	g.Consts["variance"] = tensor.Of([]float32{1, 1, 1, 1, 1}, channels)
	g.Consts["w"] = normal(channels, channels, 3, 3)
	g.Nodes = []*graph.Node{
		{Name: "c", Op: "Conv", Inputs: []string{"x", "w"}, Outputs: []string{"c"}, Attrs: []graph.Attr{graph.IntsAttr("pads", 1, 1, 1, 1)}},
		{Name: "n", Op: "BatchNormalization", Inputs: []string{"c", "scale", "shift", "mean", "variance"}, Outputs: []string{"n"}},
	}
	if err := g.AddQuantiser(graph.Quantiser{Levels: 9, Low: -0.5, High: 1.5}, "n", "q"); err != nil {
		t.Fatal(err)
	}
	g.Nodes = append(g.Nodes, &graph.Node{Name: "s", Op: "Add", Inputs: []string{"c", "q"}, Outputs: []string{"s"}})
	if err := g.AddQuantiser(graph.Quantiser{Levels: 5, High: 2}, "s", "y"); err != nil {
		t.Fatal(err)
	}
	x, weight := normal(batch, channels, 6, 7), normal(batch*channels*42)
	var results [2][][]float32
	for i, outputs := range [][]string{{"y"}, {"y", "n", "s"}} {
		net, err := Compile(t.Context(), g, Options{Batch: batch, Outputs: outputs})
		if err != nil {
			t.Fatal(err)
		}
		if fused := len(net.ops) == 3; fused != (i == 0) {
			t.Fatalf("%d operations for the outputs %v", len(net.ops), outputs)
		}
		if err := net.Forward(t.Context(), map[string]*tensor.Tensor{"x": x}, true); err != nil {
			t.Fatal(err)
		}
		results[i] = append(results[i], slices.Clone(net.Output("y").Data))
		copy(net.Output("y").Grad, weight.Float32s())
		if err := net.Backward(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, p := range net.Params() {
			results[i] = append(results[i], p.Grad)
		}
	}
	for i, got := range results[0] {
		if !slices.Equal(got, results[1][i]) {
			t.Errorf("result %d: %v, expected %v", i, got, results[1][i])
		}
	}
	if len(results[0]) != 4 {
		t.Errorf("%d results", len(results[0]))
	}
}

// TestLearnedBound: the gradient of a bound is the sum of those behind what it
// cuts, by finite differences of the function without steps; the bound that is
// learned rounds and is written. Levels below the bound stay where they were.
func TestLearnedBound(t *testing.T) {
	const n, batch = 40, 7
	g := &graph.Graph{Opsets: map[string]int64{"": 13}, IRVersion: 8, Consts: map[string]*tensor.Tensor{}}
	g.Inputs = []graph.Value{{Name: "x", DType: tensor.Float32, Dims: []graph.Dim{{Size: batch}, {Size: n}}}}
	g.Outputs = []graph.Value{{Name: "y", DType: tensor.Float32, NoShape: true}}
	rng := rand.New(rand.NewPCG(3, 2))
	g.Consts["w"] = tensor.New(tensor.Float32, n, n)
	for i := range n * n {
		g.Consts["w"].Float32s()[i] = float32(rng.NormFloat64())
	}
	if err := g.AddQuantiser(graph.Quantiser{Levels: 8, High: 4}, "x", "q"); err != nil {
		t.Fatal(err)
	}
	g.Nodes = append(g.Nodes, &graph.Node{Name: "m", Op: "MatMul", Inputs: []string{"q", "w"}, Outputs: []string{"s"}})
	if err := g.AddQuantiser(graph.Quantiser{Levels: 8, High: 2}, "s", "y"); err != nil {
		t.Fatal(err)
	}
	net, err := Compile(t.Context(), g, Options{Batch: batch, Outputs: []string{"y", "s"}, LearnBounds: true})
	if err != nil {
		t.Fatal(err)
	}
	if p := net.Params(); len(p) != 2 || p[1].Name != "y.bound" { // the input's is not learned
		t.Fatal(len(p))
	}
	bound := net.Params()[1]
	bound.Value[0] = 3
	x := make([]float32, batch*n)
	for i := range x {
		x[i] = float32(rng.NormFloat64())
	}
	if err := net.Forward(t.Context(), map[string]*tensor.Tensor{"x": tensor.Of(x, batch, n)}, true); err != nil {
		t.Fatal(err)
	}
	y, sums := net.Output("y"), net.Output("s")
	q := graph.Quantiser{Levels: 8, High: 3}
	clipped := [2]float64{}
	for i, s := range sums.Data {
		if want := q.Value(q.Index(s)); y.Data[i] != want {
			t.Errorf("%v becomes %v, expected %v", s, y.Data[i], want)
		}
		y.Grad[i] = float32(rng.NormFloat64())
		for side, h := range []float64{-1e-3, 1e-3} {
			clipped[side] += float64(y.Grad[i]) * min(max(float64(s), 0), 3+h)
		}
	}
	if err := net.Backward(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, want := float64(bound.Grad[0]), (clipped[1]-clipped[0])/2e-3; math.Abs(got-want) > 1e-3*(1+math.Abs(want)) || want == 0 {
		t.Errorf("gradient %v, expected %v", got, want)
	}
	learned, err := net.Graph().Nodes[2].Quantiser()
	if err != nil || learned != q || g.Nodes[2].Float("bound", 0) != 2 {
		t.Errorf("written: %+v, %v", learned, err)
	}
}
