package kernel

import "math"

// Exp writes e^x[i] to dst[i].
func (l Level) Exp(dst, x []float32) { exp(l, dst, x[:len(dst)]) }

// Sigmoid writes 1/(1+e^-x[i]) to dst[i].
func (l Level) Sigmoid(dst, x []float32) { sigmoid(l, dst, x[:len(dst)]) }

// SiLU writes x[i]/(1+e^-x[i]) to dst[i].
func (l Level) SiLU(dst, x []float32) { silu(l, dst, x[:len(dst)]) }

// Tanh writes the hyperbolic tangent of x[i] to dst[i].
func (l Level) Tanh(dst, x []float32) { tanh(l, dst, x[:len(dst)]) }

// HardSigmoid writes clamp(alpha*x[i]+beta, 0, 1) to dst[i].
func (l Level) HardSigmoid(dst, x []float32, alpha, beta float32) {
	hardSigmoid(l, dst, x[:len(dst)], alpha, beta)
}

// HardSwish writes x[i]*clamp(alpha*x[i]+beta, 0, 1) to dst[i]; ONNX has
// alpha = 1/6 and beta = 1/2.
func (l Level) HardSwish(dst, x []float32, alpha, beta float32) {
	hardSwish(l, dst, x[:len(dst)], alpha, beta)
}

func expGeneric(dst, x []float32) {
	for i, v := range x {
		dst[i] = float32(math.Exp(float64(v)))
	}
}

func sigmoidGeneric(dst, x []float32) {
	for i, v := range x {
		dst[i] = float32(1 / (1 + math.Exp(-float64(v))))
	}
}

func siluGeneric(dst, x []float32) {
	for i, v := range x {
		dst[i] = float32(float64(v) / (1 + math.Exp(-float64(v))))
	}
}

func tanhGeneric(dst, x []float32) {
	for i, v := range x {
		dst[i] = float32(math.Tanh(float64(v)))
	}
}

func hardSigmoidGeneric(dst, x []float32, alpha, beta float32) {
	for i, v := range x {
		dst[i] = clamp(alpha*v+beta, 0, 1)
	}
}

func hardSwishGeneric(dst, x []float32, alpha, beta float32) {
	for i, v := range x {
		dst[i] = v * clamp(alpha*v+beta, 0, 1)
	}
}
