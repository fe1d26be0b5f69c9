package levels

import (
	"context"
	"slices"
	"strings"

	"lutra/internal/cluster"
	"lutra/internal/safe"
)

// MaxWeights is the most values that weights may have, MaxPairs the most pairs.
const (
	MaxWeights = 1 << 16
	MaxPairs   = 4096
)

// Weights say how weights are clustered.
type Weights struct {
	Values int `json:"values"` // different ones, 2 to MaxWeights
	// Pairs is how many different pairs the weights of two adjacent outputs for
	// one input may form, 2 to MaxPairs, in layers whose groups have an even
	// number of outputs; Values is for the others. 0: for all of them.
	Pairs int `json:"pairs,omitempty"`
	// First is how many values the weights of layers that read the network's
	// input take, in codewords of their own and never in pairs: their products
	// are those of other levels. 0: they are like the others.
	First    int    `json:"first,omitempty"`
	Method   string `json:"method"`              // of package cluster
	PerLayer bool   `json:"per_layer,omitempty"` // so many in every layer instead of in all of them together
	Biases   bool   `json:"biases,omitempty"`    // biases are clustered with the weights; else they stay as they are
}

// Check refuses what cannot be done.
func (w Weights) Check() error {
	if w.Values < 2 || w.Values > MaxWeights {
		return safe.Optionf("weights: expected 2 to %d values, found %d", MaxWeights, w.Values)
	}
	if w.First != 0 && (w.First < 2 || w.First > MaxWeights) {
		return safe.Optionf("weights of the first layer: expected 2 to %d values, found %d", MaxWeights, w.First)
	}
	if w.Pairs == 0 {
		return cluster.Check(w.Method)
	}
	if w.Pairs < 2 || w.Pairs > MaxPairs {
		return safe.Optionf("pairs: expected 2 to %d, found %d", MaxPairs, w.Pairs)
	}
	if !slices.Contains(cluster.PairMethods(), w.Method) {
		return safe.Optionf("clustering of pairs %q: expected one of %s", w.Method, strings.Join(cluster.PairMethods(), ", "))
	}
	return nil
}

// codewords stand for the weights of a layer: numbers, or pairs.
type codewords struct {
	values []float32
	pairs  []cluster.Pair
}

// clustered are the constants of l that are clustered.
func (w Weights) clustered(l Layer) []string {
	if name := l.bias(); w.Biases && name != "" && l.Norm == nil {
		return []string{l.weight(), name}
	}
	if w.Biases && l.Norm != nil { // which has taken the bias
		return []string{l.weight(), l.Norm.Inputs[2]}
	}
	return []string{l.weight()}
}

// paired reports whether the codewords of l are pairs.
func (w Weights) paired(l Layer) bool { return w.Pairs > 0 && l.paired() && !w.apart(l) }

// apart reports whether l has codewords of its own kind.
func (w Weights) apart(l Layer) bool { return w.First > 0 && l.first }

// find finds the codewords of layers together, which are all paired or none.
func (w Weights) find(ctx context.Context, layers []Layer, at func(name string) []float32) (c codewords, err error) {
	var values []float32
	var pairs []cluster.Pair
	for _, l := range layers {
		for _, name := range w.clustered(l) {
			if w.paired(l) {
				l.pairs(at(name), func(even, odd *float32) { pairs = append(pairs, cluster.Pair{*even, *odd}) })
			} else {
				values = append(values, at(name)...)
			}
		}
	}
	if len(pairs) > 0 {
		c.pairs, err = cluster.CentrePairs(ctx, w.Method, pairs, w.Pairs)
		return c, err
	}
	k := w.Values
	if w.apart(layers[0]) {
		k = w.First
	}
	c.values, err = cluster.Centres(ctx, w.Method, values, k)
	return c, err
}

// codewords are those of every layer.
func (w Weights) codewords(ctx context.Context, layers []Layer, at func(name string) []float32) ([]codewords, error) {
	all := make([]codewords, len(layers))
	for i := 0; w.PerLayer && i < len(layers); i++ {
		var err error
		if all[i], err = w.find(ctx, layers[i:i+1], at); err != nil {
			return nil, err
		}
	}
	if w.PerLayer {
		return all, nil
	}
	for _, kind := range []func(Layer) bool{
		w.apart,
		w.paired,
		func(l Layer) bool { return !w.apart(l) && !w.paired(l) },
	} {
		var these []Layer
		for _, l := range layers {
			if kind(l) {
				these = append(these, l)
			}
		}
		if len(these) == 0 {
			continue
		}
		shared, err := w.find(ctx, these, at)
		if err != nil {
			return nil, err
		}
		for i, l := range layers {
			if kind(l) {
				all[i] = shared
			}
		}
	}
	return all, nil
}

// Cluster replaces every weight, or pair of weights, by the nearest codeword.
// at yields the numbers of a constant, which are changed. When ctx is done before
// all codewords are known it changes nothing and returns its error.
func (w Weights) Cluster(ctx context.Context, layers []Layer, at func(name string) []float32) error {
	all, err := w.codewords(ctx, layers, at)
	if err != nil {
		return err
	}
	for i, c := range all {
		for _, name := range w.clustered(layers[i]) {
			c.replace(layers[i], at(name))
		}
	}
	return nil
}

// replace replaces v, a weight or bias of l.
func (c codewords) replace(l Layer, v []float32) {
	if c.pairs == nil {
		for i, x := range v {
			v[i] = c.values[cluster.Nearest(c.values, x)]
		}
		return
	}
	l.pairs(v, func(even, odd *float32) {
		p := c.pairs[cluster.NearestPair(c.pairs, cluster.Pair{*even, *odd})]
		*even, *odd = p[0], p[1]
	})
}
