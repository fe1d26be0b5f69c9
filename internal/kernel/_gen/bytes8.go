package main

// genBytes8 writes kernels of bytes for AVX2.
func genBytes8(f *file) {
	max8AVX2(f)
	quantizeAVX2(f)
	decode8WordsAVX2(f)
	clamp8AVX2(f)
}

// clamp8AVX2 is clamp8 for one row of a multiple of 32 bytes.
func clamp8AVX2(f *file) {
	f.begin("clamp8AVX2", "c *clamp8Call", "clamps multiples of 32 bytes; see ClampU8.")
	f.op("MOVQ c+0(FP), AX")
	for _, p := range [][2]string{{"x", "DI"}, {"lower", "SI"}, {"upper", "DX"}, {"n", "BX"}} {
		f.op("MOVQ clamp8Call_%s(AX), %s", p[0], p[1])
	}
	f.label("loop")
	f.op("VMOVDQU (DI), Y0")
	f.op("VPMINUB (DX), Y0, Y0")
	f.op("VPMAXUB (SI), Y0, Y0")
	f.op("VMOVDQU Y0, (DI)")
	for _, p := range []string{"DI", "SI", "DX"} {
		f.op("ADDQ $32, %s", p)
	}
	f.op("SUBQ $32, BX")
	f.op("JNZ loop")
	f.end()
}

// max8AVX2 is max8 for multiples of 32 channels.
func max8AVX2(f *file) {
	f.begin("max8AVX2", "w *max8Call", "finds the largest bytes of a window, of multiples of 32 channels; see window8.")
	f.op("MOVQ w+0(FP), %s", vArgs)
	for _, p := range [][2]string{{"in", vIn}, {"out", vOut}, {"row", vRow}, {"tap", vTap}, {"channels", vStep}} {
		f.op("MOVQ max8Call_%s(%s), %s", p[0], vArgs, p[1])
	}
	f.label("channels")
	f.zero(avx2, 0)
	f.op("MOVQ %s, %s", vIn, vStepThree)
	f.op("MOVQ max8Call_kh(%s), %s", vArgs, vRowsLeft)
	f.label("row")
	f.op("MOVQ %s, %s", vStepThree, vN)
	f.op("MOVQ max8Call_kw(%s), %s", vArgs, vTapsLeft)
	f.label("tap")
	f.op("VPMAXUB (%s), Y0, Y0", vN)
	f.op("ADDQ %s, %s", vTap, vN)
	f.op("DECQ %s", vTapsLeft)
	f.op("JNZ tap")
	f.op("ADDQ %s, %s", vRow, vStepThree)
	f.op("DECQ %s", vRowsLeft)
	f.op("JNZ row")
	f.op("VMOVDQU Y0, (%s)", vOut)
	f.op("ADDQ $32, %s", vIn)
	f.op("ADDQ $32, %s", vOut)
	f.op("SUBQ $32, %s", vStep)
	f.op("JNZ channels")
	f.end()
}

// quantizeAVX2 makes 32 bytes at a time; see toByte.
func quantizeAVX2(f *file) {
	f.begin("quantizeAVX2", "c *element8Call", "quantises multiples of 32 numbers; see Quantize.")
	f.op("MOVQ c+0(FP), AX")
	for _, p := range [][2]string{{"dst", "DI"}, {"a", "SI"}, {"n", "CX"}} {
		f.op("MOVQ element8Call_%s(AX), %s", p[0], p[1])
	}
	for i, p := range []string{"inverse", "low", "high", "zero"} {
		f.op("VBROADCASTSS element8Call_%s(AX), Y%d", p, 8+i)
	}
	f.op("VMOVDQU packOrder<>(SB), Y12")
	f.label("loop")
	for v := range 4 {
		f.op("VMULPS %d(SI), Y8, Y%d", 32*v, v)
	}
	f.four("VMAXPS Y9, Y%d, Y%d", 0, 0) // NaN becomes the lowest
	f.four("VMINPS Y10, Y%d, Y%d", 0, 0)
	f.four("VCVTPS2DQ Y%d, Y%d", 0, 0)
	f.four("VPADDD Y11, Y%d, Y%d", 0, 0)
	f.packBytes(12)
	f.op("VMOVDQU Y0, (DI)")
	f.op("ADDQ $128, SI")
	f.op("ADDQ $32, DI")
	f.op("SUBQ $32, CX")
	f.op("JNZ loop")
	f.end()
	f.packOrder()
}

// four writes an instruction for each of four vectors: registers count on.
func (f *file) four(format string, regs ...int) {
	for v := range 4 {
		var a []any
		for _, r := range regs {
			a = append(a, r+v)
		}
		f.op(format, a...)
	}
}

// packBytes makes 32 bytes, in Y0, of the words of 32 bits in Y0...Y3; order is
// the register with packOrder.
func (f *file) packBytes(order int) {
	f.op("VPACKSSDW Y1, Y0, Y0")
	f.op("VPACKSSDW Y3, Y2, Y2")
	f.op("VPACKUSWB Y2, Y0, Y0")
	f.op("VPERMD Y0, Y%d, Y0", order)
}

// packOrder defines what brings packed vectors in order: packing works within
// halves.
func (f *file) packOrder() { f.data32("packOrder", 0, 4, 1, 5, 2, 6, 3, 7) }

// decode8WordsAVX2 is decode8Words, with eight outputs in a gather.
func decode8WordsAVX2(f *file) {
	f.begin("decode8WordsAVX2", "d *decode8Call", "decodes bytes: gathers words; see form8.")
	f.op("MOVQ d+0(FP), %s", eArgs)
	for _, p := range [][2]string{{"codes", eCodes}, {"quads", eQuads}, {"dst", eDst}, {"steps", eSteps}} {
		f.op("MOVQ decode8Call_%s(%s), %s", p[0], eArgs, p[1])
	}
	f.op("VPBROADCASTD decode8Call_size(%s), Y15", eArgs)
	f.label("block")
	for v := range 4 {
		f.op("VPMOVZXWD %d(%s), Y%d", 16*v, eCodes, v)
	}
	f.four("VPMULLD Y15, Y%d, Y%d", 0, 0)
	f.op("MOVQ decode8Call_planes(%s), %s", eArgs, eTable)
	f.op("MOVQ decode8Call_count(%s), %s", eArgs, eCount)
	f.label("word")
	f.op("MOVL (%s), %s", eSteps, eStep)
	f.op("ADDQ $4, %s", eSteps)
	f.four("VPCMPEQD Y%[1]d, Y%[1]d, Y%[1]d", 4)
	f.four("VPXOR Y%[1]d, Y%[1]d, Y%[1]d", 8) // or the gather would wait for the last one
	for v := range 4 {
		f.op("VPGATHERDD Y%d, (%s)(Y%d*1), Y%d", 4+v, eTable, v, 8+v)
	}
	f.op("LEAQ (%s)(%s*1), R10", eDst, eStep)
	for v := range 4 {
		f.op("VMOVDQU Y%d, %d(R10)", 8+v, 32*v)
	}
	f.op("ADDQ $4, %s", eTable)
	f.op("DECQ %s", eCount)
	f.op("JNZ word")
	f.op("ADDQ $64, %s", eCodes)
	f.op("DECQ %s", eQuads)
	f.op("JNZ block")
	f.end()
}
