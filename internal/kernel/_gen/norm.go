package main

// genNorm writes the loops of batch normalisation: for one vector of channels
// after the other, over all rows.
func genNorm(f *file) {
	for _, s := range []isa{avx2, avx512} {
		n := norm{f, s}
		n.channels("moments", "sums differences and their squares; see Moments.", n.sums, func() {
			n.load("SI", n.r(0))
			n.op("VSUBPS %s, %s, %s", n.r(shift), n.r(0), n.r(0))
			n.op("VADDPS %s, %[2]s, %[2]s", n.r(0), n.r(sumA))
			n.op("VFMADD231PS %[1]s, %[1]s, %[2]s", n.r(0), n.r(sumB))
		}, n.storeSums)
		n.channels("normSums", "sums gradients; see NormSums.", n.sums, func() {
			n.gradient()
			n.op("VADDPS %s, %[2]s, %[2]s", n.r(1), n.r(sumA))
			n.op("VSUBPS %s, %s, %s", n.r(third), n.r(0), n.r(0))
			n.op("VFMADD231PS %s, %s, %s", n.r(0), n.r(1), n.r(sumB))
		}, n.storeSums)
		n.channels("normInput", "computes gradients of inputs; see NormInput.", func() {
			n.load("R9", n.r(sumB))
		}, func() {
			n.gradient()
			n.op("VFMADD213PS %s, %s, %s", n.r(third), n.r(sumB), n.r(0))
			n.op("VFMADD231PS %s, %s, %s", n.r(scale), n.r(1), n.r(0))
			n.op("TESTQ DX, DX")
			n.op("JZ store")
			n.load("R8", n.r(2))
			n.op("VADDPS %s, %[2]s, %[2]s", n.r(2), n.r(0))
			n.label("store")
			n.store(n.r(0), "R8")
			n.op("ADDQ R13, R8")
		}, func() {})
	}
}

// Vector registers: 0 to 3 are temporary. The registers of Go: AX arguments,
// SI x, DI gradient, R8, R9, R10 what a, b and c of normCall point to, CX the
// bytes of the channels done, R12 rows, R13 stride, R11 vectors, DX add.
const (
	scale = iota + 4
	shift
	sumA
	sumB
	third
	low
	high
)

type norm struct {
	*file
	isa
}

// mask is the operand that masks channels behind the last.
func (n norm) mask() string {
	if n.masked() {
		return "K1, "
	}
	return ""
}

func (n norm) load(base, dst string) {
	if n.masked() {
		n.op("VMOVUPS.Z (%s), K1, %s", base, dst)
		return
	}
	n.op("VMOVUPS (%s), %s", base, dst)
}

func (n norm) store(src, base string) { n.op("VMOVUPS %s, %s(%s)", src, n.mask(), base) }

// sums and storeSums begin and end with what a and b point to.
func (n norm) sums() {
	n.load("R8", n.r(sumA))
	n.load("R9", n.r(sumB))
}

func (n norm) storeSums() {
	n.store(n.r(sumA), "R8")
	n.store(n.r(sumB), "R9")
}

// gradient leaves x in register 0 and the gradient in front of the clamp in 1.
func (n norm) gradient() {
	n.load("SI", n.r(0))
	n.load("DI", n.r(1))
	n.op("ADDQ R13, DI")
	n.op("VMULPS %s, %s, %s", n.r(scale), n.r(0), n.r(2))
	n.op("VADDPS %s, %[2]s, %[2]s", n.r(shift), n.r(2))
	if n.masked() {
		n.op("VCMPPS $%d, %s, %s, K2", greater, n.r(low), n.r(2))
		n.op("VCMPPS $%d, %s, %s, K2, K2", less, n.r(high), n.r(2))
		n.op("VMOVAPS.Z %s, K2, %[1]s", n.r(1))
		return
	}
	n.op("VCMPPS $%d, %s, %s, %s", greater, n.r(low), n.r(2), n.r(3))
	n.op("VANDPS %s, %[2]s, %[2]s", n.r(3), n.r(1))
	n.op("VCMPPS $%d, %s, %s, %s", less, n.r(high), n.r(2), n.r(3))
	n.op("VANDPS %s, %[2]s, %[2]s", n.r(3), n.r(1))
}

// pointer sets reg to the present channels of a field that may be nil.
func (n norm) pointer(field, reg string) {
	n.op("MOVQ normCall_%s(AX), %s", field, reg)
	n.op("ADDQ CX, %s", reg)
}

// channels writes a function: begin, row and end are for one vector of channels.
func (n norm) channels(name, doc string, begin, row, end func()) {
	n.begin(name+n.isa.name, "c *normCall", doc)
	n.op("MOVQ c+0(FP), AX")
	n.op("MOVQ normCall_vectors(AX), R11")
	n.op("MOVQ normCall_stride(AX), R13")
	n.op("VBROADCASTSS normCall_lo(AX), %s", n.r(low))
	n.op("VBROADCASTSS normCall_hi(AX), %s", n.r(high))
	n.op("XORQ CX, CX")
	if n.masked() {
		n.op("MOVL $0xffff, DX")
		n.op("KMOVW DX, K1")
	}
	n.label("channels")
	if n.masked() {
		n.op("CMPQ R11, $1")
		n.op("JNE whole")
		n.op("MOVL normCall_mask(AX), DX")
		n.op("KMOVW DX, K1")
		n.label("whole")
	}
	for _, p := range []struct{ field, reg string }{{"scale", "R8"}, {"shift", "R9"}, {"c", "R10"}} {
		if name == "moments" && p.field != "shift" {
			continue
		}
		n.pointer(p.field, p.reg)
		n.load(p.reg, n.r(map[string]int{"scale": scale, "shift": shift, "c": third}[p.field]))
	}
	for _, p := range []struct{ field, reg string }{{"x", "SI"}, {"grad", "DI"}, {"a", "R8"}, {"b", "R9"}} {
		n.pointer(p.field, p.reg)
	}
	n.op("MOVQ normCall_add(AX), DX")
	n.op("MOVQ normCall_rows(AX), R12")
	begin()
	n.label("row")
	row()
	n.op("ADDQ R13, SI")
	n.op("DECQ R12")
	n.op("JNZ row")
	end()
	n.op("ADDQ $%d, CX", n.bytes)
	n.op("DECQ R11")
	n.op("JNZ channels")
	n.end()
}
