package kernel

import "math"

// BF16 is a bfloat16: the upper half of a float32, eight bits of mantissa.
type BF16 uint16

// Float32 is the same number.
func (h BF16) Float32() float32 { return math.Float32frombits(uint32(h) << 16) }

// ToBF16 is the number nearest to x, of two the one with an even last bit.
// Denormal numbers become zeros of their sign, NaN stays NaN: as VCVTNEPS2BF16
// of the Intel manual, volume 2.
func ToBF16(x float32) BF16 {
	const exponent, mantissa, quiet = 0x7f800000, 0x007fffff, 0x00400000
	b := math.Float32bits(x)
	switch {
	case b&exponent == 0:
		return BF16(b >> 16 & 0x8000)
	case b&exponent == exponent && b&mantissa != 0:
		return BF16((b | quiet) >> 16)
	case b&exponent == exponent:
		return BF16(b >> 16)
	}
	return BF16((b + 0x7fff + b>>16&1) >> 16)
}

// RoundBF16 writes ToBF16(src[i]) to dst[i]. The slices have one length.
func (l Level) RoundBF16(dst []BF16, src []float32) {
	need(src, len(dst))
	round16(l, dst, src)
}

// RoundPlanesBF16 rounds a row of width pixels of 1 to 4 channels, which are
// plane numbers apart in src, to pixels of four numbers; those of other
// channels are 0.
func (l Level) RoundPlanesBF16(dst []BF16, src []float32, width, channels, plane int) {
	if channels < 1 || channels > 4 || width < 0 || plane < 0 {
		panic("kernel: bf16 planes: size out of range")
	}
	if width == 0 {
		return
	}
	need(dst, 4*width)
	need(src, (channels-1)*plane+width)
	roundPlanes16(l, dst, src, &planes8{width, channels, plane})
}

// WidenBF16 writes src[i] as float32 to dst[i]. The slices have one length.
func (l Level) WidenBF16(dst []float32, src []BF16) {
	need(src, len(dst))
	widen16(l, dst, src)
}

// MaxRowsBF16 writes the largest of src[r*row+i], r < rows, to dst[i]; NaN is
// never the largest, -Inf where there is nothing else.
func (l Level) MaxRowsBF16(dst []float32, src []BF16, row, rows int) {
	if row < 0 || rows < 0 {
		panic("kernel: bf16 rows: size out of range")
	}
	if rows > 0 {
		need(src, (rows-1)*row+len(dst))
	}
	maxRows16(l, dst, src, row, rows)
}

// maxRows16Generic does elements from and following.
func maxRows16Generic(dst []float32, src []BF16, row, rows, from int) {
	for i := from; i < len(dst); i++ {
		dst[i] = negInf
		for r := range rows {
			if v := src[r*row+i].Float32(); v > dst[i] {
				dst[i] = v
			}
		}
	}
}

func round16Generic(dst []BF16, src []float32) {
	for i := range dst {
		dst[i] = ToBF16(src[i])
	}
}

// roundPlanes16Generic rounds pixels from and following.
func roundPlanes16Generic(dst []BF16, src []float32, p *planes8, from int) {
	for x := from; x < p.width; x++ {
		pixel := dst[4*x:][:4]
		clear(pixel)
		for c := range p.channels {
			pixel[c] = ToBF16(src[c*p.plane+x])
		}
	}
}

func widen16Generic(dst []float32, src []BF16) {
	for i := range dst {
		dst[i] = src[i].Float32()
	}
}
