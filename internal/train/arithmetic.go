package train

import (
	"math"

	"lutra/internal/graph"
)

// arithmetic is Add, Sub, Mul, Div or PRelu, with broadcasting, and the clamp
// behind a sum.
type arithmetic struct {
	links
	clamp
	rule rule
	loop *loop // output, left, right
	same bool  // all three have one layout
}

// rule is a function of two numbers and its derivatives, at output y.
type rule struct {
	apply       func(a, b float32) float32
	left, right func(a, b, y float32) float32
	reads       bool // the derivatives depend on the operands
	sum         bool // a + b
}

func one(_, _, _ float32) float32 { return 1 }

var rules = map[string]rule{
	"Add": {apply: func(a, b float32) float32 { return a + b }, left: one, right: one, sum: true},
	"Sub": {apply: func(a, b float32) float32 { return a - b }, left: one, right: func(_, _, _ float32) float32 { return -1 }},
	"Mul": {
		apply: func(a, b float32) float32 { return a * b }, reads: true,
		left:  func(_, b, _ float32) float32 { return b },
		right: func(a, _, _ float32) float32 { return a },
	},
	"Div": {
		apply: func(a, b float32) float32 { return a / b }, reads: true,
		left:  func(_, b, _ float32) float32 { return 1 / b },
		right: func(_, b, y float32) float32 { return -y / b },
	},
	"Pow": {
		apply: func(a, b float32) float32 { return float32(math.Pow(float64(a), float64(b))) }, reads: true,
		left: func(a, b, _ float32) float32 {
			return b * float32(math.Pow(float64(a), float64(b)-1))
		},
		right: func(a, _, y float32) float32 { return y * float32(math.Log(float64(a))) },
	},
	"PRelu": {
		apply: func(a, b float32) float32 {
			if a < 0 {
				return a * b
			}
			return a
		}, reads: true,
		left: func(a, b, _ float32) float32 {
			if a < 0 {
				return b
			}
			return 1
		},
		right: func(a, _, _ float32) float32 { return min(a, 0) },
	},
}

func newArithmetic(b *builder, n *graph.Node, r rule) (operation, error) {
	l, err := b.links(n, 2)
	if err != nil {
		return nil, err
	}
	y := l.out
	k := &arithmetic{links: *l, clamp: noClamp(), rule: r}
	left, right := broadcast(l.in[0].value, y.shape), broadcast(l.in[1].value, y.shape)
	k.loop = newLoop(y.shape, y.stride, left, right)
	k.same = sameOrder(y.shape, y.stride, left) && sameOrder(y.shape, y.stride, right)
	return k, nil
}

func (k *arithmetic) keeps() []*value {
	var keep []*value
	if k.rule.reads || k.levels != nil {
		keep = append(keep, k.in[0].value, k.in[1].value)
	}
	if k.clamped() && k.levels == nil || k.rule.reads {
		keep = append(keep, k.out)
	}
	return keep
}

func (k *arithmetic) forward(c *crew) {
	y, a, b := k.out.data, k.in[0].data, k.in[1].data
	if k.same && k.rule.sum {
		pieces := strips(len(y))
		lo, hi := k.before()
		c.each(pieces, func(_ *worker, u int) {
			from, to := part(len(y), pieces, u)
			c.level.Add(y[from:to], a[from:to], b[from:to], lo, hi)
			k.round(c, y[from:to])
		})
		return
	}
	_, steps := k.loop.inner()
	k.loop.run(c, parts(len(y)), func(n int, at []int) {
		i, j, m := at[1], at[2], at[0]
		for range n {
			y[m] = k.rule.apply(a[i], b[j])
			m, i, j = m+steps[0], i+steps[1], j+steps[2]
		}
	})
}

func (k *arithmetic) backward(c *crew) {
	if k.same && k.rule.sum {
		k.passGradient(c)
		return
	}
	for side, d := range []func(a, b, y float32) float32{k.rule.left, k.rule.right} {
		if k.in[side].wanted() {
			k.backwardSide(c, side, d)
		}
	}
}

// passGradient hands the gradient of a sum on to both operands, but for what a
// clamp cut. (Only sums of one layout have one; see builder.fuse.)
func (k *arithmetic) passGradient(c *crew) {
	g, whole := k.out.grad, noClamp()
	pieces := strips(len(g))
	c.each(pieces, func(w *worker, u int) {
		from, to := part(len(g), pieces, u)
		y := k.out.data[from:to]
		if k.levels != nil { // the sums that were rounded
			y = w.room(0, to-from)
			c.level.Add(y, k.in[0].data[from:to], k.in[1].data[from:to], whole.lo, whole.hi)
		}
		for side := range k.in {
			o := &k.in[side]
			if !o.wanted() {
				continue
			}
			switch dst := o.grad[from:to]; {
			case k.clamped():
				c.level.ClampGrad(dst, g[from:to], y, k.lo, k.hi, o.add)
			case o.add:
				c.level.Add(dst, dst, g[from:to], whole.lo, whole.hi)
			default:
				copy(dst, g[from:to])
			}
		}
	})
}

// backwardSide sums the gradient of one operand. Pieces of the outermost
// dimension write to places of their own, or one thread does it all.
func (k *arithmetic) backwardSide(c *crew, side int, derivative func(a, b, y float32) float32) {
	o := &k.in[side]
	if !o.add {
		clear(o.grad)
	}
	pieces := 1
	if k.loop.strides[0][1+side] != 0 {
		pieces = parts(len(k.out.grad))
	}
	y, a, b := k.out.data, k.in[0].data, k.in[1].data
	if !k.rule.reads { // the data may be gone; the derivatives are constants
		k.addConstant(c, pieces, side, derivative(0, 0, 0))
		return
	}
	_, steps := k.loop.inner()
	k.loop.run(c, pieces, func(n int, at []int) {
		m, i, j, t := at[0], at[1], at[2], at[1+side]
		for range n {
			o.grad[t] += k.out.grad[m] * derivative(a[i], b[j], y[m])
			m, i, j, t = m+steps[0], i+steps[1], j+steps[2], t+steps[1+side]
		}
	})
}

func (k *arithmetic) addConstant(c *crew, pieces, side int, factor float32) {
	grad := k.in[side].grad
	_, steps := k.loop.inner()
	k.loop.run(c, pieces, func(n int, at []int) {
		m, t := at[0], at[1+side]
		for range n {
			grad[t] += k.out.grad[m] * factor
			m, t = m+steps[0], t+steps[1+side]
		}
	})
}
