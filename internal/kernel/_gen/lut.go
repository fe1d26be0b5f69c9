package main

// genLUT writes the kernels of lookup-table networks: gathering of levels,
// sums of looked-up products, activations.
func genLUT(f *file) {
	for _, outputs := range []int{4, 8, 12} {
		lutSum512(f, outputs)
	}
	lutSum256(f, true)
	lutSum256(f, false)
	for _, s := range []isa{avx2, avx512} {
		lutIndex(f, s)
	}
	for _, mapped := range []bool{false, true} {
		lutLevels256(f, mapped)
		lutLevels512(f, mapped)
	}
	f.data32("lutOdd", 0x01000100)
	f.data32("lutHigh", 0x70707070)
	f.data32("lutSixteen", 0x10101010)
}

const (
	uArgs, uIndex, uCodes, uTable, uSums, uTaps, uBlock, uStep, uOff = "AX", "SI", "BX", "DI", "DX", "R8", "R9", "R10", "R11"
)

// lutSumLoop writes the loops over blocks and taps of a sum.
func lutSumLoop(f *file, name, doc string, sums int, tap, flush func()) {
	f.begin(name, "c *lutSumCall", doc)
	f.op("MOVQ c+0(FP), %s", uArgs)
	for _, p := range [][2]string{{"index", uIndex}, {"columns", uCodes}, {"table", uTable}, {"sums", uSums}, {"taps", uTaps}, {"block", uBlock}} {
		f.op("MOVQ lutSumCall_%s(%s), %s", p[0], uArgs, p[1])
	}
	f.label("block")
	f.op("MOVQ %s, %s", uBlock, uStep)
	f.op("CMPQ %s, %s", uTaps, uBlock)
	f.op("CMOVQLT %s, %s", uTaps, uStep)
	f.op("SUBQ %s, %s", uStep, uTaps)
	for i := range sums {
		f.zero(avx512, 8+i)
	}
	f.label("tap")
	tap()
	f.op("DECQ %s", uStep)
	f.op("JNZ tap")
	flush()
	f.op("TESTQ %[1]s, %[1]s", uTaps)
	f.op("JNZ block")
	f.end()
}

// lutSum512 writes SumLUT for some outputs at 64 places. An index is two
// bytes, those of the product in the table: permuting bytes is one operation,
// permuting words would be two.
func lutSum512(f *file, outputs int) {
	acc := func(o, half int) int { return 8 + 2*o + half }
	tap := func() {
		f.op("VMOVDQU64 (%s), Z0", uIndex)
		f.op("VMOVDQU64 64(%s), Z1", uIndex)
		for o := range outputs {
			t := 2 + o%2*3
			f.op("MOVWLZX %d(%s), %s", 2*o, uCodes, uOff)
			f.op("SHLQ $6, %s", uOff)
			f.op("VMOVDQU64 (%s)(%s*1), Z%d", uTable, uOff, t)
			for half := range 2 {
				f.op("VPERMB Z%d, Z%d, Z%d", t, half, t+1+half)
				f.op("VPADDW Z%[1]d, Z%[2]d, Z%[2]d", t+1+half, acc(o, half))
			}
		}
		f.op("ADDQ $128, %s", uIndex)
		f.op("ADDQ $%d, %s", 2*outputs, uCodes)
	}
	flush := func() {
		for o := range outputs {
			for half := range 2 {
				at := 256*o + 128*half
				f.op("VEXTRACTI64X4 $1, Z%d, Y1", acc(o, half))
				f.op("VPMOVSXWD Y%d, Z0", acc(o, half))
				f.op("VPMOVSXWD Y1, Z1")
				for part := range 2 {
					f.op("VPADDD %d(%s), Z%d, Z%d", at+64*part, uSums, part, part)
					f.op("VMOVDQU32 Z%d, %d(%s)", part, at+64*part, uSums)
				}
			}
		}
	}
	name := map[int]string{4: "lutSum4AVX512", 8: "lutSum8AVX512", 12: "lutSum12AVX512"}[outputs]
	lutSumLoop(f, name, "adds up products of a group of outputs at 64 places; see SumLUT.", 24, tap, flush)
}

// lutSum256 writes SumLUT for 4 outputs at 32 places. Four permutations look up
// the low and the high bytes of the products of levels below 16 and of the
// others, where there are any; an index out of range gives 0.
func lutSum256(f *file, others bool) {
	name, doc, from := "lutSum4AVX2", "adds up products of 4 outputs at 32 places; see SumLUT.", 1
	if !others {
		name, doc, from = "lutSum4NarrowAVX2", "adds up products of 4 outputs at 32 places, of at most 16 levels; see SumLUT.", 2
	}
	tap := func() {
		f.op("VMOVDQU (%s), Y0", uIndex)
		if others {
			f.op("VMOVDQU 32(%s), Y1", uIndex)
		}
		for o := range 4 {
			f.op("MOVWLZX %d(%s), %s", 2*o, uCodes, uOff)
			f.op("SHLQ $6, %s", uOff)
			for i := 0; i < 4; i += from {
				f.op("VBROADCASTI128 %d(%s)(%s*1), Y%d", 16*i, uTable, uOff, 2+i)
				f.op("VPSHUFB Y%d, Y%d, Y%d", i%2, 2+i, 2+i)
			}
			if others {
				f.op("VPOR Y2, Y3, Y2")
				f.op("VPOR Y4, Y5, Y4")
			}
			f.op("VPUNPCKLBW Y4, Y2, Y6")
			f.op("VPUNPCKHBW Y4, Y2, Y7")
			f.op("VPADDW Y6, Y%[1]d, Y%[1]d", 8+2*o)
			f.op("VPADDW Y7, Y%[1]d, Y%[1]d", 9+2*o)
		}
		f.op("ADDQ $64, %s", uIndex)
		f.op("ADDQ $8, %s", uCodes)
	}
	flush := func() {
		for o := range 4 {
			for i := range 4 { // lanes: places 0-7 and 16-23, 8-15 and 24-31
				src := 8 + 2*o + i%2
				f.op("VEXTRACTI128 $%d, Y%d, X0", i/2, src)
				f.op("VPMOVSXWD X0, Y0")
				f.op("VPADDD %d(%s), Y0, Y0", 128*o+32*i, uSums)
				f.op("VMOVDQU Y0, %d(%s)", 128*o+32*i, uSums)
			}
		}
	}
	lutSumLoop(f, name, doc, 8, tap, flush)
}

// lutIndex writes IndexLUT: a loop that copies runs into rows of levels, and one
// that turns rows into indices of the permutations.
func lutIndex(f *file, s isa) {
	const (
		src, taps, n, runs, m, raw, dst = "SI", "BX", "CX", "DI", "DX", "R8", "R9"
		base, run, left, from, to, row  = "R10", "R11", "R12", "R13", "AX", "R15"
		more                            = "R14"
	)
	move := "VMOVDQU"
	if s.masked() {
		move = "VMOVDQU64"
	}
	f.begin("lutIndex"+s.name, "c *lutIndexCall", "gathers the levels of places; see IndexLUT.")
	f.op("MOVQ c+0(FP), AX")
	for _, p := range [][2]string{{"src", src}, {"taps", taps}, {"n", n}, {"runs", runs}, {"m", m}, {"raw", raw}, {"dst", dst}} {
		f.op("MOVQ lutIndexCall_%s(AX), %s", p[0], p[1])
	}
	f.op("MOVQ %s, %s", n, left)
	f.op("MOVQ %s, %s", raw, row)
	f.label("tap")
	f.op("MOVLQSX (%s), %s", taps, base)
	f.op("ADDQ %s, %s", src, base)
	f.op("MOVQ %s, %s", runs, run)
	f.op("MOVQ %s, %s", m, more)
	f.label("run")
	f.op("MOVLQSX (%s), %s", run, from)
	f.op("MOVLQSX 4(%s), %s", run, to)
	f.op("%s (%s)(%s*1), %s", move, base, from, s.r(0))
	f.op("%s %s, (%s)(%s*1)", move, s.r(0), row, to)
	f.op("ADDQ $12, %s", run)
	f.op("DECQ %s", more)
	f.op("JNZ run")
	f.op("ADDQ $4, %s", taps)
	f.op("ADDQ $%d, %s", s.bytes, row)
	f.op("DECQ %s", left)
	f.op("JNZ tap")
	if s.masked() {
		f.op("VPBROADCASTD lutOdd<>(SB), Z31")
	} else {
		f.op("VPBROADCASTD lutHigh<>(SB), Y14")
		f.op("VPBROADCASTD lutSixteen<>(SB), Y15")
	}
	f.label("row")
	if s.masked() {
		for half := range 2 {
			f.op("VPMOVZXBW %d(%s), Z%d", 32*half, raw, half)
			f.op("VPADDW Z%[1]d, Z%[1]d, Z%[1]d", half)
			f.op("VPSLLW $8, Z%d, Z%d", half, 2+half)
			f.op("VPORQ Z%d, Z31, Z%d", half, half)
			f.op("VPORQ Z%d, Z%d, Z%d", half, 2+half, half)
			f.op("VMOVDQU64 Z%d, %d(%s)", half, 64*half, dst)
		}
	} else {
		f.op("VMOVDQU (%s), Y0", raw)
		f.op("VPADDB Y14, Y0, Y1")
		f.op("VPSUBB Y15, Y0, Y0")
		f.op("VMOVDQU Y1, (%s)", dst)
		f.op("VMOVDQU Y0, 32(%s)", dst)
	}
	f.op("ADDQ $%d, %s", s.bytes, raw)
	f.op("ADDQ $%d, %s", map[bool]int{true: 128, false: 64}[s.masked()], dst)
	f.op("DECQ %s", n)
	f.op("JNZ row")
	f.end()
}

const lvDst, lvSums, lvN, lvTable = "DI", "SI", "CX", "BX"

// lutLevelsHead reads the arguments of LevelsLUT and broadcasts its numbers.
func lutLevelsHead(f *file, s isa, mapped bool) {
	name := "lutLevels"
	doc := "turns sums into bins; see LevelsLUT."
	if mapped {
		name, doc = "lutMapped", "turns sums into bins, and those into levels; see LevelsLUT."
	}
	f.begin(name+s.name, "c *lutLevelsCall", doc)
	f.op("MOVQ c+0(FP), AX")
	for _, p := range [][2]string{{"dst", lvDst}, {"sums", lvSums}, {"n", lvN}, {"table", lvTable}} {
		f.op("MOVQ lutLevelsCall_%s(AX), %s", p[0], p[1])
	}
	f.op("VPBROADCASTD lutLevelsCall_bias(AX), %s", s.r(4))
	f.op("VPBROADCASTD lutLevelsCall_last(AX), %s", s.r(5))
	f.zero(s, 6)
	f.op("MOVL lutLevelsCall_shift(AX), AX")
	f.op("VMOVD AX, X7")
	f.label("vector")
}

func lutLevelsTail(f *file) {
	f.op("ADDQ $64, %s", lvSums)
	f.op("ADDQ $16, %s", lvDst)
	f.op("DECQ %s", lvN)
	f.op("JNZ vector")
	f.end()
}

func lutLevels512(f *file, mapped bool) {
	lutLevelsHead(f, avx512, mapped)
	f.op("VPADDD (%s), Z4, Z0", lvSums)
	f.op("VPSRAD X7, Z0, Z0")
	f.op("VPMAXSD Z6, Z0, Z0")
	f.op("VPMINSD Z5, Z0, Z0")
	if mapped {
		f.op("KXNORW K0, K0, K1")
		f.op("VPXORD Z1, Z1, Z1")
		f.op("VPGATHERDD (%s)(Z0*4), K1, Z1", lvTable)
		f.op("VPMOVDB Z1, (%s)", lvDst)
	} else {
		f.op("VPMOVDB Z0, (%s)", lvDst)
	}
	lutLevelsTail(f)
}

func lutLevels256(f *file, mapped bool) {
	lutLevelsHead(f, avx2, mapped)
	for i := range 2 {
		f.op("VPADDD %d(%s), Y4, Y%d", 32*i, lvSums, i)
		f.op("VPSRAD X7, Y%d, Y%d", i, i)
		f.op("VPMAXSD Y6, Y%d, Y%d", i, i)
		f.op("VPMINSD Y5, Y%d, Y%d", i, i)
		if mapped {
			f.op("VPCMPEQD Y8, Y8, Y8")
			f.op("VPXOR Y%[1]d, Y%[1]d, Y%[1]d", 2+i)
			f.op("VPGATHERDD Y8, (%s)(Y%d*4), Y%d", lvTable, i, 2+i)
			f.op("VMOVDQA Y%d, Y%d", 2+i, i)
		}
	}
	f.op("VPACKSSDW Y1, Y0, Y0") // 0-3 8-11 | 4-7 12-15
	f.op("VEXTRACTI128 $1, Y0, X1")
	f.op("VPACKUSWB X1, X0, X0") // 0-3 8-11 4-7 12-15
	f.op("VPSHUFD $0xd8, X0, X0")
	f.op("VMOVDQU X0, (%s)", lvDst)
	lutLevelsTail(f)
}
