package main

import "fmt"

// genLUTDepthwise writes convolutions of levels with filters of one channel.
func genLUTDepthwise(f *file) {
	for _, s := range []isa{avx2, avx512} {
		lutPlanes(f, s, 1)
		lutPlanes(f, s, 2)
		lutFilter(f, s, false)
		lutFilter(f, s, true)
	}
	lutRows(f)
}

// lutPlanes writes the spreading of levels over the planes of one or two phases.
// Rows end in whole vectors: what is behind a row is masked to zeros, which are
// padding, or which the next row overwrites.
func lutPlanes(f *file, s isa, phases int) {
	const (
		src, dst, rows, m, width, left = "SI", "DI", "BX", "CX", "DX", "R8"
		from, even, odd                = "R9", "R10", "R11"
		first, step, low               = 4, 5, 6
	)
	what := ""
	if phases == 2 {
		what = ", even and odd columns to different ones"
	}
	f.begin(fmt.Sprintf("lutPlanes%d%s", phases, s.name), "c *lutPlanesCall", "turns levels into the numbers of planes"+what+"; see PlanesLUT.")
	f.op("MOVQ c+0(FP), AX")
	for _, p := range [][2]string{{"src", src}, {"dst", dst}, {"width", width}} {
		f.op("MOVQ lutPlanesCall_%s(AX), %s", p[0], p[1])
	}
	f.op("VPBROADCASTD lutPlanesCall_first(AX), %s", s.r(first))
	f.op("VPBROADCASTD lutPlanesCall_step(AX), %s", s.r(step))
	masks := []int{7, 8}[:phases]
	for i, name := range []string{"evenMask", "oddMask"}[:phases] {
		f.op("MOVQ lutPlanesCall_%s(AX), R9", name)
		f.op("%s (R9), %s", s.move(), s.r(masks[i]))
	}
	if phases == 2 {
		lowBytes(f, s, low)
	}
	f.label("channel")
	f.op("MOVQ lutPlanesCall_rows(AX), %s", rows)
	f.op("MOVQ lutPlanesCall_m(AX), %s", m)
	f.label("row")
	f.op("MOVLQSX (%s), %s", rows, odd)
	for i, to := range []string{even, odd}[:phases] {
		f.op("MOVQ lutPlanesCall_%s(AX), R12", []string{"even", "odd"}[i])
		f.op("ADDQ %s, R12", odd)
		f.op("LEAQ (%s)(R12*2), %s", dst, to)
	}
	f.op("MOVQ %s, %s", src, from)
	f.op("MOVQ lutPlanesCall_vectors(AX), %s", left)
	f.label("vector")
	f.op("DECQ %s", left)
	f.op("JEQ last")
	for _, last := range []bool{false, true} {
		if last {
			f.label("last")
		}
		lutPlanesVector(f, s, phases, from, first, step, low)
		for i, to := range []string{even, odd}[:phases] {
			if last {
				f.op("%s %s, %s, %s", s.and(), s.r(masks[i]), s.r(i), s.r(i))
			}
			f.op("%s %s, (%s)", s.move(), s.r(i), to)
			if !last {
				f.op("ADDQ $%d, %s", s.bytes, to)
			}
		}
		if !last {
			f.op("ADDQ $%d, %s", s.bytes/2*phases, from)
			f.op("JMP vector")
		}
	}
	f.op("ADDQ %s, %s", width, src)
	f.op("ADDQ $4, %s", rows)
	f.op("DECQ %s", m)
	f.op("JNZ row")
	f.op("ADDQ lutPlanesCall_srcNext(AX), %s", src)
	f.op("MOVQ lutPlanesCall_dstNext(AX), R12")
	f.op("LEAQ (%[1]s)(R12*2), %[1]s", dst)
	f.op("DECQ lutPlanesCall_channels(AX)")
	f.op("JNZ channel")
	f.end()
}

// lutPlanesVector makes the numbers of a vector, or of two of even and odd columns.
func lutPlanesVector(f *file, s isa, phases int, from string, first, step, low int) {
	if phases == 1 {
		f.op("VPMOVZXBW (%s), %s", from, s.r(0))
	} else {
		f.op("%s (%s), %s", s.move(), from, s.r(1))
		f.op("%s %s, %s, %s", s.and(), s.r(low), s.r(1), s.r(0))
		f.op("VPSRLW $8, %[1]s, %[1]s", s.r(1))
	}
	for i := range phases {
		f.op("VPMULLW %[1]s, %[2]s, %[2]s", s.r(step), s.r(i))
		f.op("VPADDW %[1]s, %[2]s, %[2]s", s.r(first), s.r(i))
	}
}

// and and or are the instructions for all bits of vectors.
func (s isa) and() string {
	if s.masked() {
		return "VPANDQ"
	}
	return "VPAND"
}

func (s isa) or() string {
	if s.masked() {
		return "VPORQ"
	}
	return "VPOR"
}

// filterRegs are the vector registers of lutFilter, for up to most vectors of places.
type filterRegs struct{ isa }

// sizes are the numbers of vectors that are computed at a time.
func (r filterRegs) sizes() []int {
	if r.masked() {
		return []int{4, 2, 1}
	}
	return []int{3, 2, 1}
}

func (r filterRegs) most() int { return r.sizes()[0] }

func (r filterRegs) even(v int) string    { return r.r(v) } // sums of 32 bits
func (r filterRegs) odd(v int) string     { return r.r(r.most() + v) }
func (r filterRegs) sum(v int) string     { return r.r(2*r.most() + v) } // of 16 bits
func (r filterRegs) product(v int) string { return r.r(3*r.most() + v) }
func (r filterRegs) weight() string       { return r.r(4 * r.most()) }
func (r filterRegs) top() string          { return r.r(4*r.most() + 1) }
func (r filterRegs) zero() int            { return 4*r.most() + 2 }
func (r filterRegs) shift() string        { return fmt.Sprintf("X%d", 4*r.most()+3) }

// lutFilter writes the filters of DepthwiseLUT, which see a channel as one long
// row. Sums of even and odd places are widened apart, and the levels they end as
// lie in the halves of a word again.
func lutFilter(f *file, s isa, mapped bool) {
	r := filterRegs{s}
	name, doc := "lutFilter", "computes bins of outputs; see DepthwiseLUT."
	if mapped {
		name, doc = "lutFilterMapped", "computes bins of outputs, and levels of those; see DepthwiseLUT."
	}
	f.begin(name+s.name, "c *lutFilterCall", doc)
	f.op("MOVQ c+0(FP), AX")
	for _, p := range [][2]string{{"src", lfBase}, {"dst", lfDst}, {"weights", lfWeights}, {"bias", lfBias}, {"table", lfTable}} {
		f.op("MOVQ lutFilterCall_%s(AX), %s", p[0], p[1])
	}
	f.op("VPBROADCASTD lutFilterCall_top(AX), %s", r.top())
	f.zero(s, r.zero())
	f.op("MOVL lutFilterCall_shift(AX), CX")
	f.op("VMOVD CX, %s", r.shift())
	f.label("output")
	f.op("MOVQ %s, %s", lfBase, lfSrc)
	f.op("MOVQ lutFilterCall_vectors(AX), %s", lfVectors)
	for _, v := range r.sizes() {
		f.label("vectors%d", v)
		f.op("CMPQ %s, $%d", lfVectors, v)
		f.op("JLT below%d", v)
		lutFilterSums(f, r, v)
		for i := range v {
			lutFilterBins(f, r, i, mapped)
		}
		f.op("ADDQ $%d, %s", v*s.bytes, lfSrc)
		f.op("ADDQ $%d, %s", v*s.bytes/2, lfDst)
		f.op("SUBQ $%d, %s", v, lfVectors)
		f.op("JMP vectors%d", v)
		f.label("below%d", v)
	}
	f.op("MOVQ lutFilterCall_taps(AX), CX")
	f.op("LEAQ (%[1]s)(CX*4), %[1]s", lfWeights)
	f.op("ADDQ $4, %s", lfBias)
	f.op("MOVQ lutFilterCall_next(AX), CX")
	f.op("LEAQ (%[1]s)(CX*2), %[1]s", lfBase)
	f.op("DECQ lutFilterCall_outputs(AX)")
	f.op("JNZ output")
	f.end()
}

// Registers of lutFilter.
const (
	lfBase, lfSrc, lfDst, lfWeights, lfBias, lfTable = "R8", "SI", "DI", "BX", "R9", "R10"
	lfVectors, lfTaps, lfTap, lfWeight, lfBlock      = "R11", "CX", "DX", "R12", "R13"
)

// lutFilterSums adds up the products of n vectors of places.
func lutFilterSums(f *file, r filterRegs, n int) {
	for v := range n {
		f.op("VPBROADCASTD (%s), %s", lfBias, r.even(v))
		f.op("VPBROADCASTD (%s), %s", lfBias, r.odd(v))
	}
	f.op("MOVQ lutFilterCall_taps(AX), %s", lfTaps)
	f.op("MOVQ lutFilterCall_offsets(AX), %s", lfTap)
	f.op("MOVQ %s, %s", lfWeights, lfWeight)
	f.label("block%d", n)
	f.op("MOVQ lutFilterCall_block(AX), %s", lfBlock)
	f.op("CMPQ %s, %s", lfTaps, lfBlock)
	f.op("CMOVQLT %s, %s", lfTaps, lfBlock)
	f.op("SUBQ %s, %s", lfBlock, lfTaps)
	for v := range n {
		f.zero(r.isa, 2*r.most()+v)
	}
	f.label("tap%d", n)
	f.op("MOVLQSX (%s), R15", lfTap)
	f.op("LEAQ (%s)(R15*2), R15", lfSrc)
	f.op("VPBROADCASTD (%s), %s", lfWeight, r.weight())
	for v := range n {
		f.op("VPMULHRSW %d(R15), %s, %s", v*r.bytes, r.weight(), r.product(v))
	}
	for v := range n {
		f.op("VPADDW %[1]s, %[2]s, %[2]s", r.product(v), r.sum(v))
	}
	f.op("ADDQ $4, %s", lfTap)
	f.op("ADDQ $4, %s", lfWeight)
	f.op("DECQ %s", lfBlock)
	f.op("JNZ tap%d", n)
	for v := range n {
		f.op("VPSLLD $16, %s, %s", r.sum(v), r.product(v))
		f.op("VPSRAD $16, %[1]s, %[1]s", r.product(v))
		f.op("VPSRAD $16, %[1]s, %[1]s", r.sum(v))
		f.op("VPADDD %[1]s, %[2]s, %[2]s", r.product(v), r.even(v))
		f.op("VPADDD %[1]s, %[2]s, %[2]s", r.sum(v), r.odd(v))
	}
	f.op("TESTQ %[1]s, %[1]s", lfTaps)
	f.op("JNZ block%d", n)
}

// lutFilterBins stores the bins, or their levels, of vector v.
func lutFilterBins(f *file, r filterRegs, v int, mapped bool) {
	for _, z := range []string{r.even(v), r.odd(v)} {
		f.op("VPSRAD %s, %[2]s, %[2]s", r.shift(), z)
		f.op("VPMAXSD %s, %[2]s, %[2]s", r.r(r.zero()), z)
		f.op("VPMINSD %s, %[2]s, %[2]s", r.top(), z)
		if mapped {
			lutMap(f, r.isa, z, r.product(0), r.product(1))
		}
	}
	f.op("VPSLLD $16, %[1]s, %[1]s", r.odd(v))
	words := 3 * r.most()
	f.op("%s %s, %s, %s", r.or(), r.even(v), r.odd(v), r.r(words))
	storeWords(f, r.isa, words, words+1, fmt.Sprintf("%d(%s)", v*r.bytes/2, lfDst))
}

// lutMap replaces the bins z by their levels; to and mask are overwritten.
func lutMap(f *file, s isa, z, to, mask string) {
	f.op("%s %[2]s, %[2]s, %[2]s", map[bool]string{true: "VPXORD", false: "VPXOR"}[s.masked()], to)
	if s.masked() {
		f.op("KXNORW K0, K0, K1")
		f.op("VPGATHERDD (%s)(%s*4), K1, %s", lfTable, z, to)
		f.op("VMOVDQA32 %s, %s", to, z)
		return
	}
	f.op("VPCMPEQD %[1]s, %[1]s, %[1]s", mask)
	f.op("VPGATHERDD %s, (%s)(%s*4), %s", mask, lfTable, z, to)
	f.op("VMOVDQA %s, %s", to, z)
}

// lutRows writes the moving of rows, 16 levels at a time: what is moved too much
// the next row overwrites.
func lutRows(f *file) {
	const dst, src, rows, width, pitch, from, to, left = "DI", "SI", "CX", "DX", "BX", "R8", "R9", "R10"
	f.begin("lutRowsAVX2", "c *lutRowsCall", "moves rows of levels together; see DepthwiseLUT.")
	f.op("MOVQ c+0(FP), AX")
	for _, p := range [][2]string{{"dst", dst}, {"src", src}, {"width", width}, {"pitch", pitch}} {
		f.op("MOVQ lutRowsCall_%s(AX), %s", p[0], p[1])
	}
	f.label("output")
	f.op("MOVQ lutRowsCall_rows(AX), %s", rows)
	f.label("row")
	f.op("VMOVDQU (%s), X0", src)
	f.op("VMOVDQU X0, (%s)", dst)
	f.op("MOVQ %s, %s", width, left)
	f.op("SUBQ $16, %s", left)
	f.op("JLE next")
	f.op("MOVQ %s, %s", src, from)
	f.op("MOVQ %s, %s", dst, to)
	f.label("more")
	f.op("ADDQ $16, %s", from)
	f.op("ADDQ $16, %s", to)
	f.op("VMOVDQU (%s), X0", from)
	f.op("VMOVDQU X0, (%s)", to)
	f.op("SUBQ $16, %s", left)
	f.op("JG more")
	f.label("next")
	f.op("ADDQ %s, %s", pitch, src)
	f.op("ADDQ %s, %s", width, dst)
	f.op("DECQ %s", rows)
	f.op("JNZ row")
	f.op("ADDQ lutRowsCall_next(AX), %s", src)
	f.op("DECQ lutRowsCall_outputs(AX)")
	f.op("JNZ output")
	f.end()
}
