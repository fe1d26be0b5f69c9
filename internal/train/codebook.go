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
	portions := k.portions()
	for _, p := range portions {
		p.decode()
	}
	if k.param != nil {
		b.net.books = append(b.net.books, k)
		b.net.portions = append(b.net.portions, portions...)
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

// portion is some blocks of a book: the work of one unit.
type portion struct {
	*book
	from, to int       // blocks of an output
	grad     []float32 // of the codewords, by these blocks
}

// mostPortions bounds the sums of a book that are kept apart.
const mostPortions = 8

// portions cuts k, by its form alone: sums of more blocks than codewords.
func (k *book) portions() []*portion {
	n := max(1, min(mostPortions, k.Blocks, k.Blocks*k.Outputs/(4*k.K)))
	all := make([]*portion, n)
	for i := range all {
		from, to := part(k.Blocks, n, i)
		all[i] = &portion{k, from, to, make([]float32, k.K*k.D)}
	}
	return all
}

// blocks calls f for every block: its number, and the place and distance of
// its numbers in the weight.
func (p *portion) blocks(f func(block, at, step int)) {
	row, step := p.Blocks*p.D, 1
	transposed := len(p.Perm) == 2 && p.Perm[0] == 1
	if transposed {
		step = p.Outputs
	}
	for b := p.from; b < p.to; b++ {
		for o := range p.Outputs {
			at := o*row + b*p.D
			if transposed {
				at = b*p.D*p.Outputs + o
			}
			f(b*p.Outputs+o, at, step)
		}
	}
}

func (p *portion) decode() {
	p.blocks(func(block, at, step int) {
		for i, v := range p.word(p.Codes[block]) {
			p.weight.data[at+i*step] = v * p.factor
		}
	})
}

// gather sums the gradient of the weight up by codewords, and copies it to that
// of the drift.
func (p *portion) gather() {
	clear(p.grad)
	p.blocks(func(block, at, step int) {
		word := int(p.Codes[block])
		dst := p.grad[word*p.D:][:p.D]
		for i := range dst {
			dst[i] += p.share[word] * p.factor * p.weight.grad[at+i*step]
		}
	})
	if p.drift == nil {
		return
	}
	p.blocks(func(block, at, step int) {
		dst := p.drift.Grad[block*p.D:][:p.D]
		for i := range dst {
			dst[i] = p.weight.grad[at+i*step]
		}
	})
}

// decodeBooks computes the weights that are codebooks.
func (n *Net) decodeBooks() {
	n.crew.each(len(n.portions), func(_ *worker, u int) { n.portions[u].decode() })
}

// gatherBooks computes the gradients of codewords from those of weights.
func (n *Net) gatherBooks() {
	n.crew.each(len(n.portions), func(_ *worker, u int) { n.portions[u].gather() })
	done := map[*Param]bool{}
	for _, p := range n.portions {
		if !done[p.param] {
			clear(p.param.Grad)
			done[p.param] = true
		}
		for i, v := range p.grad {
			p.param.Grad[i] += v
		}
	}
}
