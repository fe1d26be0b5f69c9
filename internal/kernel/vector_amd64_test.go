//go:build !purego

package kernel

import (
	"slices"
	"testing"
	"unsafe"
)

// vectorLevels runs a test on the levels that have assembly.
func vectorLevels(t *testing.T, f func(t *testing.T, l Level)) {
	eachLevel(t, func(t *testing.T, l Level) {
		if l > Fused {
			f(t, l)
		}
	})
}

// TestFusedSums proves that assembly computes the sums: only a fused
// multiply-add sees 2^-24 of (1+2^-12)^2 - 1 - 2^-11.
func TestFusedSums(t *testing.T) {
	const a = 1 + 0x1p-12
	vectorLevels(t, func(t *testing.T, l Level) {
		_, nr := l.TileSize()
		b := []float32{-1 - 0x1p-11, a}
		panel := append(slices.Repeat(b[:1], nr), slices.Repeat(b[1:], nr)...)
		for m := range 15 {
			c := make([]float32, (m+1)*nr)
			l.Tile(&TileArgs{A: slices.Repeat([]float32{1, a}, m+1), Lda: 2, Segs: []Segment{{0, 2}}, B: panel,
				C: c, Ldc: nr, M: m + 1, N: nr, First: true, Min: negInf, Max: posInf})
			if i := slices.IndexFunc(c, func(v float32) bool { return v != 0x1p-24 }); i >= 0 {
				t.Errorf("tile of %d rows: [%d] = %v, not fused", m+1, i, c[i])
			}
		}
		for _, channels := range []int{8, 15, 16, 33} {
			out := make([]float32, channels)
			l.Depthwise(&DepthwiseArgs{
				In:  append(slices.Repeat([]float32{1}, channels), slices.Repeat([]float32{a}, channels)...),
				Tap: channels, KH: 1, KW: 2, Width: 1, Channels: channels, Out: out, Min: negInf, Max: posInf,
				Weights: append(slices.Repeat(b[:1], channels), slices.Repeat(b[1:], channels)...),
			})
			if i := slices.IndexFunc(out, func(v float32) bool { return v != 0x1p-24 }); i >= 0 {
				t.Errorf("depthwise, %d channels: [%d] = %v, not fused", channels, i, out[i])
			}
		}
	})
}

// TestVectorsGram proves the second moments: they have a sum for each lane, so
// that small numbers survive between large ones of another lane.
func TestVectorsGram(t *testing.T) {
	vectorLevels(t, func(t *testing.T, l Level) {
		x := make([]float32, 64)
		for i := range x {
			x[i] = 1
		}
		x[0] = 0x1p12 // 1 is half a unit of its square, and is lost
		sum := make([]float64, 1)
		l.Gram(sum, x, 64, 1, 64)
		generic := make([]float64, 1)
		gramGeneric(generic, x, 64, 1, 0, 64)
		if sum[0] <= generic[0] {
			t.Errorf("%v, generic %v: not by assembly", sum[0], generic[0])
		}
	})
}

// TestVectorsRead proves that assembly of the right width computes the
// functions that round like Go: the output lies one place behind the input, so
// that a loop over elements would read what it wrote, and a loop over vectors
// reads that of the vector before.
func TestVectorsRead(t *testing.T) {
	vectorLevels(t, func(t *testing.T, l Level) {
		const n = 64
		ones := slices.Repeat([]float32{1}, n)
		for name, f := range map[string]func(dst, src []float32){
			"add":          func(dst, src []float32) { l.Add(dst, src, ones, 0, 100) },
			"scale, shift": func(dst, src []float32) { l.ScaleShift(dst, src, ones, ones, 0, 100) },
			"hard sigmoid": func(dst, src []float32) { l.HardSigmoid(dst, src, 1, 0.25) },
			"exp":          func(dst, src []float32) { l.Exp(dst, src) },
			"sigmoid":      func(dst, src []float32) { l.Sigmoid(dst, src) },
		} {
			if got := lanesRead(f, n); got != l.lanes() {
				t.Errorf("%s: %d elements at a time, want %d", name, got, l.lanes())
			}
		}
		pool := func(run func(Level, *PoolArgs)) func(dst, src []float32) {
			return func(dst, src []float32) {
				run(l, &PoolArgs{In: src, InW: 1, KH: 1, KW: 1, StrideW: 1, DilationW: 1, Out: dst, Width: 1, Channels: n, Divisor: 2})
			}
		}
		for name, f := range map[string]func(dst, src []float32){
			"mul":      func(dst, src []float32) { l.Mul(dst, src, slices.Repeat([]float32{0.5}, n)) },
			"clamp":    func(dst, src []float32) { l.Clamp(dst, src, 0, 1) },
			"max pool": pool(Level.MaxPool),
			"avg pool": pool(Level.AvgPool),
			"silu":     func(dst, src []float32) { l.SiLU(dst, src) },
			"tanh":     func(dst, src []float32) { l.Tanh(dst, src) },
		} {
			if got := decay(f, n); got != l.lanes() {
				t.Errorf("%s: %d elements at a time, want %d", name, got, l.lanes())
			}
		}
	})
}

// lanesRead is the place where f, of which f(0) is not a fixed point, first
// sees its own output: all elements before it saw zero.
func lanesRead(f func(dst, src []float32), n int) int {
	buf := make([]float32, n+1)
	f(buf[1:], buf[:n])
	for i := 2; i <= n; i++ {
		if buf[i] != buf[1] {
			return i - 1
		}
	}
	return n
}

// decay is the same for f of which 0 is a fixed point: of a one at the last
// place of a vector, f sees its own output.
func decay(f func(dst, src []float32), n int) int {
	buf := make([]float32, n+1)
	for lanes := 1; lanes < n; lanes++ {
		clear(buf)
		buf[lanes-1] = 1
		f(buf[1:], buf[:n])
		if buf[lanes] != 0 && buf[lanes+1] != 0 {
			return lanes
		}
	}
	return n
}

// TestVectorsDecode proves the lookups: byte planes are read only by
// assembly; in place, gathers read a whole vector before they write.
func TestVectorsDecode(t *testing.T) {
	vectorLevels(t, func(t *testing.T, l Level) {
		_, nr := l.TileSize()
		words := make([]float32, 64)
		codes, wide := make([]uint8, nr), make([]uint16, nr)
		for i := range words {
			words[i] = float32(i)
		}
		for i := range nr {
			codes[i], wide[i] = uint8(max(i-1, 0)), uint16(max(i-1, 0))
		}
		if l >= AVX512 {
			book := NewCodebook(words, 1)
			clear(book.planes)
			dst := make([]float32, nr)
			l.Decode(&DecodeArgs{Book: book, Codes: codes, N: nr, Rows: []int32{0}, Dst: dst})
			if dst[nr-1] != float32(nr-2) {
				t.Error("bytes: not by assembly")
			}
		}
		for name, a := range map[string]*DecodeArgs{"gather 8": {Codes: codes}, "gather 16": {Wide: wide}} {
			book := &Codebook{K: len(words), D: 1, planes: slices.Clone(words)}
			a.Book, a.N, a.Rows, a.Dst = book, nr, []int32{0}, book.planes
			l.Decode(a)
			if a.Dst[2] != 1 {
				t.Errorf("%s: not by assembly", name)
			}
		}
	})
}

// TestVectorsNearest proves the search: the codes are written over the value
// of codeword 1, which blocks of vectors see late.
func TestVectorsNearest(t *testing.T) {
	vectorLevels(t, func(t *testing.T, l Level) {
		const k = 32
		half := make([]float32, k)
		half[0] = 1
		dst := unsafe.Slice((*uint16)(unsafe.Pointer(&half[1])), 8)
		l.Nearest(dst, make([]float32, 8), 1, make([]float32, k), half)
		// Generic code changes its mind at the second vector.
		if dst[1] != 1 {
			t.Errorf("%v: not by assembly", dst)
		}
	})
}

// TestVectorsTranspose proves squares: in place, they are read before they are written.
func TestVectorsTranspose(t *testing.T) {
	vectorLevels(t, func(t *testing.T, l Level) {
		x := make([]float32, 64)
		for i := range x {
			x[i] = float32(i)
		}
		generic := slices.Clone(x)
		transposeGeneric(generic, 8, generic, 8, 8, 8)
		l.Transpose(x, 8, x, 8, 8, 8)
		if slices.Equal(x, generic) {
			t.Error("not by assembly")
		}
	})
}
