package train

import (
	"slices"

	"lutra/internal/graph"
	"lutra/internal/tensor"
)

// book is a weight that is stored as a codebook. Its codewords are a parameter,
// or fixed; its codes change only by Reassign. Codewords in int8 are trained as
// the numbers that they stand for, and rounded when the graph is written.
type book struct {
	*graph.Codebook
	param  *Param // nil: not trained
	drift  *Param // nil: codes stay
	words  []float32
	factor float32 // of words: layers that share codewords may differ in scale
	weight *value
	share  []float32 // factor of the gradient of every codeword
}

// addBook decodes codebook node n.
func (b *builder) addBook(n *graph.Node) error {
	return b.book(n, n.Outputs[0], nil)
}

// reshaped is the codebook node of which the constant name is a Reshape, as the
// filters of pairs are; nil if it is none.
func (b *builder) reshaped(name string) *graph.Node {
	g := b.net.graph
	n := g.Producer(name)
	if n == nil || n.Domain != "" || n.Op != "Reshape" || b.program.Consts[name] == nil {
		return nil
	}
	if n = g.Producer(n.Inputs[0]); n == nil || !n.IsCodebook() {
		return nil
	}
	return n
}

// book decodes codebook node n as the value name of a shape, nil for the
// codebook's own. Codewords that several nodes read are one parameter.
func (b *builder) book(n *graph.Node, name string, shape tensor.Shape) error {
	c, err := b.net.graph.Codebook(n.Outputs[0])
	if err != nil {
		return err
	}
	words := n.Inputs[len(n.Inputs)-1]
	if shape == nil {
		shape = c.WeightShape()
	}
	k := &book{Codebook: c, words: c.FloatWords(), factor: 1}
	k.weight = fixedValue(name, shape, make([]float32, shape.Elems()))
	b.values[name] = k.weight
	if b.options.Trainable == nil || b.options.Trainable(words) {
		k.param = b.param(words, tensor.Of(k.words, c.K, c.D))
		k.words = k.param.Value
		k.scaled()
		k.weight.needs, k.weight.grad = true, make([]float32, shape.Elems())
		k.share = make([]float32, c.K)
		for i := range k.share {
			k.share[i] = 1
		}
		if b.options.MeanWords {
			k.meanShares()
		}
		if b.options.Drift {
			k.drift = b.drift(k)
		}
	}
	k.decode()
	if k.param != nil {
		b.net.books = append(b.net.books, k)
	}
	return nil
}

// scaled sets the factor of a book of int8 codewords: its parameter has the
// scale of the first book that reads it.
func (k *book) scaled() {
	if k.Scale == 0 {
		return
	}
	if k.param.scale == 0 {
		k.param.scale = k.Scale
	}
	k.factor = k.Scale / k.param.scale
}

// roundWords stores the codewords p in g as int8, and their scale in the nodes
// that read them.
func (n *Net) roundWords(g *graph.Graph, p *Param) {
	weight := make([]float64, len(p.Value))
	var readers []*book
	for _, b := range n.books {
		if b.param != p {
			continue
		}
		readers = append(readers, b)
		for _, code := range b.Codes {
			for i := range b.D {
				weight[int(code)*b.D+i]++
			}
		}
	}
	q, scale, _ := graph.RoundWords(p.Value, weight)
	g.Consts[p.Name] = tensor.Of(q, p.Shape...)
	g.Nodes = slices.Clone(g.Nodes)
	for _, b := range readers {
		node := *g.Producer(b.Name)
		node.SetScale(scale * b.factor)
		g.Nodes[slices.Index(g.Nodes, g.Producer(b.Name))] = &node
	}
}

// meanShares divides by the number of blocks that use a codeword.
func (k *book) meanShares() {
	uses := make([]int, k.K)
	for _, c := range k.Codes {
		uses[c]++
	}
	for i, n := range uses {
		k.share[i] = 1 / float32(max(n, 1))
	}
}

// blocks calls f for every block: its codeword, and the place and distance of
// its numbers in the weight.
func (k *book) blocks(f func(word, at, step int)) {
	row, step := k.Blocks*k.D, 1
	transposed := len(k.Perm) == 2 && k.Perm[0] == 1
	if transposed {
		step = k.Outputs
	}
	for b := range k.Blocks {
		for o := range k.Outputs {
			at := o*row + b*k.D
			if transposed {
				at = b*k.D*k.Outputs + o
			}
			f(int(k.Codes[b*k.Outputs+o]), at, step)
		}
	}
}

func (k *book) decode() {
	k.blocks(func(word, at, step int) {
		for i, v := range k.words[word*k.D:][:k.D] {
			k.weight.data[at+i*step] = v * k.factor
		}
	})
}

// gather adds the gradient of the weight to that of the codewords.
func (k *book) gather() {
	k.blocks(func(word, at, step int) {
		dst := k.param.Grad[word*k.D:][:k.D]
		for i := range dst {
			dst[i] += k.share[word] * k.factor * k.weight.grad[at+i*step]
		}
	})
	if k.drift != nil {
		k.gatherDrift()
	}
}
