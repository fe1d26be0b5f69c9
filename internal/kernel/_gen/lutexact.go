package main

import "fmt"

// genLUTExact writes the sums of exact products of lookup-table networks.
func genLUTExact(f *file) {
	for vectors := 1; vectors <= lutVectors; vectors++ {
		for _, outputs := range []int{1, 4} {
			lutExact(f, avx2, false, outputs, vectors)
			lutExact(f, avx2, true, outputs, vectors)
		}
		for _, outputs := range []int{1, 4, 8} {
			lutExact(f, avx512, false, outputs, vectors)
			lutExact(f, avx512, true, outputs, vectors)
		}
	}
	for _, s := range []isa{avx2, avx512} {
		lutCarry(f, s)
		for _, vnni := range []bool{false, true} {
			lutExactFilter(f, exactFilterRegs{s, vnni}, false)
			lutExactFilter(f, exactFilterRegs{s, vnni}, true)
		}
	}
}

// lutCarry writes CarryLUT. Rows are of lutVectors vectors.
func lutCarry(f *file, s isa) {
	const sums, low, bias, rows, vectors, left, to, from = "DI", "SI", "BX", "CX", "DX", "R8", "R9", "R10"
	f.begin("lutCarry"+s.name, "c *lutCarryCall", "adds what sums of lower bits carry; see CarryLUT.")
	f.op("MOVQ c+0(FP), AX")
	for _, p := range [][2]string{{"sums", sums}, {"low", low}, {"bias", bias}, {"rows", rows}, {"vectors", vectors}} {
		f.op("MOVQ lutCarryCall_%s(AX), %s", p[0], p[1])
	}
	f.op("MOVL lutCarryCall_bits(AX), AX")
	f.op("VMOVD AX, X2")
	f.label("row")
	f.op("VPBROADCASTD (%s), %s", bias, s.r(1))
	f.op("MOVQ %s, %s", sums, to)
	f.op("MOVQ %s, %s", low, from)
	f.op("MOVQ %s, %s", vectors, left)
	f.label("vector")
	f.op("VPADDD (%s), %s, %s", from, s.r(1), s.r(0))
	f.op("VPSRAD X2, %[1]s, %[1]s", s.r(0))
	f.op("VPADDD (%s), %[2]s, %[2]s", to, s.r(0))
	f.op("%s %s, (%s)", s.move(), s.r(0), to)
	f.op("ADDQ $%d, %s", s.bytes, from)
	f.op("ADDQ $%d, %s", s.bytes, to)
	f.op("DECQ %s", left)
	f.op("JNZ vector")
	f.op("ADDQ $%d, %s", lutVectors*s.bytes, sums)
	f.op("ADDQ $%d, %s", lutVectors*s.bytes, low)
	f.op("ADDQ $4, %s", bias)
	f.op("DECQ %s", rows)
	f.op("JNZ row")
	f.end()
}

// lutExact writes SumLUT of exact products for some outputs at the places of
// some vectors, with the instruction of VNNI that adds two products to a sum, or
// without. The structure is that of lutSum, but sums stay in registers.
func lutExact(f *file, s isa, vnni bool, outputs, vectors int) {
	const numbers, weights, sums, old, pairs = "SI", "BX", "DX", "DI", "R8"
	name := s.name
	switch {
	case vnni && s.masked():
		name = "VNNI"
	case vnni:
		name = "AVXVNNI"
	}
	first := s.regs - outputs*vectors // of sums
	acc := func(o, v int) int { return first + o*vectors + v }
	f.begin(fmt.Sprintf("lutExact%dx%d%s", outputs, vectors, name), "c *lutSumCall",
		fmt.Sprintf("adds up exact products of %d outputs at the places of %d vectors; see SumLUT.", outputs, vectors))
	f.op("MOVQ c+0(FP), AX")
	for _, p := range [][2]string{{"numbers", numbers}, {"weights", weights}, {"sums", sums}, {"old", old}, {"pairs", pairs}} {
		f.op("MOVQ lutSumCall_%s(AX), %s", p[0], p[1])
	}
	for o := range outputs {
		for v := range vectors {
			f.op("%s %d(%s), %s", s.move(), (o*lutVectors+v)*s.bytes, old, s.r(acc(o, v)))
		}
	}
	f.label("pair")
	f.op("PREFETCHT0 %d(%s)", lutAhead, weights)
	lutExactPair(f, s, vnni, outputs, vectors, numbers, weights, acc)
	f.op("ADDQ $%d, %s", lutVectors*s.bytes, numbers)
	f.op("ADDQ $%d, %s", 4*outputs, weights)
	f.op("DECQ %s", pairs)
	f.op("JNZ pair")
	for o := range outputs {
		for v := range vectors {
			f.op("%s %s, %d(%s)", s.move(), s.r(acc(o, v)), (o*lutVectors+v)*s.bytes, sums)
		}
	}
	f.end()
}

// lutExactPair adds the products of a pair of taps. Numbers stay in registers
// where these are enough.
func lutExactPair(f *file, s isa, vnni bool, outputs, vectors int, numbers, weights string, acc func(o, v int) int) {
	number, weight := func(v int) string { return fmt.Sprintf("%d(%s)", v*s.bytes, numbers) }, 0
	if s.masked() || vnni {
		for v := range vectors {
			f.op("%s %s, %s", s.move(), number(v), s.r(v))
		}
		number, weight = s.r, vectors
	}
	for o := range outputs {
		f.op("VPBROADCASTD %d(%s), %s", 4*o, weights, s.r(weight))
		for v := range vectors {
			if vnni {
				f.dotWords(s, acc(o, v), weight, v)
			} else {
				f.op("VPMADDWD %s, %s, %s", number(v), s.r(weight), s.r(weight+1+v))
			}
		}
		for v := range vectors {
			if !vnni {
				f.op("VPADDD %[1]s, %[2]s, %[2]s", s.r(weight+1+v), s.r(acc(o, v)))
			}
		}
	}
}

// dotWords adds the products of pairs of words in a and b to sum.
func (f *file) dotWords(s isa, sum, a, b int) {
	if s.masked() {
		f.op("VPDPWSSD Z%d, Z%d, Z%d", b, a, sum)
	} else {
		f.dotVEX("VPDPWSSD", 0x52, sum, a, b)
	}
}
