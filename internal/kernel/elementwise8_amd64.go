//go:build !purego

package kernel

import "unsafe"

// element8Call is what the assembly of a function of bytes reads. The fields
// from min on are broadcast.
type element8Call struct {
	dst, a, b          unsafe.Pointer
	n                  int // a positive multiple of 16; in vectors of 256 bits of 8, to quantise of 32
	min, max           float32
	inverse, low, high float32
	zero               int32
	scaleA             float32
	zeroA              int32
	scaleB             float32
	zeroB              int32
}

// whole8 is the number of elements that the assembly of level l does.
func whole8(l Level, n int) int {
	switch {
	case l <= Fused:
		return 0
	case l < AVX512:
		return n &^ 7
	}
	return n &^ 15
}

// planes8Call is what the assembly of QuantizePlanes reads. The fields from
// inverse on are broadcast.
type planes8Call struct {
	dst                *uint8
	src                *float32
	n                  int // a positive multiple of 16
	channels, plane    int // plane in bytes
	inverse, low, high float32
	zero               int32
	others             uint32 // zero points of the channels behind the last
}

// clamp8Call is what the assembly of ClampU8 reads.
type clamp8Call struct {
	x, lower, upper *uint8
	n, rows         int // >= 1
}

// to makes q the form of the result.
func (c *element8Call) to(q Affine) {
	c.inverse, c.zero = q.inverse(), int32(q.Zero)
	c.low, c.high = -float32(q.Zero), float32(255-q.Zero)
}

func quantize(l Level, dst []uint8, src []float32, q Affine) {
	n := whole8(l, len(dst))
	if Fused < l && l < AVX512 {
		n = len(dst) &^ 31
	}
	if n > 0 {
		c := element8Call{dst: unsafe.Pointer(&dst[0]), a: unsafe.Pointer(&src[0]), n: n}
		c.to(q)
		if l < AVX512 {
			quantizeAVX2(&c)
		} else {
			quantizeAVX512(&c)
		}
	}
	quantizeGeneric(dst[n:], src[n:], q)
}

func dequantize(l Level, dst []float32, src []uint8, q Affine) {
	n := whole8(l, len(dst))
	if n > 0 {
		c := element8Call{dst: unsafe.Pointer(&dst[0]), a: unsafe.Pointer(&src[0]), n: n, scaleA: q.Scale, zeroA: int32(q.Zero)}
		if l < AVX512 {
			dequantizeAVX2(&c)
		} else {
			dequantizeAVX512(&c)
		}
	}
	dequantizeGeneric(dst[n:], src[n:], q)
}

func add8(l Level, dst, a, b []uint8, qa, qb, q Affine, lo, hi float32) {
	n := whole8(l, len(dst))
	if n > 0 {
		c := element8Call{
			dst: unsafe.Pointer(&dst[0]), a: unsafe.Pointer(&a[0]), b: unsafe.Pointer(&b[0]), n: n, min: lo, max: hi,
			scaleA: qa.Scale, zeroA: int32(qa.Zero), scaleB: qb.Scale, zeroB: int32(qb.Zero),
		}
		c.to(q)
		if l < AVX512 {
			add8AVX2(&c)
		} else {
			add8AVX512(&c)
		}
	}
	add8Generic(dst[n:], a[n:], b[n:], qa, qb, q, lo, hi)
}

func clamp8(l Level, x, lower, upper []uint8) {
	if l <= Fused || len(x) == 0 {
		clamp8Generic(x, lower, upper)
		return
	}
	n := len(lower)
	c := clamp8Call{x: &x[0], lower: &lower[0], upper: &upper[0], n: n, rows: len(x) / n}
	if l >= AVX512 {
		clamp8AVX512(&c)
		return
	}
	c.n &^= 31
	for r := 0; r < len(x); r += n {
		if c.n > 0 {
			c.x = &x[r]
			clamp8AVX2(&c)
		}
		clamp8Generic(x[r+c.n:r+n], lower[c.n:], upper[c.n:n])
	}
}

func quantizePlanes(l Level, dst []uint8, src []float32, p *planes8, q Affine) {
	n := 0
	switch {
	case l >= AVX512:
		n = p.width &^ 15
	case l > Fused:
		n = quantizePlanesAVX2(dst, src, p, q)
	}
	if l >= AVX512 && n > 0 {
		e := element8Call{}
		e.to(q)
		c := planes8Call{
			dst: &dst[0], src: &src[0], n: n, channels: p.channels, plane: 4 * p.plane,
			inverse: e.inverse, low: e.low, high: e.high, zero: e.zero,
			others: uint32(uint64(q.Zero) * 0x01010101 << (8 * p.channels)),
		}
		quantizePlanesAVX512(&c)
	}
	quantizePlanesGeneric(dst, src, p, n, q)
}

// quantizePlanesAVX2 does whole vectors of pixels and returns their number.
func quantizePlanesAVX2(dst []uint8, src []float32, p *planes8, q Affine) (n int) {
	const width = 32
	c := element8Call{n: width}
	c.to(q)
	var rows [4][width]uint8
	for i := range rows {
		for x := range rows[i] {
			rows[i][x] = q.Zero
		}
	}
	for ; n+width <= p.width; n += width {
		for i := range rows[:p.channels] {
			c.dst, c.a = unsafe.Pointer(&rows[i]), unsafe.Pointer(&src[i*p.plane+n])
			quantizeAVX2(&c)
		}
		pixels := (*[4 * width]uint8)(dst[4*n:])
		for x := range width {
			pixels[4*x], pixels[4*x+1], pixels[4*x+2], pixels[4*x+3] = rows[0][x], rows[1][x], rows[2][x], rows[3][x]
		}
	}
	return n
}
