package train

import "lutra/internal/graph"

// mean is ReduceMean or GlobalAveragePool.
type mean struct {
	links
	loop   *loop // input, output
	factor float32
}

func newMean(b *builder, n *graph.Node) (operation, error) {
	l, err := b.links(n, 1)
	if err != nil {
		return nil, err
	}
	x, y := l.in[0].value, l.out
	axes := make([]bool, len(x.shape))
	switch known := b.ints(n, 1); {
	case n.Op == "GlobalAveragePool":
		for a := range axes {
			axes[a] = a > 1
		}
	case known == nil && n.Ints("axes") == nil:
		for a := range axes {
			axes[a] = n.Int("noop_with_empty_axes", 0) == 0
		}
	default:
		for _, a := range append(known, n.Ints("axes")...) {
			axes[(int(a)+len(axes))%len(axes)] = true
		}
	}
	to, at := make([]int, len(x.shape)), 0
	for a, reduced := range axes {
		if !reduced {
			if to[a] = 0; y.shape[at] > 1 {
				to[a] = y.stride[at]
			}
		}
		if !reduced || len(y.shape) == len(x.shape) {
			at++
		}
	}
	return &mean{links: *l, loop: newLoop(x.shape, x.stride, to), factor: float32(y.elems()) / float32(x.elems())}, nil
}

func (k *mean) keeps() []*value { return nil }

// pieces is 1 if neighbours of the outermost dimension share an output.
func (k *mean) pieces() int {
	if k.loop.strides[0][1] == 0 {
		return 1
	}
	return parts(k.in[0].elems())
}

func (k *mean) forward(c *crew) {
	x, y := k.in[0].data, k.out.data
	clear(y)
	_, steps := k.loop.inner()
	k.loop.run(c, k.pieces(), func(n int, at []int) {
		from, to := at[0], at[1]
		for range n {
			y[to] += x[from]
			from, to = from+steps[0], to+steps[1]
		}
	})
	for i := range y {
		y[i] *= k.factor
	}
}

func (k *mean) backward(c *crew) {
	o := &k.in[0]
	if !o.wanted() {
		return
	}
	_, steps := k.loop.inner()
	k.loop.run(c, parts(o.elems()), func(n int, at []int) {
		to, from := at[0], at[1]
		for range n {
			v := k.out.grad[from] * k.factor
			if o.add {
				v += o.grad[to]
			}
			o.grad[to] = v
			to, from = to+steps[0], from+steps[1]
		}
	})
}
