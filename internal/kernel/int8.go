package kernel

import "math"

// Affine is the 8-bit form of an activation: real = Scale * (byte - Zero).
type Affine struct {
	Scale float32
	Zero  uint8
}

// real is the number that v stands for.
func (q Affine) real(v uint8) float32 { return float32(int32(v)-int32(q.Zero)) * q.Scale }

// inverse is 1/Scale in float32, which quantisation multiplies by.
func (q Affine) inverse() float32 { return 1 / q.Scale }

// toByte is the byte nearest to y*inv + zero, of two the even multiple of the
// scale; NaN counts as -Inf.
func toByte(y, inv float32, zero uint8) uint8 {
	lo, hi := -float32(zero), float32(255-zero)
	q := y * inv
	if !(q > lo) {
		q = lo
	}
	if q > hi {
		q = hi
	}
	return uint8(int32(math.RoundToEven(float64(q))) + int32(zero))
}

// cols8 is the number of outputs of a panel of 8-bit weights, and of a row of
// sums.
const cols8 = 32

// sums8 are the sums of some rows.
type sums8 [maxRows8][cols8]int32

// maxRows8 is the most rows that are summed before the epilogue.
const maxRows8 = 32

// epilogue8 turns sums into results; see TileI8Args.
type epilogue8 struct {
	n           int // columns
	scale, bias []float32
	residual    []uint8
	residualQ   Affine
	residualF   []float32
	ldr         int
	min, max    float32
	out         []uint8
	outScale    float32
	outZero     uint8
	outF        []float32
	ldc         int
}

// check panics if e reads or writes outside its slices for m rows >= 1.
func (e *epilogue8) check(m int) {
	if e.ldc < 0 || e.ldr < 0 || m > 1 && e.ldc < e.n {
		panic("kernel: int8: rows of the result overlap")
	}
	need(e.scale, e.n)
	if e.bias != nil {
		need(e.bias, e.n)
	}
	if (e.out == nil) == (e.outF == nil) || e.residual != nil && e.residualF != nil {
		panic("kernel: int8: one result and at most one residual")
	}
	if e.out != nil {
		need(e.out, (m-1)*e.ldc+e.n)
	} else {
		need(e.outF, (m-1)*e.ldc+e.n)
	}
	if e.residual != nil {
		need(e.residual, (m-1)*e.ldr+e.n)
	}
	if e.residualF != nil {
		need(e.residualF, (m-1)*e.ldr+e.n)
	}
}

// row finishes row i from its sums, from a column on. Every product and sum is
// rounded to float32: the conversions keep the compiler from fusing them.
func (e *epilogue8) row(i, from int, sums *[cols8]int32) {
	for n := from; n < e.n; n++ {
		y := float32(float32(sums[n]) * e.scale[n])
		if e.bias != nil {
			y += e.bias[n]
		} else {
			y += 0 // -0 becomes 0 like with a bias of 0
		}
		if e.residual != nil {
			y += float32(e.residualQ.real(e.residual[i*e.ldr+n]))
		}
		if e.residualF != nil {
			y += e.residualF[i*e.ldr+n]
		}
		y = clamp(y, e.min, e.max)
		if e.out != nil {
			e.out[i*e.ldc+n] = toByte(y, e.outScale, e.outZero)
		} else {
			e.outF[i*e.ldc+n] = y
		}
	}
}

// finishGeneric finishes rows i and following from their sums.
func (e *epilogue8) finishGeneric(i int, sums [][cols8]int32) {
	for r := range sums {
		e.row(i+r, 0, &sums[r])
	}
}
