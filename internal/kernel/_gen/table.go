package main

import "fmt"

// genTable writes the kernels of table products.
func genTable(f *file) {
	for pairs := 1; pairs <= 9; pairs++ {
		tableBuild(f, pairs)
	}
	for blocks := 1; blocks <= 8; blocks++ {
		tableAdd(f, blocks)
	}
	tableWiden(f)
	tableFinish(f)
}

// Registers of the table builders.
const (
	bIn, bOffs, bBlocks, bCount = "SI", "DX", "BX", "CX"
	bTable, bPatch              = "DI", "R8"
	bWords, bUsed, bLeft        = "R11", "R12", "R13"
)

// inRegisters is the number of pairs of inputs that stay in registers; more
// are kept in memory, and loaded for two codewords at a time.
const inRegisters = 5

// tableBuild writes the tables of blocks of 2*pairs inputs: sums of products
// of bytes in 16 bits, times the multiplier of the codeword.
func tableBuild(f *file, pairs int) {
	f.begin(fmt.Sprintf("tableBuild%dAVX2", pairs), "c *tableBuildCall", fmt.Sprintf("builds tables of %d pairs of inputs; see TableArgs.", pairs))
	f.op("MOVQ c+0(FP), AX")
	for _, p := range [][2]string{{"in", bIn}, {"offs", bOffs}, {"blocks", bBlocks}, {"n", bCount}, {"table", bTable}, {"patch", bPatch}} {
		f.op("MOVQ tableBuildCall_%s(AX), %s", p[0], p[1])
	}
	f.label("block")
	for i := range pairs {
		lo, hi := 2*i, 2*i+1
		if pairs > inRegisters {
			lo, hi = 10, 11
		}
		f.op("MOVLQSX %d(%s), R9", 8*i, bOffs)
		f.op("MOVLQSX %d(%s), R10", 8*i+4, bOffs)
		f.op("VPERMQ $0xd8, (%s)(R9*1), Y12", bIn)
		f.op("VPERMQ $0xd8, (%s)(R10*1), Y13", bIn)
		f.op("VPUNPCKLBW Y13, Y12, Y%d", lo)
		f.op("VPUNPCKHBW Y13, Y12, Y%d", hi)
		if pairs > inRegisters {
			f.op("VMOVDQU Y%d, %d(%s)", lo, 64*i, bPatch)
			f.op("VMOVDQU Y%d, %d(%s)", hi, 64*i+32, bPatch)
		}
	}
	f.op("ADDQ $%d, %s", 8*pairs, bOffs)
	f.op("MOVQ tableBlock_words(%s), %s", bBlocks, bWords)
	f.op("MOVQ tableBlock_used(%s), %s", bBlocks, bUsed)
	f.op("MOVQ tableBlock_used+8(%s), %s", bBlocks, bLeft)
	if pairs > inRegisters {
		tableWordPairs(f, pairs)
	} else {
		tableWords(f, pairs)
	}
	f.op("ADDQ $tableBlock__size, %s", bBlocks)
	f.op("DECQ %s", bCount)
	f.op("JNZ block")
	f.end()
}

// tableStore finishes a row.
func tableStore(f *file, pairs int, word string, lo, hi, mul int, at int) {
	f.op("VPBROADCASTD %d(%s)(%s*4), Y%d", 4*pairs, bWords, word, mul)
	f.op("VPMULHRSW Y%d, Y%d, Y%d", mul, lo, lo)
	f.op("VPMULHRSW Y%d, Y%d, Y%d", mul, hi, hi)
	f.op("VMOVDQU Y%d, %d(%s)", lo, at, bTable)
	f.op("VMOVDQU Y%d, %d(%s)", hi, at+32, bTable)
}

// tableLoop writes the loop over used codewords, two at a time; body writes
// the products of those whose offsets are in the registers words.
func tableLoop(f *file, body func(words []string)) {
	for _, words := range [][]string{{"R9", "R10"}, {"R9"}} {
		n := len(words)
		if n == 2 {
			f.op("SUBQ $2, %s", bLeft)
			f.op("JLT odd")
			f.label("words")
		} else {
			f.label("odd")
			f.op("ADDQ $2, %s", bLeft)
			f.op("JZ next")
		}
		for w, reg := range words {
			f.op("MOVWLZX %d(%s), %s", 2*w, bUsed, reg)
		}
		body(words)
		f.op("ADDQ $%d, %s", 64*n, bTable)
		f.op("ADDQ $%d, %s", 2*n, bUsed)
		if n == 2 {
			f.op("SUBQ $2, %s", bLeft)
			f.op("JGE words")
		}
	}
	f.label("next")
}

// tableWords multiplies codewords one by one with inputs in registers.
func tableWords(f *file, pairs int) {
	tableLoop(f, func(words []string) {
		for w, word := range words {
			for i := range pairs {
				f.op("VPBROADCASTD %d(%s)(%s*4), Y12", 4*i, bWords, word)
				if i == 0 {
					f.op("VPMADDUBSW Y12, Y0, Y10")
					f.op("VPMADDUBSW Y12, Y1, Y11")
					continue
				}
				f.op("VPMADDUBSW Y12, Y%d, Y13", 2*i)
				f.op("VPMADDUBSW Y12, Y%d, Y14", 2*i+1)
				f.op("VPADDW Y13, Y10, Y10")
				f.op("VPADDW Y14, Y11, Y11")
			}
			tableStore(f, pairs, word, 10, 11, 15, 64*w)
		}
	})
}

// tableWordPairs multiplies two codewords at once with inputs in memory.
func tableWordPairs(f *file, pairs int) {
	tableLoop(f, func(words []string) {
		for i := range pairs {
			f.op("VMOVDQU %d(%s), Y4", 64*i, bPatch)
			f.op("VMOVDQU %d(%s), Y5", 64*i+32, bPatch)
			for w, word := range words {
				f.op("VPBROADCASTD %d(%s)(%s*4), Y%d", 4*i, bWords, word, 6+w)
				for h := range 2 {
					if i == 0 {
						f.op("VPMADDUBSW Y%d, Y%d, Y%d", 6+w, 4+h, 2*w+h)
						continue
					}
					f.op("VPMADDUBSW Y%d, Y%d, Y%d", 6+w, 4+h, 8+2*w+h)
					f.op("VPADDW Y%d, Y%d, Y%d", 8+2*w+h, 2*w+h, 2*w+h)
				}
			}
		}
		for w, word := range words {
			tableStore(f, pairs, word, 2*w, 2*w+1, 12+w, 64*w)
		}
	})
}

// tableAdd writes the sums of rows of a number of tables.
func tableAdd(f *file, blocks int) {
	const table, codes, sums, n = "SI", "DX", "DI", "CX"
	f.begin(fmt.Sprintf("tableAdd%dAVX2", blocks), "c *tableAddCall", fmt.Sprintf("adds rows of %d tables; see TableArgs.", blocks))
	f.op("MOVQ c+0(FP), AX")
	for _, p := range [][2]string{{"table", table}, {"codes", codes}, {"sums", sums}, {"n", n}, {"first", "R8"}} {
		f.op("MOVQ tableAddCall_%s(AX), %s", p[0], p[1])
	}
	f.op("TESTQ R8, R8")
	f.op("JZ more")
	regs := []string{"AX", "BX", "R8", "R9", "R10", "R11", "R12", "R13"}
	for _, first := range []bool{true, false} {
		name := "more"
		if first {
			name = "first"
		}
		f.label("%s", name)
		for i := range blocks {
			f.op("MOVWLZX %d(%s), %s", 2*i, codes, regs[i])
		}
		from := 0
		if first {
			from = 1
			f.op("VMOVDQU (%s)(%s*8), Y0", table, regs[0])
			f.op("VMOVDQU 32(%s)(%s*8), Y1", table, regs[0])
		} else {
			f.op("VMOVDQU (%s), Y0", sums)
			f.op("VMOVDQU 32(%s), Y1", sums)
		}
		for i := from; i < blocks; i++ {
			f.op("VPADDW (%s)(%s*8), Y0, Y0", table, regs[i])
			f.op("VPADDW 32(%s)(%s*8), Y1, Y1", table, regs[i])
		}
		f.op("VMOVDQU Y0, (%s)", sums)
		f.op("VMOVDQU Y1, 32(%s)", sums)
		f.op("ADDQ $%d, %s", 2*blocks, codes)
		f.op("ADDQ $64, %s", sums)
		f.op("DECQ %s", n)
		f.op("JNZ %s", name)
		if first {
			f.op("VZEROUPPER")
			f.op("RET")
		}
	}
	f.end()
}

// tableWiden writes the sum of spans.
func tableWiden(f *file) {
	f.begin("tableWidenAVX2", "c *tableAddCall", "adds the sums of a span; see TableArgs.")
	f.op("MOVQ c+0(FP), AX")
	for _, p := range [][2]string{{"sums", "SI"}, {"all", "DI"}, {"n", "CX"}, {"first", "R8"}} {
		f.op("MOVQ tableAddCall_%s(AX), %s", p[0], p[1])
	}
	f.op("TESTQ R8, R8")
	f.op("JZ more")
	for _, first := range []bool{true, false} {
		name := "more"
		if first {
			name = "first"
		}
		f.label("%s", name)
		for i := range 4 {
			f.op("VPMOVSXWD %d(SI), Y%d", 16*i, i)
			if !first {
				f.op("VPADDD %d(DI), Y%d, Y%d", 32*i, i, i)
			}
			f.op("VMOVDQU Y%d, %d(DI)", i, 32*i)
		}
		f.op("ADDQ $64, SI")
		f.op("ADDQ $128, DI")
		f.op("DECQ CX")
		f.op("JNZ %s", name)
		if first {
			f.op("VZEROUPPER")
			f.op("RET")
		}
	}
	f.end()
}

// tableFinish writes the epilogue: rows of 32 sums in four vectors.
func tableFinish(f *file) {
	const sums, residual, out, scale, bias, n = "SI", "DX", "DI", "R8", "R9", "CX"
	f.begin("tableFinishAVX2", "c *tableFinishCall", "makes bytes of sums; see TableFinish.")
	f.op("MOVQ c+0(FP), AX")
	for _, p := range [][2]string{{"sums", sums}, {"residual", residual}, {"out", out}, {"scale", scale}, {"bias", bias}, {"n", n}} {
		f.op("MOVQ tableFinishCall_%s(AX), %s", p[0], p[1])
	}
	for i, p := range []string{"min", "max", "outScale", "low", "high", "outZero"} {
		f.op("VBROADCASTSS tableFinishCall_%s(AX), Y%d", p, 10+i)
	}
	f.label("row")
	f.op("CMPQ tableFinishCall_wide(AX), $0")
	f.op("JNE wide")
	for v := range 4 {
		f.op("VPMOVSXWD %d(%s), Y%d", 16*v, sums, v)
	}
	f.four("VCVTDQ2PS Y%d, Y%d", 0, 0)
	f.op("ADDQ $64, %s", sums)
	f.op("JMP scale")
	f.label("wide")
	for v := range 4 {
		f.op("VCVTDQ2PS %d(%s), Y%d", 32*v, sums, v)
	}
	f.op("ADDQ $128, %s", sums)
	f.label("scale")
	f.op("VBROADCASTSS (%s), Y8", scale)
	f.op("VBROADCASTSS (%s), Y9", bias)
	f.four("VMULPS Y8, Y%d, Y%d", 0, 0)
	f.four("VADDPS Y9, Y%d, Y%d", 0, 0)
	f.op("TESTQ %[1]s, %[1]s", residual)
	f.op("JZ clamp")
	f.op("CMPQ tableFinishCall_residualFloats(AX), $0")
	f.op("JNE residualFloats")
	f.op("VPBROADCASTD tableFinishCall_residualZero(AX), Y8")
	f.op("VBROADCASTSS tableFinishCall_residualScale(AX), Y9")
	for v := range 4 {
		f.op("VPMOVZXBD %d(%s), Y%d", 8*v, residual, 4+v)
	}
	f.four("VPSUBD Y8, Y%d, Y%d", 4, 4)
	f.four("VCVTDQ2PS Y%d, Y%d", 4, 4)
	f.four("VMULPS Y9, Y%d, Y%d", 4, 4)
	f.four("VADDPS Y%d, Y%d, Y%d", 4, 0, 0)
	f.op("ADDQ $32, %s", residual)
	f.label("clamp")
	f.op("CMPQ tableFinishCall_relu(AX), $0")
	f.op("JNE relu")
	f.four("VMAXPS Y%d, Y10, Y%d", 0, 0)
	f.four("VMINPS Y%d, Y11, Y%d", 0, 0)
	f.op("CMPQ tableFinishCall_outFloats(AX), $0")
	f.op("JNE outFloats")
	f.four("VMULPS Y12, Y%d, Y%d", 0, 0)
	f.four("VMAXPS Y13, Y%d, Y%d", 0, 0) // NaN becomes the lowest
	f.four("VMINPS Y14, Y%d, Y%d", 0, 0)
	f.four("VCVTPS2DQ Y%d, Y%d", 0, 0)
	f.four("VPADDD Y15, Y%d, Y%d", 0, 0)
	f.label("pack")
	f.op("VMOVDQU packOrder<>(SB), Y4")
	f.packBytes(4)
	f.op("VMOVDQU Y0, (%s)", out)
	f.op("ADDQ $32, %s", out)
	f.label("next")
	f.op("ADDQ $4, %s", scale)
	f.op("ADDQ $4, %s", bias)
	f.op("DECQ %s", n)
	f.op("JNZ row")
	f.op("VZEROUPPER")
	f.op("RET")
	f.label("relu") // packing makes negative numbers, and NaN, zero
	f.four("VMULPS Y12, Y%d, Y%d", 0, 0)
	f.four("VMINPS Y%d, Y14, Y%d", 0, 0)
	f.four("VCVTPS2DQ Y%d, Y%d", 0, 0)
	f.op("JMP pack")
	f.label("residualFloats")
	for v := range 4 {
		f.op("VADDPS %d(%s), Y%d, Y%d", 32*v, residual, v, v)
	}
	f.op("ADDQ $128, %s", residual)
	f.op("JMP clamp")
	f.label("outFloats")
	for v := range 4 {
		f.op("VMOVUPS Y%d, %d(%s)", v, 32*v, out)
	}
	f.op("ADDQ $128, %s", out)
	f.op("JMP next")
	f.end()
	f.packOrder()
}
