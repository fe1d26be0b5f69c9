//go:build !purego

package kernel

// updateCall is what the assembly of an update reads.
type updateCall struct {
	value, grad, first, second *float32
	n                          int // a positive multiple of the lanes
	factor, added              float32
	rest1, rest2               float32 // of Blend: keep, 1 - keep
	step, shrink               float32 // of SGD: rate, momentum
	root, epsilon              float64
	momentum, nesterov         int // of SGD: not 0 if there is any
	sums                       *float64
}

func adam(l Level, a *AdamArgs) {
	n := wholeVectors(l, len(a.Value))
	if n > 0 {
		c := updateCall{
			value: &a.Value[0], grad: &a.Grad[0], first: &a.First[0], second: &a.Second[0], n: n,
			factor: a.Factor, added: a.Added, rest1: a.Rest1, rest2: a.Rest2, step: a.Step, shrink: a.Shrink,
			root: a.Root, epsilon: a.Epsilon,
		}
		if l >= AVX512 {
			adamAVX512(&c)
		} else {
			adamAVX2(&c)
		}
	}
	adamGeneric(a, n)
}

func sgd(l Level, a *SGDArgs) {
	n := wholeVectors(l, len(a.Value))
	if n > 0 {
		c := updateCall{
			value: &a.Value[0], grad: &a.Grad[0], first: &a.First[0], n: n,
			factor: a.Factor, added: a.Added, step: a.Rate, shrink: a.Momentum,
		}
		if a.Momentum != 0 {
			c.momentum = 1
		}
		if a.Nesterov {
			c.nesterov = 1
		}
		if l >= AVX512 {
			sgdAVX512(&c)
		} else {
			sgdAVX2(&c)
		}
	}
	sgdGeneric(a, n)
}

func blend(l Level, dst, x []float32, keep float32) {
	n := wholeVectors(l, len(dst))
	if n > 0 {
		c := updateCall{value: &dst[0], grad: &x[0], n: n, rest1: keep, rest2: 1 - keep}
		if l >= AVX512 {
			blendAVX512(&c)
		} else {
			blendAVX2(&c)
		}
	}
	blendGeneric(dst[n:], x[n:], keep)
}

func sumSquares(l Level, lanes *[squareLanes]float64, x []float32) {
	n := 0
	if l > Fused {
		n = len(x) - len(x)%squareLanes
	}
	if n > 0 {
		c := updateCall{grad: &x[0], n: n, sums: &lanes[0]}
		if l >= AVX512 {
			sumSquaresAVX512(&c)
		} else {
			sumSquaresAVX2(&c)
		}
	}
	sumSquaresGeneric(lanes, x[n:])
}
