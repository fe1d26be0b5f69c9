//go:build !purego

package kernel

import (
	"unsafe"

	"golang.org/x/sys/cpu"
)

// HasBF16 reports whether this machine multiplies bfloat16 at level l;
// elsewhere Go does, slower than float32.
func (l Level) HasBF16() bool { return l >= AVX512 && cpu.X86.HasAVX512BF16 }

// tilesBF16 reports whether AMX multiplies bfloat16 at level l.
func (l Level) tilesBF16() bool { return l == AMX && l.HasBF16() && cpu.X86.HasAMXBF16 }

func round16(l Level, dst []BF16, src []float32) {
	n := len(dst) &^ 15
	if n > 0 && l.HasBF16() {
		c := element8Call{dst: unsafe.Pointer(&dst[0]), a: unsafe.Pointer(&src[0]), n: n}
		round16AVX512(&c)
		dst, src = dst[n:], src[n:]
	}
	round16Generic(dst, src)
}

// planes16Call is what the assembly of RoundPlanesBF16 reads.
type planes16Call struct {
	dst      *BF16
	src      *float32
	n        int // a positive multiple of 16
	channels int
	plane    int // bytes
}

func roundPlanes16(l Level, dst []BF16, src []float32, p *planes8) {
	n := p.width &^ 15
	if !l.HasBF16() {
		n = 0
	}
	if n > 0 {
		roundPlanes16AVX512(&planes16Call{dst: &dst[0], src: &src[0], n: n, channels: p.channels, plane: 4 * p.plane})
	}
	roundPlanes16Generic(dst, src, p, n)
}

// maxRows16Call is what the assembly of MaxRowsBF16 reads.
type maxRows16Call struct {
	dst       *float32
	src       *BF16
	n         int // a positive multiple of 16
	row, rows int // bytes; >= 1
}

func maxRows16(l Level, dst []float32, src []BF16, row, rows int) {
	n := len(dst) &^ 15
	if l < AVX512 || rows == 0 {
		n = 0
	}
	if n > 0 {
		maxRows16AVX512(&maxRows16Call{dst: &dst[0], src: &src[0], n: n, row: 2 * row, rows: rows})
	}
	maxRows16Generic(dst, src, row, rows, n)
}

func widen16(l Level, dst []float32, src []BF16) {
	n := len(dst) &^ 15
	if n > 0 && l >= AVX512 {
		c := element8Call{dst: unsafe.Pointer(&dst[0]), a: unsafe.Pointer(&src[0]), n: n}
		widen16AVX512(&c)
		dst, src = dst[n:], src[n:]
	}
	widen16Generic(dst, src)
}
