//go:build !purego

package kernel

// lutSumCall is what the assembly of SumLUT reads.
type lutSumCall struct {
	index   *uint8
	columns *uint16
	table   *uint8
	sums    *int32
	taps    int // >= 1
	block   int // >= 1
}

// lutIndexCall is what the assembly of IndexLUT reads: it copies whole vectors,
// in ascending order, so that each run overwrites what the one before it copied
// too much.
type lutIndexCall struct {
	src  *uint8
	taps *int32
	n    int // taps, >= 1
	runs *LUTRun
	m    int // runs, >= 1
	raw  *uint8
	dst  *uint8
}

// lutLevelsCall is what the assembly of LevelsLUT reads.
type lutLevelsCall struct {
	dst   *uint8
	sums  *int32
	n     int // vectors of 16, >= 1
	table *int32
	bias  int32
	shift int32
	last  int32 // bin
}

// lutRows is how many taps IndexLUT gathers before it rearranges them.
const lutRows = 32

func indexLUT(l Level, dst, src []uint8, taps []int32, runs []LUTRun) {
	if l == Generic {
		indexLUTGeneric(dst, src, taps, runs)
		return
	}
	var raw [(lutRows + 1) * lutLanes]uint8 // the last run reaches into the row behind
	for len(taps) > 0 {
		n := min(lutRows, len(taps))
		call := lutIndexCall{src: &src[0], taps: &taps[0], n: n, runs: &runs[0], m: len(runs), raw: &raw[0], dst: &dst[0]}
		if !l.wideLUT() {
			lutIndexAVX2(&call)
		} else {
			lutIndexAVX512(&call)
		}
		taps, dst = taps[n:], dst[n*l.LUTRow():]
	}
}

func sumLUT(l Level, sums []int32, index []uint8, t *LUTTable, c *LUTCodes, g *lutGroup) {
	if l == Generic {
		sumLUTGeneric(sums, index, t, c, g)
		return
	}
	call := lutSumCall{index: &index[0], columns: &g.columns[0], table: &t.bytes[0], sums: &sums[0], taps: c.Taps, block: c.Block}
	switch {
	case !l.wideLUT() && t.narrow:
		lutSum4NarrowAVX2(&call)
	case !l.wideLUT():
		lutSum4AVX2(&call)
	case g.width == 4:
		lutSum4AVX512(&call)
	case g.width == 8:
		lutSum8AVX512(&call)
	default:
		lutSum12AVX512(&call)
	}
}

// levelsLUT does whole vectors, and returns how many levels it made.
func levelsLUT(l Level, dst []uint8, sums []int32, bias int32, a *LUTActivation) int {
	n := len(dst) / 16
	if l == Generic || n == 0 {
		return 0
	}
	call := lutLevelsCall{dst: &dst[0], sums: &sums[0], n: n, bias: bias, shift: int32(a.Shift), last: int32(a.Bins - 1)}
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
	return 16 * n
}
