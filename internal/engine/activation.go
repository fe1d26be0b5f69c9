package engine

import (
	"slices"

	"lutra/internal/graph"
	"lutra/internal/tensor"
)

// activation is a function of one number, applied in place.
type activation struct {
	name  string
	apply func(l level, x []float32) error
	gated *activation // x times this activation of x, if there is a kernel for it
}

// kernelActivation is an activation with a kernel, which cannot fail.
func kernelActivation(name string, f func(l level, x []float32)) *activation {
	return &activation{name: name, apply: func(l level, x []float32) error { f(l, x); return nil }}
}

// activations are the operators with a kernel.
var activations = map[string]func(n *graph.Node) *activation{
	"Exp": func(*graph.Node) *activation {
		return kernelActivation("exp", func(l level, x []float32) { l.Exp(x, x) })
	},
	"Tanh": func(*graph.Node) *activation {
		return kernelActivation("tanh", func(l level, x []float32) { l.Tanh(x, x) })
	},
	"Sigmoid": func(*graph.Node) *activation {
		a := kernelActivation("sigmoid", func(l level, x []float32) { l.Sigmoid(x, x) })
		a.gated = kernelActivation("silu", func(l level, x []float32) { l.SiLU(x, x) })
		return a
	},
	"HardSigmoid": func(n *graph.Node) *activation {
		alpha, beta := n.Float("alpha", 0.2), n.Float("beta", 0.5)
		a := kernelActivation("hard sigmoid", func(l level, x []float32) { l.HardSigmoid(x, x, alpha, beta) })
		a.gated = kernelActivation("hard swish", func(l level, x []float32) { l.HardSwish(x, x, alpha, beta) })
		return a
	},
	"HardSwish": func(*graph.Node) *activation {
		return kernelActivation("hard swish", func(l level, x []float32) { l.HardSwish(x, x, 1.0/6, 0.5) })
	},
}

// mapOps are further operators of one number, computed by their reference
// definition on runs of any layout.
var mapOps = []string{
	"Abs", "Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "Ceil", "Celu", "Cos", "Cosh", "Elu", "Erf",
	"Floor", "Gelu", "LeakyRelu", "Log", "Mish", "Neg", "Reciprocal", "Round", "Selu", "Sign", "Sin", "Sinh",
	"Softplus", "Softsign", "Sqrt", "Tan", "ThresholdedRelu",
}

// newMap makes an activation of an operator of one float32 operand; nil for others.
func newMap(b *builder, o *op) spec {
	n := o.nodes[0]
	if len(o.in) != 1 || !isFloat32(o.in[0], o.out[0]) || o.in[0].konst != nil || o.out[0].shape().Elems() == 0 {
		return nil
	}
	lo, hi := unbounded()
	if make := activations[n.Op]; make != nil {
		return &unarySpec{min: lo, max: hi, act: make(n)}
	}
	if !slices.Contains(mapOps, n.Op) {
		return nil
	}
	opset := b.opset(n)
	row, ok := graph.Lookup(n.Domain, n.Op, opset)
	if !ok {
		return nil
	}
	apply := func(_ level, x []float32) error {
		t := tensor.Of(x, len(x))
		c := &graph.Call{Node: n, Opset: opset, In: []graph.Type{{DType: t.DType, Shape: t.Shape}}, Value: []*tensor.Tensor{t}}
		return row.Eval(c, []*tensor.Tensor{t})
	}
	return &unarySpec{min: lo, max: hi, act: &activation{name: "map " + n.Op, apply: apply}}
}

// opset is the version of the domain of n.
func (b *builder) opset(n *graph.Node) int64 {
	if v, ok := b.prog.Graph.Opsets[n.Domain]; ok {
		return v
	}
	if n.Domain == "" {
		return b.prog.Graph.Opsets["ai.onnx"]
	}
	return 1
}

// gatedActivations turns x * f(x), where f is a sigmoid, into one activation.
func (b *builder) gatedActivations() {
	for i, o := range b.ops {
		s, ok := o.spec.(*binarySpec)
		if !ok || s.op != binaryMul {
			continue
		}
		for j := range 2 {
			x, y := o.in[j], o.in[1-j]
			if y.from == nil || b.onlyReader(y) != o {
				continue
			}
			f, ok := y.from.spec.(*unarySpec)
			if !ok || f.act == nil || f.act.gated == nil || y.from.in[0] != x {
				continue
			}
			lo, hi := unbounded()
			b.ops[slices.Index(b.ops, y.from)] = nil
			b.ops[i].spec = &unarySpec{min: lo, max: hi, act: f.act.gated}
			b.ops[i].in = []*value{x}
			b.ops[i].nodes = append(slices.Clone(y.from.nodes), o.nodes...)
			break
		}
	}
}
