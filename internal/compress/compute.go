package compress

import (
	"context"

	"lutra/internal/graph"
	"lutra/internal/tensor"
)

// compute is a function of one sample: a compiled section.
type compute func(ctx context.Context, in map[string]*tensor.Tensor) (map[string]*tensor.Tensor, error)

// compile makes workers independent computations of a section.
func compile(s *graph.Graph, workers int, o *Options) ([]compute, error) {
	if err := s.Validate(); err != nil {
		return nil, err
	}
	types := map[string]graph.Type{}
	for _, v := range s.Inputs {
		shape := make(tensor.Shape, len(v.Dims))
		for i, d := range v.Dims {
			shape[i] = d.Size
		}
		types[v.Name] = graph.Type{DType: v.DType, Shape: shape}
	}
	p, err := s.Specialize(types, nil)
	if err != nil {
		return nil, err
	}
	all := make([]compute, workers)
	for i := range all {
		all[i] = func(_ context.Context, in map[string]*tensor.Tensor) (map[string]*tensor.Tensor, error) {
			return p.Eval(in)
		}
	}
	return all, nil
}
