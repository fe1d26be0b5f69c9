package kernel

// Quantize writes the bytes nearest to src: round(src[i]*(1/q.Scale)) + q.Zero,
// round to even, clamped; NaN becomes 0. The slices have one length.
func (l Level) Quantize(dst []uint8, src []float32, q Affine) {
	need(src, len(dst))
	quantize(l, dst, src, q)
}

// QuantizePlanes quantises a row of width pixels of 1 to 4 channels, which are
// plane numbers apart in src, to pixels of four bytes; the bytes of other
// channels are q.Zero.
func (l Level) QuantizePlanes(dst []uint8, src []float32, width, channels, plane int, q Affine) {
	if channels < 1 || channels > 4 || width < 0 || plane < 0 {
		panic("kernel: quantise: size out of range")
	}
	if width == 0 {
		return
	}
	need(dst, 4*width)
	need(src, (channels-1)*plane+width)
	quantizePlanes(l, dst, src, &planes8{width, channels, plane}, q)
}

// planes8 is a row of pixels in planes.
type planes8 struct{ width, channels, plane int }

// Dequantize writes q.Scale*(src[i]-q.Zero). The slices have one length.
func (l Level) Dequantize(dst []float32, src []uint8, q Affine) {
	need(src, len(dst))
	dequantize(l, dst, src, q)
}

// AddU8 writes the bytes, in form q, nearest to clamp(a[i]+b[i], lo, hi) of
// the real numbers. The slices have one length; dst may be a or b.
func (l Level) AddU8(dst, a, b []uint8, qa, qb, q Affine, lo, hi float32) {
	need(a, len(dst))
	need(b, len(dst))
	add8(l, dst, a, b, qa, qb, q, lo, hi)
}

// ClampU8 makes x[i] max(lower[c], min(upper[c], x[i])) for c = i%len(lower).
// len(x) is a multiple of the length of both bounds.
func (l Level) ClampU8(x, lower, upper []uint8) {
	need(upper, len(lower))
	if len(lower) == 0 || len(x)%len(lower) != 0 {
		panic("kernel: int8 clamp: bounds do not fit")
	}
	clamp8(l, x, lower, upper)
}

func quantizeGeneric(dst []uint8, src []float32, q Affine) {
	inv := q.inverse()
	for i := range dst {
		dst[i] = toByte(src[i], inv, q.Zero)
	}
}

// quantizePlanesGeneric does pixels from x on.
func quantizePlanesGeneric(dst []uint8, src []float32, p *planes8, x int, q Affine) {
	inv := q.inverse()
	for ; x < p.width; x++ {
		pixel := dst[4*x:][:4]
		for c := range pixel {
			pixel[c] = q.Zero
			if c < p.channels {
				pixel[c] = toByte(src[c*p.plane+x], inv, q.Zero)
			}
		}
	}
}

func dequantizeGeneric(dst []float32, src []uint8, q Affine) {
	for i := range dst {
		dst[i] = q.real(src[i])
	}
}

func add8Generic(dst, a, b []uint8, qa, qb, q Affine, lo, hi float32) {
	inv := q.inverse()
	for i := range dst {
		y := float32(qa.real(a[i])) + float32(qb.real(b[i]))
		dst[i] = toByte(clamp(y, lo, hi), inv, q.Zero)
	}
}

func clamp8Generic(x, lower, upper []uint8) {
	for r := 0; r < len(x); r += len(lower) {
		for c, lo := range lower {
			x[r+c] = max(lo, min(upper[c], x[r+c]))
		}
	}
}
