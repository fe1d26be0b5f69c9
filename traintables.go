package lutra

import (
	"context"
	"errors"
	"fmt"
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
	From     float64 // epoch after which weights are clustered; 0: from the start, with batch normalisations the last tenth
	Anneal   bool    // 16 times as many values at first, fewer until the middle of the clusterings
	Bound    float64 // of rectifiers without one and of shortcuts that need levels; 0: measured on training data
	Learn    bool    // upper bounds of rectifiers learn with the weights

	First       int     // values of the weights that read the input, in codewords of their own; 0: like the others
	InputLevels int     // of the input; 0: Levels
	InputShare  float64 // of the input's numbers that lie between its lowest and highest level; 0: all
	// OutputLevels are those of an auto-encoder's output, between the bounds of
	// the input's levels; 0: scores, 32 bits each.
	OutputLevels int
	// Equalise rescales the channels of a model of rectifiers, so that few
	// levels serve them all and layers share a table: their ranges become
	// their (1-Equalise)th power, 0 to 1. 0: no; small numbers: only whole layers.
	Equalise float64
}

// ClusterMethods lists the ways to find the values of weights.
func ClusterMethods() []string { return cluster.Methods() }

// ClusterPairMethods lists the ways to find pairs.
func ClusterPairMethods() []string { return cluster.PairMethods() }

func (t *TrainTables) weights() levels.Weights {
	return levels.Weights{Values: t.Weights, Pairs: t.Pairs, Method: t.Method, First: t.First, PerLayer: t.PerLayer, Biases: t.Biases}
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
	o := levels.Options{Levels: t.Levels, InputLevels: t.InputLevels, OutputLevels: t.OutputLevels, Bound: float32(t.Bound)}
	var watch []string
	switch {
	case t.Equalise > 0:
		watch = levels.Watched(m.graph)
	case t.Bound == 0:
		watch = levels.Unbounded(m.graph)
	}
	in, seen, err := m.observed(ctx, src, watch)
	if err != nil {
		return nil, err
	}
	if o.Input, err = inputBounds(ctx, in, t.InputShare); err != nil {
		return nil, err
	}
	g := m.graph
	if o.Measured, err = measured(ctx, seen); err != nil {
		return nil, err
	}
	if t.Equalise > 0 {
		if g, o.Measured, err = levels.Equalise(g, seen, percentile, t.Equalise); err != nil {
			return nil, err
		}
		if o.Input.Low >= 0 { // the first layer can share the table, too
			o.Input.Low, o.Input.High = 0, float32(math.Exp2(math.Ceil(math.Log2(float64(o.Input.High)))))
		}
	}
	g, err = levels.Convert(g, o)
	if err != nil {
		return nil, err
	}
	trial, err := levels.Finish(ctx, g, t.weights())
	if err != nil {
		return nil, err
	}
	_, err = lut.Build(trial, lut.Options{})
	return g, err
}

// errEnough ends the loading of samples.
var errEnough = errors.New("enough samples")

// numbers bounds what is kept of the input, and of a value, of measuredSamples.
const numbers = 16 << 20

// observed are numbers of the input, and numbers above 0 of the values named
// watch, on the first training samples.
func (m *Model) observed(ctx context.Context, src fit.Source, watch []string) (in []float32, seen levels.Observed, err error) {
	float, err := engine.Compile(m.graph, engine.Options{Threads: threads(m.options.Threads), Level: m.portable()})
	if err != nil {
		return nil, nil, err
	}
	seen = levels.Observed{}
	samples := 0
	err = src.Epoch(ctx, 0, 0, func(_ int, b *data.Batch) error {
		every := 1 + len(b.X)/len(b.Labels)*measuredSamples/numbers
		for i := 0; i < len(b.X); i += every {
			in = append(in, b.X[i])
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
	if errors.Is(err, errEnough) {
		err = nil
	}
	return in, seen, err
}

// inputBounds are the bounds of the share of the input's numbers, or of all.
func inputBounds(ctx context.Context, in []float32, share float64) (levels.Bounds, error) {
	last := len(in) - 1
	whole, err := between(ctx, in, 0, last)
	if err != nil {
		return whole, err
	}
	if !(whole.Low < whole.High) {
		return whole, &safe.FormatError{Field: "training data", Expected: "different numbers", Found: "one"}
	}
	if !(share > 0) {
		return whole, nil
	}
	out := int(float64(last) * (1 - share) / 2)
	b, err := between(ctx, in, out, last-out)
	if err == nil && !(b.Low < b.High) {
		err = &safe.FormatError{Field: "training data", Expected: fmt.Sprintf("different numbers within a share of %g", share), Found: "one"}
	}
	return b, err
}

// between are the numbers of two ranks.
func between(ctx context.Context, in []float32, low, high int) (b levels.Bounds, err error) {
	if len(in) == 0 {
		return b, nil
	}
	if b.Low, err = ranked(ctx, [][]float32{in}, low); err != nil {
		return b, err
	}
	b.High, err = ranked(ctx, [][]float32{in}, high)
	return b, err
}

// measured are the percentiles of whole values.
func measured(ctx context.Context, seen levels.Observed) (map[string]float32, error) {
	bounds := map[string]float32{}
	for name, channels := range seen {
		n := 0
		for _, v := range channels {
			n += len(v)
		}
		bounds[name] = 1
		if n == 0 {
			continue
		}
		var err error
		if bounds[name], err = ranked(ctx, channels, int(float64(n-1)*percentile)); err != nil {
			return nil, err
		}
	}
	return bounds, nil
}

// ranked is the number before which rank others come in ascending order. The
// upper halves of their bits are counted, then the lower halves of those
// numbers whose upper half it has: millions would take long to sort. When ctx
// is done it returns its error.
func ranked(ctx context.Context, parts [][]float32, rank int) (float32, error) {
	var found uint32
	for shift := 16; shift >= 0; shift -= 16 {
		counts := make([]int, 1<<16)
		for _, part := range parts {
			for some := range slices.Chunk(part, 1<<20) {
				if err := ctx.Err(); err != nil {
					return 0, err
				}
				for _, v := range some {
					if bits := ascending(v); shift == 16 || bits>>16 == found>>16 {
						counts[bits>>shift&0xffff]++
					}
				}
			}
		}
		half := 0
		for ; rank >= counts[half]; half++ {
			rank -= counts[half]
		}
		found |= uint32(half) << shift
	}
	if found>>31 != 0 {
		return math.Float32frombits(found &^ (1 << 31)), nil
	}
	return math.Float32frombits(^found), nil
}

// ascending is bits that are in the order of numbers.
func ascending(v float32) uint32 {
	if b := math.Float32bits(v); b>>31 == 0 {
		return b | 1<<31
	}
	return ^math.Float32bits(v)
}

// observe appends the positive numbers that the values named watch have in a batch.
func (m *Model) observe(ctx context.Context, c *engine.Model, b *data.Batch, watch []string, seen levels.Observed) error {
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
		if len(t.Shape) < 2 {
			continue
		}
		if seen[name] == nil {
			seen[name] = make([][]float32, t.Shape[1])
		}
		plane := t.Shape[2:].Elems()
		every := 1 + t.Elems()/shape[0]*measuredSamples/numbers
		for i := 0; i < t.Elems(); i += every {
			if v := t.Float32s()[i]; v > 0 {
				c := i / plane % t.Shape[1]
				seen[name][c] = append(seen[name][c], v)
			}
		}
	}
	return nil
}
