//go:build !purego

package kernel

import "unsafe"

// tile8Call is what the assembly that sums a tile reads.
type tile8Call struct {
	a        *uint8
	lda      int
	segs     *Segment
	nsegs, m int // >= 1
	b        *int8
	sums     *[cols8]int32
}

func tile8(l Level, t *TileI8Args, e *epilogue8) {
	if l < VNNI {
		tile8Generic(t, e)
		return
	}
	const rows = 14
	var sums [rows][cols8]int32
	f := newFinish8Call(e)
	c := tile8Call{lda: t.Lda, segs: &t.Segs[0], nsegs: len(t.Segs), b: &t.B[0], sums: &sums[0]}
	i := 0
	for n := (t.M + rows - 1) / rows; n > 0; n-- {
		c.m = (t.M - i + n - 1) / n
		c.a = &t.A[i*t.Lda]
		tile8VNNI(&c)
		f.run(e, i, sums[:c.m])
		i += c.m
	}
}

// finish8Call is what the assembly of the epilogue reads.
type finish8Call struct {
	sums                  *[cols8]int32
	m                     int // >= 1
	out, residual         unsafe.Pointer
	ldc, ldr              int // bytes
	scale, bias           *float32
	flags                 int
	mask                  uint32 // columns
	min, max              float32
	outScale, low, high   float32
	residualScale         float32
	outZero, residualZero int32
	scaleRoom, biasRoom   wideRow
}

// Bits of finish8Call.flags.
const (
	finishBytes  = 1 << iota // residual of bytes
	finishFloats             // residual of floats
	finishOutF               // result of floats
)

// newFinish8Call fills what all rows of e have in common.
func newFinish8Call(e *epilogue8) finish8Call {
	c := finish8Call{
		ldc: e.ldc, ldr: e.ldr, mask: uint32(1<<e.n - 1), min: e.min, max: e.max,
		outScale: e.outScale, low: -float32(e.outZero), high: float32(255 - e.outZero), outZero: int32(e.outZero),
		residualScale: e.residualQ.Scale, residualZero: int32(e.residualQ.Zero),
	}
	if e.outF != nil {
		c.flags |= finishOutF
		c.ldc *= 4
	}
	if e.residual != nil {
		c.flags |= finishBytes
	}
	if e.residualF != nil {
		c.flags |= finishFloats
		c.ldr *= 4
	}
	return c
}

// run finishes rows i and following from their sums.
func (c *finish8Call) run(e *epilogue8, i int, sums [][cols8]int32) {
	c.scale = padded(e.scale, &c.scaleRoom, cols8, 1)
	c.bias = padded(e.bias, &c.biasRoom, cols8, 0)
	c.sums, c.m = &sums[0], len(sums)
	if e.out != nil {
		c.out = unsafe.Pointer(&e.out[i*e.ldc])
	} else {
		c.out = unsafe.Pointer(&e.outF[i*e.ldc])
	}
	switch {
	case e.residual != nil:
		c.residual = unsafe.Pointer(&e.residual[i*e.ldr])
	case e.residualF != nil:
		c.residual = unsafe.Pointer(&e.residualF[i*e.ldr])
	}
	finish8AVX512(c)
}

func finish8(l Level, e *epilogue8, i int, sums [][cols8]int32) {
	if l < AVX512 {
		e.finishGeneric(i, sums)
		return
	}
	c := newFinish8Call(e)
	c.run(e, i, sums)
}
