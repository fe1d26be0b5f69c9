//go:build !purego

package kernel

func buildTables(l Level, a *TableArgs, g *tableGroup, offs []int32) {
	if l <= Fused {
		buildTablesGeneric(a, g, offs)
		return
	}
	c := newTableBuildCall(a, g, offs)
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
	if l <= Fused {
		addRowsGeneric(a, g, first)
		return
	}
	c := newTableAddCall(a, g, first)
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
	if l <= Fused {
		widenSumsGeneric(a, first)
		return
	}
	c := newTableWidenCall(a, first)
	tableWidenAVX2(&c)
}

func finishTable(l Level, f *TableFinish) {
	if l <= Fused {
		finishTableGeneric(f)
		return
	}
	c := newTableFinishCall(f)
	tableFinishAVX2(&c)
}
