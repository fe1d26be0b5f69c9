//go:build !amd64 || purego

package kernel

func numbersLUT(Level, []int16, []uint8, int16, int16) int { return 0 }

func quantizeLUT(Level, []uint8, []float32, float32, float32, float32) int { return 0 }

func gatherLUT(_ Level, dst, src []int16, taps []int32, runs []LUTRun) {
	gatherLUTGeneric(dst, src, taps, runs)
}

func sumLUT(_ Level, sums []int32, numbers, weights []int16, width, pairs, block, places int, more bool) {
	sumLUTGeneric(sums, numbers, weights, width, pairs, block, places, more)
}

func addLUT(Level, []int32, []uint8, int, int, int, *[256]int32) bool { return false }

func carryLUT(Level, []int32, int, []int32, uint) bool { return false }

func levelsLUT(Level, []uint8, int, []int32, int, []int32, *LUTActivation) bool { return false }

func planesLUT(Level, []int16, []uint8, *LUTPlanes, int) bool { return false }

func filterLUT(_ Level, d *LUTDepthwise, levels []uint8, numbers []int16, first, n, next int) {
	filterLUTGeneric(d, levels, numbers, first, n, next)
}

func rowsLUT(_ Level, d *LUTDepthwise, dst, levels []uint8, n int) { rowsLUTGeneric(d, dst, levels, n) }

func maxLUT(Level, []uint8, []uint8, *LUTMax) bool { return false }
