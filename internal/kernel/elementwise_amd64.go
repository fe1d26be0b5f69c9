//go:build !purego

package kernel

import "unsafe"

// elementCall is what the assembly of a function of elements reads.
type elementCall struct {
	dst, a, b *float32
	n         int // a positive multiple of the lanes
	lo, hi    float32
	alpha     float32
	beta      float32
	step      float32 // of fakeQuantize
}

// rowsCall is what the assembly of ScaleShift reads.
type rowsCall struct {
	dst, a, scale, shift *float32 // shift nil: 0
	rows                 int
	stride, whole        int // bytes of a row, of its whole vectors
	mask                 uint32
	lo, hi               float32
}

// lanes is the number of floats in a vector of l.
func (l Level) lanes() int {
	if l >= AVX512 {
		return 16
	}
	return 8
}

// wholeVectors is the number of elements that the assembly of level l does.
func wholeVectors(l Level, n int) int {
	if l <= Fused {
		return 0
	}
	return n - n%l.lanes()
}

func add(l Level, dst, a, b []float32, lo, hi float32) {
	n := wholeVectors(l, len(dst))
	if n > 0 {
		c := elementCall{dst: &dst[0], a: &a[0], b: &b[0], n: n, lo: lo, hi: hi}
		if l >= AVX512 {
			addAVX512(&c)
		} else {
			addAVX2(&c)
		}
	}
	addGeneric(dst[n:], a[n:], b[n:], lo, hi)
}

func mul(l Level, dst, a, b []float32) {
	n := wholeVectors(l, len(dst))
	if n > 0 {
		c := elementCall{dst: &dst[0], a: &a[0], b: &b[0], n: n}
		if l >= AVX512 {
			mulAVX512(&c)
		} else {
			mulAVX2(&c)
		}
	}
	mulGeneric(dst[n:], a[n:], b[n:])
}

func clampAll(l Level, dst, a []float32, lo, hi float32) {
	n := wholeVectors(l, len(dst))
	if n > 0 {
		c := elementCall{dst: &dst[0], a: &a[0], n: n, lo: lo, hi: hi}
		if l >= AVX512 {
			clampAllAVX512(&c)
		} else {
			clampAllAVX2(&c)
		}
	}
	clampGeneric(dst[n:], a[n:], lo, hi)
}

func fakeQuantize(l Level, dst, x []float32, s Spacing) {
	n := wholeVectors(l, len(dst))
	if n > 0 {
		c := elementCall{dst: &dst[0], a: &x[0], n: n, hi: s.Last, alpha: s.Inverse, beta: s.Low, step: s.Step}
		if l >= AVX512 {
			fakeQuantizeAVX512(&c)
		} else {
			fakeQuantizeAVX2(&c)
		}
	}
	fakeQuantizeGeneric(dst[n:], x[n:], s)
}

func scaleShift(l Level, dst, a, scale, shift []float32, lo, hi float32) {
	channels := len(scale)
	if l <= Fused || channels < l.lanes() && l < AVX512 {
		scaleShiftGeneric(dst, a, scale, shift, lo, hi)
		return
	}
	whole := wholeVectors(l, channels)
	c := rowsCall{
		dst: &dst[0], a: &a[0], scale: &scale[0], shift: unsafe.SliceData(shift),
		rows: len(dst) / channels, stride: 4 * channels, whole: 4 * whole,
		mask: uint32(1<<(channels-whole) - 1), lo: lo, hi: hi,
	}
	if l >= AVX512 {
		scaleShiftAVX512(&c)
		return
	}
	scaleShiftAVX2(&c)
	if whole == channels {
		return
	}
	if shift != nil {
		shift = shift[whole:]
	}
	for r := 0; r < len(dst); r += channels {
		scaleShiftGeneric(dst[r+whole:r+channels], a[r+whole:], scale[whole:], shift, lo, hi)
	}
}
