package main

// genGram writes the products of one row with up to eight others.
func genGram(f *file) {
	for _, s := range []isa{avx2, avx512} {
		dots(f, s)
	}
}

const (
	gArgs, gA, gCount, gLeft, gBytes = "AX", "SI", "BX", "CX", "DX"
	gramRows                         = 8 // sums: latency times throughput of an FMA
)

var gramB = strides{"DI", "R8", "R9", "R10", "R11"}

// dots sums per lane, and adds the lanes up at the end.
func dots(f *file, s isa) {
	f.begin("dots"+s.name, "c *dotsCall", "computes the products of a row with others; see Gram.")
	f.op("MOVQ c+0(FP), %s", gArgs)
	f.op("MOVQ dotsCall_a(%s), %s", gArgs, gA)
	f.op("MOVQ dotsCall_b(%s), %s", gArgs, gramB.base)
	f.op("MOVQ dotsCall_stride(%s), %s", gArgs, gramB.one)
	gramB.load(f)
	f.op("MOVQ dotsCall_vectors(%s), %s", gArgs, gLeft)
	f.op("MOVQ dotsCall_rows(%s), %s", gArgs, gCount)
	for n := gramRows - 1; n > 0; n-- {
		f.op("CMPQ %s, $%d", gCount, n)
		f.op("JEQ rows%d", n)
	}
	for n := gramRows; n > 0; n-- {
		f.label("rows%d", n)
		for i := range n {
			f.zero(s, i)
		}
		f.label("loop%d", n)
		f.op("VMOVUPS (%s), %s", gA, s.r(gramRows))
		for i := range n {
			f.op("VFMADD231PS %s, %s, %s", gramB.at(i), s.r(gramRows), s.r(i))
		}
		f.op("ADDQ $%d, %s", s.bytes, gA)
		f.op("ADDQ $%d, %s", s.bytes, gramB.base)
		f.op("DECQ %s", gLeft)
		f.op("JNZ loop%d", n)
		for i := range n {
			f.fold(s, i)
			f.op("VMOVSS X%d, (dotsCall_sums+%d)(%s)", i, 4*i, gArgs)
		}
		f.end()
	}
}

// fold adds the lanes of register i up, into its first.
func (f *file) fold(s isa, i int) {
	const t = gramRows
	if s.masked() {
		f.op("VEXTRACTF64X4 $1, Z%d, Y%d", i, t)
		f.op("VADDPS Y%d, Y%d, Y%d", t, i, i)
	}
	f.op("VEXTRACTF128 $1, Y%d, X%d", i, t)
	f.op("VADDPS X%d, X%d, X%d", t, i, i)
	for _, order := range []string{"$0x4e", "$0xb1"} {
		f.op("VPERMILPS %s, X%d, X%d", order, i, t)
		f.op("VADDPS X%d, X%d, X%d", t, i, i)
	}
}
