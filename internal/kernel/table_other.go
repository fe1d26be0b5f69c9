//go:build (!amd64 && !arm64) || purego

package kernel

func buildTables(_ Level, a *TableArgs, g *tableGroup, offs []int32) { buildTablesGeneric(a, g, offs) }
func addRows(_ Level, a *TableArgs, g *tableGroup, first bool)       { addRowsGeneric(a, g, first) }
func widenSums(_ Level, a *TableArgs, first bool)                    { widenSumsGeneric(a, first) }
func finishTable(_ Level, f *TableFinish)                            { finishTableGeneric(f) }
func transpose8(_ Level, dst []uint8, ldd int, src []uint8, lds, rows, cols int) {
	transpose8Generic(dst, ldd, src, lds, rows, cols)
}
