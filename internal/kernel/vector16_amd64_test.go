//go:build !purego

package kernel

import (
	"slices"
	"testing"

	"golang.org/x/sys/cpu"
)

// TestVectorsBF16: only the instructions for bfloat16 take denormal numbers
// for zero, and only assembly reads the planes of a decoder.
func TestVectorsBF16(t *testing.T) {
	vectorLevels(t, func(t *testing.T, l Level) {
		if want := l >= AVX512 && cpu.X86.HasAVX512BF16; l.HasBF16() != want {
			t.Errorf("HasBF16 is %v", !want)
		}
		if !l.HasBF16() {
			t.Skip("no instructions")
		}
		const m = 40
		a := &TileBF16Args{
			A: slices.Repeat([]BF16{1}, 32*m), Lda: 32, Segs: []Segment{{0, 32}}, B: slices.Repeat([]BF16{ToBF16(1)}, 32*cols8), M: m, N: cols8,
			Scale: slices.Repeat([]float32{0x1p100}, cols8), Bias: make([]float32, cols8),
			Lower: slices.Repeat([]float32{negInf}, cols8), Upper: slices.Repeat([]float32{posInf}, cols8),
			OutF: slices.Repeat([]float32{1}, m*cols8), Ldc: cols8,
		}
		zeros := func(what string) {
			if i := slices.IndexFunc(a.OutF, func(y float32) bool { return y != 0 }); i >= 0 {
				t.Errorf("%s: [%d] = %v: not by assembly", what, i, a.OutF[i])
			}
		}
		l.TileBF16(a)
		zeros("tile")
		if l.tilesBF16() {
			g := NewGridBF16(l, a.Segs, a.Lda, a.Ldc, 0, []RunI8{{M: m}}, true)
			a.OutF = slices.Repeat([]float32{1}, m*cols8)
			if !tiles16(l, g, a) {
				t.Error("grid: not by assembly")
			}
			zeros("grid")
		}
		for _, d := range []int{1, 2, 4} {
			dec := NewDecoderBF16(slices.Repeat([]BF16{1}, 256*d), d, rows8("in order", d, 16, 1), 16)
			clear(dec.planes)
			dst := make([]BF16, 16*cols8)
			l.DecodeBF16(dst, dec, dec.Pack(make([]uint16, 16*cols8), cols8, cols8))
			if slices.Contains(dst, 1) {
				t.Errorf("d = %d: not by assembly", d)
			}
		}
	})
}
