//go:build !purego

package kernel

import "unsafe"

func tile16(l Level, t *TileBF16Args) {
	if !l.HasBF16() {
		tile16Generic(t)
		return
	}
	const rows = 14
	var sums [rows][cols8]float32
	var room [4]wideRow
	f := newFinish16Call(t, &room)
	c := tile8Call{
		lda: 2 * t.Lda, segs: &t.Segs[0], nsegs: len(t.Segs), b: (*int8)(unsafe.Pointer(&t.B[0])),
		sums: (*int32)(unsafe.Pointer(&sums[0][0])),
	}
	f.sums = &sums[0][0]
	i := 0
	for n := (t.M + rows - 1) / rows; n > 0; n-- {
		c.m = (t.M - i + n - 1) / n
		c.a = (*uint8)(unsafe.Pointer(&t.A[i*t.Lda]))
		tile16AVX512(&c)
		f.m = c.m
		f.at(t, i)
		finish16AVX512(&f)
		i += c.m
	}
}

// finish16Call is what the assembly of the epilogue reads.
type finish16Call struct {
	sums          *float32 // [m][32]
	m             int      // >= 1
	out, residual unsafe.Pointer
	ldc, ldr      int // bytes
	scale, bias   *float32
	lower, upper  *float32
	flags         int    // of finish8Call
	mask          uint32 // columns
}

// newFinish16Call fills what all rows of t have in common; room is for what
// there is one of per column.
func newFinish16Call(t *TileBF16Args, room *[4]wideRow) finish16Call {
	c := finish16Call{
		scale: padded(t.Scale, &room[0], cols8, 1), bias: padded(t.Bias, &room[1], cols8, 0),
		lower: padded(t.Lower, &room[2], cols8, negInf), upper: padded(t.Upper, &room[3], cols8, -negInf),
		ldc: 2 * t.Ldc, ldr: 2 * t.Ldr, mask: uint32(1<<t.N - 1),
	}
	if t.OutF != nil {
		c.flags |= finishOutF
		c.ldc *= 2
	}
	if t.Residual != nil {
		c.flags |= finishBytes
	}
	if t.ResidualF != nil {
		c.flags |= finishFloats
		c.ldr *= 2
	}
	return c
}

// at moves c to row i of t.
func (c *finish16Call) at(t *TileBF16Args, i int) {
	if t.Out != nil {
		c.out = unsafe.Pointer(&t.Out[i*t.Ldc])
	} else {
		c.out = unsafe.Pointer(&t.OutF[i*t.Ldc])
	}
	switch {
	case t.Residual != nil:
		c.residual = unsafe.Pointer(&t.Residual[i*t.Ldr])
	case t.ResidualF != nil:
		c.residual = unsafe.Pointer(&t.ResidualF[i*t.Ldr])
	}
}
