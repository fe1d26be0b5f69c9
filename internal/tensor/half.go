package tensor

import "math"

// FromHalf is the float32 value of the IEEE 754 binary16 number with bits h,
// exact for every input, subnormals included.
func FromHalf(h uint16) float32 {
	sign := uint32(h>>15) << 31
	exp := uint32(h>>10) & 31
	frac := uint32(h) & 0x3ff
	switch {
	case exp == 31: // infinity or NaN; the payload is kept
		return math.Float32frombits(sign | 0x7f800000 | frac<<13)
	case exp != 0:
		return math.Float32frombits(sign | (exp+112)<<23 | frac<<13)
	default: // zero or subnormal: frac * 2^-24 is exact in float32
		f := float32(frac) * (1.0 / (1 << 24))
		return math.Float32frombits(math.Float32bits(f) | sign)
	}
}

// ToHalf rounds f to the nearest IEEE 754 binary16 number, ties to even.
// Values beyond 65519 become infinities.
func ToHalf(f float32) uint16 {
	b := math.Float32bits(f)
	sign := uint16(b>>16) & 0x8000
	b &= 0x7fffffff
	switch {
	case b > 0x7f800000: // NaN stays NaN
		return sign | 0x7e00 | uint16(b>>13)&0x3ff
	case b >= 0x477ff000: // rounds to 65536 or more
		return sign | 0x7c00
	case b < 0x38800000: // below the smallest normal half, 2^-14
		// Adding 0.5 puts the 10 fraction bits at the end of the float's
		// fraction; the addition itself rounds to nearest even.
		return sign | uint16(math.Float32bits(math.Float32frombits(b)+0.5)-0x3f000000)
	default:
		b += 0xfff + (b>>13)&1
		return sign | uint16((b-0x38000000)>>13)
	}
}

// FromBFloat16 is the float32 value of the bfloat16 number with bits h.
func FromBFloat16(h uint16) float32 { return math.Float32frombits(uint32(h) << 16) }

// ToBFloat16 rounds f to the nearest bfloat16 number, ties to even.
func ToBFloat16(f float32) uint16 {
	b := math.Float32bits(f)
	if b&0x7fffffff > 0x7f800000 {
		return uint16(b>>16) | 0x40
	}
	return uint16((b + 0x7fff + (b>>16)&1) >> 16)
}

// AsFloat32 is t with its elements converted to float32, or t itself when it
// already has that type.
func (t *Tensor) AsFloat32() *Tensor {
	if t.DType == Float32 {
		return t
	}
	out := New(Float32, t.Shape...)
	dst := out.Float32s()
	switch t.DType {
	case Float16:
		for i, h := range Slice[uint16](t) {
			dst[i] = FromHalf(h)
		}
	case BFloat16:
		for i, h := range Slice[uint16](t) {
			dst[i] = FromBFloat16(h)
		}
	case Float64:
		convert[float64](dst, t)
	case Uint8, Bool:
		convert[uint8](dst, t)
	case Int8:
		convert[int8](dst, t)
	case Uint16:
		convert[uint16](dst, t)
	case Int16:
		convert[int16](dst, t)
	case Int32:
		convert[int32](dst, t)
	case Int64:
		convert[int64](dst, t)
	case Uint32:
		convert[uint32](dst, t)
	case Uint64:
		convert[uint64](dst, t)
	default:
		panic("tensor: AsFloat32 of " + t.DType.String())
	}
	return out
}

func convert[T Element](dst []float32, t *Tensor) {
	for i, v := range Slice[T](t) {
		dst[i] = float32(v)
	}
}
