package main

import "fmt"

// genUpdate writes the loops of optimisers over whole vectors.
func genUpdate(f *file) {
	for _, s := range []isa{avx2, avx512} {
		u := update{f, s}
		u.adam()
		u.sgd()
		u.blend()
		u.sumSquares()
	}
}

// update writes the loops of one isa. The registers of Go: AX arguments, DI
// value, SI gradient, R8 and R9 moments, CX numbers left.
type update struct {
	*file
	isa
}

// Vector registers 0 to 6 are temporary; from constants on lie the fields of
// updateCall that a function reads.
const (
	value = iota
	gradient
	firstMoment
	secondMoment
	temporary
	lowHalf
	highHalf
	constants
)

// start begins a function; fields are those that it reads as constants, doubles
// behind floats.
func (u update) start(name, doc string, floats, doubles []string) {
	u.begin(name+u.name, "c *updateCall", doc)
	u.op("MOVQ c+0(FP), AX")
	for _, p := range [][2]string{{"value", "DI"}, {"grad", "SI"}, {"first", "R8"}, {"second", "R9"}, {"n", "CX"}} {
		u.op("MOVQ updateCall_%s(AX), %s", p[0], p[1])
	}
	for i, field := range floats {
		u.op("VBROADCASTSS updateCall_%s(AX), %s", field, u.r(constants+i))
	}
	for i, field := range doubles {
		u.op("VBROADCASTSD updateCall_%s(AX), %s", field, u.r(constants+len(floats)+i))
	}
}

// next goes on to the next vector behind the pointers.
func (u update) next(pointers ...string) {
	for _, p := range pointers {
		u.op("ADDQ $%d, %s", u.bytes, p)
	}
	u.op("SUBQ $%d, CX", u.lanes())
	u.op("JNZ loop")
	u.end()
}

// binary writes dst = a op b, for registers.
func (u update) binary(op string, a, b, dst int) {
	u.op("V%s %s, %s, %s", op, u.r(b), u.r(a), u.r(dst))
}

func (u update) load(from string, dst int) { u.op("VMOVUPS (%s), %s", from, u.r(dst)) }
func (u update) store(src int, to string)  { u.op("VMOVUPS %s, (%s)", u.r(src), to) }

// decayed leaves the value and the gradient with what decay adds to it.
func (u update) decayed(factor, added int) {
	u.load("SI", gradient)
	u.load("DI", value)
	u.binary("MULPS", gradient, factor, gradient)
	u.binary("MULPS", value, added, temporary)
	u.binary("ADDPS", gradient, temporary, gradient)
}

// approach moves a moment towards register target by a share.
func (u update) approach(moment, target, share int) {
	u.binary("SUBPS", target, moment, temporary)
	u.binary("MULPS", temporary, share, temporary)
	u.binary("ADDPS", moment, temporary, moment)
}

func (u update) adam() {
	const factor, added, rest1, rest2, step, shrink, root, epsilon = constants, constants + 1, constants + 2, constants + 3, constants + 4, constants + 5, constants + 6, constants + 7
	u.start("adam", "updates; see Adam.", []string{"factor", "added", "rest1", "rest2", "step", "shrink"}, []string{"root", "epsilon"})
	u.label("loop")
	u.decayed(factor, added)
	u.load("R8", firstMoment)
	u.approach(firstMoment, gradient, rest1)
	u.store(firstMoment, "R8")
	u.load("R9", secondMoment)
	u.binary("MULPS", gradient, gradient, gradient)
	u.approach(secondMoment, gradient, rest2)
	u.store(secondMoment, "R9")
	u.roots(root, epsilon)
	u.binary("MULPS", firstMoment, step, firstMoment)
	u.binary("DIVPS", firstMoment, secondMoment, firstMoment)
	u.binary("MULPS", value, shrink, value)
	u.binary("SUBPS", value, firstMoment, value)
	u.store(value, "DI")
	u.next("DI", "SI", "R8", "R9")
}

// roots replaces the second moments by the divisors of the step, computed in
// float64, one half of the vector after the other.
func (u update) roots(root, epsilon int) {
	half := func(i int) string { return fmt.Sprintf("X%d", i) }
	extract, insert, narrow := "VEXTRACTF128", "VINSERTF128", "VCVTPD2PSY"
	if u.masked() {
		half = func(i int) string { return fmt.Sprintf("Y%d", i) }
		extract, insert, narrow = "VEXTRACTF64X4", "VINSERTF64X4", "VCVTPD2PS"
	}
	u.op("%s $1, %s, %s", extract, u.r(secondMoment), half(highHalf))
	u.op("VCVTPS2PD %s, %s", half(secondMoment), u.r(lowHalf))
	u.op("VCVTPS2PD %s, %s", half(highHalf), u.r(highHalf))
	for _, x := range []int{lowHalf, highHalf} {
		u.op("VSQRTPD %s, %s", u.r(x), u.r(x))
		u.binary("DIVPD", x, root, x)
		u.binary("ADDPD", x, epsilon, x)
		u.op("%s %s, %s", narrow, u.r(x), half(x))
	}
	u.op("%s $1, %s, %s, %s", insert, half(highHalf), u.r(lowHalf), u.r(secondMoment))
}

func (u update) sgd() {
	const factor, added, rate, momentum = constants, constants + 1, constants + 2, constants + 3
	u.start("sgd", "updates; see SGD.", []string{"factor", "added", "step", "shrink"}, nil)
	u.op("MOVQ updateCall_momentum(AX), DX")
	u.op("MOVQ updateCall_nesterov(AX), BX")
	u.label("loop")
	u.decayed(factor, added)
	u.op("TESTQ DX, DX")
	u.op("JZ move")
	u.load("R8", firstMoment)
	u.binary("MULPS", firstMoment, momentum, firstMoment)
	u.binary("ADDPS", firstMoment, gradient, firstMoment)
	u.store(firstMoment, "R8")
	u.op("ADDQ $%d, R8", u.bytes)
	u.op("TESTQ BX, BX")
	u.op("JNZ ahead")
	u.op("VMOVAPS %s, %s", u.r(firstMoment), u.r(gradient))
	u.op("JMP move")
	u.label("ahead")
	u.binary("MULPS", firstMoment, momentum, firstMoment)
	u.binary("ADDPS", gradient, firstMoment, gradient)
	u.label("move")
	u.binary("MULPS", gradient, rate, gradient)
	u.binary("SUBPS", value, gradient, value)
	u.store(value, "DI")
	u.next("DI", "SI")
}

func (u update) blend() {
	const keep, rest = constants, constants + 1
	u.start("blend", "averages; see Blend.", []string{"rest1", "rest2"}, nil)
	u.label("loop")
	u.load("DI", value)
	u.load("SI", gradient)
	u.binary("MULPS", value, keep, value)
	u.binary("MULPS", gradient, rest, gradient)
	u.binary("ADDPS", value, gradient, value)
	u.store(value, "DI")
	u.next("DI", "SI")
}

// sumSquares does sixteen numbers at a time, as float64 in registers 0, 1, ...
// Products are exact, so that it does not matter that they are fused with the sum.
func (u update) sumSquares() {
	u.begin("sumSquares"+u.name, "c *updateCall", "sums squares; see SumSquares.")
	u.op("MOVQ c+0(FP), AX")
	u.op("MOVQ updateCall_grad(AX), SI")
	u.op("MOVQ updateCall_n(AX), CX")
	u.op("MOVQ updateCall_sums(AX), DI")
	n := 16 * 8 / u.bytes
	for i := range n {
		u.zero(u.isa, i)
	}
	u.label("loop")
	for i := range n {
		u.op("VCVTPS2PD %d(SI), %s", i*u.bytes/2, u.r(n))
		u.op("VFMADD231PD %[1]s, %[1]s, %s", u.r(n), u.r(i))
	}
	u.op("ADDQ $64, SI")
	u.op("SUBQ $16, CX")
	u.op("JNZ loop")
	for i := range n {
		u.op("VMOVUPD %s, %d(DI)", u.r(i), i*u.bytes)
	}
	u.end()
}
