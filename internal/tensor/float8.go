package tensor

import "math"

// float8 describes an 8-bit floating-point format (Micikevicius et al., "FP8
// Formats for Deep Learning"; Noune et al. for the FNUZ variants): a sign, an
// exponent and mant fraction bits.
type float8 struct {
	mant, bias int
	inf        bool  // S.11111.00 is an infinity, further fractions are NaN
	fnuz       bool  // no infinity, no negative zero: 0x80 is the only NaN
	max        uint8 // largest finite magnitude
	nan        uint8
}

var float8s = map[DType]float8{
	Float8E4M3FN:   {mant: 3, bias: 7, max: 0x7e, nan: 0x7f},
	Float8E4M3FNUZ: {mant: 3, bias: 8, max: 0x7f, nan: 0x80, fnuz: true},
	Float8E5M2:     {mant: 2, bias: 15, max: 0x7b, nan: 0x7e, inf: true},
	Float8E5M2FNUZ: {mant: 2, bias: 16, max: 0x7f, nan: 0x80, fnuz: true},
}

// FromFloat8 is the value of the number of the 8-bit floating-point type d
// (Float8E8M0 included) with bits b. It is exact.
func FromFloat8(d DType, b uint8) float32 {
	if d == Float8E8M0 {
		if b == 0xff {
			return float32(math.NaN())
		}
		return float32(math.Ldexp(1, int(b)-127))
	}
	f := float8s[d]
	if f.isNaN(b) {
		return float32(math.NaN())
	}
	exp, frac := int(b&0x7f)>>f.mant, int(b)&(1<<f.mant-1)
	var v float64
	switch {
	case f.inf && b&0x7f == f.max+1:
		v = math.Inf(1)
	case exp == 0:
		v = math.Ldexp(float64(frac), 1-f.bias-f.mant)
	default:
		v = math.Ldexp(float64(frac+1<<f.mant), exp-f.bias-f.mant)
	}
	if b&0x80 != 0 {
		v = -v
	}
	return float32(v)
}

func (f float8) isNaN(b uint8) bool {
	if f.fnuz {
		return b == f.nan
	}
	if f.inf {
		return b&0x7f > f.max+1
	}
	return b&0x7f == f.nan
}

// ToFloat8 rounds v to the nearest number of the 8-bit floating-point type d,
// ties to even. What is too large, infinities included, becomes the largest
// finite number if saturate is set; otherwise infinity, or NaN in a type that
// has none. Float8E8M0 is not covered; see ToFloat8E8M0.
func ToFloat8(d DType, v float32, saturate bool) uint8 {
	f := float8s[d]
	if v != v {
		return f.nan
	}
	sign := uint8(math.Float32bits(v) >> 24 & 0x80)
	a := math.Abs(float64(v))
	b := int(f.max) + 1
	if !math.IsInf(a, 0) {
		b = min(f.round(a), b)
	}
	switch {
	case b <= int(f.max):
	case saturate:
		b = int(f.max)
	case f.inf:
		b = int(f.max) + 1
	default:
		b = int(f.nan)
	}
	if f.fnuz && (b == 0 || b == int(f.nan)) {
		return uint8(b)
	}
	return sign | uint8(b)
}

// round is the magnitude a >= 0 in units of the format's codes, which are in
// the order of their values; it may exceed f.max.
func (f float8) round(a float64) int {
	if a == 0 {
		return 0
	}
	_, e := math.Frexp(a) // a = m * 2^e, 0.5 <= m < 1
	exp := max(e-1, 1-f.bias)
	frac := int(math.RoundToEven(math.Ldexp(a, f.mant-exp))) // in [0, 2<<mant]
	return (exp+f.bias-1)<<f.mant + frac
}

// ToFloat8E8M0 is the exponent-only number for |v|, where roundUp rounds what
// lies between two powers of two up and otherwise the nearer one is taken, ties
// up. NaN and infinities become NaN, unless saturate turns infinities into the
// largest number; 0 becomes the smallest.
func ToFloat8E8M0(v float32, roundUp, saturate bool) uint8 {
	switch {
	case v != v, math.IsInf(float64(v), 0) && !saturate:
		return 0xff
	case math.IsInf(float64(v), 0):
		return 0xfe
	}
	m, e := math.Frexp(math.Abs(float64(v)))
	if m == 0 {
		return 0
	}
	b := e - 1 + 127
	if m >= 0.75 || roundUp && m > 0.5 {
		b++
	}
	if b > 0xfe && !saturate {
		return 0xff
	}
	return uint8(min(max(b, 0), 0xfe))
}
