package main

// genTile8 writes the tile kernels of bytes and their epilogue.
func genTile8(f *file) {
	tile8AVX2(f)
	tile8VNNI(f)
	tile8AMX(f)
	finish8(f)
}

// tile8AVX2 sums 2 x 16 exactly: products of 16-bit words, two of which
// VPMADDWD adds to one of 32 bits (VPMADDUBSW would saturate). Each register
// holds the sums of four columns in two parts, added at the end.
func tile8AVX2(f *file) {
	f.begin("tile8AVX2", "t *tile8Call", "sums a tile of at most 2 x 16; see TileI8Args.")
	tile8Begin(f, 2)
	for m := 2; m > 0; m-- {
		tile8Rows(f, m, func() {
			for i := range m {
				f.op("VPBROADCASTD %s, X%d", tileRow(i), 8+i)
				f.op("VPMOVZXBW X%d, Y%d", 8+i, 8+i)
			}
			for c := range 4 {
				f.op("VPMOVSXBW %d(%s), Y10", 16*c, tB)
				for i := range m {
					f.op("VPMADDWD Y%d, Y10, Y%d", 8+i, 11+i)
					f.op("VPADDD Y%d, Y%d, Y%d", 11+i, 4*i+c, 4*i+c)
				}
			}
		}, 4*m, avx2)
		for i := 0; i < 4*m; i += 2 {
			f.op("VPHADDD Y%d, Y%d, Y%d", i+1, i, i)
			f.op("VPERMQ $0xd8, Y%d, Y%d", i, i)
			f.op("VMOVDQU Y%d, %d(%s)", i, i/4*128+i%4*16, tArgs)
		}
		f.end()
	}
}

// tile8VNNI sums 14 x 32 in registers; the structure is that of tileKernel,
// with four bytes of the sum in the place of a float.
func tile8VNNI(f *file) {
	const mr = 14
	f.begin("tile8VNNI", "t *tile8Call", "sums a tile of at most 14 x 32; see TileI8Args.")
	tile8Begin(f, mr)
	for m := mr; m > 0; m-- {
		tile8Rows(f, m, func() {
			f.op("VMOVDQU64 (%s), Z28", tB)
			f.op("VMOVDQU64 64(%s), Z29", tB)
			for i := range m {
				f.op("VPBROADCASTD %s, Z%d", tileRow(i), 30+i%2)
				f.op("VPDPBUSD Z28, Z%d, Z%d", 30+i%2, 2*i)
				f.op("VPDPBUSD Z29, Z%d, Z%d", 30+i%2, 2*i+1)
			}
		}, 2*m, avx512)
		for i := range 2 * m {
			f.op("VMOVDQU64 Z%d, %d(%s)", i, 64*i, tArgs)
		}
		f.end()
	}
}

// tile8Begin loads the arguments and jumps to the code for m rows.
func tile8Begin(f *file, mr int) {
	f.op("MOVQ t+0(FP), %s", tArgs)
	f.op("MOVQ tile8Call_a(%s), %s", tArgs, tA)
	f.op("MOVQ tile8Call_lda(%s), %s", tArgs, tLda)
	strides{tA, tLda, tLda3, tLda5, ""}.load(f)
	f.op("MOVQ tile8Call_segs(%s), %s", tArgs, tSegs)
	f.op("MOVQ tile8Call_nsegs(%s), %s", tArgs, tCount)
	f.op("MOVQ tile8Call_b(%s), %s", tArgs, tB)
	f.op("MOVQ tile8Call_m(%s), %s", tArgs, tLen)
	f.op("MOVQ tile8Call_sums(%s), %s", tArgs, tArgs)
	for m := mr - 1; m > 0; m-- {
		f.op("CMPQ %s, $%d", tLen, m)
		f.op("JEQ rows%d", m)
	}
}

// tile8Rows is packedRows of bytes.
func tile8Rows(f *file, m int, body func(), regs int, s isa) { packedRows(f, m, 1, body, regs, s) }

// packedRows writes the loop over the sum for m rows, four bytes at a time, of
// numbers of size bytes; the first regs registers start at zero.
func packedRows(f *file, m, size int, body func(), regs int, s isa) {
	f.label("rows%d", m)
	for i := range regs {
		f.zero(s, i)
	}
	f.label("segment%d", m)
	f.op("MOVQ Segment_Len(%s), %s", tSegs, tLen)
	f.op("MOVQ Segment_Off(%s), %s", tSegs, tRow0)
	f.op("LEAQ (%s)(%s*%d), %s", tA, tRow0, size, tRow0)
	if m > 7 {
		f.op("LEAQ (%s)(%s*8), %s", tRow0, tLda, tRow7)
		f.op("SUBQ %s, %s", tLda, tRow7)
	}
	f.op("TESTQ %[1]s, %[1]s", tLen)
	f.op("JZ next%d", m)
	f.label("loop%d", m)
	body()
	f.op("ADDQ $128, %s", tB)
	f.op("ADDQ $4, %s", tRow0)
	if m > 7 {
		f.op("ADDQ $4, %s", tRow7)
	}
	f.op("SUBQ $%d, %s", 4/size, tLen)
	f.op("JNZ loop%d", m)
	f.label("next%d", m)
	f.op("ADDQ $Segment__size, %s", tSegs)
	f.op("DECQ %s", tCount)
	f.op("JNZ segment%d", m)
}

// finish8 writes the epilogue: rows of 32 sums in two vectors, the columns
// behind the last under masks.
func finish8(f *file) {
	const args, sums, out, res, m, flags, x = "AX", "SI", "DI", "DX", "CX", "R8", "BX"
	f.begin("finish8AVX512", "c *finish8Call", "finishes rows of sums; see TileI8Args.")
	f.op("MOVQ c+0(FP), %s", args)
	for _, p := range [][2]string{{"sums", sums}, {"out", out}, {"residual", res}, {"m", m}, {"flags", flags}, {"ldc", "R9"}, {"ldr", "R10"}} {
		f.op("MOVQ finish8Call_%s(%s), %s", p[0], args, p[1])
	}
	f.op("MOVL finish8Call_mask(%s), %s", args, x)
	f.op("KMOVD %s, K1", x)
	f.op("KSHIFTRD $16, K1, K2")
	for i, p := range []string{"scale", "bias"} {
		f.op("MOVQ finish8Call_%s(%s), %s", p, args, x)
		f.op("VMOVUPS (%s), Z%d", x, 16+2*i)
		f.op("VMOVUPS 64(%s), Z%d", x, 17+2*i)
	}
	for i, p := range []string{"min", "max", "outScale", "low", "high", "residualScale"} {
		f.op("VBROADCASTSS finish8Call_%s(%s), Z%d", p, args, 20+i)
	}
	f.op("VPBROADCASTD finish8Call_outZero(%s), Z26", args)
	f.op("VPBROADCASTD finish8Call_residualZero(%s), Z27", args)

	both := func(format string, n ...any) {
		for v := range 2 {
			var a []any
			for _, k := range n {
				a = append(a, k.(int)+v)
			}
			f.op(format, a...)
		}
	}
	f.label("row")
	f.op("VCVTDQ2PS (%s), Z0", sums)
	f.op("VCVTDQ2PS 64(%s), Z1", sums)
	both("VMULPS Z%d, Z%d, Z%d", 16, 0, 0)
	both("VADDPS Z%d, Z%d, Z%d", 18, 0, 0)
	f.op("TESTQ $const_finishBytes, %s", flags)
	f.op("JZ floats")
	f.op("VPMOVZXBD.Z (%s), K1, Z2", res)
	f.op("VPMOVZXBD.Z 16(%s), K2, Z3", res)
	both("VPSUBD Z27, Z%d, Z%d", 2, 2)
	both("VCVTDQ2PS Z%d, Z%d", 2, 2)
	both("VMULPS Z25, Z%d, Z%d", 2, 2)
	both("VADDPS Z%d, Z%d, Z%d", 2, 0, 0)
	f.label("floats")
	f.op("TESTQ $const_finishFloats, %s", flags)
	f.op("JZ clamp")
	f.op("VMOVUPS.Z (%s), K1, Z2", res)
	f.op("VMOVUPS.Z 64(%s), K2, Z3", res)
	both("VADDPS Z%d, Z%d, Z%d", 2, 0, 0)
	f.label("clamp")
	both("VMAXPS Z%d, Z20, Z%d", 0, 0)
	both("VMINPS Z%d, Z21, Z%d", 0, 0)
	f.op("TESTQ $const_finishOutF, %s", flags)
	f.op("JZ bytes")
	f.op("VMOVUPS Z0, K1, (%s)", out)
	f.op("VMOVUPS Z1, K2, 64(%s)", out)
	f.op("JMP next")
	f.label("bytes")
	both("VMULPS Z22, Z%d, Z%d", 0, 0)
	both("VMAXPS Z23, Z%d, Z%d", 0, 0) // NaN becomes the lowest
	both("VMINPS Z24, Z%d, Z%d", 0, 0)
	both("VCVTPS2DQ Z%d, Z%d", 0, 0)
	both("VPADDD Z26, Z%d, Z%d", 0, 0)
	both("VPMOVDB Z%d, X%d", 0, 0)
	f.op("VINSERTI128 $1, X1, Y0, Y0")
	f.op("VMOVDQU8 Y0, K1, (%s)", out)
	f.label("next")
	f.op("ADDQ $128, %s", sums)
	f.op("ADDQ R9, %s", out)
	f.op("ADDQ R10, %s", res)
	f.op("DECQ %s", m)
	f.op("JNZ row")
	f.end()
}
