package main

// genGram writes the products of one row with some others.
func genGram(f *file) {
	for _, s := range []isa{avx2, avx512} {
		dots(f, s)
	}
}

const (
	gArgs, gA, gCount, gLeft, gBytes = "AX", "SI", "BX", "CX", "DX"
)

// gramRows is the most rows; see the function of that name in gram_amd64.go.
// Every level sums in sixteen lanes: with AVX2 in two registers for each row.
func (s isa) gramRows() int {
	if s.masked() {
		return 8
	}
	return 7
}

// gramTemp is a register behind all sums.
func (s isa) gramTemp() int {
	if s.masked() {
		return s.gramRows()
	}
	return 2 * s.gramRows()
}

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
	for n := s.gramRows() - 1; n > 0; n-- {
		f.op("CMPQ %s, $%d", gCount, n)
		f.op("JEQ rows%d", n)
	}
	for n := s.gramRows(); n > 0; n-- {
		f.label("rows%d", n)
		for i := range n {
			for half := range 64 / s.bytes {
				f.zero(s, half*s.gramRows()+i)
			}
		}
		f.label("loop%d", n)
		for half := range 64 / s.bytes {
			f.op("VMOVUPS %d(%s), %s", half*s.bytes, gA, s.r(s.gramTemp()))
			for i := range n {
				f.op("VFMADD231PS %d%s, %s, %s", half*s.bytes, gramB.at(i), s.r(s.gramTemp()), s.r(half*s.gramRows()+i))
			}
		}
		f.op("ADDQ $64, %s", gA)
		f.op("ADDQ $64, %s", gramB.base)
		f.op("DECQ %s", gLeft)
		f.op("JNZ loop%d", n)
		for i := range n {
			f.fold(s, i)
			f.op("VMOVSS X%d, (dotsCall_sums+%d)(%s)", i, 4*i, gArgs)
		}
		f.end()
	}
}

// fold adds the lanes of row i up, into the first of its register.
func (f *file) fold(s isa, i int) {
	t, high := s.gramTemp(), s.gramRows()+i
	if s.masked() {
		high = t
		f.op("VEXTRACTF64X4 $1, Z%d, Y%d", i, high)
	}
	f.op("VADDPS Y%d, Y%d, Y%d", high, i, i)
	f.op("VEXTRACTF128 $1, Y%d, X%d", i, t)
	f.op("VADDPS X%d, X%d, X%d", t, i, i)
	for _, order := range []string{"$0x4e", "$0xb1"} {
		f.op("VPERMILPS %s, X%d, X%d", order, i, t)
		f.op("VADDPS X%d, X%d, X%d", t, i, i)
	}
}
