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
	}
}
