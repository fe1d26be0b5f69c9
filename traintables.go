package lutra

import (
	"context"
	"errors"
	"math"
	"slices"

	"lutra/internal/cluster"
	"lutra/internal/data"
	"lutra/internal/engine"
	"lutra/internal/fit"
	"lutra/internal/graph"
	"lutra/internal/levels"
	"lutra/internal/lut"
	"lutra/internal/safe"
	"lutra/internal/tensor"
)

// TrainTables make training yield a network of lookup tables, which mode lut
// and EmitC take (docs/lut.md): activations of few levels, weights of few
// values.
type TrainTables struct {
	Levels   int     // of the input and of every activation, 2 to 256
	Weights  int     // values that weights may have, 2 to 65536
	Pairs    int     // pairs that weights of two adjacent outputs may form, 2 to 4096, Weights for layers with an odd number of outputs; 0: no pairs
	Method   string  // that finds them, of ClusterMethods, for Pairs of ClusterPairMethods
	PerLayer bool    // so many in every layer instead of in the whole network
	Biases   bool    // biases are among the weights
	Every    int     // steps between clusterings; 0: 1000
	Bound    float64 // of rectifiers without one and of shortcuts that need levels; 0: measured on training data
}

// ClusterMethods lists the ways to find the values of weights.
func ClusterMethods() []string { return cluster.Methods() }

// ClusterPairMethods lists the ways to find pairs.
func ClusterPairMethods() []string { return cluster.PairMethods() }

func (t *TrainTables) weights() levels.Weights {
	return levels.Weights{Values: t.Weights, Pairs: t.Pairs, Method: t.Method, PerLayer: t.PerLayer, Biases: t.Biases}
}

// measuredSamples is how many training samples ranges are measured on, and
// percentile the share of activations within their bound.
const (
	measuredSamples = 1000
	percentile      = 0.999
)

// converted is the graph to train: m's, or its form with quantised activations.
// That the result will have a form in tables is found out before the training.
func (m *Model) converted(ctx context.Context, src fit.Source, t *TrainTables) (*graph.Graph, error) {
	if t == nil {
		return m.graph, nil
	}
	o := levels.Options{Levels: t.Levels, Bound: float32(t.Bound)}
	var watch []string
	if t.Bound == 0 {
		watch = levels.Unbounded(m.graph)
	}
	var err error
	if o.Input, o.Measured, err = m.bounds(ctx, src, watch); err != nil {
		return nil, err
	}
	g, err := levels.Convert(m.graph, o)
	if err != nil {
		return nil, err
	}
	trial, err := levels.Finish(g, t.weights())
	if err != nil {
		return nil, err
	}
	_, err = lut.Build(trial, lut.Options{})
	return g, err
}

// errEnough ends the loading of samples.
var errEnough = errors.New("enough samples")

// bounds are the range of the input and the percentile of the positive numbers
// of the values named watch, on the first training samples.
func (m *Model) bounds(ctx context.Context, src fit.Source, watch []string) (levels.Bounds, map[string]float32, error) {
	in := levels.Bounds{Low: float32(math.Inf(1)), High: float32(math.Inf(-1))}
	seen := map[string][]float32{}
	float, err := engine.Compile(m.graph, engine.Options{Threads: threads(m.options.Threads), Level: m.options.Level})
	if err != nil {
		return in, nil, err
	}
	samples := 0
	err = src.Epoch(ctx, 0, 0, func(_ int, b *data.Batch) error {
		for _, v := range b.X {
			in.Low, in.High = min(in.Low, v), max(in.High, v)
		}
		if len(watch) > 0 {
			if err := m.observe(ctx, float, b, watch, seen); err != nil {
				return err
			}
		}
		if samples += len(b.Labels); samples >= measuredSamples {
			return errEnough
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return in, nil, err
	}
	if !(in.Low < in.High) {
		return in, nil, &safe.FormatError{Field: "training data", Expected: "different numbers", Found: "one"}
	}
	bounds := map[string]float32{}
	for name, v := range seen {
		slices.Sort(v)
		bounds[name] = 1
		if len(v) > 0 {
			bounds[name] = v[int(float64(len(v)-1)*percentile)]
		}
	}
	return in, bounds, nil
}

// observe appends the positive numbers that the values named watch have in a batch.
func (m *Model) observe(ctx context.Context, c *engine.Model, b *data.Batch, watch []string, seen map[string][]float32) error {
	shape := m.inputShapes(1)[m.graph.Inputs[0].Name].Clone()
	shape[0] = len(b.X) / shape.Elems()
	p, err := c.Plan(map[string]tensor.Shape{m.graph.Inputs[0].Name: shape}, watch)
	if err != nil {
		return err
	}
	out, err := c.NewSession().Run(ctx, p, map[string]*tensor.Tensor{m.graph.Inputs[0].Name: tensor.Of(b.X, shape...)})
	if err != nil {
		return err
	}
	for name, t := range out {
		for _, v := range t.Float32s() {
			if v > 0 {
				seen[name] = append(seen[name], v)
			}
		}
	}
	return nil
}
