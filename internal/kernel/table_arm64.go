//go:build !purego

package kernel

func buildTables(l Level, a *TableArgs, g *tableGroup, offs []int32) {
	if l != NEON {
		buildTablesGeneric(a, g, offs)
		return
	}
	c := newTableBuildCall(a, g, offs)
	switch a.Tables.book.pairs {
	case 1:
		tableBuild1NEON(&c)
	case 2:
		tableBuild2NEON(&c)
	case 3:
		tableBuild3NEON(&c)
	case 4:
		tableBuild4NEON(&c)
	case 5:
		tableBuild5NEON(&c)
	case 6:
		tableBuild6NEON(&c)
	case 7:
		tableBuild7NEON(&c)
	case 8:
		tableBuild8NEON(&c)
	case 9:
		tableBuild9NEON(&c)
	}
}

func addRows(l Level, a *TableArgs, g *tableGroup, first bool) {
	if l != NEON {
		addRowsGeneric(a, g, first)
		return
	}
	c := newTableAddCall(a, g, first)
	switch len(g.blocks) {
	case 1:
		tableAdd1NEON(&c)
	case 2:
		tableAdd2NEON(&c)
	case 3:
		tableAdd3NEON(&c)
	case 4:
		tableAdd4NEON(&c)
	case 5:
		tableAdd5NEON(&c)
	case 6:
		tableAdd6NEON(&c)
	case 7:
		tableAdd7NEON(&c)
	case 8:
		tableAdd8NEON(&c)
	}
}

func widenSums(l Level, a *TableArgs, first bool) {
	if l != NEON {
		widenSumsGeneric(a, first)
		return
	}
	c := newTableWidenCall(a, first)
	tableWidenNEON(&c)
}

// finishTable leaves operands in float32 to Go.
func finishTable(l Level, f *TableFinish) {
	if l != NEON || f.OutF != nil || f.ResidualF != nil {
		finishTableGeneric(f)
		return
	}
	c := newTableFinishCall(f)
	tableFinishNEON(&c)
}

func transpose8(_ Level, dst []uint8, ldd int, src []uint8, lds, rows, cols int) {
	transpose8Generic(dst, ldd, src, lds, rows, cols)
}
