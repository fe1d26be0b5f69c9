package main

// genNearest writes the search for the nearest codeword. Several vectors share
// the loads of the codewords. Products and differences are rounded separately,
// as in the Go loop: there must be no FMA here.
func genNearest(f *file) {
	for _, s := range []isa{avx2, avx512} {
		n := nearest{file: f, isa: s, vectors: 8}
		if s == avx2 {
			n.vectors = 4
		}
		n.generate()
	}
	f.data32("nearestLanes", 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
	f.data32("nearestInf", 0x7f800000)
	f.data32("nearestMax", 0x7fffffff)
	f.data32("nearestStep8", 8)
	f.data32("nearestStep16", 16)
}

// nearest writes the kernel of one isa. Each lane remembers the smallest sum
// it has seen, and its codeword.
type nearest struct {
	*file
	isa
	vectors int
}

const (
	nArgs, nX, nPlane, nHalf, nK, nJ = "AX", "SI", "DX", "DI", "CX", "BX"
	nPlaneStep                       = "R9"
)

// nearestVectors addresses a component of the vectors of a block.
var nearestVectors = strides{nX, "R8", "R10", "R11", "R12"}

func (n *nearest) best(i int) string { return n.r(i) }
func (n *nearest) word(i int) string { return n.r(n.vectors + i) }
func (n *nearest) sum(i int) string  { return n.r(2*n.vectors + i) }

// spare registers.
func (n *nearest) index() string   { return n.r(3 * n.vectors) }
func (n *nearest) plane() string   { return n.r(3*n.vectors + 1) }
func (n *nearest) scratch() string { return n.r(3*n.vectors + 2) }

func (n *nearest) generate() {
	n.begin("nearest"+n.name, "c *nearestCall", "finds the nearest codewords of a block of vectors; see Nearest.")
	n.op("MOVQ c+0(FP), %s", nArgs)
	n.op("MOVQ nearestCall_half(%s), %s", nArgs, nHalf)
	n.op("MOVQ nearestCall_planeStep(%s), %s", nArgs, nPlaneStep)
	n.op("MOVQ nearestCall_step(%s), %s", nArgs, nearestVectors.one)
	nearestVectors.load(n.file)
	n.op("VMOVUPS nearestLanes<>(SB), %s", n.index())
	for i := range n.vectors {
		n.op("VBROADCASTSS nearestInf<>(SB), %s", n.best(i))
		n.zero(n.isa, n.vectors+i)
	}
	n.op("XORQ %[1]s, %[1]s", nK)
	n.label("words")
	n.sums()
	for i := range n.vectors {
		n.keepSmaller(i)
	}
	n.op("VPBROADCASTD nearestStep%d<>(SB), %s", n.lanes(), n.scratch())
	n.op("VPADDD %s, %s, %s", n.scratch(), n.index(), n.index())
	n.op("ADDQ $%d, %s", n.lanes(), nK)
	n.op("CMPQ %s, nearestCall_k(%s)", nK, nArgs)
	n.op("JLT words")
	for i := range n.vectors {
		n.reduce(i)
	}
	n.end()
}

// sums computes the sums of one vector of codewords for all vectors.
func (n *nearest) sums() {
	n.op("VMOVUPS (%s)(%s*4), %s", nHalf, nK, n.sum(0))
	for i := 1; i < n.vectors; i++ {
		n.op("VMOVAPS %s, %s", n.sum(0), n.sum(i))
	}
	n.op("MOVQ nearestCall_planes(%s), %s", nArgs, nPlane)
	n.op("LEAQ (%s)(%s*4), %s", nPlane, nK, nPlane)
	n.op("MOVQ nearestCall_x(%s), %s", nArgs, nX)
	n.op("MOVQ nearestCall_d(%s), %s", nArgs, nJ)
	n.label("component")
	n.op("VMOVUPS (%s), %s", nPlane, n.plane())
	for i := range n.vectors {
		at := nearestVectors.at(i)
		if n.masked() {
			n.op("VMULPS.BCST %s, %s, %s", at, n.plane(), n.scratch())
		} else {
			n.op("VBROADCASTSS %s, %s", at, n.scratch())
			n.op("VMULPS %[1]s, %[2]s, %[1]s", n.scratch(), n.plane())
		}
		n.op("VSUBPS %s, %s, %[2]s", n.scratch(), n.sum(i))
	}
	n.op("ADDQ %s, %s", nPlaneStep, nPlane)
	n.op("ADDQ $4, %s", nX)
	n.op("DECQ %s", nJ)
	n.op("JNZ component")
}

// keepSmaller updates the best of vector i; only less is better, so that the
// first of equal codewords stays.
func (n *nearest) keepSmaller(i int) {
	if n.masked() {
		n.op("VCMPPS $1, %s, %s, K1", n.best(i), n.sum(i))
		n.op("VMOVAPS %s, K1, %s", n.sum(i), n.best(i))
		n.op("VMOVDQA32 %s, K1, %s", n.index(), n.word(i))
		return
	}
	n.op("VCMPPS $1, %s, %s, %s", n.best(i), n.sum(i), n.scratch())
	n.op("VBLENDVPS %s, %s, %s, %[3]s", n.scratch(), n.sum(i), n.best(i))
	n.op("VBLENDVPS %s, %s, %s, %[3]s", n.scratch(), n.index(), n.word(i))
}

// reduce finds the smallest sum of the lanes of vector i, and of the lanes
// that have it the smallest codeword.
func (n *nearest) reduce(i int) {
	low, all := 2*n.vectors, n.sum(1) // registers of the sums, now free
	n.op("VMOVAPS %s, %s", n.best(i), n.r(low))
	n.across("VMINPS", low, low+2)
	n.op("VMOVSS X%d, (nearestCall_best+%d)(%s)", low, 4*i, nArgs)
	n.op("VBROADCASTSS X%d, %s", low, all)
	n.op("VPBROADCASTD nearestMax<>(SB), %s", n.r(low))
	if n.masked() {
		n.op("VCMPPS $0, %s, %s, K1", all, n.best(i))
		n.op("VMOVDQA32 %s, K1, %s", n.word(i), n.r(low))
	} else {
		n.op("VCMPPS $0, %s, %s, %s", all, n.best(i), n.scratch())
		n.op("VBLENDVPS %s, %s, %s, %[3]s", n.scratch(), n.word(i), n.r(low))
	}
	n.across("VPMINSD", low, low+2)
	n.op("VMOVD X%d, (nearestCall_word+%d)(%s)", low, 4*i, nArgs)
}

// across folds the lanes of register x into its first with op.
func (n *nearest) across(op string, x, t int) {
	fold := func(reg string) { n.op("%s %s%d, %[2]s%[4]d, %[2]s%[4]d", op, reg, t, x) }
	if n.masked() {
		n.op("VEXTRACTF64X4 $1, Z%d, Y%d", x, t)
		fold("Y")
		n.op("VEXTRACTF32X4 $1, Y%d, X%d", x, t)
	} else {
		n.op("VEXTRACTF128 $1, Y%d, X%d", x, t)
	}
	fold("X")
	for _, order := range []string{"$0x4e", "$0xb1"} {
		n.op("VPERMILPS %s, X%d, X%d", order, x, t)
		fold("X")
	}
}
