package main

import "fmt"

// Registers of the tile kernels. The rows of A are addressed from two bases,
// row 0 and row 7, with the strides lda, 3*lda and 5*lda.
const (
	tArgs, tSegs, tCount, tLen = "AX", "R11", "R12", "R13"
	tA, tRow0, tRow7, tB       = "SI", "BX", "CX", "DX"
	tLda, tLda3, tLda5         = "R8", "R9", "R10"
)

// genTile writes the tile kernels: mr rows by two vectors of columns, in
// registers, or by one for networks of few channels.
func genTile(f *file) {
	tileKernel(f, avx2, "tile", 6, 2)
	tileKernel(f, avx512, "tile", 14, 2)
	tileKernel(f, avx512, "tileNarrow", 14, 1)
}

func tileKernel(f *file, s isa, name string, mr, vectors int) {
	name += s.name
	f.begin(name, "t *tileCall", fmt.Sprintf("computes a tile of at most %d x %d; see TileArgs.", mr, vectors*s.lanes()))
	f.op("MOVQ t+0(FP), %s", tArgs)
	f.op("MOVQ tileCall_a(%s), %s", tArgs, tA)
	f.op("MOVQ tileCall_lda(%s), %s", tArgs, tLda)
	strides{tA, tLda, tLda3, tLda5, ""}.load(f)
	f.op("MOVQ tileCall_segs(%s), %s", tArgs, tSegs)
	f.op("MOVQ tileCall_nsegs(%s), %s", tArgs, tCount)
	f.op("MOVQ tileCall_b(%s), %s", tArgs, tB)
	f.op("MOVQ tileCall_m(%s), %s", tArgs, tLen)
	for m := mr - 1; m > 0; m-- {
		f.op("CMPQ %s, $%d", tLen, m)
		f.op("JEQ rows%d", m)
	}
	for m := mr; m > 0; m-- {
		tileSums(f, s, m, vectors)
		if m > 1 {
			f.op("JMP finish")
		}
	}
	f.label("finish")
	tileFinish(f, s, mr, vectors)
	f.end()
}

// tileRow is the address of row i of A at the current k.
func tileRow(i int) string {
	base := tRow0
	if i >= 7 {
		base, i = tRow7, i-7
	}
	return strides{base, tLda, tLda3, tLda5, ""}.at(i)
}

// tileSums leaves the sums of m rows in the first registers, row by row. With
// two vectors broadcasts go through a register: the FMAs of a row share it,
// and loads are what limits this loop after FMAs. B has two vectors a row in
// any case.
func tileSums(f *file, s isa, m, vectors int) {
	f.label("rows%d", m)
	for i := range vectors * m {
		f.zero(s, i)
	}
	f.label("segment%d", m)
	f.op("MOVQ Segment_Len(%s), %s", tSegs, tLen)
	f.op("MOVQ Segment_Off(%s), %s", tSegs, tRow0)
	f.op("LEAQ (%s)(%s*4), %s", tA, tRow0, tRow0)
	if m > 7 {
		f.op("LEAQ (%s)(%s*8), %s", tRow0, tLda, tRow7)
		f.op("SUBQ %s, %s", tLda, tRow7)
	}
	f.op("TESTQ %[1]s, %[1]s", tLen)
	f.op("JZ next%d", m)
	f.label("loop%d", m)
	b := s.regs - 4
	f.op("VMOVUPS (%s), %s", tB, s.r(b))
	if vectors == 2 {
		f.op("VMOVUPS %d(%s), %s", s.bytes, tB, s.r(b+1))
	}
	for i := range m {
		if vectors == 1 {
			f.op("VFMADD231PS.BCST %s, %s, %s", tileRow(i), s.r(b), s.r(i))
			continue
		}
		a := b + 2 + i%2
		f.op("VBROADCASTSS %s, %s", tileRow(i), s.r(a))
		f.op("VFMADD231PS %s, %s, %s", s.r(b), s.r(a), s.r(2*i))
		f.op("VFMADD231PS %s, %s, %s", s.r(b+1), s.r(a), s.r(2*i+1))
	}
	f.op("ADDQ $%d, %s", 2*s.bytes, tB)
	f.op("ADDQ $4, %s", tRow0)
	if m > 7 {
		f.op("ADDQ $4, %s", tRow7)
	}
	f.op("DECQ %s", tLen)
	f.op("JNZ loop%d", m)
	f.label("next%d", m)
	f.op("ADDQ $Segment__size, %s", tSegs)
	f.op("DECQ %s", tCount)
	f.op("JNZ segment%d", m)
}

// tileFinish adds C, applies the epilogue and stores. Each phase passes over
// the rows until it has done m of them.
func tileFinish(f *file, s isa, mr, vectors int) {
	const c, ldc, flags, rows = "BX", "CX", "DX", "SI"
	k := [2]string{}
	if s.masked() {
		f.op("MOVL tileCall_mask(%s), %s", tArgs, flags)
		f.op("KMOVW %s, K1", flags)
		f.op("SHRL $16, %s", flags)
		f.op("KMOVW %s, K2", flags)
		k = [2]string{"K1, ", "K2, "}
	}
	f.op("MOVQ tileCall_flags(%s), %s", tArgs, flags)
	phase := func(name, base, stride string, row func(x int, reg, mem, mask string)) {
		f.op("MOVQ tileCall_m(%s), %s", tArgs, rows)
		if base != "" {
			f.op("MOVQ tileCall_%s(%s), %s", base, tArgs, c)
			f.op("MOVQ tileCall_%s(%s), %s", stride, tArgs, ldc)
		}
		for i := range mr {
			for v := range vectors {
				row(v, s.r(vectors*i+v), fmt.Sprintf("%d(%s)", v*s.bytes, c), k[v])
			}
			f.op("DECQ %s", rows)
			if i == mr-1 {
				break
			}
			f.op("JZ %s", name)
			if base != "" {
				f.op("ADDQ %s, %s", ldc, c)
			}
		}
		f.label("%s", name)
	}
	accumulate := func(_ int, reg, mem, mask string) { f.op("VADDPS %s, %s, %s%s", mem, reg, mask, reg) }
	t := s.regs - 4

	f.op("TESTQ $const_tileAdd, %s", flags)
	f.op("JZ added")
	phase("added", "c", "ldc", accumulate)

	f.op("TESTQ $const_tileLast, %s", flags)
	f.op("JZ finished")
	f.op("MOVQ tileCall_scale(%s), %s", tArgs, c)
	f.op("VMOVUPS (%s), %s", c, s.r(t))
	f.op("VMOVUPS %d(%s), %s", s.bytes, c, s.r(t+1))
	f.op("MOVQ tileCall_bias(%s), %s", tArgs, c)
	f.op("VMOVUPS (%s), %s", c, s.r(t+2))
	f.op("VMOVUPS %d(%s), %s", s.bytes, c, s.r(t+3))
	phase("scaled", "", "", func(v int, reg, _, _ string) {
		f.op("VFMADD213PS %s, %s, %s", s.r(t+2+v), s.r(t+v), reg)
	})

	f.op("TESTQ $const_tileResidual, %s", flags)
	f.op("JZ residual")
	phase("residual", "residual", "ldr", accumulate)

	f.op("VBROADCASTSS tileCall_min(%s), %s", tArgs, s.r(t))
	f.op("VBROADCASTSS tileCall_max(%s), %s", tArgs, s.r(t+1))
	phase("finished", "", "", func(_ int, reg, _, _ string) {
		f.op("VMAXPS %s, %s, %s", reg, s.r(t), reg)
		f.op("VMINPS %s, %s, %s", reg, s.r(t+1), reg)
	})

	phase("stored", "c", "ldc", func(_ int, reg, mem, mask string) {
		f.op("VMOVUPS %s, %s%s", reg, mask, mem)
	})
}
