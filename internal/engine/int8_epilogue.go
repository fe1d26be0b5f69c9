package engine

import "lutra/internal/kernel"

// inBytes is e for a result in bytes of form q, or in float32 if q is nil. A
// scale and shift that follow a clamp move before it: the clamp becomes one of
// the bytes of each channel, from lower to upper (nil: none). Quantising is
// monotonic, so that the order does not matter.
func (e epilogue) inBytes(channels int, q *affine) (end epilogue, lower, upper []uint8) {
	if q == nil || e.after == nil || e.residual {
		return e, nil, nil
	}
	lower, upper = bound(e.min, e.after, *q), bound(e.max, e.after, *q)
	for c := range lower {
		lower[c], upper[c] = min(lower[c], upper[c]), max(lower[c], upper[c])
	}
	e.min, e.max = unbounded()
	e.affine(channels, e.after.scale, e.after.shift)
	e.post, e.after = nil, nil
	return e, lower, upper
}

// bound is the byte per channel that v becomes.
func bound(v float32, a *channelAffine, q affine) []uint8 {
	y := make([]float32, len(a.scale))
	for c, s := range a.scale {
		y[c] = a.shift[c]
		if s != 0 { // else v may be infinite
			y[c] += v * s
		}
	}
	b := make([]uint8, len(y))
	kernel.Generic.Quantize(b, y, q)
	return b
}

// quantisePixels writes pixels of channels numbers as bytes, size bytes apart.
func quantisePixels(l level, dst []uint8, src []float32, channels, size int, q affine) {
	if channels == size {
		l.Quantize(dst[:len(src)], src, q)
		return
	}
	for i := range len(src) / channels {
		l.Quantize(dst[i*size:][:channels], src[i*channels:], q)
	}
}
