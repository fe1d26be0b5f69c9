package train

import (
	"slices"

	"lutra/internal/graph"
)

// bounded is a ReluD whose bound is learned: its gradient is the sum of those
// of the outputs that the bound cuts (PACT, Choi et al., 2018, equation 3).
type bounded struct {
	links
	node      *graph.Node
	quantiser graph.Quantiser
	param     *Param
}

// leastBound is the share of its first value that a bound keeps at least.
const leastBound = 1. / 64

func newBounded(b *builder, n *graph.Node, q graph.Quantiser) (operation, error) {
	l, err := b.links(n, 1)
	if err != nil {
		return nil, err
	}
	k := &bounded{links: *l, node: n, quantiser: q}
	k.param = &Param{Name: n.Outputs[0] + ".bound", Shape: []int{1}, Value: []float32{q.High}, Grad: make([]float32, 1), Rate: 1}
	b.net.params = append(b.net.params, k.param)
	b.net.bounds = append(b.net.bounds, k)
	return k, nil
}

// learns reports whether the bound of q, which n applies, is learned.
func (b *builder) learns(n *graph.Node, q graph.Quantiser) bool {
	v := b.values[n.Inputs[0]]
	return b.options.LearnBounds && !q.Tanh && q.Low == 0 && v != nil && v.needs && !v.fixed
}

// now is the quantiser with the bound as it has been learned.
func (k *bounded) now() graph.Quantiser {
	q := k.quantiser
	q.High = max(k.param.Value[0], q.High*leastBound)
	return q
}

func (k *bounded) keeps() []*value { return []*value{k.in[0].value} }

func (k *bounded) forward(c *crew) {
	s := spacing(k.now())
	pieces := strips(len(k.out.data))
	c.each(pieces, func(_ *worker, u int) {
		from, to := part(len(k.out.data), pieces, u)
		c.level.FakeQuantize(k.out.data[from:to], k.in[0].data[from:to], *s)
	})
}

func (k *bounded) backward(c *crew) {
	high := k.now().High
	pieces := strips(len(k.out.data))
	sums := c.shared(pieces)
	c.each(pieces, func(_ *worker, u int) {
		from, to := part(len(k.out.data), pieces, u)
		x, dy := k.in[0].data[from:to], k.out.grad[from:to]
		sums[u] = 0
		for i, v := range x {
			if v >= high {
				sums[u] += dy[i]
			}
		}
		if k.in[0].wanted() {
			c.level.ClampGrad(k.in[0].grad[from:to], dy, x, 0, high, k.in[0].add)
		}
	})
	k.param.Grad[0] = 0
	for _, v := range sums {
		k.param.Grad[0] += v
	}
}

// setBounds writes the learned bounds into the nodes of g.
func (n *Net) setBounds(g *graph.Graph) {
	if len(n.bounds) == 0 {
		return
	}
	g.Nodes = slices.Clone(g.Nodes)
	for _, k := range n.bounds {
		i := slices.IndexFunc(g.Nodes, func(n *graph.Node) bool { return slices.Contains(n.Outputs, k.node.Outputs[0]) })
		q := k.now()
		learned := *g.Nodes[i]
		learned.Attrs = q.Node("", "").Attrs
		g.Nodes[i] = &learned
	}
}
