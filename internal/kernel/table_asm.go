//go:build (amd64 || arm64) && !purego

package kernel

import "unsafe"

// tableBuildCall is what the assembly that builds tables reads.
type tableBuildCall struct {
	in     *uint8
	offs   *int32
	blocks *tableBlock
	n      int // blocks, >= 1
	table  *int16
	patch  *uint8 // room for the inputs of a block
}

// tableAddCall is what the assembly that adds rows reads.
type tableAddCall struct {
	table *int16
	codes *uint16
	sums  *int16
	all   *int32
	n     int // outputs, >= 1
	first int // 1: sums start at zero
}

// tableFinishCall is what the assembly of FinishTable reads. The fields from
// min on are broadcast.
type tableFinishCall struct {
	sums                          unsafe.Pointer
	residual, out                 unsafe.Pointer
	scale, bias                   *float32
	n                             int // >= 1
	wide                          int // 1: sums of 32 bits
	relu                          int // 1: bounds are those of the bytes
	residualFloats, outFloats     int // 1: in float32
	min, max, outScale, low, high float32
	outZero                       int32
	residualZero                  int32
	residualScale                 float32
}

// newTableFinishCall fills what the assembly reads of f. (Calls are passed by value, so that what they point to does not
// escape.)
func newTableFinishCall(f *TableFinish) tableFinishCall {
	c := tableFinishCall{
		sums: unsafe.Pointer(&f.Room.sums[f.First*Strip]), scale: &f.Scale[0], bias: &f.Bias[0], n: f.N,
		min: f.Min, max: f.Max, outScale: f.OutScale, low: -float32(f.OutZero), high: float32(255 - f.OutZero), outZero: int32(f.OutZero),
		residualZero: int32(f.ResidualQ.Zero), residualScale: f.ResidualQ.Scale,
	}
	if f.Tables.wide() {
		c.sums, c.wide = unsafe.Pointer(&f.Room.all[f.First*Strip]), 1
	}
	switch {
	case f.Residual != nil:
		c.residual = unsafe.Pointer(&f.Residual[0])
	case f.ResidualF != nil:
		c.residual, c.residualFloats = unsafe.Pointer(&f.ResidualF[0]), 1
	}
	if f.OutF != nil {
		c.out, c.outFloats = unsafe.Pointer(&f.OutF[0]), 1
		return c
	}
	c.out = unsafe.Pointer(&f.Out[0])
	if f.Min == 0 && f.OutZero == 0 && f.OutScale > 0 && f.Max*f.OutScale >= 255 {
		c.relu = 1
	}
	return c
}

// newTableAddCall fills what the assembly that adds rows of g reads.
func newTableAddCall(a *TableArgs, g *tableGroup, first bool) tableAddCall {
	c := tableAddCall{table: &a.Room.table[0], codes: &g.codes[0], sums: &a.Room.sums[0], n: a.Tables.outputs}
	if first {
		c.first = 1
	}
	return c
}

// newTableWidenCall fills what the assembly that adds sums reads.
func newTableWidenCall(a *TableArgs, first bool) tableAddCall {
	c := tableAddCall{sums: &a.Room.sums[0], all: &a.Room.all[0], n: a.Tables.outputs}
	if first {
		c.first = 1
	}
	return c
}

// newTableBuildCall fills what the assembly that builds the tables of g reads.
func newTableBuildCall(a *TableArgs, g *tableGroup, offs []int32) tableBuildCall {
	return tableBuildCall{
		in: &a.In[0], offs: &offs[0], blocks: &g.blocks[0], n: len(g.blocks),
		table: &a.Room.table[0], patch: &a.Room.patch[0],
	}
}
