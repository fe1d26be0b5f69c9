package main

import "fmt"

// genBytes256 writes the kernels of bytes in vectors of 256 bits, for
// processors without AVX-512. They do whole groups of 8 columns or channels; Go
// does the rest.
func genBytes256(f *file) {
	tile8AVXVNNI(f)
	finish8AVX2(f)
	sum8AVX2(f, 4)
	sum8AVX2(f, 1)
	element256(f, "dequantize", "dequantises; see Dequantize.", func() {
		fromBytes256(f, "SI", 0, 12)
		f.op("VMOVUPS Y0, (DI)")
		f.op("ADDQ $32, DI")
	})
	element256(f, "add8", "adds bytes; see AddU8.", func() {
		fromBytes256(f, "SI", 0, 12)
		fromBytes256(f, "DX", 1, 14)
		f.op("VADDPS Y1, Y0, Y0")
		f.op("VMAXPS Y0, Y6, Y0")
		f.op("VMINPS Y0, Y7, Y0")
		toBytes256(f)
	})
}

// dotBytes adds the products of unsigned bytes in a with signed bytes in b to sum.
func (f *file) dotBytes(sum, a, b int) { f.dotVEX("VPDPBUSD", 0x50, sum, a, b) }

// dotVEX is an instruction of VNNI as AVX-VNNI encodes it, which the Go assembler
// does not know (the Intel manual, volume 2: VEX.256.66.0F38.W0 opcode /r).
func (f *file) dotVEX(name string, opcode byte, sum, a, b int) {
	p1 := byte(0xe2)
	if sum >= 8 {
		p1 &^= 0x80
	}
	if b >= 8 {
		p1 &^= 0x20
	}
	p2 := byte((^a&15)<<3 | 4 | pp66)
	f.op("BYTE $0xc4; BYTE $%#02x; BYTE $%#02x; BYTE $%#02x; BYTE $%#02x // {vex} %s Y%d, Y%d, Y%d",
		p1, p2, opcode, 0xc0|sum&7<<3|b&7, name, b, a, sum)
}

// tile8AVXVNNI sums 3 x 32 in registers.
func tile8AVXVNNI(f *file) {
	const mr = 3
	f.begin("tile8AVXVNNI", "t *tile8Call", "sums a tile of at most 3 x 32; see TileI8Args.")
	tile8Begin(f, mr)
	for m := mr; m > 0; m-- {
		tile8Rows(f, m, func() {
			for i := range m {
				f.op("VPBROADCASTD %s, Y%d", tileRow(i), 13+i)
			}
			for c := range 4 {
				f.op("VMOVDQU %d(%s), Y12", 32*c, tB)
				for i := range m {
					f.dotBytes(4*i+c, 13+i, 12)
				}
			}
		}, 4*m, avx2)
		for i := range 4 * m {
			f.op("VMOVDQU Y%d, %d(%s)", i, 32*i, tArgs)
		}
		f.end()
	}
}

// finish8AVX2 writes the epilogue: rows of whole groups of 8 columns.
func finish8AVX2(f *file) {
	const args, sums, out, res, m, flags, x, at, floats = "AX", "SI", "DI", "DX", "CX", "R8", "BX", "R11", "R12"
	f.begin("finish8AVX2", "c *finish8Call", "finishes rows of sums, groups of 8 columns; see TileI8Args.")
	f.op("MOVQ c+0(FP), %s", args)
	for _, p := range [][2]string{{"sums", sums}, {"out", out}, {"residual", res}, {"m", m}, {"flags", flags}, {"scale", "R9"}, {"bias", "R10"}} {
		f.op("MOVQ finish8Call_%s(%s), %s", p[0], args, p[1])
	}
	for i, p := range []string{"min", "max", "outScale", "low", "high", "residualScale"} {
		f.op("VBROADCASTSS finish8Call_%s(%s), Y%d", p, args, 4+i)
	}
	f.op("VPBROADCASTD finish8Call_outZero(%s), Y10", args)
	f.op("VPBROADCASTD finish8Call_residualZero(%s), Y11", args)
	f.label("row")
	f.op("XORQ %[1]s, %[1]s", at) // columns done
	f.label("group")
	f.op("VCVTDQ2PS (%s)(%s*4), Y0", sums, at)
	f.op("VMULPS (R9)(%s*4), Y0, Y0", at)
	f.op("VADDPS (R10)(%s*4), Y0, Y0", at)
	f.op("TESTQ $const_finishBytes, %s", flags)
	f.op("JZ floats")
	f.op("VPMOVZXBD (%s)(%s*1), Y2", res, at)
	f.op("VPSUBD Y11, Y2, Y2")
	f.op("VCVTDQ2PS Y2, Y2")
	f.op("VMULPS Y9, Y2, Y2")
	f.op("VADDPS Y2, Y0, Y0")
	f.label("floats")
	f.op("TESTQ $const_finishFloats, %s", flags)
	f.op("JZ clamp")
	f.op("VADDPS (%s)(%s*4), Y0, Y0", res, at)
	f.label("clamp")
	f.op("VMAXPS Y0, Y4, Y0")
	f.op("VMINPS Y0, Y5, Y0")
	f.op("TESTQ $const_finishOutF, %s", flags)
	f.op("JZ bytes")
	f.op("VMOVUPS Y0, (%s)(%s*4)", out, at)
	f.op("JMP next")
	f.label("bytes")
	f.op("VMULPS Y6, Y0, Y0")
	f.op("VMAXPS Y7, Y0, Y0") // NaN becomes the lowest
	f.op("VMINPS Y8, Y0, Y0")
	f.op("VCVTPS2DQ Y0, Y0")
	f.op("VPADDD Y10, Y0, Y0")
	packBytes256(f, 0, 1)
	f.op("VMOVQ X0, (%s)(%s*1)", out, at)
	f.label("next")
	f.op("ADDQ $8, %s", at)
	f.op("CMPQ %s, finish8Call_whole(%s)", at, args)
	f.op("JLT group")
	f.op("ADDQ $128, %s", sums)
	f.op("ADDQ finish8Call_ldc(%s), %s", args, out)
	f.op("ADDQ finish8Call_ldr(%s), %s", args, res)
	f.op("DECQ %s", m)
	f.op("JNZ row")
	f.end()
}

// packBytes256 makes 8 bytes of the numbers 0...255 in a vector.
func packBytes256(f *file, reg, spare int) {
	f.op("VEXTRACTI128 $1, Y%d, X%d", reg, spare)
	f.op("VPACKUSDW X%d, X%d, X%d", spare, reg, reg)
	f.op("VPACKUSWB X%[1]d, X%[1]d, X%[1]d", reg)
}

// sum8AVX2 writes the sums of windows of some pixels, 8 channels: the
// structure of sum8.
func sum8AVX2(f *file, pixels int) {
	name, many := "sum8AVX2", "one pixel"
	if pixels == 4 {
		name, many = "sum8x4AVX2", "four pixels"
	}
	f.begin(name, "w *sum8Call", "sums the windows of "+many+", 8 channels; see window8.")
	f.op("MOVQ w+0(FP), %s", vArgs)
	for _, p := range [][2]string{{"in", vIn}, {"sums", vOut}, {"weights", vWeights}, {"row", vRow}, {"tap", vTap}, {"step", vStep}, {"stride", vStride}, {"kh", vRowsLeft}} {
		f.op("MOVQ sum8Call_%s(%s), %s", p[0], vArgs, p[1])
	}
	f.op("LEAQ (%[1]s)(%[1]s*2), %[2]s", vStep, vStepThree)
	for i := range pixels {
		f.zero(avx2, i)
	}
	f.label("row")
	f.op("MOVQ %s, %s", vIn, vN)
	f.op("MOVQ sum8Call_kw(%s), %s", vArgs, vTapsLeft)
	f.label("tap")
	f.op("VPMOVSXBD (%s), Y8", vWeights)
	rows := strides{vN, vStep, vStepThree, "", ""}
	for i := range pixels {
		f.op("VPMOVZXBD %s, Y9", rows.at(i))
		f.op("VPMADDWD Y8, Y9, Y9")
		f.op("VPADDD Y9, Y%d, Y%d", i, i)
	}
	f.op("ADDQ %s, %s", vTap, vN)
	f.op("ADDQ %s, %s", vStride, vWeights)
	f.op("DECQ %s", vTapsLeft)
	f.op("JNZ tap")
	f.op("ADDQ %s, %s", vRow, vIn)
	f.op("DECQ %s", vRowsLeft)
	f.op("JNZ row")
	for i := range pixels {
		f.op("VMOVDQU Y%d, %d(%s)", i, 128*i, vOut)
	}
	f.end()
}

// element256 is element8 with the broadcasts in registers 6 to 15.
func element256(f *file, name, doc string, body func()) {
	f.begin(name+"AVX2", "c *element8Call", doc)
	f.op("MOVQ c+0(FP), AX")
	for _, p := range [][2]string{{"dst", "DI"}, {"a", "SI"}, {"b", "DX"}, {"n", "CX"}} {
		f.op("MOVQ element8Call_%s(AX), %s", p[0], p[1])
	}
	for i, p := range []string{"min", "max", "inverse", "low", "high", "zero", "scaleA", "zeroA", "scaleB", "zeroB"} {
		f.op("VBROADCASTSS element8Call_%s(AX), Y%d", p, 6+i)
	}
	f.label("loop")
	body()
	f.op("SUBQ $8, CX")
	f.op("JNZ loop")
	f.end()
}

// fromBytes256 is the real numbers of 8 bytes.
func fromBytes256(f *file, from string, reg, scale int) {
	f.op("VPMOVZXBD (%s), Y%d", from, reg)
	f.op("ADDQ $8, %s", from)
	f.op("VPSUBD Y%d, Y%d, Y%d", scale+1, reg, reg)
	f.op("VCVTDQ2PS Y%d, Y%d", reg, reg)
	f.op("VMULPS Y%d, Y%d, Y%d", scale, reg, reg)
}

// toBytes256 stores the bytes of the real numbers in Y0; see toByte.
func toBytes256(f *file) {
	f.op("VMULPS Y8, Y0, Y0")
	f.op("VMAXPS Y9, Y0, Y0") // NaN becomes the lowest
	f.op("VMINPS Y10, Y0, Y0")
	f.op("VCVTPS2DQ Y0, Y0")
	f.op("VPADDD Y11, Y0, Y0")
	packBytes256(f, 0, 1)
	f.op("VMOVQ X0, (DI)")
	f.op("ADDQ $8, DI")
}

// genDecode256 writes the kernels that turn codes into panels without byte
// lookups in registers: codewords are loaded one by one.
func genDecode256(f *file) {
	decode256(f, "Taps", "a component of four blocks makes a word", func() {
		for b := range 4 {
			f.wordOf(b, 10+b)
		}
		words256(f, "Taps", [4]string{"R10", "R11", "R12", "R13"}, 0, 1)
	})
	decode256(f, "Pairs", "two components of two blocks make a word", func() {
		for pair := range 2 {
			f.wordOf(2*pair, 10)
			f.wordOf(2*pair+1, 12)
			f.op("MOVQ decode8Call_half(%s), R11", eArgs)
			f.op("LEAQ (R12)(R11*1), R13")
			f.op("ADDQ R10, R11")
			words256(f, fmt.Sprint("Pairs", pair), [4]string{"R10", "R11", "R12", "R13"}, pair, 2)
		}
	})
	decode256(f, "Channels", "four components of a block make a word", func() {
		for b := range 4 {
			f.wordOf(b, 10+b)
		}
		f.op("MOVQ decode8Call_count(%s), BX", eArgs)
		f.op("MOVQ %s, DX", eSteps)
		f.label("component")
		for b := range 4 {
			f.op("MOVL %d(DX), R15", 4*b)
			f.op("MOVL (R%d), R8", 10+b)
			f.op("MOVL R8, (%s)(R15*1)", eDst)
			f.op("ADDQ $4, R%d", 10+b)
		}
		f.op("ADDQ $16, DX")
		f.op("DECQ BX")
		f.op("JNZ component")
	})
}

// wordOf is the address of the codeword of a block.
func (f *file) wordOf(block, reg int) {
	f.op("MOVBLZX %d(%s), R%d", block, eCodes, reg)
	f.op("IMULQ R14, R%d", reg)
	f.op("ADDQ decode8Call_planes(%s), R%d", eArgs, reg)
}

// decode256 writes the loop over quads and outputs.
func decode256(f *file, name, doc string, body func()) {
	f.begin("decode8"+name+"AVX2", "d *decode8Call", "decodes bytes: "+doc+"; see form8.")
	f.op("MOVQ d+0(FP), %s", eArgs)
	for _, p := range [][2]string{{"codes", eCodes}, {"quads", eQuads}, {"dst", eDst}, {"steps", eSteps}} {
		f.op("MOVQ decode8Call_%s(%s), %s", p[0], eArgs, p[1])
	}
	f.op("MOVLQSX decode8Call_size(%s), R14", eArgs)
	f.op("SHLQ $5, %s", eQuads) // outputs of all quads
	f.label("output")
	body()
	f.op("ADDQ $4, %s", eCodes)
	f.op("ADDQ $4, %s", eDst)
	f.op("DECQ %s", eQuads)
	f.op("TESTQ $31, %s", eQuads)
	f.op("JNZ output")
	f.op("SUBQ $128, %s", eDst)
	f.op("MOVQ decode8Call_wordBytes(%s), DX", eArgs)
	f.op("ADDQ DX, %s", eSteps)
	f.op("TESTQ %[1]s, %[1]s", eQuads)
	f.op("JNZ output")
	f.end()
}

// words256 stores the words of count components from four addresses: eight at
// once by interleaving bytes, then one by one. Word j goes to the place in
// steps[j*each+from].
func words256(f *file, name string, at [4]string, from, each int) {
	for i, r := range at {
		f.op("VMOVQ (%s), X%d", r, i)
	}
	f.op("VPUNPCKLBW X1, X0, X0")
	f.op("VPUNPCKLBW X3, X2, X2")
	f.op("VPUNPCKLWD X2, X0, X4")
	f.op("VPUNPCKHWD X2, X0, X5")
	for j := range 8 {
		f.op("MOVL %d(%s), R15", 4*(j*each+from), eSteps)
		f.op("VPEXTRD $%d, X%d, (%s)(R15*1)", j%4, 4+j/4, eDst)
	}
	f.op("MOVQ decode8Call_count(%s), BX", eArgs)
	f.op("LEAQ %d(%s), DX", 4*(8*each+from), eSteps)
	f.op("SUBQ $8, BX")
	f.op("JZ done%s", name)
	f.label("rest%s", name)
	for i, r := range at {
		f.op("MOVBLZX 8(%s), R8", r)
		f.op("INCQ %s", r)
		if i == 0 {
			f.op("MOVL R8, R15")
			continue
		}
		f.op("SHLL $%d, R8", 8*i)
		f.op("ORL R8, R15")
	}
	f.op("MOVL (DX), R8")
	f.op("MOVL R15, (%s)(R8*1)", eDst)
	f.op("ADDQ $%d, DX", 4*each)
	f.op("DECQ BX")
	f.op("JNZ rest%s", name)
	f.label("done%s", name)
}
