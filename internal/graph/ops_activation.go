package graph

import "math"

// activationOps are the functions of one number that only networks use.
var activationOps = []Operator{
	function("LeakyRelu", 1, func(n *Node) func(float64) float64 {
		alpha := float64(n.Float("alpha", 0.01))
		return func(x float64) float64 {
			if x < 0 {
				return alpha * x
			}
			return x
		}
	}),
	function("ThresholdedRelu", 10, func(n *Node) func(float64) float64 {
		alpha := float64(n.Float("alpha", 1))
		return func(x float64) float64 {
			if x <= alpha {
				return 0
			}
			return x
		}
	}),
	function("Elu", 1, func(n *Node) func(float64) float64 {
		alpha := float64(n.Float("alpha", 1))
		return func(x float64) float64 {
			if x < 0 {
				return alpha * math.Expm1(x)
			}
			return x
		}
	}),
	function("Celu", 12, func(n *Node) func(float64) float64 {
		alpha := float64(n.Float("alpha", 1))
		return func(x float64) float64 {
			return math.Max(0, x) + math.Min(0, alpha*math.Expm1(x/alpha))
		}
	}),
	function("Selu", 1, func(n *Node) func(float64) float64 {
		// Defaults: Klambauer et al., "Self-Normalizing Neural Networks".
		alpha := float64(n.Float("alpha", 1.67326319217681884765625))
		gamma := float64(n.Float("gamma", 1.05070102214813232421875))
		return func(x float64) float64 {
			if x <= 0 {
				return gamma * alpha * math.Expm1(x)
			}
			return gamma * x
		}
	}),
	function("HardSigmoid", 1, func(n *Node) func(float64) float64 {
		alpha, beta := float64(n.Float("alpha", 0.2)), float64(n.Float("beta", 0.5))
		return func(x float64) float64 { return math.Max(0, math.Min(1, alpha*x+beta)) }
	}),
	function("HardSwish", 14, plain(func(x float64) float64 {
		return x * math.Max(0, math.Min(1, x/6+0.5))
	})),
	function("Shrink", 9, func(n *Node) func(float64) float64 {
		lambda, bias := float64(n.Float("lambd", 0.5)), float64(n.Float("bias", 0))
		return func(x float64) float64 {
			switch {
			case x < -lambda:
				return x + bias
			case x > lambda:
				return x - bias
			}
			return 0
		}
	}),
	function("Swish", 24, func(n *Node) func(float64) float64 {
		alpha := float64(n.Float("alpha", 1))
		return func(x float64) float64 { return x * sigmoid(alpha*x) }
	}),
	function("Gelu", 20, func(n *Node) func(float64) float64 {
		if n.String("approximate", "none") == "tanh" {
			return func(x float64) float64 {
				return x / 2 * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(x+0.044715*x*x*x)))
			}
		}
		return func(x float64) float64 { return x / 2 * (1 + math.Erf(x/math.Sqrt2)) }
	}),
	function("Mish", 18, plain(func(x float64) float64 { return x * math.Tanh(softplus(x)) })),
	function("Sigmoid", 1, plain(sigmoid)),
	function("Softplus", 1, plain(softplus)),
	function("Softsign", 1, plain(func(x float64) float64 { return x / (1 + math.Abs(x)) })),
}

func sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

// softplus is log(1 + exp(x)) without overflow.
func softplus(x float64) float64 {
	return math.Max(x, 0) + math.Log1p(math.Exp(-math.Abs(x)))
}
