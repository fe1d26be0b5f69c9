package calibrate

import (
	"context"
	"fmt"
	"math"

	"lutra/internal/engine"
	"lutra/internal/graph"
	"lutra/internal/tensor"
)

// budgets are tried in this order, of rising cost: first more weights in two
// planes, then, with all of them, more layers in float32 or bfloat16.
var budgets = []graph.Budget{
	{Weights: 0.004, Activations: 1}, {Weights: 0.002, Activations: 1}, {Weights: 0.001, Activations: 1},
	{Weights: 0.0005, Activations: 1}, {Weights: 0.0002, Activations: 1}, {Activations: 1},
	{Activations: 0.01}, {Activations: 0.008}, {Activations: 0.006}, {Activations: 0.004}, {Activations: 0.003},
	{Activations: 0.002}, {Activations: 0.001}, {Activations: 0.0005}, {Activations: 0.0002},
}

// Bounds on how a budget is chosen.
const (
	budgetSamples = 16 // at most
	// budgetError bounds the mean over samples of |auto - float32| / |float32|
	// of the outputs.
	budgetError = 0.044
	// planesError is enough for weights to stay in one plane: above it the
	// second plane, which is cheap, changes fewer of the best classes.
	planesError = 0.02
)

// Budget is the cheapest budget with which bytes keep the outputs of g, which
// carries ranges, within 2 % of those in float32 on the first samples, or
// within 4.4 % where all weights have two planes.
func Budget(ctx context.Context, g *graph.Graph, src Source, o Options) (graph.Budget, error) {
	n := min(src.Len(), budgetSamples)
	want := make([]map[string]*tensor.Tensor, n)
	if _, err := outputError(ctx, g, src, want, o.Engine, engine.Float32); err != nil {
		return graph.Budget{}, err
	}
	own := *g
	own.Meta = map[string]string{graph.RangesKey: g.Meta[graph.RangesKey]}
	for _, b := range budgets {
		if err := own.SetBudget(b); err != nil {
			return b, err
		}
		e, err := outputError(ctx, &own, src, want, o.Engine, engine.Auto)
		enough := budgetError
		if b.Weights > 0 {
			enough = planesError
		}
		if err != nil || e <= enough {
			return b, err
		}
	}
	return graph.Budget{}, nil
}

// outputError is the mean error of the outputs of g, relative to want; where
// want is nil it is filled.
func outputError(ctx context.Context, g *graph.Graph, src Source, want []map[string]*tensor.Tensor, o engine.Options, mode engine.Mode) (float64, error) {
	o.Mode, o.OnlyBytes, o.Products = mode, true, engine.ProductsDirect // whatever the processor: the file is to be the same
	m, err := engine.Compile(g, o)
	if err != nil {
		return 0, err
	}
	r := &runner{model: m, session: m.NewSession()}
	sum := 0.0
	for i := range want {
		in, err := src.Sample(i)
		if err != nil {
			return 0, err
		}
		got, err := r.outputs(ctx, in)
		if err != nil {
			return 0, err
		}
		if want[i] == nil {
			want[i] = got
		}
		e, err := relativeError(got, want[i])
		if err != nil {
			return 0, err
		}
		sum += e
	}
	return sum / float64(max(1, len(want))), nil
}

// relativeError is |got - want| / |want| of all float32 outputs together.
func relativeError(got, want map[string]*tensor.Tensor) (float64, error) {
	var diff, norm float64
	for name, w := range want {
		if w.DType != tensor.Float32 {
			continue
		}
		if !got[name].Shape.Equal(w.Shape) {
			return 0, fmt.Errorf("output %q changed its shape", name)
		}
		for i, v := range w.Float32s() {
			d := float64(got[name].Float32s()[i]) - float64(v)
			diff += d * d
			norm += float64(v) * float64(v)
		}
	}
	if diff == 0 {
		return 0, nil
	}
	return math.Sqrt(diff / norm), nil
}
