package kernel

import "math"

// The slices of an activation have one length; dst may be x. NaN stays NaN. A
// result does not depend on its place in the slice.

// Exp writes e^x[i] to dst[i], within 1 ulp.
func (l Level) Exp(dst, x []float32) {
	need(x, len(dst))
	exp(l, dst, x)
}

// Sigmoid writes 1/(1+e^-x[i]) to dst[i], within 2 ulp.
func (l Level) Sigmoid(dst, x []float32) {
	need(x, len(dst))
	sigmoid(l, dst, x)
}

// SiLU writes x[i]/(1+e^-x[i]) to dst[i], within 3 ulp or 1e-43;
// NaN for -Inf, as that is -Inf*0.
func (l Level) SiLU(dst, x []float32) {
	need(x, len(dst))
	silu(l, dst, x)
}

// Tanh writes the hyperbolic tangent of x[i] to dst[i], within 1.5 ulp.
func (l Level) Tanh(dst, x []float32) {
	need(x, len(dst))
	tanh(l, dst, x)
}

// HardSigmoid writes clamp(alpha*x[i]+beta, 0, 1) to dst[i].
func (l Level) HardSigmoid(dst, x []float32, alpha, beta float32) {
	need(x, len(dst))
	hardSigmoid(l, dst, x, alpha, beta)
}

// HardSwish writes x[i]*clamp(alpha*x[i]+beta, 0, 1) to dst[i]; ONNX has
// alpha = 1/6 and beta = 1/2.
func (l Level) HardSwish(dst, x []float32, alpha, beta float32) {
	need(x, len(dst))
	hardSwish(l, dst, x, alpha, beta)
}

// each writes f of x to dst.
func each(dst, x []float32, f func(float32) float32) {
	for i, v := range x[:len(dst)] {
		dst[i] = f(v)
	}
}

// The functions named ...Plain do without vectors.

func expPlain(l Level, dst, x []float32) {
	if l == Fused {
		each(dst, x, fusedExp)
		return
	}
	for i, v := range x[:len(dst)] {
		dst[i] = float32(math.Exp(float64(v)))
	}
}

func sigmoidPlain(l Level, dst, x []float32) {
	if l == Fused {
		each(dst, x, fusedSigmoid)
		return
	}
	for i, v := range x[:len(dst)] {
		dst[i] = float32(1 / (1 + math.Exp(-float64(v))))
	}
}

func siluPlain(l Level, dst, x []float32) {
	if l == Fused {
		each(dst, x, fusedSiLU)
		return
	}
	for i, v := range x[:len(dst)] {
		dst[i] = float32(float64(v) / (1 + math.Exp(-float64(v))))
	}
}

func tanhPlain(l Level, dst, x []float32) {
	if l == Fused {
		each(dst, x, fusedTanh)
		return
	}
	for i, v := range x[:len(dst)] {
		dst[i] = float32(math.Tanh(float64(v)))
	}
}

func hardSigmoidGeneric(dst, x []float32, alpha, beta float32) {
	for i, v := range x[:len(dst)] {
		dst[i] = clamp(float32(alpha*v)+beta, 0, 1)
	}
}

func hardSwishGeneric(dst, x []float32, alpha, beta float32) {
	for i, v := range x[:len(dst)] {
		dst[i] = v * clamp(float32(alpha*v)+beta, 0, 1)
	}
}
