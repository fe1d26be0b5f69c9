package main

// genGrid8 writes the kernels of whole grids.
func genGrid8(f *file) {
	grid8AMX(f)
	stream8AMX(f)
	grid8VNNI(f)
	f.data64("stream8Transpose", 0x0d0905010c080400, 0x0f0b07030e0a0602) // as decode8Transpose
	f.data32("grid8Order", 0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15)
}

// Registers of grid8AMX; iBlock and iCount are free while a block is multiplied.
// Meanwhile the results of an earlier one are finished, which iSums, iOut and
// iRes belong to.
const (
	iArgs, iLda, iBlock, iA0, iA1 = "AX", "DX", "SI", "R9", "R10"
	iSteps, iCount, iB, iWide     = "R11", "R12", "R13", "R15"
	iSums, iOut, iRes             = "R14", "DI", "CX"
	iX, iY                        = "BX", "R8"
)

func iField(name string) string { return "grid8Call_" + name + "(" + iArgs + ")" }

func iState(name string) string {
	return "grid8Call_state+grid8State_" + name + "(" + iArgs + ")"
}

// grid8AMX multiplies blocks of 2 x 2 tiles, panels within blocks: 0 and 1 are
// the sums of the first tile of rows, 2 and 3 those of the second.
func grid8AMX(f *file) {
	f.begin("grid8AMX", "c *grid8Call", "computes a grid by AMX; see TilesI8.")
	f.op("MOVQ c+0(FP), %s", iArgs)
	f.op("MOVQ %s, %s", iField("config"), iX)
	f.tileConfig(iX)
	f.op("MOVQ %s, %s", iField("lda"), iLda)
	f.op("MOVQ $128, %s", iWide)
	grid8Constants(f)

	f.label("block")
	f.op("MOVQ %s, %s", iField("blocks"), iBlock)
	f.op("MOVQ %s, %s", iField("a"), iA0)
	f.op("MOVQ block8_a+8(%s), %s", iBlock, iA1)
	f.op("ADDQ %s, %s", iA0, iA1)
	f.op("ADDQ block8_a(%s), %s", iBlock, iA0)
	f.op("MOVQ %s, %s", iField("b"), iB)
	f.op("MOVQ $0, %s", iState("panel"))
	f.label("panel")
	f.op("MOVQ %s, %s", iField("steps"), iSteps)
	for t := range 4 {
		f.tileZero(t)
	}
	grid8Steps(f)
	f.label("drain")
	grid8Finish(f, "drain", "drained")
	f.op("JMP drain")
	f.label("drained")
	f.op("CMPQ %s, $0", iField("nblocks"))
	f.op("JEQ flush")
	grid8Store(f)
	f.op("CMPQ %s, %s", iX, iField("panels"))
	f.op("JLT panel")
	f.op("ADDQ $block8__size, %s", iField("blocks"))
	f.op("DECQ %s", iField("nblocks"))
	f.op("JNZ block")
	f.op("JMP drain")
	f.label("flush") // the last sums
	f.op("MOVQ %s, %s", iState("stored"), iBlock)
	f.op("TESTQ %[1]s, %[1]s", iBlock)
	f.op("JZ done")
	f.op("XORQ $4096, %s", iState("flip"))
	grid8Pending(f, "block8", "storedPanel", "Last")
	f.op("MOVQ $0, %s", iState("stored"))
	f.op("JMP drain")
	f.label("done")
	f.tileRelease()
	f.end()
}

// grid8Steps multiplies one block by one panel.
func grid8Steps(f *file) {
	f.label("step")
	f.op("MOVQ (%s), %s", iSteps, iY)
	f.op("LEAQ (%s)(%s*1), %s", iA0, iY, iX)
	f.tileLoad(0, iX, iLda, 4)
	f.tileLoad(0, iB, iWide, 6)
	f.tileDot(0, 4, 6)
	f.tileLoad(64, iB, iWide, 7)
	f.tileDot(1, 4, 7)
	grid8Some(f, "half")
	f.op("MOVQ (%s), %s", iSteps, iY)
	f.op("ADDQ %s, %s", iA1, iY)
	f.tileLoad(0, iY, iLda, 5)
	f.tileDot(2, 5, 6)
	f.tileDot(3, 5, 7)
	f.op("ADDQ $2048, %s", iB)
	f.op("ADDQ $8, %s", iSteps)
	grid8Some(f, "step")
	f.op("CMPQ %s, %s", iSteps, iField("lastStep"))
	f.op("JNE step")
}

// grid8Store stores the sums, makes those of the block or panel before them the
// ones to finish, and puts the number of the next panel into iX. The stores end
// long before the sums are read.
func grid8Store(f *file) {
	f.op("MOVQ %s, %s", iField("sums"), iX)
	f.op("ADDQ %s, %s", iState("flip"), iX)
	for t := range 4 {
		f.tileStore(t, t/2*16*128+t%2*64, iX, iWide)
	}
	f.op("XORQ $4096, %s", iState("flip"))
	f.op("MOVQ %s, %s", iState("stored"), iBlock)
	f.op("TESTQ %[1]s, %[1]s", iBlock)
	f.op("JZ first")
	grid8Pending(f, "block8", "storedPanel", "")
	f.label("first")
	f.op("MOVQ %s, %s", iField("blocks"), iX)
	f.op("MOVQ %s, %s", iX, iState("stored"))
	f.op("MOVQ %s, %s", iState("panel"), iX)
	f.op("MOVQ %s, %s", iX, iState("storedPanel"))
	f.op("INCQ %s", iX)
	f.op("MOVQ %s, %s", iX, iState("panel"))
}

// grid8VNNI has tile8VNNI sum tiles, panels outermost, and finishes them.
func grid8VNNI(f *file) {
	tile := func(name string) string { return "grid8Call_tile+tile8Call_" + name + "(" + iArgs + ")" }
	f.beginFrame("grid8VNNI", "c *grid8Call", "computes a grid by VNNI; see TilesI8.", 8)
	f.op("MOVQ c+0(FP), %s", iArgs)
	f.label("panel")
	f.op("MOVQ %s, %s", iField("blocks"), iX)
	f.op("MOVQ %s, %s", iX, iState("stored"))
	f.op("MOVQ %s, %s", iField("nblocks"), iX)
	f.op("MOVQ %s, %s", iX, iState("blocksLeft"))
	f.label("block")
	f.op("MOVQ %s, %s", iState("stored"), iBlock)
	f.op("MOVQ block8_a(%s), %s", iBlock, iX)
	f.op("ADDQ %s, %s", iField("a"), iX)
	f.op("MOVQ %s, %s", iX, tile("a"))
	f.op("LEAQ grid8Call_tile(%s), %s", iArgs, iX)
	f.op("MOVQ %s, 0(SP)", iX)
	f.op("CALL ·tile8VNNI(SB)")
	f.op("MOVQ c+0(FP), %s", iArgs)
	grid8Constants(f)
	f.op("MOVQ %s, %s", iState("stored"), iBlock)
	grid8Pending(f, "block8", "panel", "")
	f.label("drain")
	grid8Finish(f, "drain", "drained")
	f.op("JMP drain")
	f.label("drained")
	f.op("ADDQ $block8__size, %s", iState("stored"))
	f.op("DECQ %s", iState("blocksLeft"))
	f.op("JNZ block")
	f.op("MOVQ %s, %s", iField("panelBytes"), iX)
	f.op("ADDQ %s, %s", iX, tile("b"))
	f.op("MOVQ %s, %s", iState("panel"), iX)
	f.op("INCQ %s", iX)
	f.op("MOVQ %s, %s", iX, iState("panel"))
	f.op("CMPQ %s, %s", iX, iField("panels"))
	f.op("JLT panel")
	f.end()
}

// grid8Some finishes as many pairs of rows as the rate says, if so many are left.
func grid8Some(f *file, name string) {
	f.op("MOVQ %s, %s", iField("rate"), iCount)
	f.label("%sSome", name)
	grid8Finish(f, name, name+"None")
	f.op("DECQ %s", iCount)
	f.op("JNZ %sSome", name)
	f.label("%sNone", name)
}

// grid8Constants loads what all panels have in common.
func grid8Constants(f *file) {
	f.op("VBROADCASTSS %s, Z12", iField("outScale"))
	f.op("VBROADCASTSS %s, Z13", iField("high"))
	f.op("VPBROADCASTW %s, Z14", iField("outZero"))
	f.op("VBROADCASTSS %s, Z15", iField("residualScale"))
	f.op("VPBROADCASTD %s, Z16", iField("residualZero"))
	f.op("VMOVDQU64 grid8Order<>(SB), Z17")
}

// grid8Pending makes sums those to finish: of the block that iBlock points at, a
// struct of that name, and the panel in a field of the state.
func grid8Pending(f *file, block, panel, suffix string) {
	f.op("MOVQ %s, %s", iField("sums"), iX)
	f.op("ADDQ %s, %s", iState("flip"), iX)
	f.op("MOVQ %s, %s", iX, iState("sumsAt"))
	f.op("MOVQ %s_count(%s), %s", block, iBlock, iY)
	f.op("MOVQ %s, %s", iY, iState("spansLeft"))
	f.op("MOVQ %s_spans(%s), %s", block, iBlock, iBlock)
	f.op("ADDQ %s, %s", iField("spans"), iBlock)
	f.op("MOVQ %s, %s", iState(panel), iX)
	f.op("MOVQ %s, %s", iX, iY)
	f.op("SHLQ $5, %s", iY)
	for _, p := range [][2]string{{"out", iOut}, {"residual", iRes}} {
		f.op("MOVQ %s, %s", iField(p[0]), p[1])
		f.op("ADDQ %s, %s", iY, p[1])
		f.op("MOVQ %s, %s", p[1], iState(p[0]+"At"))
	}
	f.op("SHLQ $2, %s", iY)
	for i, p := range []string{"scale", "bias"} {
		f.op("MOVQ %s, %s", iField(p), iCount)
		f.op("VMOVUPS (%s)(%s*1), Z%d", iCount, iY, 18+2*i)
		f.op("VMOVUPS 64(%s)(%s*1), Z%d", iCount, iY, 19+2*i)
	}
	f.op("INCQ %s", iX)
	f.op("MOVL $-1, %s", iCount)
	f.op("CMPQ %s, %s", iX, iField("panels"))
	f.op("JNE whole%s", suffix)
	f.op("MOVL %s, %s", iField("last"), iCount)
	f.label("whole%s", suffix)
	f.op("KMOVD %s, K1", iCount)
	f.op("KSHIFTRD $16, K1, K2")
	f.op("MOVQ %s, %s", iBlock, iY)
	grid8Span(f)
}

// grid8Span starts the span that iY points at.
func grid8Span(f *file) {
	f.op("MOVQ %s, %s", iY, iState("span"))
	f.op("MOVQ span8_count(%s), %s", iY, iSums)
	f.op("MOVQ %s, %s", iSums, iState("left"))
	f.op("MOVQ span8_from(%s), %s", iY, iSums)
	f.op("ADDQ %s, %s", iState("sumsAt"), iSums)
	f.op("MOVQ span8_c(%s), %s", iY, iOut)
	f.op("ADDQ %s, %s", iState("outAt"), iOut)
	f.op("MOVQ span8_r(%s), %s", iY, iRes)
	f.op("ADDQ %s, %s", iState("residualAt"), iRes)
}

// grid8Finish finishes two rows, or the last one of a span, and jumps to none
// if nothing is left to do.
func grid8Finish(f *file, name, none string) {
	f.op("CMPQ %s, $1", iState("left"))
	f.op("JLT %s", none)
	f.op("MOVQ %s, %s", iField("ldc"), iX)
	f.op("MOVQ %s, %s", iField("ldr"), iY)
	f.op("JEQ %sOne", name)
	grid8Rows(f, name+"Two", 2)
	f.op("LEAQ (%s)(%s*2), %s", iOut, iX, iOut)
	f.op("LEAQ (%s)(%s*2), %s", iRes, iY, iRes)
	f.op("ADDQ $256, %s", iSums)
	f.op("SUBQ $2, %s", iState("left"))
	f.op("JNZ %sEnd", name)
	f.op("JMP %sSpan", name)
	f.label("%sOne", name)
	grid8Rows(f, name+"One", 1)
	f.op("MOVQ $0, %s", iState("left"))
	f.label("%sSpan", name)
	f.op("DECQ %s", iState("spansLeft"))
	f.op("JZ %sEnd", name)
	f.op("MOVQ %s, %s", iState("span"), iY)
	f.op("ADDQ $span8__size, %s", iY)
	grid8Span(f)
	f.label("%sEnd", name)
}

// grid8If writes what only calls with that flag need.
func grid8If(f *file, flag, skip string, body func()) {
	f.op("TESTQ $const_%s, %s", flag, iField("flags"))
	f.op("JZ %s", skip)
	body()
	f.label("%s", skip)
}

// grid8Rows finishes one or two rows of 32 sums. Lower bounds are those of a
// byte: packing saturates.
func grid8Rows(f *file, name string, rows int) {
	for v := range 2 * rows {
		f.op("VCVTDQ2PS %d(%s), Z%d", 64*v, iSums, v)
		f.op("VMULPS Z%d, Z%d, Z%d", 18+v%2, v, v)
		f.op("VADDPS Z%d, Z%d, Z%d", 20+v%2, v, v)
	}
	f.op("CMPQ %s, $0", iField("residual"))
	f.op("JEQ %sScale", name)
	for v := range 2 * rows {
		at := "(" + iRes + ")"
		if v >= 2 {
			at += "(" + iY + "*1)"
		}
		f.op("VPMOVZXBD.Z %d%s, K%d, Z%d", v%2*16, at, 1+v%2, 4+v)
	}
	grid8If(f, "gridResidualZero", name+"Residual", func() {
		for v := 4; v < 4+2*rows; v++ {
			f.op("VPSUBD Z16, Z%d, Z%d", v, v)
		}
	})
	for v := 4; v < 4+2*rows; v++ {
		f.op("VCVTDQ2PS Z%d, Z%d", v, v)
		f.op("VMULPS Z15, Z%d, Z%d", v, v)
		f.op("VADDPS Z%d, Z%d, Z%d", v, v-4, v-4)
	}
	f.label("%sScale", name)
	for v := range 2 * rows {
		f.op("VMULPS Z12, Z%d, Z%d", v, v)
	}
	grid8If(f, "gridHigh", name+"Round", func() {
		for v := range 2 * rows {
			f.op("VMINPS Z%d, Z13, Z%d", v, v) // NaN stays, and becomes the lowest
		}
	})
	for v := range 2 * rows {
		f.op("VCVTPS2DQ Z%d, Z%d", v, v)
	}
	for v := 0; v < 2*rows; v += 2 {
		f.op("VPACKSSDW Z%d, Z%d, Z%d", v+1, v, v)
	}
	grid8If(f, "gridZero", name+"Pack", func() {
		for v := 0; v < 2*rows; v += 2 {
			f.op("VPADDSW Z14, Z%d, Z%d", v, v)
		}
	})
	f.op("VPACKUSWB Z%d, Z0, Z0", 2*(rows-1))
	f.op("VPERMD Z0, Z17, Z0")
	f.op("VMOVDQU8 Y0, K1, (%s)", iOut)
	if rows == 2 {
		f.op("VEXTRACTI64X4 $1, Z0, Y1")
		f.op("VMOVDQU8 Y1, K1, (%s)(%s*1)", iOut, iX)
	}
}
