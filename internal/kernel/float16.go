package kernel

import "math"

// float16Exact is the IEEE 754 binary16 number equal to f; ok is false if
// there is none. NaN is never exact: its payload would be lost.
func float16Exact(f float32) (h uint16, ok bool) {
	b := math.Float32bits(f)
	sign := uint16(b >> 16 & 0x8000)
	exp := int(b>>23&0xff) - 127
	frac := b & 0x7fffff
	switch {
	case b<<1 == 0:
		return sign, true
	case exp == 128:
		return sign | 0x7c00, frac == 0
	case exp > 15 || exp < -24:
		return 0, false
	case exp >= -14:
		return sign | uint16(exp+15)<<10 | uint16(frac>>13), frac&0x1fff == 0
	}
	// Subnormal: the leading one becomes explicit.
	frac |= 0x800000
	shift := uint(-exp - 1)
	return sign | uint16(frac>>shift), frac&(1<<shift-1) == 0
}
