//go:build !purego

package kernel

import "unsafe"

// grid16Call is what the assembly of a grid reads, and its state. Places and
// strides are in bytes.
type grid16Call struct {
	config       *tileConfig
	a            *BF16
	lda          int
	blocks       *block8
	nblocks      int // >= 1
	spans        *span8
	steps        *int
	nsteps       int // >= 1
	b            *BF16
	panels       int // >= 1
	scale, bias  *float32
	lower, upper *float32
	out          unsafe.Pointer
	residual     *BF16
	floats       int // not 0: results are float32
	ldc, ldr     int
	sums         *int32 // [32][32]
	last         uint32 // columns of the last panel

	//lint:ignore U1000 no Go code looks at it
	state grid16State
}

// grid16State is of the assembly: the panel to sum, and the rows to finish.
//
//lint:ignore U1000 no Go code looks at it
type grid16State struct {
	panel, span, spansLeft, left int
	outAt, residualAt            uintptr // where the results of the panel begin
}

// tiles16 computes t for g if l has assembly for it.
func tiles16(l Level, g *GridBF16, t *TileBF16Args) bool {
	w := g.bytes
	if !l.tilesBF16() || w.tiling.level != AMX || t.Bias == nil || t.Lower == nil || t.Upper == nil || t.ResidualF != nil {
		return false
	}
	c := grid16Call{
		config: &w.tiling.config, a: &t.A[0], lda: w.lda,
		blocks: &w.tiling.blocks[0], nblocks: len(w.tiling.blocks), spans: &w.tiling.spans[0],
		steps: &w.tiling.steps[0], nsteps: len(w.tiling.steps), b: &t.B[0], panels: (t.N + cols8 - 1) / cols8,
		scale: &t.Scale[0], bias: &t.Bias[0], lower: &t.Lower[0], upper: &t.Upper[0], ldc: w.ldc,
		last: ^uint32(0) >> (-t.N & (cols8 - 1)),
	}
	if g.floats {
		need(t.OutF, w.reach.C/4+t.N)
		c.out, c.floats = unsafe.Pointer(&t.OutF[0]), 1
	} else {
		need(t.Out, w.reach.C/2+t.N)
		c.out = unsafe.Pointer(&t.Out[0])
	}
	if t.Residual != nil {
		need(t.Residual, w.reach.R/2+t.N)
		c.residual, c.ldr = &t.Residual[0], w.ldr
	}
	var room [33 * cols8]int32
	c.sums = aligned64(room[:])
	grid16AMX(&c)
	return true
}
