//go:build !amd64 || purego

package kernel

func indexLUT(_ Level, dst, src []uint8, taps []int32, runs []LUTRun) {
	indexLUTGeneric(dst, src, taps, runs)
}

func sumLUT(_ Level, sums []int32, index []uint8, t *LUTTable, c *LUTCodes, g *lutGroup) {
	sumLUTGeneric(sums, index, t, c, g)
}

func levelsLUT(Level, []uint8, []int32, int32, *LUTActivation) int { return 0 }
