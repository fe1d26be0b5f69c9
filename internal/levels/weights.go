package levels

import (
	"fmt"
	"maps"
	"slices"

	"lutra/internal/cluster"
	"lutra/internal/graph"
	"lutra/internal/tensor"
)

// MaxWeights is the most values that weights may have.
const MaxWeights = 1 << 16

// Weights say how weights are clustered. Biases stay as they are.
type Weights struct {
	Values   int    `json:"values"`              // different ones, 2 to MaxWeights
	Method   string `json:"method"`              // of package cluster
	PerLayer bool   `json:"per_layer,omitempty"` // Values in every layer instead of in all of them together
}

// Check refuses what cannot be done.
func (w Weights) Check() error {
	if w.Values < 2 || w.Values > MaxWeights {
		return fmt.Errorf("weights: expected 2 to %d values, found %d", MaxWeights, w.Values)
	}
	return cluster.Check(w.Method)
}

// centres are those of every layer.
func (w Weights) centres(layers []Layer, at func(name string) []float32) [][]float32 {
	all := make([][]float32, len(layers))
	if w.PerLayer {
		for i, l := range layers {
			all[i] = cluster.Centres(w.Method, at(l.weight()), w.Values)
		}
		return all
	}
	var values []float32
	for _, l := range layers {
		values = append(values, at(l.weight())...)
	}
	shared := cluster.Centres(w.Method, values, w.Values)
	for i := range all {
		all[i] = shared
	}
	return all
}

// Cluster replaces every weight by the nearest centre. at yields the numbers of
// a constant, which are changed.
func (w Weights) Cluster(layers []Layer, at func(name string) []float32) {
	for i, centres := range w.centres(layers, at) {
		v := at(layers[i].weight())
		for j, x := range v {
			v[j] = centres[cluster.Nearest(centres, x)]
		}
	}
}

// Finish is g, which Convert has made, with its batch normalisations folded and
// its weights clustered: lutra.Codebook with one weight a codeword. Layers that
// share their values share the codebook's codewords. g is left alone.
func Finish(g *graph.Graph, w Weights) (*graph.Graph, error) {
	if err := w.Check(); err != nil {
		return nil, err
	}
	h := *g
	h.Nodes, h.Consts, h.Opsets = slices.Clone(g.Nodes), maps.Clone(g.Consts), maps.Clone(g.Opsets)
	h.Functions, h.ConstOrder = slices.Clone(g.Functions), slices.Clone(g.ConstOrder)
	layers, err := Layers(&h)
	if err != nil {
		return nil, err
	}
	owned := map[string]bool{}
	at := func(name string) []float32 {
		if !owned[name] {
			c := h.Consts[name].AsFloat32()
			h.Consts[name], owned[name] = tensor.Of(slices.Clone(c.Float32s()), c.Shape...), true
		}
		return h.Consts[name].Float32s()
	}
	Absorb(layers, at)
	for _, l := range layers {
		if l.Norm != nil {
			fold(&h, l, at)
		}
	}
	for i, centres := range w.centres(layers, at) {
		if err := h.AddCodebook(book(h.Consts[layers[i].weight()], layers[i], centres)); err != nil {
			return nil, err
		}
	}
	h.ShareCodewords()
	return &h, h.Validate()
}

// fold drops the normalisation of l, of which Absorb has left a shift: it
// becomes the bias.
func fold(g *graph.Graph, l Layer, at func(name string) []float32) {
	shift := l.Norm.Inputs[2]
	if name := l.bias(); name != "" {
		sum := at(shift)
		for o, b := range at(name) {
			sum[o] += b
		}
		delete(g.Consts, name)
	}
	n := *l.Node
	n.Inputs, n.Outputs = []string{n.Inputs[0], n.Inputs[1], shift}, l.Norm.Outputs
	g.Nodes[slices.Index(g.Nodes, l.Node)] = &n
	g.Nodes = slices.DeleteFunc(g.Nodes, func(n *graph.Node) bool { return n == l.Norm })
	for _, i := range []int{1, 3, 4} {
		delete(g.Consts, l.Norm.Inputs[i])
	}
}

// book is the weight w of l as codes of centres.
func book(w *tensor.Tensor, l Layer, centres []float32) *graph.Codebook {
	c := &graph.Codebook{
		Name: l.weight(), K: len(centres), D: 1, Outputs: l.Outputs, Blocks: w.Elems() / l.Outputs,
		Words: tensor.Of(centres, len(centres), 1), Shape: w.Shape, Perm: make([]int, len(w.Shape)),
	}
	for i := range c.Perm {
		c.Perm[i] = i
	}
	if l.columns {
		c.Shape, c.Perm = tensor.Shape{w.Shape[1], w.Shape[0]}, []int{1, 0}
	}
	c.Codes = make([]uint16, w.Elems())
	for i, v := range w.Float32s() {
		o, k := i/c.Blocks, i%c.Blocks
		if l.columns {
			o, k = i%c.Outputs, i/c.Outputs
		}
		c.Codes[k*c.Outputs+o] = uint16(cluster.Nearest(centres, v))
	}
	return c
}
