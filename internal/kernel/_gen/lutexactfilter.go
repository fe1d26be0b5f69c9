package main

import "fmt"

// exactFilterRegs are the vector registers of lutExactFilter. Of a vector of
// places there are four of sums: of higher and of lower bits, of the first and
// the second four words of each 16 bytes.
type exactFilterRegs struct {
	isa
	vnni bool
}

// sizes are the numbers of vectors that are computed at a time.
func (r exactFilterRegs) sizes() []int {
	if r.masked() {
		return []int{4, 2, 1}
	}
	return []int{2, 1}
}

func (r exactFilterRegs) most() int { return r.sizes()[0] }

func (r exactFilterRegs) high(v, half int) int { return 4*v + half }
func (r exactFilterRegs) low(v, half int) int  { return 4*v + 2 + half }
func (r exactFilterRegs) temp(i int) int       { return 4*r.most() + i } // of three
func (r exactFilterRegs) weight(i int) int     { return 4*r.most() + 3 + i }
func (r exactFilterRegs) top() string          { return r.r(4*r.most() + 5) }
func (r exactFilterRegs) shift() string        { return fmt.Sprintf("X%d", 4*r.most()+6) }
func (r exactFilterRegs) bits() string         { return fmt.Sprintf("X%d", 4*r.most()+7) }

// lutExactFilter writes the filters of DepthwiseLUT for exact products: as
// lutFilter, but two taps at a time, whose numbers are interleaved.
func lutExactFilter(f *file, r exactFilterRegs, mapped bool) {
	name, doc := "lutExactFilter", "computes bins of outputs of exact products; see DepthwiseLUT."
	if mapped {
		name, doc = "lutExactFilterMapped", "computes bins of outputs of exact products, and levels of those; see DepthwiseLUT."
	}
	f.begin(name+r.levelName(), "c *lutExactFilterCall", doc)
	f.op("MOVQ c+0(FP), AX")
	for _, p := range [][2]string{{"src", lfBase}, {"dst", lfDst}, {"weights", lfWeights}, {"bias", lfBias}, {"table", lfTable}} {
		f.op("MOVQ lutExactFilterCall_%s(AX), %s", p[0], p[1])
	}
	f.op("VPBROADCASTD lutExactFilterCall_top(AX), %s", r.top())
	f.op("VMOVD lutExactFilterCall_shift(AX), %s", r.shift())
	f.op("VMOVD lutExactFilterCall_bits(AX), %s", r.bits())
	f.label("output")
	f.op("MOVQ %s, %s", lfBase, lfSrc)
	f.op("MOVQ lutExactFilterCall_vectors(AX), %s", lfVectors)
	for _, n := range r.sizes() {
		f.label("vectors%d", n)
		f.op("CMPQ %s, $%d", lfVectors, n)
		f.op("JLT below%d", n)
		lutExactFilterSums(f, r, n)
		for v := range n {
			lutExactFilterBins(f, r, v, mapped)
		}
		f.op("ADDQ $%d, %s", n*r.bytes, lfSrc)
		f.op("ADDQ $%d, %s", n*r.bytes/2, lfDst)
		f.op("SUBQ $%d, %s", n, lfVectors)
		f.op("JMP vectors%d", n)
		f.label("below%d", n)
	}
	f.op("MOVQ lutExactFilterCall_pairs(AX), CX")
	f.op("LEAQ (%[1]s)(CX*8), %[1]s", lfWeights)
	f.op("ADDQ $8, %s", lfBias)
	f.op("MOVQ lutExactFilterCall_next(AX), CX")
	f.op("LEAQ (%[1]s)(CX*2), %[1]s", lfBase)
	f.op("DECQ lutExactFilterCall_outputs(AX)")
	f.op("JNZ output")
	f.end()
}

// levelName is the level whose instructions r uses.
func (r exactFilterRegs) levelName() string {
	switch {
	case r.vnni && r.masked():
		return "VNNI"
	case r.vnni:
		return "AVXVNNI"
	}
	return r.name
}

// lutExactFilterSums adds up the products of n vectors of places.
func lutExactFilterSums(f *file, r exactFilterRegs, n int) {
	for v := range n {
		for half := range 2 {
			f.op("VPBROADCASTD (%s), %s", lfBias, r.r(r.high(v, half)))
			f.op("VPBROADCASTD 4(%s), %s", lfBias, r.r(r.low(v, half)))
		}
	}
	f.op("MOVQ lutExactFilterCall_pairs(AX), %s", lfTaps)
	f.op("MOVQ lutExactFilterCall_offsets(AX), %s", lfTap)
	f.op("MOVQ %s, %s", lfWeights, lfWeight)
	f.label("pair%d", n)
	f.op("MOVLQSX (%s), R15", lfTap)
	f.op("MOVLQSX 4(%s), %s", lfTap, lfBlock)
	f.op("LEAQ (%s)(R15*2), R15", lfSrc)
	f.op("LEAQ (%s)(%s*2), %s", lfSrc, lfBlock, lfBlock)
	f.op("VPBROADCASTD (%s), %s", lfWeight, r.r(r.weight(0)))
	f.op("VPBROADCASTD 4(%s), %s", lfWeight, r.r(r.weight(1)))
	for v := range n {
		first, second := r.r(r.temp(0)), r.r(r.temp(1))
		f.op("%s %d(R15), %s", r.move(), v*r.bytes, first)
		f.op("VPUNPCKHWD %d(%s), %s, %s", v*r.bytes, lfBlock, first, second)
		f.op("VPUNPCKLWD %d(%s), %s, %s", v*r.bytes, lfBlock, first, first)
		for half := range 2 {
			r.dot(f, r.high(v, half), r.temp(half), r.weight(0))
			r.dot(f, r.low(v, half), r.temp(half), r.weight(1))
		}
	}
	f.op("ADDQ $8, %s", lfTap)
	f.op("ADDQ $8, %s", lfWeight)
	f.op("DECQ %s", lfTaps)
	f.op("JNZ pair%d", n)
}

// dot adds the products of pairs of words in a and b to sum.
func (r exactFilterRegs) dot(f *file, sum, a, b int) {
	if r.vnni {
		f.dotWords(r.isa, sum, a, b)
		return
	}
	product := r.r(r.temp(2))
	f.op("VPMADDWD %s, %s, %s", r.r(b), r.r(a), product)
	f.op("VPADDD %s, %[2]s, %[2]s", product, r.r(sum))
}

// lutExactFilterBins stores the bins, or their levels, of vector v.
func lutExactFilterBins(f *file, r exactFilterRegs, v int, mapped bool) {
	for half := range 2 {
		z := r.r(r.high(v, half))
		f.op("VPSRAD %s, %[2]s, %[2]s", r.bits(), r.r(r.low(v, half)))
		f.op("VPADDD %s, %[2]s, %[2]s", r.r(r.low(v, half)), z)
		f.op("VPSRAD %s, %[2]s, %[2]s", r.shift(), z)
		f.zero(r.isa, r.temp(2))
		f.op("VPMAXSD %s, %[2]s, %[2]s", r.r(r.temp(2)), z)
		f.op("VPMINSD %s, %[2]s, %[2]s", r.top(), z)
		if mapped {
			lutMap(f, r.isa, z, r.r(r.temp(0)), r.r(r.temp(1)))
		}
	}
	words := r.temp(0)
	f.op("VPACKSSDW %s, %s, %s", r.r(r.high(v, 1)), r.r(r.high(v, 0)), r.r(words))
	storeWords(f, r.isa, words, r.temp(1), fmt.Sprintf("%d(%s)", v*r.bytes/2, lfDst))
}
