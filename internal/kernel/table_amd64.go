//go:build !purego

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
	residual, out                 *uint8
	scale, bias                   *float32
	n                             int // >= 1
	wide                          int // 1: sums of 32 bits
	relu                          int // 1: bounds are those of the bytes
	min, max, outScale, low, high float32
	outZero                       int32
	residualZero                  int32
	residualScale                 float32
}

func buildTables(l Level, a *TableArgs, g *tableGroup, offs []int32) {
	if l == Generic {
		buildTablesGeneric(a, g, offs)
		return
	}
	c := tableBuildCall{
		in: &a.In[0], offs: &offs[0], blocks: &g.blocks[0], n: len(g.blocks),
		table: &a.Room.table[0], patch: &a.Room.patch[0],
	}
	switch a.Tables.book.pairs {
	case 1:
		tableBuild1AVX2(&c)
	case 2:
		tableBuild2AVX2(&c)
	case 3:
		tableBuild3AVX2(&c)
	case 4:
		tableBuild4AVX2(&c)
	case 5:
		tableBuild5AVX2(&c)
	case 6:
		tableBuild6AVX2(&c)
	case 7:
		tableBuild7AVX2(&c)
	case 8:
		tableBuild8AVX2(&c)
	case 9:
		tableBuild9AVX2(&c)
	}
}

func addRows(l Level, a *TableArgs, g *tableGroup, first bool) {
	if l == Generic {
		addRowsGeneric(a, g, first)
		return
	}
	c := tableAddCall{table: &a.Room.table[0], codes: &g.codes[0], sums: &a.Room.sums[0], n: a.Tables.outputs}
	if first {
		c.first = 1
	}
	switch len(g.blocks) {
	case 1:
		tableAdd1AVX2(&c)
	case 2:
		tableAdd2AVX2(&c)
	case 3:
		tableAdd3AVX2(&c)
	case 4:
		tableAdd4AVX2(&c)
	case 5:
		tableAdd5AVX2(&c)
	case 6:
		tableAdd6AVX2(&c)
	case 7:
		tableAdd7AVX2(&c)
	case 8:
		tableAdd8AVX2(&c)
	}
}

func widenSums(l Level, a *TableArgs, first bool) {
	if l == Generic {
		widenSumsGeneric(a, first)
		return
	}
	c := tableAddCall{sums: &a.Room.sums[0], all: &a.Room.all[0], n: a.Tables.outputs}
	if first {
		c.first = 1
	}
	tableWidenAVX2(&c)
}

// finishTable leaves operands in float32 to Go: no fast plan has them.
func finishTable(l Level, f *TableFinish) {
	if l == Generic || f.OutF != nil || f.ResidualF != nil {
		finishTableGeneric(f)
		return
	}
	c := tableFinishCall{
		sums: unsafe.Pointer(&f.Room.sums[f.First*Strip]), out: &f.Out[0], scale: &f.Scale[0], bias: &f.Bias[0], n: f.N,
		min: f.Min, max: f.Max, outScale: f.OutScale, low: -float32(f.OutZero), high: float32(255 - f.OutZero), outZero: int32(f.OutZero),
		residualZero: int32(f.ResidualQ.Zero), residualScale: f.ResidualQ.Scale,
	}
	if f.Tables.wide() {
		c.sums, c.wide = unsafe.Pointer(&f.Room.all[f.First*Strip]), 1
	}
	if f.Residual != nil {
		c.residual = &f.Residual[0]
	}
	if f.Min == 0 && f.OutZero == 0 && f.OutScale > 0 && f.Max*f.OutScale >= 255 {
		c.relu = 1
	}
	tableFinishAVX2(&c)
}
