package levels_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"lutra/internal/graph"
	"lutra/internal/levels"
	"lutra/internal/lut"
	"lutra/internal/tensor"
)

// observe computes the values of g that Equalise wants to see, on one sample.
func observe(t *testing.T, g *graph.Graph, x *tensor.Tensor) levels.Observed {
	t.Helper()
	in := g.Inputs[0].Name
	p, err := g.Specialize(map[string]graph.Type{in: {DType: x.DType, Shape: x.Shape}}, levels.Watched(g))
	if err != nil {
		t.Fatal(err)
	}
	out, err := p.Eval(map[string]*tensor.Tensor{in: x})
	if err != nil {
		t.Fatal(err)
	}
	seen := levels.Observed{}
	for name, y := range out {
		seen[name] = make([][]float32, y.Shape[1])
		plane := y.Shape[2:].Elems()
		for i, v := range y.Float32s() {
			if c := i / plane % y.Shape[1]; v > 0 {
				seen[name][c] = append(seen[name][c], v)
			}
		}
	}
	return seen
}

// equalised are networks of all the ways that channels take.
var equalised = []struct {
	name  string
	input []int
}{{"mlp", []int{1, 6, 6}}, {"lenet", []int{1, 28, 28}}, {"ds-cnn", []int{1, 17, 10}}, {"resnet8", []int{3, 16, 16}}}

// TestEqualiseKeepsTheFunction: factors cancel, whatever their power; batch
// normalisations are folded.
func TestEqualiseKeepsTheFunction(t *testing.T) {
	for _, c := range equalised {
		for _, power := range []float64{1e-9, 0.5, 1} {
			g := build(t, c.name, "relu", c.input...)
			x := sample(append([]int{1}, c.input...)...)
			want := eval(t, g, x)
			h, _, err := levels.Equalise(g, observe(t, g, x), 0.99, power)
			if err != nil {
				t.Fatal(err)
			}
			if again := eval(t, g, x); !slices.Equal(again, want) {
				t.Fatalf("%s: the graph that was given has changed", c.name)
			}
			var largest float64
			for _, v := range want {
				largest = max(largest, math.Abs(float64(v)))
			}
			for i, v := range eval(t, h, x) {
				if math.Abs(float64(v-want[i])) > 1e-4*largest {
					t.Errorf("%s, power %g: output %d is %g, want %g", c.name, power, i, v, want[i])
				}
			}
			if slices.ContainsFunc(h.Nodes, func(n *graph.Node) bool { return n.Op == "BatchNormalization" }) {
				t.Errorf("%s: a normalisation is left", c.name)
			}
		}
	}
}

// TestEqualiseBounds: the quantile of a whole value is its bound, a power of
// two; with power 1 that of every channel is.
func TestEqualiseBounds(t *testing.T) {
	for _, c := range equalised {
		for _, power := range []float64{1e-9, 1} {
			g := build(t, c.name, "relu", c.input...)
			x := sample(append([]int{1}, c.input...)...)
			h, bounds, err := levels.Equalise(g, observe(t, g, x), 1, power)
			if err != nil {
				t.Fatal(err)
			}
			shared := slices.ContainsFunc(h.Nodes, func(n *graph.Node) bool { return n.Op == "Add" }) // factors of several values
			for name, channels := range observe(t, h, x) {
				n := h.Producer(name)
				if n.Op != "Relu" {
					continue
				}
				bound := float64(bounds[name])
				if frac, _ := math.Frexp(bound); frac != 0.5 {
					t.Errorf("%s: bound of %s is %g, no power of two", c.name, name, bound)
				}
				var top float64
				reach := 0
				for _, v := range channels {
					if len(v) == 0 {
						continue
					}
					peak := float64(slices.Max(v))
					top = max(top, peak)
					if peak > 0.9999*bound {
						reach++
					}
				}
				if !shared && power == 1 && reach < len(channels)/2 { // some are silent
					t.Errorf("%s: %d of %d channels of %s reach %g", c.name, reach, len(channels), name, bound)
				}
				if top > 1.0001*bound || !shared && top < 0.9999*bound {
					t.Errorf("%s: %s reaches %g of %g", c.name, name, top, bound)
				}
			}
		}
	}
}

// TestEqualisedLayersShare: all layers of a kind use one codebook, but the first,
// whose input has other levels. Their tables are the same but for powers of two:
// layers of which rounding would demand too much have finer ones.
func TestEqualisedLayersShare(t *testing.T) {
	for _, c := range equalised {
		g := build(t, c.name, "relu", c.input...)
		x := sample(append([]int{1}, c.input...)...)
		h, bounds, err := levels.Equalise(g, observe(t, g, x), 1, 0.5)
		if err != nil {
			t.Fatal(err)
		}
		o := options
		o.InputLevels, o.Measured = 40, bounds
		if h, err = levels.Convert(h, o); err != nil {
			t.Fatal(err)
		}
		w := levels.Weights{Values: 16, Pairs: 60, First: 20, Method: "kmeans"}
		if h, err = levels.Finish(t.Context(), h, w); err != nil {
			t.Fatal(err)
		}
		n, err := lut.Build(h, lut.Options{Shared: true, Block: math.MaxInt32})
		if err != nil {
			t.Fatal(err)
		}
		kinds := map[string]*lut.Table{}
		for _, table := range n.Tables() {
			kind := fmt.Sprintf("%d levels of %d x %d", table.Levels, table.Words, table.D)
			if other := kinds[kind]; other == nil {
				kinds[kind] = table
			} else if r := math.Log2(ratio(table, other)); !(math.Abs(r) > 0.5 && math.Abs(r-math.Round(r)) < 0.02) {
				t.Errorf("%s: two tables of %s, 2^%.2f apart", c.name, kind, r)
			}
			if table.Levels == 40 && (table.Words != 20 || table.D != 1) {
				t.Errorf("%s: first layer has a table of %s", c.name, kind)
			}
		}
		if len(kinds) < 2 || len(kinds) > 3 {
			t.Errorf("%s: tables %v", c.name, kinds)
		}
	}
}

// ratio is that of the products of two tables, by a codeword that is neither
// saturated nor rounded much.
func ratio(a, b *lut.Table) float64 {
	for i, v := range a.Weights {
		if x, y := math.Abs(float64(v)), math.Abs(float64(b.Weights[i])); min(x, y) > 256 && max(x, y) < 32767 {
			return x * float64(a.Step) / (y * float64(b.Step))
		}
	}
	return math.NaN()
}
