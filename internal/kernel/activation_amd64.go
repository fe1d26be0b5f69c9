//go:build !purego

package kernel

// activation is one of the functions of activation.go.
type activation uint8

const (
	expActivation activation = iota
	sigmoidActivation
	siluActivation
	tanhActivation
	hardSigmoidActivation
	hardSwishActivation
)

func exp(l Level, dst, x []float32)     { activate(l, expActivation, dst, x, 0, 0) }
func sigmoid(l Level, dst, x []float32) { activate(l, sigmoidActivation, dst, x, 0, 0) }
func silu(l Level, dst, x []float32)    { activate(l, siluActivation, dst, x, 0, 0) }
func tanh(l Level, dst, x []float32)    { activate(l, tanhActivation, dst, x, 0, 0) }
func hardSigmoid(l Level, dst, x []float32, alpha, beta float32) {
	activate(l, hardSigmoidActivation, dst, x, alpha, beta)
}
func hardSwish(l Level, dst, x []float32, alpha, beta float32) {
	activate(l, hardSwishActivation, dst, x, alpha, beta)
}

// activate runs f on whole vectors. The elements that are left get a vector of
// their own: a result must not depend on its place in the slice.
func activate(l Level, f activation, dst, x []float32, alpha, beta float32) {
	if l <= Fused {
		f.plain(l, dst, x, alpha, beta)
		return
	}
	c := elementCall{hi: 1, alpha: alpha, beta: beta}
	n := wholeVectors(l, len(dst))
	if n > 0 {
		c.dst, c.a, c.n = &dst[0], &x[0], n
		f.vectors(l, &c)
	}
	if n < len(dst) {
		var rest [16]float32
		copy(rest[:], x[n:len(dst)])
		c.dst, c.a, c.n = &rest[0], &rest[0], l.lanes()
		f.vectors(l, &c)
		copy(dst[n:], rest[:])
	}
}

func (f activation) plain(l Level, dst, x []float32, alpha, beta float32) {
	switch f {
	case expActivation:
		expPlain(l, dst, x)
	case sigmoidActivation:
		sigmoidPlain(l, dst, x)
	case siluActivation:
		siluPlain(l, dst, x)
	case tanhActivation:
		tanhPlain(l, dst, x)
	case hardSigmoidActivation:
		hardSigmoidGeneric(dst, x, alpha, beta)
	case hardSwishActivation:
		hardSwishGeneric(dst, x, alpha, beta)
	}
}

func (f activation) vectors(l Level, c *elementCall) {
	switch wide := l >= AVX512; {
	case f == expActivation && wide:
		expAVX512(c)
	case f == expActivation:
		expAVX2(c)
	case f == sigmoidActivation && wide:
		sigmoidAVX512(c)
	case f == sigmoidActivation:
		sigmoidAVX2(c)
	case f == siluActivation && wide:
		siluAVX512(c)
	case f == siluActivation:
		siluAVX2(c)
	case f == tanhActivation && wide:
		tanhAVX512(c)
	case f == tanhActivation:
		tanhAVX2(c)
	case f == hardSigmoidActivation && wide:
		hardSigmoidAVX512(c)
	case f == hardSigmoidActivation:
		hardSigmoidAVX2(c)
	case f == hardSwishActivation && wide:
		hardSwishAVX512(c)
	case f == hardSwishActivation:
		hardSwishAVX2(c)
	}
}
