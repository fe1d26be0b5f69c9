package fit

import (
	"testing"

	"lutra/internal/graph"
	"lutra/internal/tensor"
)

// TestFolded: only a normalisation that was folded away is a scale and shift.
func TestFolded(t *testing.T) {
	for name, c := range map[string]struct {
		scale, shift, mean, variance float32
		want                         bool
	}{
		"new":             {1, 0, 0, 1, false},
		"trained":         {0.5, 0.1, 0.3, 2, false},
		"folded":          {0.5, 0, 0, 1, true},
		"folded, shifted": {1, 0.1, 0, 1, true},
	} {
		g := &graph.Graph{Consts: map[string]*tensor.Tensor{}}
		n := &graph.Node{Op: "BatchNormalization", Inputs: []string{"x", "s", "b", "m", "v"}}
		for i, v := range []float32{c.scale, c.shift, c.mean, c.variance} {
			g.Consts[n.Inputs[1+i]] = tensor.Of([]float32{v, v}, 2)
		}
		if got := folded(g)(n); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
		light(g, n, c.mean, c.variance)
		if got := folded(g)(n); got != c.want {
			t.Errorf("%s, as compress --half-vectors stores it: %v", name, got)
		}
	}
}

// light stores the scale and the shift of n as float16 behind a Cast, and makes
// its statistics by ConstantOfShape.
func light(g *graph.Graph, n *graph.Node, mean, variance float32) {
	for i, name := range n.Inputs[1:3] {
		half := make([]uint16, 2)
		for j, v := range g.Consts[name].Float32s() {
			half[j] = tensor.ToHalf(v)
		}
		delete(g.Consts, name)
		g.Consts[name+".half"] = tensor.Half(half, 2)
		g.Nodes = append(g.Nodes, &graph.Node{Op: "Cast", Inputs: []string{name + ".half"}, Outputs: n.Inputs[1+i : 2+i]})
	}
	for i, v := range []float32{mean, variance} {
		delete(g.Consts, n.Inputs[3+i])
		g.Nodes = append(g.Nodes, &graph.Node{
			Op: "ConstantOfShape", Inputs: []string{"shape"}, Outputs: n.Inputs[3+i : 4+i],
			Attrs: []graph.Attr{graph.TensorAttr("value", tensor.Of([]float32{v}, 1))},
		})
	}
}
