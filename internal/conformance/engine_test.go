package conformance

import (
	"testing"

	"lutra/internal/engine"
	"lutra/internal/graph"
	"lutra/internal/kernel"
	"lutra/internal/tensor"
)

// TestEngine runs the cases through plans, on every processor level there is.
func TestEngine(t *testing.T) {
	for _, level := range []kernel.Level{kernel.Generic, kernel.AVX2, kernel.AVX512} {
		if !level.Supported() {
			continue
		}
		t.Run(level.String(), func(t *testing.T) {
			conform(t, func(g *graph.Graph, in map[string]*tensor.Tensor) (map[string]*tensor.Tensor, error) {
				return planned(t, g, engine.Options{Threads: 2, Level: &level}, in)
			})
		})
	}
}

// planned evaluates g by a plan of the engine.
func planned(t *testing.T, g *graph.Graph, o engine.Options, in map[string]*tensor.Tensor) (map[string]*tensor.Tensor, error) {
	m, err := engine.Compile(g, o)
	if err != nil {
		return nil, err
	}
	shapes := make(map[string]tensor.Shape, len(in))
	for name, v := range in {
		shapes[name] = v.Shape
	}
	p, err := m.Plan(shapes, nil)
	if err != nil {
		return nil, err
	}
	return m.NewSession().Run(t.Context(), p, in)
}
