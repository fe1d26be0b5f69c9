package main

import (
	"fmt"
	"math"
)

// genElement writes the element-by-element kernels. They do whole vectors;
// Go does the rest, or hands it over in a vector of its own.
func genElement(f *file) {
	for _, s := range []isa{avx2, avx512} {
		e := element{f, s}
		e.loop("add", "adds; see Add.", 2, func() {
			e.op("VADDPS %s, %s, %s", e.y(), e.x(), e.x())
			e.clamp()
		})
		e.loop("mul", "multiplies; see Mul.", 2, func() { e.op("VMULPS %s, %s, %s", e.y(), e.x(), e.x()) })
		e.loop("clampAll", "clamps; see Clamp.", 1, e.clamp)
		e.loop("fakeQuantize", "rounds to levels; see FakeQuantize.", 1, e.fakeQuantize)
		e.loop("clampGrad", "passes gradients; see ClampGrad.", 2, e.pass)
		e.loop("clampGradAdd", "adds gradients; see ClampGrad.", 2, func() {
			e.pass()
			e.op("VADDPS (DI), %s, %s", e.x(), e.x())
		})
		e.loop("hardSigmoid", "activates; see HardSigmoid.", 1, func() {
			e.line()
			e.op("VMOVAPS %s, %s", e.t(0), e.x())
		})
		e.loop("hardSwish", "activates; see HardSwish.", 1, func() {
			e.line()
			e.op("VMULPS %s, %s, %s", e.t(0), e.x(), e.x())
		})
		e.loop("exp", "activates; see Exp.", 1, func() { e.exp(e.x(), e.x()) })
		e.loop("sigmoid", "activates; see Sigmoid.", 1, func() {
			e.logistic()
			e.op("VDIVPS %s, %s, %s", e.t(1), e.t(0), e.x())
		})
		e.loop("silu", "activates; see SiLU.", 1, func() {
			e.logistic()
			e.op("VMULPS %s, %s, %s", e.t(0), e.x(), e.x())
			e.op("VDIVPS %s, %s, %s", e.t(1), e.x(), e.x())
		})
		e.loop("tanh", "activates; see Tanh.", 1, e.tanh)
		e.scaleShift()
	}
	for _, c := range elementConstants {
		words := make([]uint64, 16)
		for i := range words {
			words[i] = c.bits
		}
		f.data32("element"+c.name, words...)
	}
}

func real(v float64) uint64 { return uint64(math.Float32bits(float32(v))) }

// elementConstants are repeated in all lanes, to be memory operands of both
// widths.
//
// The exponential is 2^n e^r, r = x - n ln 2 with ln 2 in two parts, and a
// minimax polynomial for (e^r - 1 - r)/r^2; tanh has one for (tanh(x)/x - 1)/x^2
// near 0. Both have the coefficients of Cephes' single-precision functions.
var elementConstants = []struct {
	name string
	bits uint64
}{
	{"Half", real(0.5)},
	{"One", real(1)},
	{"Two", real(2)},
	{"Sign", 1 << 31},
	{"ExpLow", real(-104)}, // below: 0
	{"ExpHigh", real(89)},  // above: +Inf
	{"Log2e", real(math.Log2E)},
	{"Ln2High", real(0.693359375)},
	{"Ln2Low", real(-2.12194440e-4)},
	{"Exp0", real(1.9875691500e-4)},
	{"Exp1", real(1.3981999507e-3)},
	{"Exp2", real(8.3334519073e-3)},
	{"Exp3", real(4.1665795894e-2)},
	{"Exp4", real(1.6666665459e-1)},
	{"Exp5", real(5.0000001201e-1)},
	{"TanhSmall", real(0.625)},
	{"Tanh0", real(-5.70498872745e-3)},
	{"Tanh1", real(2.06390887954e-2)},
	{"Tanh2", real(-5.37397155531e-2)},
	{"Tanh3", real(1.33314422036e-1)},
	{"Tanh4", real(-3.33332819422e-1)},
}

// element writes the loops of one isa. The operands are in x and y, the result
// in x; registers 2 and 3 hold the bounds, 4 and 5 alpha and beta, 6 and 7 the
// bounds of exp, 8 and above are temporary.
type element struct {
	*file
	isa
}

func (e *element) x() string         { return e.r(0) }
func (e *element) y() string         { return e.r(1) }
func (e *element) t(i int) string    { return e.r(8 + i) }
func (e *element) c(n string) string { return "element" + n + "<>(SB)" }

// loop writes a function that applies body to c.n floats, a multiple of the lanes.
func (e *element) loop(name, doc string, operands int, body func()) {
	const args, dst, a, b, n = "AX", "DI", "SI", "DX", "CX"
	e.begin(name+e.name, "c *elementCall", doc)
	e.op("MOVQ c+0(FP), %s", args)
	e.op("MOVQ elementCall_dst(%s), %s", args, dst)
	e.op("MOVQ elementCall_a(%s), %s", args, a)
	e.op("MOVQ elementCall_b(%s), %s", args, b)
	e.op("MOVQ elementCall_n(%s), %s", args, n)
	for i, field := range []string{"lo", "hi", "alpha", "beta"} {
		e.op("VBROADCASTSS elementCall_%s(%s), %s", field, args, e.r(2+i))
	}
	e.op("VMOVUPS %s, %s", e.c("ExpLow"), e.r(6))
	e.op("VMOVUPS %s, %s", e.c("ExpHigh"), e.r(7))
	e.label("loop")
	e.op("VMOVUPS (%s), %s", a, e.x())
	e.op("ADDQ $%d, %s", e.bytes, a)
	if operands == 2 {
		e.op("VMOVUPS (%s), %s", b, e.y())
		e.op("ADDQ $%d, %s", e.bytes, b)
	}
	body()
	e.op("VMOVUPS %s, (%s)", e.x(), dst)
	e.op("ADDQ $%d, %s", e.bytes, dst)
	e.op("SUBQ $%d, %s", e.lanes(), n)
	e.op("JNZ loop")
	e.end()
}

// between clamps x to two registers; NaN passes.
func (e *element) between(x, lo, hi string) {
	e.op("VMAXPS %s, %s, %s", x, lo, x)
	e.op("VMINPS %s, %s, %s", x, hi, x)
}

func (e *element) clamp() { e.between(e.x(), e.r(2), e.r(3)) }

// fakeQuantize rounds x to the nearest level: bounds are those of the number of
// the level, alpha is the inverse of the step, beta the first level.
func (e *element) fakeQuantize() {
	x, step := e.x(), e.t(0)
	e.op("VBROADCASTSS elementCall_step(AX), %s", step)
	e.op("VSUBPS %s, %s, %s", e.r(5), x, x)
	e.op("VMULPS %s, %s, %s", e.r(4), x, x)
	e.clamp()
	e.op("VADDPS %s, %s, %s", e.c("Half"), x, x)
	if e.masked() {
		e.op("VRNDSCALEPS $9, %s, %s", x, x) // down, quietly
	} else {
		e.op("VROUNDPS $9, %s, %s", x, x)
	}
	e.op("VMULPS %s, %s, %s", step, x, x)
	e.op("VADDPS %s, %s, %s", e.r(5), x, x)
}

// pass keeps x where y is strictly between the bounds; elsewhere it is 0.
func (e *element) pass() {
	if e.masked() {
		e.op("VCMPPS $%d, %s, %s, K1", greater, e.r(2), e.y())
		e.op("VCMPPS $%d, %s, %s, K1, K1", less, e.r(3), e.y())
		e.op("VMOVAPS.Z %s, K1, %s", e.x(), e.x())
		return
	}
	e.op("VCMPPS $%d, %s, %s, %s", greater, e.r(2), e.y(), e.t(0))
	e.op("VCMPPS $%d, %s, %s, %s", less, e.r(3), e.y(), e.t(1))
	e.op("VANDPS %s, %s, %s", e.t(0), e.x(), e.x())
	e.op("VANDPS %s, %s, %s", e.t(1), e.x(), e.x())
}

// Predicates of VCMPPS: ordered, quiet; the second source operand is on the right.
const (
	less    = 17
	greater = 30
)

// line is clamp(alpha*x + beta, lo, hi) in t0.
func (e *element) line() {
	e.op("VMULPS %s, %s, %s", e.r(4), e.x(), e.t(0))
	e.op("VADDPS %s, %s, %s", e.r(5), e.t(0), e.t(0))
	e.between(e.t(0), e.r(2), e.r(3))
}

// polynomial evaluates constants prefix0, prefix1, ... in x, into y.
func (e *element) polynomial(prefix string, terms int, x, y string) {
	e.op("VMOVUPS %s, %s", e.c(prefix+"0"), y)
	for i := 1; i < terms; i++ {
		e.op("VFMADD213PS %s, %s, %s", e.c(fmt.Sprint(prefix, i)), x, y)
	}
}

// exp is e^x in y, which may be x; t3 to t7 are lost.
func (e *element) exp(x, y string) {
	r, n, p := e.t(3), e.t(4), e.t(5)
	e.op("VMOVAPS %s, %s", x, r)
	e.between(r, e.r(6), e.r(7))
	e.op("VMULPS %s, %s, %s", e.c("Log2e"), r, n)
	if e.masked() {
		e.op("VRNDSCALEPS $8, %s, %s", n, n)
	} else {
		e.op("VROUNDPS $8, %s, %s", n, n)
	}
	e.op("VFNMADD231PS %s, %s, %s", e.c("Ln2High"), n, r)
	e.op("VFNMADD231PS %s, %s, %s", e.c("Ln2Low"), n, r)
	e.polynomial("Exp", 6, r, p)
	e.op("VMULPS %s, %s, %s", r, p, p)
	e.op("VFMADD213PS %s, %s, %s", r, r, p)
	e.op("VADDPS %s, %s, %s", e.c("One"), p, p)
	if e.masked() {
		e.op("VSCALEFPS %s, %s, %s", n, p, y)
		return
	}
	// 2^n in two factors, since n may be below the exponents of float32.
	half := e.t(6)
	e.op("VCVTPS2DQ %s, %s", n, n)
	e.op("VPSRAD $1, %s, %s", n, half)
	e.op("VPSUBD %s, %s, %s", half, n, n)
	for _, k := range []string{n, half} {
		e.op("VPSLLD $23, %s, %s", k, k)
		e.op("VPADDD %s, %s, %s", e.c("One"), k, k)
		e.op("VMULPS %s, %s, %s", k, p, p)
	}
	e.op("VMOVAPS %s, %s", p, y)
}

// logistic is the sigmoid of x as a fraction t0/t1, with u = e^-|x|:
// 1/(1+u) for positive x, u/(1+u) for negative x.
func (e *element) logistic() {
	u := e.t(1)
	e.op("VORPS %s, %s, %s", e.c("Sign"), e.x(), u)
	e.exp(u, u)
	e.op("VMOVUPS %s, %s", e.c("One"), e.t(0))
	if e.masked() {
		e.op("VPMOVD2M %s, K1", e.x())
		e.op("VMOVAPS %s, K1, %s", u, e.t(0))
	} else {
		e.op("VBLENDVPS %s, %s, %s, %s", e.x(), u, e.t(0), e.t(0))
	}
	e.op("VADDPS %s, %s, %s", e.c("One"), u, u)
}

// tanh is a polynomial for |x| < 0.625, else 1 - 2/(e^2|x| + 1) with x's sign.
func (e *element) tanh() {
	size, large, small := e.t(0), e.t(1), e.t(2)
	e.op("VMOVUPS %s, %s", e.c("Sign"), size)
	e.op("VANDNPS %s, %s, %s", e.x(), size, size)
	e.op("VADDPS %s, %s, %s", size, size, large)
	e.exp(large, large)
	e.op("VADDPS %s, %s, %s", e.c("One"), large, large)
	e.op("VMOVUPS %s, %s", e.c("Two"), small)
	e.op("VDIVPS %s, %s, %s", large, small, large)
	e.op("VMOVUPS %s, %s", e.c("One"), small)
	e.op("VSUBPS %s, %s, %s", large, small, large)
	e.op("VANDPS %s, %s, %s", e.c("Sign"), e.x(), small)
	e.op("VORPS %s, %s, %s", small, large, large)

	square := e.t(3)
	e.op("VMULPS %s, %s, %s", e.x(), e.x(), square)
	e.polynomial("Tanh", 5, square, small)
	e.op("VMULPS %s, %s, %s", square, small, small)
	e.op("VFMADD213PS %s, %s, %s", e.x(), e.x(), small)
	if e.masked() {
		e.op("VCMPPS $1, %s, %s, K1", e.c("TanhSmall"), size)
		e.op("VMOVAPS %s, %s", large, e.x())
		e.op("VMOVAPS %s, K1, %s", small, e.x())
	} else {
		e.op("VCMPPS $1, %s, %s, %s", e.c("TanhSmall"), size, size)
		e.op("VBLENDVPS %s, %s, %s, %s", size, small, large, e.x())
	}
}

// scaleShift writes the loop over rows of channels; AVX512 does the channels
// behind the last whole vector under a mask.
func (e *element) scaleShift() {
	const args, dst, a, scale, shift, rows, c, end, stride = "AX", "DI", "SI", "DX", "BX", "CX", "R8", "R9", "R10"
	e.begin("scaleShift"+e.name, "c *rowsCall", "scales and shifts channels; see ScaleShift.")
	e.op("MOVQ c+0(FP), %s", args)
	for _, p := range []struct{ field, reg string }{{"dst", dst}, {"a", a}, {"scale", scale}, {"shift", shift}, {"rows", rows}, {"stride", stride}, {"whole", end}} {
		e.op("MOVQ rowsCall_%s(%s), %s", p.field, args, p.reg)
	}
	e.op("VBROADCASTSS rowsCall_lo(%s), %s", args, e.r(2))
	e.op("VBROADCASTSS rowsCall_hi(%s), %s", args, e.r(3))
	if e.masked() {
		e.op("MOVL rowsCall_mask(%s), %s", args, c)
		e.op("KMOVW %s, K1", c)
	}
	vector := func(mask, shifted string) {
		zero := ""
		if mask != "" {
			zero = ".Z"
		}
		e.op("VMOVUPS%s (%s)(%s*1), %s%s", zero, a, c, mask, e.x())
		e.op("VMULPS%s (%s)(%s*1), %s, %s%s", zero, scale, c, e.x(), mask, e.x())
		e.op("TESTQ %[1]s, %[1]s", shift)
		e.op("JZ %s", shifted)
		e.op("VADDPS%s (%s)(%s*1), %s, %s%s", zero, shift, c, e.x(), mask, e.x())
		e.label("%s", shifted)
		e.clamp()
		e.op("VMOVUPS %s, %s(%s)(%s*1)", e.x(), mask, dst, c)
	}
	e.label("row")
	e.op("XORQ %[1]s, %[1]s", c)
	e.op("TESTQ %[1]s, %[1]s", end)
	e.op("JZ tail")
	e.label("channels")
	vector("", "shifted")
	e.op("ADDQ $%d, %s", e.bytes, c)
	e.op("CMPQ %s, %s", c, end)
	e.op("JLT channels")
	e.label("tail")
	if e.masked() {
		e.op("KTESTW K1, K1")
		e.op("JZ next")
		vector("K1, ", "shiftedTail")
		e.label("next")
	}
	e.op("ADDQ %s, %s", stride, a)
	e.op("ADDQ %s, %s", stride, dst)
	e.op("DECQ %s", rows)
	e.op("JNZ row")
	e.end()
}
