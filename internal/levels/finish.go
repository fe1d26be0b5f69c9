package levels

import (
	"context"
	"maps"
	"slices"

	"lutra/internal/cluster"
	"lutra/internal/graph"
	"lutra/internal/tensor"
)

// Finish is g, which Convert has made, with its batch normalisations folded and
// its weights clustered: lutra.Codebook whose codewords are weights or pairs of
// them. Layers that share their codewords share the initializer. g is left alone.
// When ctx is done it returns its error.
func Finish(ctx context.Context, g *graph.Graph, w Weights) (*graph.Graph, error) {
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
	for i, l := range layers {
		if l.Norm != nil {
			layers[i] = fold(&h, l)
		}
	}
	all, err := w.codewords(ctx, layers, at)
	if err != nil {
		return nil, err
	}
	for i, c := range all {
		l := layers[i]
		for _, name := range w.clustered(l)[1:] {
			c.replace(l, at(name))
		}
		if err := c.add(&h, l); err != nil {
			return nil, err
		}
	}
	h.ShareCodewords()
	return &h, h.Validate()
}

// fold drops the normalisation of l, of which Absorb has left a shift: it
// becomes the bias of the layer that is returned.
func fold(g *graph.Graph, l Layer) Layer {
	if name := l.bias(); name != "" {
		delete(g.Consts, name) // Absorb has left zeros
	}
	n := *l.Node
	n.Inputs, n.Outputs = []string{n.Inputs[0], n.Inputs[1], l.Norm.Inputs[2]}, l.Norm.Outputs
	g.Nodes[slices.Index(g.Nodes, l.Node)] = &n
	g.Nodes = slices.DeleteFunc(g.Nodes, func(n *graph.Node) bool { return n == l.Norm })
	for _, i := range []int{1, 3, 4} {
		delete(g.Consts, l.Norm.Inputs[i])
	}
	l.Node, l.Norm = &n, nil
	return l
}

// add makes the weight of l a codebook of g.
func (c codewords) add(g *graph.Graph, l Layer) error {
	w := g.Consts[l.weight()]
	if c.pairs == nil {
		return g.AddCodebook(c.numbers(w, l))
	}
	if len(w.Shape) == 2 {
		return g.AddCodebook(c.matrix(w, l, l.weight()))
	}
	matrix, shape := l.weight()+".matrix", l.weight()+".shape"
	dims := make([]int64, len(w.Shape))
	for i, n := range w.Shape {
		dims[i] = int64(n)
	}
	delete(g.Consts, l.weight())
	g.Consts[shape] = tensor.Of(dims, len(dims))
	g.Nodes = slices.Insert(g.Nodes, 0, &graph.Node{Name: l.weight() + ".reshape", Op: "Reshape", Inputs: []string{matrix, shape}, Outputs: []string{l.weight()}})
	return g.AddCodebook(c.matrix(w, l, matrix))
}

// numbers is the weight w of l as codes of single weights.
func (c codewords) numbers(w *tensor.Tensor, l Layer) *graph.Codebook {
	b := &graph.Codebook{
		Name: l.weight(), K: len(c.values), D: 1, Outputs: l.Outputs, Blocks: w.Elems() / l.Outputs,
		Words: tensor.Of(c.values, len(c.values), 1), Shape: w.Shape, Perm: make([]int, len(w.Shape)),
	}
	for i := range b.Perm {
		b.Perm[i] = i
	}
	if l.columns {
		b.Shape, b.Perm = tensor.Shape{w.Shape[1], w.Shape[0]}, []int{1, 0}
	}
	b.Codes = make([]uint16, w.Elems())
	for i, v := range w.Float32s() {
		o, k := i/b.Blocks, i%b.Blocks
		if l.columns {
			o, k = i%b.Outputs, i/b.Outputs
		}
		b.Codes[k*b.Outputs+o] = uint16(cluster.Nearest(c.values, v))
	}
	return b
}

// matrix is the weight w of l as codes of pairs: the matrix [inputs, outputs],
// whose blocks run along the outputs, or its transpose.
func (c codewords) matrix(w *tensor.Tensor, l Layer, name string) *graph.Codebook {
	inputs := w.Elems() / l.Outputs
	b := &graph.Codebook{
		Name: name, K: len(c.pairs), D: 2, Outputs: inputs, Blocks: l.Outputs / 2,
		Words: tensor.New(tensor.Float32, len(c.pairs), 2), Shape: tensor.Shape{inputs, l.Outputs}, Perm: []int{1, 0},
	}
	if l.columns {
		b.Perm = []int{0, 1}
	}
	for i, p := range c.pairs {
		copy(b.Words.Float32s()[2*i:], p[:])
	}
	l.pairs(w.Float32s(), func(even, odd *float32) { // block after block, as codes are
		b.Codes = append(b.Codes, uint16(cluster.NearestPair(c.pairs, cluster.Pair{*even, *odd})))
	})
	return b
}
