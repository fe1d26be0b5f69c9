package main

import "fmt"

// genLUT writes the kernels of lookup-table networks: levels into numbers,
// gathering of numbers, sums of rounded products, activations.
func genLUT(f *file) {
	for vectors := 1; vectors <= lutVectors; vectors++ {
		for _, outputs := range []int{1, 4} {
			lutSum(f, avx2, outputs, vectors)
			lutSum(f, avx512, outputs, vectors)
		}
		lutSum(f, avx512, 8, vectors)
	}
	for _, s := range []isa{avx2, avx512} {
		lutGather(f, s)
		lutNumbers(f, s)
		lutQuantize(f, s)
		lutAdd(f, s)
		lutLevels(f, s, false)
		lutLevels(f, s, true)
	}
	f.data32("lutOnes", 0x00010001)
	f.data32("lutHalf", 0x3f000000)
}

// lutVectors is the number of vectors of a row.
const lutVectors = 3

// lutAhead is how far behind the weights in use, in bytes, those are that should
// be on their way to the first cache: a layer may have more than the second holds.
const lutAhead = 2048

// lutSum writes SumLUT for some outputs at the places of some vectors.
// A lane of 32 bits is two taps of a place, so that one broadcast serves both,
// and the end of a block adds them to sums of 32 bits in order.
func lutSum(f *file, s isa, outputs, vectors int) {
	const numbers, weights, sums, old, pairs, block, left = "SI", "BX", "DX", "DI", "R8", "R9", "R10"
	first := 4
	if s.masked() {
		first = 8
	}
	acc := func(o, v int) int { return first + o*vectors + v }
	f.begin(fmt.Sprintf("lutSum%dx%d%s", outputs, vectors, s.name), "c *lutSumCall",
		fmt.Sprintf("adds up products of %d outputs at the places of %d vectors; see SumLUT.", outputs, vectors))
	f.op("MOVQ c+0(FP), AX")
	for _, p := range [][2]string{{"numbers", numbers}, {"weights", weights}, {"sums", sums}, {"old", old}, {"pairs", pairs}, {"block", block}} {
		f.op("MOVQ lutSumCall_%s(AX), %s", p[0], p[1])
	}
	f.label("block")
	f.op("MOVQ %s, %s", block, left)
	f.op("CMPQ %s, %s", pairs, block)
	f.op("CMOVQLT %s, %s", pairs, left)
	f.op("SUBQ %s, %s", left, pairs)
	for i := range outputs * vectors {
		f.zero(s, first+i)
	}
	f.label("pair")
	f.op("PREFETCHT0 %d(%s)", lutAhead, weights)
	for v := range vectors {
		if s.masked() {
			f.op("VMOVDQU64 %d(%s), Z%d", v*s.bytes, numbers, v)
		}
	}
	for o := range outputs {
		weight := vectors
		if !s.masked() {
			weight = 0
		}
		f.op("VPBROADCASTD %d(%s), %s", 4*o, weights, s.r(weight))
		for v := range vectors {
			if s.masked() {
				f.op("VPMULHRSW Z%d, Z%d, Z%d", v, weight, 4+v)
			} else {
				f.op("VPMULHRSW %d(%s), Y0, Y%d", v*s.bytes, numbers, 1+v)
			}
		}
		for v := range vectors {
			product := s.r(1 + v)
			if s.masked() {
				product = s.r(4 + v)
			}
			f.op("VPADDW %[1]s, %[2]s, %[2]s", product, s.r(acc(o, v)))
		}
	}
	f.op("ADDQ $%d, %s", lutVectors*s.bytes, numbers)
	f.op("ADDQ $%d, %s", 4*outputs, weights)
	f.op("DECQ %s", left)
	f.op("JNZ pair")
	f.op("VPBROADCASTD lutOnes<>(SB), %s", s.r(0))
	for o := range outputs {
		for v := range vectors {
			at, a := (o*lutVectors+v)*s.bytes, s.r(acc(o, v))
			f.op("VPMADDWD %[1]s, %[2]s, %[2]s", s.r(0), a)
			f.op("VPADDD %d(%s), %s, %s", at, old, a, a)
			f.op("%s %s, %d(%s)", s.move(), a, at, sums)
		}
	}
	f.op("MOVQ %s, %s", sums, old)
	f.op("TESTQ %[1]s, %[1]s", pairs)
	f.op("JNZ block")
	f.end()
}

// move is the instruction that moves a vector of integers from or to memory.
func (s isa) move() string {
	if s.masked() {
		return "VMOVDQU64"
	}
	return "VMOVDQU"
}

// lutGather writes the gathering of SumLUT: for every pair of taps the
// numbers of all runs, those of the second tap in the high halves of lanes.
// A run writes whole vectors, behind which the next one, or the next row, goes on.
func lutGather(f *file, s isa) {
	const (
		src, taps, pairs, runs, m, dst = "SI", "BX", "CX", "DI", "DX", "R9"
		low, high, run, more, to, left = "R10", "R11", "R12", "R13", "AX", "R8"
		a, b                           = "R14", "R15"
	)
	f.begin("lutGather"+s.name, "c *lutGatherCall", "gathers the numbers of pairs of taps; see SumLUT.")
	f.op("MOVQ c+0(FP), AX")
	for _, p := range [][2]string{{"src", src}, {"taps", taps}, {"pairs", pairs}, {"runs", runs}, {"m", m}, {"dst", dst}} {
		f.op("MOVQ lutGatherCall_%s(AX), %s", p[0], p[1])
	}
	f.label("pair")
	f.op("MOVLQSX (%s), %s", taps, low)
	f.op("MOVLQSX 4(%s), %s", taps, high)
	f.op("LEAQ (%s)(%s*2), %s", src, low, low)
	f.op("LEAQ (%s)(%s*2), %s", src, high, high)
	f.op("MOVQ %s, %s", runs, run)
	f.op("MOVQ %s, %s", m, more)
	f.label("run")
	f.op("MOVLQSX (%s), %s", run, a)
	f.op("LEAQ (%s)(%s*2), %s", high, a, b)
	f.op("LEAQ (%s)(%s*2), %s", low, a, a)
	f.op("MOVLQSX 4(%s), %s", run, to)
	f.op("LEAQ (%s)(%s*4), %s", dst, to, to)
	f.op("MOVLQSX 8(%s), %s", run, left)
	f.label("vector")
	f.op("VPMOVZXWD (%s), %s", a, s.r(0))
	f.op("VPMOVZXWD (%s), %s", b, s.r(1))
	f.op("VPSLLD $16, %[1]s, %[1]s", s.r(1))
	if s.masked() {
		f.op("VPORD Z0, Z1, Z0")
	} else {
		f.op("VPOR Y0, Y1, Y0")
	}
	f.op("%s %s, (%s)", s.move(), s.r(0), to)
	f.op("ADDQ $%d, %s", s.bytes/2, a)
	f.op("ADDQ $%d, %s", s.bytes/2, b)
	f.op("ADDQ $%d, %s", s.bytes, to)
	f.op("SUBQ $%d, %s", s.lanes(), left)
	f.op("JG vector")
	f.op("ADDQ $12, %s", run)
	f.op("DECQ %s", more)
	f.op("JNZ run")
	f.op("ADDQ $8, %s", taps)
	f.op("ADDQ $%d, %s", lutVectors*s.bytes, dst)
	f.op("DECQ %s", pairs)
	f.op("JNZ pair")
	f.end()
}

// lutNumbers writes NumbersLUT.
func lutNumbers(f *file, s isa) {
	f.begin("lutNumbers"+s.name, "c *lutNumbersCall", "turns levels into numbers; see NumbersLUT.")
	f.op("MOVQ c+0(FP), AX")
	for _, p := range [][2]string{{"dst", "DI"}, {"src", "SI"}, {"n", "CX"}} {
		f.op("MOVQ lutNumbersCall_%s(AX), %s", p[0], p[1])
	}
	f.op("VPBROADCASTD lutNumbersCall_first(AX), %s", s.r(2))
	f.op("VPBROADCASTD lutNumbersCall_step(AX), %s", s.r(3))
	f.label("vector")
	f.op("VPMOVZXBW (SI), %s", s.r(0))
	f.op("VPMULLW %[1]s, %[2]s, %[2]s", s.r(3), s.r(0))
	f.op("VPADDW %[1]s, %[2]s, %[2]s", s.r(2), s.r(0))
	f.op("%s %s, (DI)", s.move(), s.r(0))
	f.op("ADDQ $%d, SI", s.bytes/2)
	f.op("ADDQ $%d, DI", s.bytes)
	f.op("DECQ CX")
	f.op("JNZ vector")
	f.end()
}

// lutQuantize writes QuantizeLUT, two vectors at a time.
func lutQuantize(f *file, s isa) {
	f.begin("lutQuantize"+s.name, "c *lutQuantizeCall", "turns numbers into levels; see QuantizeLUT.")
	f.op("MOVQ c+0(FP), AX")
	for _, p := range [][2]string{{"dst", "DI"}, {"src", "SI"}, {"n", "CX"}} {
		f.op("MOVQ lutQuantizeCall_%s(AX), %s", p[0], p[1])
	}
	for i, name := range []string{"low", "scale", "last"} {
		f.op("VBROADCASTSS lutQuantizeCall_%s(AX), %s", name, s.r(8+i))
	}
	f.op("VBROADCASTSS lutHalf<>(SB), %s", s.r(11))
	f.zero(s, 12)
	f.label("vector")
	for i := range 2 {
		f.op("VMOVUPS %d(SI), %s", i*s.bytes, s.r(i))
		f.op("VSUBPS %s, %[2]s, %[2]s", s.r(8), s.r(i))
		f.op("VMULPS %s, %[2]s, %[2]s", s.r(9), s.r(i))
		f.op("VMAXPS %s, %[2]s, %[2]s", s.r(12), s.r(i)) // 0 for NaN
		f.op("VMINPS %s, %[2]s, %[2]s", s.r(10), s.r(i))
		f.op("VADDPS %s, %[2]s, %[2]s", s.r(11), s.r(i))
		f.op("VCVTTPS2DQ %[1]s, %[1]s", s.r(i))
		if s.masked() {
			f.op("VPMOVDB Z%d, %d(DI)", i, i*s.lanes())
		}
	}
	if !s.masked() {
		f.op("VPACKSSDW Y1, Y0, Y0") // 0-3 8-11 | 4-7 12-15
		f.op("VPERMQ $0xd8, Y0, Y0")
		f.op("VEXTRACTI128 $1, Y0, X1")
		f.op("VPACKUSWB X1, X0, X0")
		f.op("VMOVDQU X0, (DI)")
	}
	f.op("ADDQ $%d, SI", 2*s.bytes)
	f.op("ADDQ $%d, DI", 2*s.lanes())
	f.op("DECQ CX")
	f.op("JNZ vector")
	f.end()
}

// lutAdd writes AddLUT.
func lutAdd(f *file, s isa) {
	const sums, src, pitch, rows, table, to, from, left = "DI", "SI", "DX", "CX", "BX", "R8", "R9", "R10"
	f.begin("lutAdd"+s.name, "c *lutAddCall", "adds entries of levels to sums; see AddLUT.")
	f.op("MOVQ c+0(FP), AX")
	for _, p := range [][2]string{{"sums", sums}, {"src", src}, {"pitch", pitch}, {"rows", rows}, {"table", table}} {
		f.op("MOVQ lutAddCall_%s(AX), %s", p[0], p[1])
	}
	f.label("row")
	f.op("MOVQ %s, %s", sums, to)
	f.op("MOVQ %s, %s", src, from)
	f.op("MOVQ lutAddCall_vectors(AX), %s", left)
	f.label("vector")
	f.op("VPMOVZXBD (%s), %s", from, s.r(0))
	f.zero(s, 1)
	if s.masked() {
		f.op("KXNORW K0, K0, K1")
		f.op("VPGATHERDD (%s)(Z0*4), K1, Z1", table)
	} else {
		f.op("VPCMPEQD Y2, Y2, Y2")
		f.op("VPGATHERDD Y2, (%s)(Y0*4), Y1", table)
	}
	f.op("VPADDD (%s), %[2]s, %[2]s", to, s.r(1))
	f.op("%s %s, (%s)", s.move(), s.r(1), to)
	f.op("ADDQ $%d, %s", s.lanes(), from)
	f.op("ADDQ $%d, %s", s.bytes, to)
	f.op("DECQ %s", left)
	f.op("JNZ vector")
	f.op("ADDQ $%d, %s", lutVectors*s.bytes, sums)
	f.op("ADDQ %s, %s", pitch, src)
	f.op("DECQ %s", rows)
	f.op("JNZ row")
	f.end()
}

const lvDst, lvSums, lvBias, lvTable, lvAt, lvLast = "DI", "SI", "BX", "R10", "R9", "R8"

// lutLevels writes LevelsLUT, with a map or without. The last vector of a row
// overlaps the one before it.
func lutLevels(f *file, s isa, mapped bool) {
	const rows, pitch = "CX", "DX"
	name, doc := "lutLevels", "turns sums into bins; see LevelsLUT."
	if mapped {
		name, doc = "lutMapped", "turns sums into bins, and those into levels; see LevelsLUT."
	}
	f.begin(name+s.name, "c *lutLevelsCall", doc)
	f.op("MOVQ c+0(FP), AX")
	for _, p := range [][2]string{{"dst", lvDst}, {"pitch", pitch}, {"sums", lvSums}, {"last", lvLast}, {"bias", lvBias}, {"rows", rows}, {"table", lvTable}} {
		f.op("MOVQ lutLevelsCall_%s(AX), %s", p[0], p[1])
	}
	f.op("VPBROADCASTD lutLevelsCall_top(AX), %s", s.r(5))
	f.zero(s, 6)
	f.op("MOVL lutLevelsCall_shift(AX), AX")
	f.op("VMOVD AX, X7")
	f.label("row")
	f.op("VPBROADCASTD (%s), %s", lvBias, s.r(4))
	f.op("XORL %[1]s, %[1]s", lvAt)
	f.label("vector")
	f.op("VPADDD (%s)(%s*4), %s, %s", lvSums, lvAt, s.r(4), s.r(0))
	f.op("VPSRAD X7, %[1]s, %[1]s", s.r(0))
	f.op("VPMAXSD %s, %[2]s, %[2]s", s.r(6), s.r(0))
	f.op("VPMINSD %s, %[2]s, %[2]s", s.r(5), s.r(0))
	if s.masked() {
		lutBytes512(f, mapped)
	} else {
		lutBytes256(f, mapped)
	}
	f.op("CMPQ %s, %s", lvAt, lvLast)
	f.op("JEQ done")
	f.op("ADDQ $%d, %s", s.lanes(), lvAt)
	f.op("CMPQ %s, %s", lvAt, lvLast)
	f.op("CMOVQGT %s, %s", lvLast, lvAt)
	f.op("JMP vector")
	f.label("done")
	f.op("ADDQ %s, %s", pitch, lvDst)
	f.op("ADDQ $%d, %s", lutVectors*s.bytes, lvSums)
	f.op("ADDQ $4, %s", lvBias)
	f.op("DECQ %s", rows)
	f.op("JNZ row")
	f.end()
}

// lutBytes512 stores the 16 bins of Z0, or their levels.
func lutBytes512(f *file, mapped bool) {
	if mapped {
		f.op("KXNORW K0, K0, K1")
		f.op("VPXORD Z1, Z1, Z1")
		f.op("VPGATHERDD (%s)(Z0*4), K1, Z1", lvTable)
		f.op("VMOVDQA32 Z1, Z0")
	}
	f.op("VPMOVDB Z0, (%s)(%s*1)", lvDst, lvAt)
}

// lutBytes256 stores the 8 bins of Y0, or their levels.
func lutBytes256(f *file, mapped bool) {
	if mapped {
		f.op("VPCMPEQD Y8, Y8, Y8")
		f.op("VPXOR Y1, Y1, Y1")
		f.op("VPGATHERDD Y8, (%s)(Y0*4), Y1", lvTable)
		f.op("VMOVDQA Y1, Y0")
	}
	f.op("VPACKSSDW Y0, Y0, Y0")
	f.op("VPACKUSWB Y0, Y0, Y0") // 0-3 four times | 4-7 four times
	f.op("VEXTRACTI128 $1, Y0, X1")
	f.op("VPUNPCKLDQ X1, X0, X0")
	f.op("VMOVQ X0, (%s)(%s*1)", lvDst, lvAt)
}
