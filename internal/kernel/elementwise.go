package kernel

import "math"

var negInf = float32(math.Inf(-1))

// Add writes clamp(a[i]+b[i], lo, hi) to dst[i]. The slices have one length;
// dst may be a or b.
func (l Level) Add(dst, a, b []float32, lo, hi float32) {
	need(a, len(dst))
	need(b, len(dst))
	add(l, dst, a, b, lo, hi)
}

// Mul writes a[i]*b[i] to dst[i]. The slices have one length; dst may be a or b.
func (l Level) Mul(dst, a, b []float32) {
	need(a, len(dst))
	need(b, len(dst))
	mul(l, dst, a, b)
}

// Clamp writes clamp(a[i], lo, hi) to dst[i]. The slices have one length; dst
// may be a.
func (l Level) Clamp(dst, a []float32, lo, hi float32) {
	need(a, len(dst))
	clampAll(l, dst, a, lo, hi)
}

// Spacing is evenly spaced levels: Low, Low+Step, ... Low+Last*Step. Inverse is
// 1/Step as far as float32 goes.
type Spacing struct{ Low, Inverse, Last, Step float32 }

// FakeQuantize writes the level nearest to x[i] to dst[i], of two equally near
// the higher one: with t = clamp((x[i]-Low)*Inverse, 0, Last), floor(t+0.5)*Step+Low,
// every operation rounded to float32. NaN stays NaN. The slices have one
// length; dst may be x.
func (l Level) FakeQuantize(dst, x []float32, s Spacing) {
	need(x, len(dst))
	fakeQuantize(l, dst, x, s)
}

// ScaleShift writes clamp(a[r*C+c]*scale[c]+shift[c], lo, hi) to dst[r*C+c],
// C = len(scale); a nil shift is 0. len(dst) is a multiple of C; dst may be a.
func (l Level) ScaleShift(dst, a, scale, shift []float32, lo, hi float32) {
	need(a, len(dst))
	if len(dst) == 0 {
		return
	}
	if len(scale) == 0 || len(dst)%len(scale) != 0 {
		panic("kernel: length is not a multiple of the channels")
	}
	if shift != nil {
		need(shift, len(scale))
	}
	scaleShift(l, dst, a, scale, shift, lo, hi)
}

func addGeneric(dst, a, b []float32, lo, hi float32) {
	for i := range dst {
		dst[i] = clamp(a[i]+b[i], lo, hi)
	}
}

func mulGeneric(dst, a, b []float32) {
	for i := range dst {
		dst[i] = a[i] * b[i]
	}
}

func clampGeneric(dst, a []float32, lo, hi float32) {
	for i, v := range a[:len(dst)] {
		dst[i] = clamp(v, lo, hi)
	}
}

func fakeQuantizeGeneric(dst, x []float32, s Spacing) {
	for i, v := range x[:len(dst)] {
		t := clamp(float32((v-s.Low)*s.Inverse), 0, s.Last)
		dst[i] = float32(float32(math.Floor(float64(t+0.5)))*s.Step) + s.Low
	}
}

func scaleShiftGeneric(dst, a, scale, shift []float32, lo, hi float32) {
	for r := 0; r < len(dst); r += len(scale) {
		for c, s := range scale {
			v := float32(a[r+c] * s) // levels agree: no fused multiply-add
			if shift != nil {
				v += shift[c]
			}
			dst[r+c] = clamp(v, lo, hi)
		}
	}
}
