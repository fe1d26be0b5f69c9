//go:build !(arm64 || loong64 || ppc64 || ppc64le || riscv64 || s390x)

package kernel

import "math"

// wide is a float32 in the form that sums need. Here the processor may have no
// fused multiply-add, or Go does not use it: float64, where products are exact.
type wide = float64

// fma is a*b + c rounded once, as the instruction computes it. The sum is rounded
// to float64 first; that can only go wrong where it is not exact and comes to lie
// half-way between two float32.
func fma(a, b, c float32) float32 {
	p := float64(a) * float64(b)
	s := p + float64(c)
	if doubtful(s) {
		s = odd(s, p, float64(c))
	}
	return float32(s)
}

// fmaMultiple adds a*b to sum, number by number, as fma does.
func fmaMultiple(sum []wide, a wide, b []wide) {
	b = b[:len(sum)]
	if a == 0 { // as after rectifiers: exact
		for i, v := range b {
			sum[i] += a * v
		}
		return
	}
	for i, v := range b {
		c := sum[i]
		s := a*v + c
		if doubtful(s) {
			s = odd(s, a*v, c)
		}
		sum[i] = float64(float32(s))
	}
}

// fmaEach adds a[i]*b[i] to sum[i] as fma does.
func fmaEach(sum, a, b []float32) {
	a, b = a[:len(sum)], b[:len(sum)]
	for i, v := range sum {
		p := float64(a[i]) * float64(b[i])
		s := p + float64(v)
		if doubtful(s) {
			s = odd(s, p, float64(v))
		}
		sum[i] = float32(s)
	}
}

// doubtful reports whether s may lie half-way between two float32, be they
// denormal.
func doubtful(s float64) bool { return math.Float64bits(s)&(1<<28-1) == 0 }

// odd is s, the sum of p and c, with its last bit set if the sum is not exact:
// rounded towards what was cut off. Rounding to odd and then to fewer bits is
// rounding once (Boldo and Melquiond, Emulation of a FMA and correctly rounded
// sums, IEEE Transactions on Computers, 2008).
func odd(s, p, c float64) float64 {
	t := s - p
	rest := (p - (s - t)) + (c - t)
	b := math.Float64bits(s)
	switch {
	case !(rest < 0 || rest > 0): // exact, or not finite
		return s
	case rest > 0 == (s > 0):
		return math.Float64frombits(b | 1)
	}
	return math.Float64frombits(b - 1) // the next one towards zero ends in ones
}
