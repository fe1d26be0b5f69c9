package main

import (
	"fmt"
	"strings"
)

// Registers of the outer products.
const (
	oArgs, oLineA, oLineB, oA, oB = "AX", "SI", "DI", "R8", "R9"
	oStepA, oStepB, oLines, oLeft = "R10", "R11", "R12", "R13"
	oScratch                      = "DX"
)

// genOuter writes the sums of outer products: mr rows by two vectors of
// columns in registers, or more rows by one. The last vector is masked.
func genOuter(f *file) {
	outerKernel(f, avx2, "outer", 6, 2)
	outerKernel(f, avx2, "outerNarrow", 12, 1)
	outerKernel(f, avx512, "outer", 14, 2)
	outerKernel(f, avx512, "outerNarrow", 28, 1)
}

func outerKernel(f *file, s isa, name string, mr, vectors int) {
	f.begin(name+s.name, "o *outerCall", fmt.Sprintf("computes a tile of at most %d x %d; see OuterArgs.", mr, vectors*s.lanes()))
	f.op("MOVQ o+0(FP), %s", oArgs)
	for _, p := range []struct{ field, reg string }{
		{"stepA", oStepA}, {"stepB", oStepB}, {"m", oLeft},
	} {
		f.op("MOVQ outerCall_%s(%s), %s", p.field, oArgs, p.reg)
	}
	m := outerMask{f, s, vectors}
	m.load()
	for n := mr - 1; n > 0; n-- {
		f.op("CMPQ %s, $%d", oLeft, n)
		f.op("JEQ rows%d", n)
	}
	for n := mr; n > 0; n-- {
		outerSums(f, s, m, n, vectors)
		if n > 1 {
			f.op("JMP finish")
		}
	}
	f.label("finish")
	f.op("MOVQ outerCall_c(%s), %s", oArgs, oA)
	f.op("MOVQ outerCall_ldc(%s), %s", oArgs, oB)
	f.op("MOVQ outerCall_m(%s), %s", oArgs, oLeft)
	for i := range mr {
		for v := range vectors {
			m.add(v, v*s.bytes, oA, s.r(i*vectors+v))
		}
		if i < mr-1 {
			f.op("DECQ %s", oLeft)
			f.op("JZ done")
			f.op("ADDQ %s, %s", oB, oA)
		}
	}
	f.label("done")
	f.end()
}

// outerSums leaves the sums of m rows in the first registers, row by row.
func outerSums(f *file, s isa, k outerMask, m, vectors int) {
	f.label("rows%d", m)
	for i := range vectors * m {
		f.zero(s, i)
	}
	f.label("plane%d", m)
	f.op("MOVQ outerCall_a(%s), %s", oArgs, oLineA)
	f.op("MOVQ outerCall_b(%s), %s", oArgs, oLineB)
	f.op("MOVQ outerCall_rows(%s), %s", oArgs, oLines)
	f.label("line%d", m)
	f.op("MOVQ %s, %s", oLineA, oA)
	f.op("MOVQ %s, %s", oLineB, oB)
	f.op("MOVQ outerCall_width(%s), %s", oArgs, oLeft)
	f.label("loop%d", m)
	b := mrRegisters(s) - vectors
	for v := range vectors {
		k.read(v, v*s.bytes, oB, s.r(b+v))
	}
	for i := range m {
		if vectors == 1 && s.masked() {
			f.op("VFMADD231PS.BCST %d(%s), %s, %s", 4*i, oA, s.r(b), s.r(i))
			continue
		}
		a := b - 1 - i%(b-m*vectors)
		f.op("VBROADCASTSS %d(%s), %s", 4*i, oA, s.r(a))
		for v := range vectors {
			f.op("VFMADD231PS %s, %s, %s", s.r(b+v), s.r(a), s.r(i*vectors+v))
		}
	}
	f.op("ADDQ %s, %s", oStepA, oA)
	f.op("ADDQ %s, %s", oStepB, oB)
	f.op("DECQ %s", oLeft)
	f.op("JNZ loop%d", m)
	f.op("ADDQ outerCall_rowA(%s), %s", oArgs, oLineA)
	f.op("ADDQ outerCall_rowB(%s), %s", oArgs, oLineB)
	f.op("DECQ %s", oLines)
	f.op("JNZ line%d", m)
	f.op("DECQ outerCall_planes(%s)", oArgs)
	f.op("JZ planes%d", m)
	// Only to planes that exist: the fields are pointers, which the garbage collector may look at.
	for _, x := range []string{"A", "B"} {
		f.op("MOVQ outerCall_plane%s(%s), %s", x, oArgs, oLines)
		f.op("ADDQ %s, outerCall_%s(%s)", oLines, strings.ToLower(x), oArgs)
	}
	f.op("JMP plane%d", m)
	f.label("planes%d", m)
}

// mrRegisters is the number of registers below the one that AVX2 keeps its mask in.
func mrRegisters(s isa) int {
	if s.masked() {
		return s.regs
	}
	return s.regs - 1
}

// outerMask reads and writes vectors of columns; those behind the last column
// are 0 and stay as they are in memory. AVX2 masks the narrow kernel only.
type outerMask struct {
	f       *file
	s       isa
	vectors int
}

func (m outerMask) load() {
	if !m.s.masked() {
		m.f.op("MOVQ outerCall_lanes(%s), %s", oArgs, oScratch)
		m.f.op("VMOVUPS (%s), %s", oScratch, m.s.r(m.s.regs-1))
		return
	}
	m.f.op("MOVL outerCall_mask(%s), %s", oArgs, oScratch)
	m.f.op("KMOVW %s, K1", oScratch)
	m.f.op("SHRL $16, %s", oScratch)
	m.f.op("KMOVW %s, K2", oScratch)
}

func (m outerMask) read(v, off int, base, dst string) {
	switch {
	case m.s.masked():
		m.f.op("VMOVUPS.Z %d(%s), K%d, %s", off, base, v+1, dst)
	case m.vectors == 1:
		m.f.op("VMASKMOVPS %d(%s), %s, %s", off, base, m.s.r(m.s.regs-1), dst)
	default:
		m.f.op("VMOVUPS %d(%s), %s", off, base, dst)
	}
}

// add adds reg to memory.
func (m outerMask) add(v, off int, base, reg string) {
	switch {
	case m.s.masked():
		m.f.op("VADDPS %d(%s), %s, K%d, %s", off, base, reg, v+1, reg)
		m.f.op("VMOVUPS %s, K%d, %d(%s)", reg, v+1, off, base)
	case m.vectors == 1:
		t := m.s.r(m.s.regs - 2)
		m.read(v, off, base, t)
		m.f.op("VADDPS %s, %s, %s", t, reg, reg)
		m.f.op("VMASKMOVPS %s, %s, %d(%s)", reg, m.s.r(m.s.regs-1), off, base)
	default:
		m.f.op("VADDPS %d(%s), %s, %s", off, base, reg, reg)
		m.f.op("VMOVUPS %s, %d(%s)", reg, off, base)
	}
}
