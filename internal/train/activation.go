package train

import (
	"math"

	"lutra/internal/graph"
)

// Elementwise is a function of single elements and its gradient. Both slices
// and results have one length; dst may be x, and dx may be dy.
type Elementwise struct {
	Forward func(dst, x []float32)
	// Backward writes dy times the derivative of the function, or of what
	// stands in for it (a straight-through estimator), at input x and output y.
	Backward func(dx, dy, x, y []float32)
	// ReadsInput is set if Backward reads x; it always may read y.
	ReadsInput bool
}

// activation applies a function to every element.
type activation struct {
	links
	f Elementwise
}

func newActivation(b *builder, n *graph.Node, f Elementwise) (operation, error) {
	l, err := b.links(n, 1)
	if err != nil {
		return nil, err
	}
	return &activation{links: *l, f: f}, nil
}

func (a *activation) keeps() []*value {
	if a.f.ReadsInput {
		return []*value{a.in[0].value, a.out}
	}
	return []*value{a.out}
}

func (a *activation) forward(c *crew) {
	n := len(a.out.data)
	pieces := strips(n)
	c.each(pieces, func(_ *worker, u int) {
		from, to := part(n, pieces, u)
		a.f.Forward(a.out.data[from:to], a.in[0].data[from:to])
	})
}

func (a *activation) backward(c *crew) {
	if !a.in[0].wanted() {
		return
	}
	n := len(a.out.data)
	pieces := strips(n)
	c.each(pieces, func(_ *worker, u int) {
		from, to := part(n, pieces, u)
		dy, y := a.out.grad[from:to], a.out.data[from:to]
		var x []float32
		if a.f.ReadsInput {
			x = a.in[0].data[from:to]
		}
		dx := a.in[0].grad[from:to]
		if !a.in[0].add {
			a.f.Backward(dx, dy, x, y)
			return
		}
		a.f.Backward(dy, dy, x, y)
		c.level.Add(dx, dx, dy, float32(math.Inf(-1)), float32(math.Inf(1)))
	})
}

// slope is an activation whose derivative at output y (and, if it has to know,
// input x) is a formula.
func slope(forward func(dst, x []float32), derivative func(x, y float32) float32, input bool) Elementwise {
	return Elementwise{Forward: forward, ReadsInput: input, Backward: func(dx, dy, x, y []float32) {
		for i, v := range y {
			at := v
			if input {
				at = x[i]
			}
			dx[i] = dy[i] * derivative(at, v)
		}
	}}
}

// pointwise applies f to every element.
func pointwise(f func(float32) float32) func(dst, x []float32) {
	return func(dst, x []float32) {
		for i, v := range x {
			dst[i] = f(v)
		}
	}
}

// clampOf is the activation clamp(x, lo, hi).
func clampOf(b *builder, lo, hi float32) Elementwise {
	return Elementwise{
		Forward:  func(dst, x []float32) { b.crew.level.Clamp(dst, x, lo, hi) },
		Backward: func(dx, dy, _, y []float32) { b.crew.level.ClampGrad(dx, dy, y, lo, hi, false) },
	}
}

// activations are the functions of ONNX, by operator.
var activations = map[string]func(b *builder, n *graph.Node) Elementwise{
	"Relu": func(b *builder, _ *graph.Node) Elementwise { return clampOf(b, 0, float32(math.Inf(1))) },
	"Clip": func(b *builder, n *graph.Node) Elementwise { lo, hi, _ := b.bounds(n); return clampOf(b, lo, hi) },
	"LeakyRelu": func(_ *builder, n *graph.Node) Elementwise {
		alpha := n.Float("alpha", 0.01)
		return slope(pointwise(func(x float32) float32 {
			if x < 0 {
				return alpha * x
			}
			return x
		}), func(x, _ float32) float32 {
			if x < 0 {
				return alpha
			}
			return 1
		}, true)
	},
	"Elu": func(_ *builder, n *graph.Node) Elementwise {
		alpha := n.Float("alpha", 1)
		return slope(pointwise(func(x float32) float32 {
			if x < 0 {
				return alpha * float32(math.Expm1(float64(x)))
			}
			return x
		}), func(x, y float32) float32 {
			if x < 0 {
				return y + alpha
			}
			return 1
		}, true)
	},
	"Sigmoid": func(b *builder, _ *graph.Node) Elementwise {
		return slope(b.crew.level.Sigmoid, func(_, y float32) float32 { return y * (1 - y) }, false)
	},
	"Tanh": func(b *builder, _ *graph.Node) Elementwise {
		return slope(b.crew.level.Tanh, func(_, y float32) float32 { return 1 - y*y }, false)
	},
	"Exp": func(b *builder, _ *graph.Node) Elementwise {
		return slope(b.crew.level.Exp, func(_, y float32) float32 { return y }, false)
	},
	"Sqrt": func(*builder, *graph.Node) Elementwise {
		return slope(pointwise(func(x float32) float32 { return float32(math.Sqrt(float64(x))) }),
			func(_, y float32) float32 { return 0.5 / y }, false)
	},
	"Neg": func(*builder, *graph.Node) Elementwise {
		return slope(pointwise(func(x float32) float32 { return -x }), func(_, _ float32) float32 { return -1 }, false)
	},
	"Erf": func(*builder, *graph.Node) Elementwise {
		return slope(pointwise(func(x float32) float32 { return float32(math.Erf(float64(x))) }),
			func(x, _ float32) float32 { return float32(2 / math.Sqrt(math.Pi) * math.Exp(-float64(x)*float64(x))) }, true)
	},
	"Softplus": func(*builder, *graph.Node) Elementwise {
		return slope(pointwise(func(x float32) float32 {
			return max(x, 0) + float32(math.Log1p(math.Exp(-math.Abs(float64(x)))))
		}), func(_, y float32) float32 { return -float32(math.Expm1(-float64(y))) }, false)
	},
	"HardSigmoid": func(b *builder, n *graph.Node) Elementwise {
		alpha, beta := n.Float("alpha", 0.2), n.Float("beta", 0.5)
		return slope(func(dst, x []float32) { b.crew.level.HardSigmoid(dst, x, alpha, beta) },
			func(_, y float32) float32 {
				if y <= 0 || y >= 1 {
					return 0
				}
				return alpha
			}, false)
	},
	"HardSwish": func(b *builder, _ *graph.Node) Elementwise {
		return slope(func(dst, x []float32) { b.crew.level.HardSwish(dst, x, 1./6, 0.5) },
			func(x, _ float32) float32 {
				switch {
				case x <= -3:
					return 0
				case x >= 3:
					return 1
				}
				return x/3 + 0.5
			}, true)
	},
}
