//go:build !purego

package kernel

// lutSumCall is what the assembly of SumLUT reads.
type lutSumCall struct {
	numbers *int16
	weights *int16
	sums    *int32
	old     *int32 // sums before the first block: sums, or zeros
	pairs   int    // >= 1
	block   int    // >= 1
}

// lutGatherCall is what the gathering of SumLUT reads.
type lutGatherCall struct {
	src   *int16
	taps  *int32
	pairs int // >= 1
	runs  *LUTRun
	m     int // runs, >= 1
	dst   *int16
}

// lutNumbersCall is what the assembly of NumbersLUT reads.
type lutNumbersCall struct {
	dst         *int16
	src         *uint8
	n           int      // vectors, >= 1
	first, step [2]int16 // twice
}

// lutQuantizeCall is what the assembly of QuantizeLUT reads.
type lutQuantizeCall struct {
	dst              *uint8
	src              *float32
	n                int // pairs of vectors, >= 1
	low, scale, last float32
}

// lutAddCall is what the assembly of AddLUT reads.
type lutAddCall struct {
	sums    *int32
	src     *uint8
	pitch   int
	vectors int // of a row, >= 1
	rows    int // >= 1
	table   *[256]int32
}

// lutLevelsCall is what the assembly of LevelsLUT reads.
type lutLevelsCall struct {
	dst   *uint8
	pitch int
	sums  *int32
	last  int // place where the last vector begins; vectors may overlap
	bias  *int32
	rows  int // >= 1
	table *int32
	shift int32
	top   int32 // bin
}

// numbersLUT does whole vectors, and returns how many numbers it made.
func numbersLUT(l Level, dst []int16, src []uint8, first, step int16) int {
	lanes := 2 * l.lutLanes()
	n := len(src) / lanes
	if l <= Fused || n == 0 {
		return 0
	}
	call := lutNumbersCall{dst: &dst[0], src: &src[0], n: n, first: [2]int16{first, first}, step: [2]int16{step, step}}
	if l.wideLUT() {
		lutNumbersAVX512(&call)
	} else {
		lutNumbersAVX2(&call)
	}
	return n * lanes
}

// quantizeLUT does pairs of vectors, and returns how many levels it made.
func quantizeLUT(l Level, dst []uint8, src []float32, low, scale, last float32) int {
	lanes := 2 * l.lutLanes()
	n := len(src) / lanes
	if l <= Fused || n == 0 {
		return 0
	}
	call := lutQuantizeCall{dst: &dst[0], src: &src[0], n: n, low: low, scale: scale, last: last}
	if l.wideLUT() {
		lutQuantizeAVX512(&call)
	} else {
		lutQuantizeAVX2(&call)
	}
	return n * lanes
}

func gatherLUT(l Level, dst, src []int16, taps []int32, runs []LUTRun) {
	call := lutGatherCall{src: &src[0], taps: &taps[0], pairs: len(taps) / 2, runs: &runs[0], m: len(runs), dst: &dst[0]}
	switch {
	case l <= Fused:
		gatherLUTGeneric(dst, src, taps, runs)
	case l.wideLUT():
		lutGatherAVX512(&call)
	default:
		lutGatherAVX2(&call)
	}
}

// lutZeros is the sums of the most outputs and places of a kernel.
var lutZeros [8 * lutVectors * 16]int32

// sumLUT sets sums, or adds to them if there are some already.
func sumLUT(l Level, sums []int32, numbers, weights []int16, width, pairs, block, places int, more bool) {
	if l <= Fused {
		sumLUTGeneric(sums, numbers, weights, width, pairs, block, places, more)
		return
	}
	call := lutSumCall{numbers: &numbers[0], weights: &weights[0], sums: &sums[0], old: &lutZeros[0], pairs: pairs, block: block}
	if more {
		call.old = call.sums
	}
	vectors := (places + l.lutLanes() - 1) / l.lutLanes()
	if block == 0 {
		call.exact(l, width, vectors)
	} else if l.wideLUT() {
		call.avx512(width, vectors)
	} else {
		call.avx2(width, vectors)
	}
}

// avx2 calls the kernel for a number of outputs and of vectors of places.
func (c *lutSumCall) avx2(outputs, vectors int) {
	switch 10*outputs + vectors {
	case 11:
		lutSum1x1AVX2(c)
	case 12:
		lutSum1x2AVX2(c)
	case 13:
		lutSum1x3AVX2(c)
	case 41:
		lutSum4x1AVX2(c)
	case 42:
		lutSum4x2AVX2(c)
	case 43:
		lutSum4x3AVX2(c)
	}
}

// avx512 does the same with vectors twice as long.
func (c *lutSumCall) avx512(outputs, vectors int) {
	switch 10*outputs + vectors {
	case 11:
		lutSum1x1AVX512(c)
	case 12:
		lutSum1x2AVX512(c)
	case 13:
		lutSum1x3AVX512(c)
	case 41:
		lutSum4x1AVX512(c)
	case 42:
		lutSum4x2AVX512(c)
	case 43:
		lutSum4x3AVX512(c)
	case 81:
		lutSum8x1AVX512(c)
	case 82:
		lutSum8x2AVX512(c)
	case 83:
		lutSum8x3AVX512(c)
	}
}

func addLUT(l Level, sums []int32, src []uint8, pitch, places, n int, table *[256]int32) bool {
	if l <= Fused {
		return false
	}
	lanes := l.lutLanes()
	call := lutAddCall{sums: &sums[0], src: &src[0], pitch: pitch, vectors: (places + lanes - 1) / lanes, rows: n, table: table}
	if l.wideLUT() {
		lutAddAVX512(&call)
	} else {
		lutAddAVX2(&call)
	}
	return true
}

// levelsLUT reports whether there are enough places for the assembly, which does
// whole vectors: behind a row is the next one, which it overwrites, or room.
func levelsLUT(l Level, dst []uint8, pitch int, sums []int32, n int, bias []int32, a *LUTActivation) bool {
	before, lanes := len(bias)-1, l.lutLanes()
	room := n == pitch && len(dst) >= before*pitch+lanes && len(sums) >= before*l.LUTPlaces()+lanes
	if l <= Fused || n < lanes && !room {
		return false
	}
	last := max(n-lanes, 0)
	call := lutLevelsCall{dst: &dst[0], pitch: pitch, sums: &sums[0], last: last, bias: &bias[0], rows: len(bias), shift: int32(a.Shift), top: int32(a.Bins - 1)}
	switch {
	case a.table == nil && !l.wideLUT():
		lutLevelsAVX2(&call)
	case a.table == nil:
		lutLevelsAVX512(&call)
	case !l.wideLUT():
		call.table = &a.table[0]
		lutMappedAVX2(&call)
	default:
		call.table = &a.table[0]
		lutMappedAVX512(&call)
	}
	return true
}
