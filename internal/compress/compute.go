package compress

import (
	"context"

	"lutra/internal/engine"
	"lutra/internal/graph"
	"lutra/internal/tensor"
)

// compute is a function of one sample: a compiled section.
type compute func(ctx context.Context, in map[string]*tensor.Tensor) (map[string]*tensor.Tensor, error)

// compile makes workers independent computations of a section.
func compile(ctx context.Context, s *graph.Graph, workers int, o *Options) ([]compute, error) {
	m, err := engine.Compile(s, engine.Options{Threads: 1, Level: o.Level})
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	shapes := map[string]tensor.Shape{}
	for _, v := range s.Inputs {
		shape := make(tensor.Shape, len(v.Dims))
		for i, d := range v.Dims {
			shape[i] = d.Size
		}
		shapes[v.Name] = shape
	}
	p, err := m.Plan(shapes, nil)
	if err != nil {
		return nil, err
	}
	all := make([]compute, workers)
	for i := range all {
		session := m.NewSession()
		all[i] = func(ctx context.Context, in map[string]*tensor.Tensor) (map[string]*tensor.Tensor, error) {
			return session.Run(ctx, p, in)
		}
	}
	return all, nil
}
