package main

// genGrid16 writes the kernel of whole grids of bfloat16. Its structure is
// that of genGrid8: 64 bytes are 32 numbers, and sums are float32.
func genGrid16(f *file) { grid16AMX(f) }

// Registers of grid16AMX. The results of a block are finished while the tiles
// of the next one are summed: hSums, hOut and hRes are of the block before.
const (
	hArgs, hLda, hBlock, hA0, hA1 = "AX", "DX", "SI", "R9", "R10"
	hSteps, hCount, hB, hWide     = "R11", "R12", "R13", "R15"
	hSums, hOut, hRes             = "R14", "DI", "CX"
	hX, hY                        = "BX", "R8"
)

func hField(name string) string { return "grid16Call_" + name + "(" + hArgs + ")" }

func hState(name string) string {
	return "grid16Call_state+grid16State_" + name + "(" + hArgs + ")"
}

// grid16AMX multiplies blocks of 2 x 2 tiles, panels within blocks: 0 and 1 are
// the sums of the first tile of rows, 2 and 3 those of the second.
func grid16AMX(f *file) {
	f.begin("grid16AMX", "c *grid16Call", "computes a grid by AMX; see TilesI8.")
	f.op("MOVQ c+0(FP), %s", hArgs)
	f.op("MOVQ %s, %s", hField("config"), hX)
	f.tileConfig(hX)
	f.op("MOVQ %s, %s", hField("lda"), hLda)
	f.op("MOVQ %s, %s", hField("blocks"), hBlock)
	f.op("MOVQ $128, %s", hWide)

	f.label("block")
	f.op("MOVQ %s, %s", hField("a"), hA0)
	f.op("MOVQ block8_a+8(%s), %s", hBlock, hA1)
	f.op("ADDQ %s, %s", hA0, hA1)
	f.op("ADDQ block8_a(%s), %s", hBlock, hA0)
	f.op("MOVQ %s, %s", hField("b"), hB)
	f.op("MOVQ $0, %s", hState("panel"))
	f.label("panel")
	f.op("MOVQ %s, %s", hField("steps"), hSteps)
	f.op("MOVQ %s, %s", hField("nsteps"), hCount)
	for t := range 4 {
		f.tileZero(t)
	}
	f.label("step")
	f.op("MOVQ (%s), %s", hSteps, hY)
	f.op("LEAQ (%s)(%s*1), %s", hA0, hY, hX)
	f.op("ADDQ %s, %s", hA1, hY)
	f.tileLoad(0, hX, hLda, 4)
	f.tileLoad(0, hB, hWide, 6)
	f.tileDotHalf(0, 4, 6)
	f.tileLoad(64, hB, hWide, 7)
	f.tileDotHalf(1, 4, 7)
	f.tileLoad(0, hY, hLda, 5)
	f.tileDotHalf(2, 5, 6)
	f.tileDotHalf(3, 5, 7)
	f.op("ADDQ $2048, %s", hB)
	f.op("ADDQ $8, %s", hSteps)
	grid16Finish(f, "step", "stepNext")
	f.label("stepNext")
	f.op("DECQ %s", hCount)
	f.op("JNZ step")
	f.label("drain")
	grid16Finish(f, "drain", "drained")
	f.op("JMP drain")
	f.label("drained")
	f.op("CMPQ %s, $0", hField("nblocks"))
	f.op("JEQ done")

	f.op("MOVQ %s, %s", hField("sums"), hSums)
	for t := range 4 {
		f.tileStore(t, t/2*16*128+t%2*64, hSums, hWide)
	}
	grid16Next(f)
	f.op("JLT panel")
	f.op("ADDQ $block8__size, %s", hBlock)
	f.op("DECQ %s", hField("nblocks"))
	f.op("JNZ block")
	f.op("JMP drain")
	f.label("done")
	f.tileRelease()
	f.end()
}

// grid16Next makes the sums just stored those to finish, and goes to the next
// panel; the flags say whether there is one (LT).
func grid16Next(f *file) {
	f.op("MOVQ %s, %s", hState("panel"), hX)
	f.op("MOVQ %s, %s", hX, hY)
	f.op("SHLQ $6, %s", hY)
	for _, p := range [][2]string{{"out", hOut}, {"residual", hRes}} {
		f.op("MOVQ %s, %s", hField(p[0]), p[1])
		f.op("ADDQ %s, %s", hY, p[1])
		if p[0] == "out" {
			f.op("CMPQ %s, $0", hField("floats"))
			f.op("JEQ narrow")
			f.op("ADDQ %s, %s", hY, p[1])
			f.label("narrow")
		}
		f.op("MOVQ %s, %s", p[1], hState(p[0]+"At"))
	}
	f.op("SHLQ $1, %s", hY)
	for i, p := range []string{"scale", "bias", "lower", "upper"} {
		f.op("MOVQ %s, %s", hField(p), hCount)
		f.op("VMOVUPS (%s)(%s*1), Z%d", hCount, hY, 18+2*i)
		f.op("VMOVUPS 64(%s)(%s*1), Z%d", hCount, hY, 19+2*i)
	}
	f.op("INCQ %s", hX)
	f.op("MOVQ %s, %s", hX, hState("panel"))
	f.op("MOVL $-1, %s", hCount)
	f.op("CMPQ %s, %s", hX, hField("panels"))
	f.op("JNE whole")
	f.op("MOVL %s, %s", hField("last"), hCount)
	f.label("whole")
	f.op("KMOVD %s, K1", hCount)
	f.op("KSHIFTRD $16, K1, K2")

	f.op("MOVQ block8_count(%s), %s", hBlock, hY)
	f.op("MOVQ %s, %s", hY, hState("spansLeft"))
	f.op("MOVQ block8_spans(%s), %s", hBlock, hY)
	f.op("ADDQ %s, %s", hField("spans"), hY)
	grid16Span(f)
	f.op("CMPQ %s, %s", hX, hField("panels"))
}

// grid16Span starts the span that hY points at.
func grid16Span(f *file) {
	f.op("MOVQ %s, %s", hY, hState("span"))
	f.op("MOVQ span8_count(%s), %s", hY, hSums)
	f.op("MOVQ %s, %s", hSums, hState("left"))
	f.op("MOVQ span8_from(%s), %s", hY, hSums)
	f.op("ADDQ %s, %s", hField("sums"), hSums)
	f.op("MOVQ span8_c(%s), %s", hY, hOut)
	f.op("ADDQ %s, %s", hState("outAt"), hOut)
	f.op("MOVQ span8_r(%s), %s", hY, hRes)
	f.op("ADDQ %s, %s", hState("residualAt"), hRes)
}

// grid16Finish finishes two rows, or the last one of a span, and jumps to none
// if nothing is left to do.
func grid16Finish(f *file, name, none string) {
	f.op("CMPQ %s, $1", hState("left"))
	f.op("JLT %s", none)
	f.op("MOVQ %s, %s", hField("ldc"), hX)
	f.op("MOVQ %s, %s", hField("ldr"), hY)
	f.op("JEQ %sOne", name)
	grid16Rows(f, name+"Two", 2)
	f.op("LEAQ (%s)(%s*2), %s", hOut, hX, hOut)
	f.op("LEAQ (%s)(%s*2), %s", hRes, hY, hRes)
	f.op("ADDQ $256, %s", hSums)
	f.op("SUBQ $2, %s", hState("left"))
	f.op("JNZ %sEnd", name)
	f.op("JMP %sSpan", name)
	f.label("%sOne", name)
	grid16Rows(f, name+"One", 1)
	f.op("MOVQ $0, %s", hState("left"))
	f.label("%sSpan", name)
	f.op("DECQ %s", hState("spansLeft"))
	f.op("JZ %sEnd", name)
	f.op("MOVQ %s, %s", hState("span"), hY)
	f.op("ADDQ $span8__size, %s", hY)
	grid16Span(f)
	f.label("%sEnd", name)
}

// grid16Rows finishes one or two rows of 32 sums.
func grid16Rows(f *file, name string, rows int) {
	for v := range 2 * rows {
		f.op("VMOVUPS %d(%s), Z%d", 64*v, hSums, v)
		f.op("VFMADD213PS Z%d, Z%d, Z%d", 20+v%2, 18+v%2, v)
	}
	f.op("CMPQ %s, $0", hField("residual"))
	f.op("JEQ %sClamp", name)
	for v := range 2 * rows {
		at := "(" + hRes + ")"
		if v >= 2 {
			at += "(" + hY + "*1)"
		}
		f.op("VPMOVZXWD.Z %d%s, K%d, Z%d", v%2*32, at, 1+v%2, 4+v)
		f.op("VPSLLD $16, Z%d, Z%d", 4+v, 4+v)
		f.op("VADDPS Z%d, Z%d, Z%d", 4+v, v, v)
	}
	f.label("%sClamp", name)
	for v := range 2 * rows {
		f.op("VMAXPS Z%d, Z%d, Z%d", v, 22+v%2, v)
		f.op("VMINPS Z%d, Z%d, Z%d", v, 24+v%2, v)
	}
	f.op("CMPQ %s, $0", hField("floats"))
	f.op("JNE %sFloats", name)
	at := []string{"(" + hOut + ")", "(" + hOut + ")(" + hX + "*1)"}
	for r := range rows {
		f.roundHalves(2*r, 2*r+1, 2*r)
		f.op("VMOVDQU16 Z%d, K1, %s", 2*r, at[r])
	}
	f.op("JMP %sStored", name)
	f.label("%sFloats", name)
	for v := range 2 * rows {
		f.op("VMOVUPS Z%d, K%d, %d%s", v, 1+v%2, v%2*64, at[v/2])
	}
	f.label("%sStored", name)
}
