package train

import (
	"slices"

	"lutra/internal/graph"
	"lutra/internal/kernel"
)

// matrix is a product [m, k] x [k, n] with stored weights, plus a bias: Gemm,
// and MatMul with a matrix on the right.
type matrix struct {
	links   // input, weight, bias
	m, k, n int
	// The weight of input i and output j is data[i*in + j*out].
	inStep, outStep int
	forwards        *panels
	backwards       *panels
}

func newGemm(b *builder, n *graph.Node) (operation, error) {
	l, err := b.links(n, 3)
	if err != nil {
		return nil, err
	}
	x, w, y := l.in[0].value, l.in[1].value, l.out
	if n.Int("transA", 0) != 0 || n.Float("alpha", 1) != 1 || n.Float("beta", 1) != 1 {
		return nil, b.errorf(n, "attributes", "transA = 0, alpha = beta = 1", "others")
	}
	if !w.fixed || l.in[2].value != nil && (!l.in[2].fixed || l.in[2].elems() != y.shape[1]) {
		return nil, b.errorf(n, "operands", "a stored weight, and a bias per output", "others")
	}
	d := &matrix{links: *l, m: x.shape[0], k: x.shape[1], n: y.shape[1]}
	d.inStep, d.outStep = d.n, 1
	if n.Int("transB", 0) != 0 {
		d.inStep, d.outStep = 1, d.k
	}
	d.prepare(b.crew.level)
	return d, nil
}

func newMatMul(b *builder, n *graph.Node) (operation, error) {
	l, err := b.links(n, 2)
	if err != nil {
		return nil, err
	}
	x, w := l.in[0].value, l.in[1].value
	if !w.fixed || len(w.shape) != 2 || !x.plain() || !l.out.plain() {
		return newProduct(b, n, l)
	}
	l.in = append(l.in, operand{})
	d := &matrix{links: *l, k: w.shape[0], n: w.shape[1]}
	d.m = x.elems() / d.k
	d.inStep, d.outStep = d.n, 1
	d.prepare(b.crew.level)
	return d, nil
}

func (d *matrix) prepare(level kernel.Level) {
	d.forwards = newPanels(level, 1, d.n, 0, []kernel.Segment{{Len: d.k}})
	if d.in[0].wanted() {
		d.backwards = newPanels(level, 1, d.k, 0, []kernel.Segment{{Len: d.n}})
	}
}

func (d *matrix) keeps() []*value {
	if d.in[1].wanted() {
		return []*value{d.in[0].value}
	}
	return nil
}

// strip is the rows of the left operand of one unit.
const strip = 56

// multiply writes in x p to out.
func (d *matrix) multiply(c *crew, p *panels, in, out []float32, k, n int, bias []float32, add bool) {
	strips := (d.m + strip - 1) / strip
	c.each(strips*p.count(), func(w *worker, u int) {
		from := u / p.count() * strip
		r := runs{planes: 1, count: 1, width: min(strip, d.m-from), a: from * k, c: from * n, lda: k, ldc: n}
		p.multiply(w, c.level, u%p.count(), in, out, r, bias, add)
	})
}

func (d *matrix) forward(c *crew) {
	d.forwards.pack(c, func(dst []float32, _, first, n int) {
		d.forwards.fill(c.level, dst, d.in[1].data[first*d.outStep:], d.inStep, d.outStep, d.k, n)
	})
	var bias []float32
	if d.in[2].value != nil {
		bias = d.in[2].data
	}
	d.multiply(c, d.forwards, d.in[0].data, d.out.data, d.k, d.n, bias, false)
}

func (d *matrix) backward(c *crew) {
	if d.in[0].wanted() {
		d.backwards.pack(c, func(dst []float32, _, first, n int) {
			d.backwards.fill(c.level, dst, d.in[1].data[first*d.inStep:], d.outStep, d.inStep, d.n, n)
		})
		d.multiply(c, d.backwards, d.out.grad, d.in[0].grad, d.n, d.k, nil, d.in[0].add)
	}
	if d.in[1].wanted() {
		d.backwardWeights(c)
	}
	if d.in[2].wanted() {
		sumColumns(c, &d.in[2], d.out.grad)
	}
}

// backwardWeights sums over all rows, per unit for some inputs.
func (d *matrix) backwardWeights(c *crew) {
	sums := c.shared(d.k * d.n)
	pieces := max(1, min(16, d.k*d.n>>12, d.k))
	c.each(pieces, func(w *worker, u int) {
		from, to := part(d.k, pieces, u)
		dst := sums[from*d.n : to*d.n]
		clear(dst)
		w.outer = kernel.OuterArgs{
			A: d.in[0].data[from:], StepA: d.k, B: d.out.grad, StepB: d.n,
			Planes: 1, Rows: 1, Width: d.m, C: dst, Ldc: d.n, M: to - from, N: d.n,
		}
		c.level.Outer(&w.outer)
		for i := from; i < to; i++ {
			for j, v := range sums[i*d.n:][:d.n] {
				p := &d.in[1].grad[i*d.inStep+j*d.outStep]
				if d.in[1].add {
					v += *p
				}
				*p = v
			}
		}
	})
}

// product is a product of two computed matrices or stacks of matrices.
type product struct {
	links
	m, k, n int
	left    []int // first floats of the operands of each product
	right   []int
}

func newProduct(b *builder, n *graph.Node, l *links) (operation, error) {
	x, w, y := l.in[0].value, l.in[1].value, l.out
	if len(x.shape) < 2 || len(w.shape) < 2 {
		return nil, b.errorf(n, "operands", "matrices", "a vector")
	}
	p := &product{links: *l}
	p.m, p.k, p.n = x.shape[len(x.shape)-2], x.shape[len(x.shape)-1], w.shape[len(w.shape)-1]
	lead := y.shape[:len(y.shape)-2]
	for _, v := range []*value{x, w} {
		own := append(slices.Repeat([]int{1}, len(y.shape)-len(v.shape)), v.shape...)
		strides := append(make([]int, len(y.shape)-len(v.shape)), v.stride...)
		var at []int
		for i := range lead.Elems() {
			off, rest := 0, i
			for a := len(lead) - 1; a >= 0; a-- {
				if own[a] > 1 {
					off += rest % lead[a] * strides[a]
				}
				rest /= lead[a]
			}
			at = append(at, off)
		}
		if v == x {
			p.left = at
		}
		p.right = at
	}
	return p, nil
}

func (p *product) keeps() []*value { return []*value{p.in[0].value, p.in[1].value} }

// places are the strides of the last two dimensions.
func places(v *value) (row, column int) {
	return v.stride[len(v.stride)-2], v.stride[len(v.stride)-1]
}

func (p *product) forward(c *crew) {
	xr, xc := places(p.in[0].value)
	wr, wc := places(p.in[1].value)
	yr, yc := places(p.out)
	at := starts(p.out)
	c.each(len(p.left), func(_ *worker, u int) {
		x, w, y := p.in[0].data[p.left[u]:], p.in[1].data[p.right[u]:], p.out.data[at[u]:]
		dots(y, yr, yc, x, xr, xc, w, wr, wc, p.m, p.n, p.k, false)
	})
}

// starts is the first float of every matrix of v.
func starts(v *value) []int {
	lead := v.shape[:len(v.shape)-2]
	at := make([]int, lead.Elems())
	for i := range at {
		rest := i
		for a := len(lead) - 1; a >= 0; a-- {
			at[i] += rest % lead[a] * v.stride[a]
			rest /= lead[a]
		}
	}
	return at
}

// dots computes y (+)= x * w, m x k by k x n, with any strides.
func dots(y []float32, yr, yc int, x []float32, xr, xc int, w []float32, wr, wc, m, n, k int, add bool) {
	for i := range m {
		for j := range n {
			sum := float32(0)
			for t := range k {
				sum += x[i*xr+t*xc] * w[t*wr+j*wc]
			}
			if add {
				sum += y[i*yr+j*yc]
			}
			y[i*yr+j*yc] = sum
		}
	}
}

// backward: dX = dY W', dW = X' dY. Operands that several products share get
// the sum, in order.
func (p *product) backward(c *crew) {
	xr, xc := places(p.in[0].value)
	wr, wc := places(p.in[1].value)
	yr, yc := places(p.out)
	at := starts(p.out)
	c.each(2, func(_ *worker, side int) {
		o := &p.in[side]
		if !o.wanted() || side == 1 && p.in[0].value == p.in[1].value {
			return
		}
		p.side(side, at, xr, xc, wr, wc, yr, yc)
		if p.in[0].value == p.in[1].value {
			p.side(1, at, xr, xc, wr, wc, yr, yc)
		}
	})
}

func (p *product) side(side int, at []int, xr, xc, wr, wc, yr, yc int) {
	o := &p.in[side]
	if !o.add {
		clear(o.grad)
	}
	for u := range p.left {
		dy := p.out.grad[at[u]:]
		if side == 0 {
			dots(o.grad[p.left[u]:], xr, xc, dy, yr, yc, p.in[1].data[p.right[u]:], wc, wr, p.m, p.k, p.n, true)
		} else {
			dots(o.grad[p.right[u]:], wr, wc, p.in[0].data[p.left[u]:], xc, xr, dy, yr, yc, p.k, p.n, p.m, true)
		}
	}
}
