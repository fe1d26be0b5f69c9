package kernel

import "math"

// fma is a*b + c rounded once, as the instruction computes it, where the Go
// loops do the channels that the vectors of a level leave over: so that levels
// agree. The product is exact in float64. Where the sum is rounded there and may
// lie half-way between two float32, a second rounding could go wrong.
func fma(a, b, c float32) float32 {
	p := float64(a) * float64(b)
	s := p + float64(c)
	if math.Float64bits(s)&(1<<28-1) == 0 {
		s = odd(s, p, float64(c))
	}
	return float32(s)
}

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
