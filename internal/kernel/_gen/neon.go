package main

import "fmt"

// The kernels of table products for NEON. Instructions that the assembler of
// Go does not know are written as words: names and operands follow in a
// comment.

// genTableARM writes what genTable writes for AVX2.
func genTableARM(f *file) {
	for pairs := 1; pairs <= 9; pairs++ {
		tableBuildARM(f, pairs)
	}
	for blocks := 1; blocks <= 8; blocks++ {
		tableAddARM(f, blocks)
	}
	tableWidenARM(f)
	tableFinishARM(f)
}

// three writes an instruction with three vector registers, given with the
// first source first.
func (f *file) three(code uint32, name string, n, m, d int) {
	f.op("WORD $%#08x // %s V%d, V%d, V%d", code|uint32(m)<<16|uint32(n)<<5|uint32(d), name, d, n, m)
}

// two writes an instruction with one source.
func (f *file) two(code uint32, name string, n, d int) {
	f.op("WORD $%#08x // %s V%d, V%d", code|uint32(n)<<5|uint32(d), name, d, n)
}

// element writes a product of eight words of 16 bits and one element, of the
// registers 0...15.
func (f *file) element(code uint32, name string, n, m, index, d int) {
	h, l, i := uint32(index>>2), uint32(index>>1&1), uint32(index&1)
	f.op("WORD $%#08x // %s V%d.8H, V%d.8H, V%d.H[%d]", code|l<<21|i<<20|uint32(m)<<16|h<<11|uint32(n)<<5|uint32(d), name, d, n, m, index)
}

// Encodings, of vectors of 128 bits.
const (
	armMul, armMla                       = 0x4f408000, 0x6f400000 // by element, 8H
	armSqrdmulh                          = 0x6e60b400             // 8H
	armUxtl8, armUxtl8High               = 0x2f08a400, 0x6f08a400 // 8B to 8H
	armSxtl8, armSxtl8High               = 0x0f08a400, 0x4f08a400
	armUxtl16, armUxtl16High             = 0x2f10a400, 0x6f10a400 // 4H to 4S
	armSxtl16, armSxtl16High             = 0x0f10a400, 0x4f10a400
	armSaddw, armSaddwHigh               = 0x0e601000, 0x4e601000 // 4H to 4S
	armScvtf, armFcvtns                  = 0x4e21d800, 0x4e21a800 // 4S
	armFmul, armFadd                     = 0x6e20dc00, 0x4e20d400
	armFmax, armFmin, armFmaxnm          = 0x4e20f400, 0x4ea0f400, 0x4e20c400
	armSqxtn, armSqxtnHigh               = 0x0e614800, 0x4e614800 // 4S to 4H
	armSqxtun, armSqxtunHigh             = 0x2e212800, 0x6e212800 // 8H to 8B
	aIn, aOffs, aBlocks, aCount          = "R1", "R2", "R3", "R4"
	aTable, aPatch, aWords, aUsed, aLeft = "R5", "R6", "R7", "R8", "R9"
)

// loadCall loads fields of the call c into registers.
func (f *file) loadCall(call string, fields [][2]string) {
	f.op("MOVD c+0(FP), R0")
	for _, p := range fields {
		f.op("MOVD %s_%s(R0), %s", call, p[0], p[1])
	}
}

// tableBuildARM widens the inputs of a block to 16 bits and multiplies four
// codewords at a time.
func tableBuildARM(f *file, pairs int) {
	f.begin(fmt.Sprintf("tableBuild%dNEON", pairs), "c *tableBuildCall", fmt.Sprintf("builds tables of %d pairs of inputs; see TableArgs.", pairs))
	f.loadCall("tableBuildCall", [][2]string{{"in", aIn}, {"offs", aOffs}, {"blocks", aBlocks}, {"n", aCount}, {"table", aTable}, {"patch", aPatch}})
	f.label("block")
	f.op("MOVD %s, R10", aPatch)
	for range 2 * pairs {
		f.op("MOVW.P 4(%s), R11", aOffs)
		f.op("ADD %s, R11, R11", aIn)
		f.op("VLD1 (R11), [V0.B16, V1.B16]")
		for h := range 2 {
			f.two(armUxtl8, "UXTL", h, 2+2*h)
			f.two(armUxtl8High, "UXTL2", h, 3+2*h)
		}
		f.op("VST1.P [V2.H8, V3.H8, V4.H8, V5.H8], 64(R10)")
	}
	f.op("MOVD tableBlock_words(%s), %s", aBlocks, aWords)
	f.op("MOVD tableBlock_used(%s), %s", aBlocks, aUsed)
	f.op("MOVD tableBlock_used+8(%s), %s", aBlocks, aLeft)
	f.op("SUBS $4, %[1]s, %[1]s", aLeft)
	f.op("BLT few")
	f.label("words")
	tableWordsARM(f, pairs, 4)
	f.op("SUBS $4, %[1]s, %[1]s", aLeft)
	f.op("BGE words")
	f.label("few")
	f.op("ADDS $4, %[1]s, %[1]s", aLeft)
	f.op("BEQ next")
	f.label("word")
	tableWordsARM(f, pairs, 1)
	f.op("SUBS $1, %[1]s, %[1]s", aLeft)
	f.op("BNE word")
	f.label("next")
	f.op("ADD $tableBlock__size, %[1]s, %[1]s", aBlocks)
	f.op("SUBS $1, %[1]s, %[1]s", aCount)
	f.op("BNE block")
	f.op("RET")
}

// tableWordsARM writes rows of the next n codewords, whose weights are in 4 + 3w
// and the two registers behind it.
func tableWordsARM(f *file, pairs, n int) {
	loads := [...]string{"[V0.H8]", "[V0.H8, V1.H8]", "[V0.H8, V1.H8, V2.H8]"}[(pairs-1)/4]
	for w := range n {
		word := fmt.Sprintf("R%d", 11+w)
		f.op("MOVHU.P 2(%s), %s", aUsed, word)
		f.op("ADD %[1]s<<2, %[2]s, %[1]s", word, aWords)
		f.op("VLD1 (%s), %s", word, loads)
		f.op("VUZP1 V%d.H8, V0.H8, V3.H8", min(1, (pairs-1)/4)) // each pair once
		f.two(armSxtl8, "SXTL", 3, 4+3*w)
		f.two(armSxtl8High, "SXTL2", 3, 5+3*w)
		if pairs > 8 {
			f.op("VUZP1 V2.H8, V2.H8, V3.H8")
			f.two(armSxtl8, "SXTL", 3, 6+3*w)
		}
	}
	f.op("MOVD %s, R10", aPatch)
	for j := range 2 * pairs {
		f.op("VLD1.P 64(R10), [V0.H8, V1.H8, V2.H8, V3.H8]")
		for w := range n {
			for q := range 4 {
				code, name := uint32(armMla), "MLA"
				if j == 0 {
					code, name = armMul, "MUL"
				}
				f.element(code, name, q, 4+3*w+j/8, j%8, 16+4*w+q)
			}
		}
	}
	for w := range n {
		f.op("ADD $%d, R%d, R10", 4*pairs, 11+w)
		f.op("VLD1R (R10), [V0.H8]")
		for q := range 4 {
			f.three(armSqrdmulh, "SQRDMULH", 16+4*w+q, 0, 16+4*w+q)
		}
		f.op("VST1.P [V%d.H8, V%d.H8, V%d.H8, V%d.H8], 64(%s)", 16+4*w, 17+4*w, 18+4*w, 19+4*w, aTable)
	}
}

// tableAddARM writes the sums of rows of a number of tables.
func tableAddARM(f *file, blocks int) {
	f.begin(fmt.Sprintf("tableAdd%dNEON", blocks), "c *tableAddCall", fmt.Sprintf("adds rows of %d tables; see TableArgs.", blocks))
	f.loadCall("tableAddCall", [][2]string{{"table", "R1"}, {"codes", "R2"}, {"sums", "R3"}, {"n", "R4"}, {"first", "R5"}})
	f.op("CBZ R5, more")
	for _, name := range []string{"first", "more"} {
		f.label("%s", name)
		if name == "more" {
			f.op("VLD1 (R3), [V0.H8, V1.H8, V2.H8, V3.H8]")
		}
		for i := range blocks {
			f.op("MOVHU.P 2(R2), R6")
			f.op("ADD R6<<3, R1, R6")
			if i == 0 && name == "first" {
				f.op("VLD1 (R6), [V0.H8, V1.H8, V2.H8, V3.H8]")
				continue
			}
			f.op("VLD1 (R6), [V4.H8, V5.H8, V6.H8, V7.H8]")
			for q := range 4 {
				f.op("VADD V%d.H8, V%d.H8, V%d.H8", 4+q, q, q)
			}
		}
		f.op("VST1.P [V0.H8, V1.H8, V2.H8, V3.H8], 64(R3)")
		f.op("SUBS $1, R4, R4")
		f.op("BNE %s", name)
		f.op("RET")
	}
}

// tableWidenARM writes the sum of spans.
func tableWidenARM(f *file) {
	f.begin("tableWidenNEON", "c *tableAddCall", "adds the sums of a span; see TableArgs.")
	f.loadCall("tableAddCall", [][2]string{{"sums", "R1"}, {"all", "R2"}, {"n", "R3"}, {"first", "R4"}})
	f.op("LSL $1, R3, R3") // halves of rows
	f.op("CBZ R4, more")
	for _, name := range []string{"first", "more"} {
		f.label("%s", name)
		f.op("VLD1.P 32(R1), [V4.H8, V5.H8]")
		if name == "more" {
			f.op("VLD1 (R2), [V0.S4, V1.S4, V2.S4, V3.S4]")
		}
		for h := range 2 {
			if name == "first" {
				f.two(armSxtl16, "SXTL", 4+h, 2*h)
				f.two(armSxtl16High, "SXTL2", 4+h, 2*h+1)
			} else {
				f.three(armSaddw, "SADDW", 2*h, 4+h, 2*h)
				f.three(armSaddwHigh, "SADDW2", 2*h+1, 4+h, 2*h+1)
			}
		}
		f.op("VST1.P [V0.S4, V1.S4, V2.S4, V3.S4], 64(R2)")
		f.op("SUBS $1, R3, R3")
		f.op("BNE %s", name)
		f.op("RET")
	}
}

// tableFinishARM writes the epilogue, 16 positions at a time.
func tableFinishARM(f *file) {
	const sums, residual, out, scale, bias, n, wide, half, at = "R1", "R2", "R3", "R4", "R5", "R6", "R7", "R8", "R9"
	f.begin("tableFinishNEON", "c *tableFinishCall", "makes bytes of sums; see TableFinish.")
	f.loadCall("tableFinishCall", [][2]string{{"sums", sums}, {"residual", residual}, {"out", out}, {"scale", scale}, {"bias", bias}, {"n", n}, {"wide", wide}})
	for i, p := range []string{"min", "max", "outScale", "low", "high", "outZero", "residualZero", "residualScale"} {
		f.op("MOVD $tableFinishCall_%s, %s", p, at)
		f.op("ADD R0, %[1]s, %[1]s", at)
		f.op("VLD1R (%s), [V%d.S4]", at, 16+i)
	}
	four := func(f4 func(v int)) {
		for v := range 4 {
			f4(v)
		}
	}
	f.label("row")
	f.op("VLD1R.P 4(%s), [V24.S4]", scale)
	f.op("VLD1R.P 4(%s), [V25.S4]", bias)
	f.op("MOVD $2, %s", half)
	f.label("half")
	f.op("CBNZ %s, wide", wide)
	f.op("VLD1.P 32(%s), [V4.H8, V5.H8]", sums)
	for h := range 2 {
		f.two(armSxtl16, "SXTL", 4+h, 2*h)
		f.two(armSxtl16High, "SXTL2", 4+h, 2*h+1)
	}
	f.op("B real")
	f.label("wide")
	f.op("VLD1.P 64(%s), [V0.S4, V1.S4, V2.S4, V3.S4]", sums)
	f.label("real")
	four(func(v int) { f.two(armScvtf, "SCVTF", v, v) })
	four(func(v int) { f.three(armFmul, "FMUL", v, 24, v) })
	four(func(v int) { f.three(armFadd, "FADD", v, 25, v) })
	f.op("CBZ %s, clamp", residual)
	f.op("VLD1.P 16(%s), [V8.B16]", residual)
	f.two(armUxtl8, "UXTL", 8, 9)
	f.two(armUxtl8High, "UXTL2", 8, 10)
	for h := range 2 {
		f.two(armUxtl16, "UXTL", 9+h, 4+2*h)
		f.two(armUxtl16High, "UXTL2", 9+h, 5+2*h)
	}
	four(func(v int) { f.op("VSUB V22.S4, V%d.S4, V%d.S4", 4+v, 4+v) })
	four(func(v int) { f.two(armScvtf, "SCVTF", 4+v, 4+v) })
	four(func(v int) { f.three(armFmul, "FMUL", 4+v, 23, 4+v) })
	four(func(v int) { f.three(armFadd, "FADD", v, 4+v, v) })
	f.label("clamp")
	four(func(v int) { f.three(armFmax, "FMAX", v, 16, v) })
	four(func(v int) { f.three(armFmin, "FMIN", v, 17, v) })
	four(func(v int) { f.three(armFmul, "FMUL", v, 18, v) })
	four(func(v int) { f.three(armFmaxnm, "FMAXNM", v, 19, v) }) // NaN becomes the lowest
	four(func(v int) { f.three(armFmin, "FMIN", v, 20, v) })
	four(func(v int) { f.two(armFcvtns, "FCVTNS", v, v) })
	four(func(v int) { f.op("VADD V21.S4, V%d.S4, V%d.S4", v, v) })
	for h := range 2 {
		f.two(armSqxtn, "SQXTN", 2*h, 4+h)
		f.two(armSqxtnHigh, "SQXTN2", 2*h+1, 4+h)
	}
	f.two(armSqxtun, "SQXTUN", 4, 6)
	f.two(armSqxtunHigh, "SQXTUN2", 5, 6)
	f.op("VST1.P [V6.B16], 16(%s)", out)
	f.op("SUBS $1, %[1]s, %[1]s", half)
	f.op("BNE half")
	f.op("SUBS $1, %[1]s, %[1]s", n)
	f.op("BNE row")
	f.op("RET")
}
