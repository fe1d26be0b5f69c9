//go:build !purego

package kernel

// lutPlanesCall is what the assembly of PlanesLUT reads: rows of levels of
// some channels. It counts channels down.
type lutPlanesCall struct {
	src               *uint8
	dst               *int16
	rows              *int32
	m                 int // rows, >= 1
	width             int // levels from row to row
	vectors           int // of a row, >= 1
	channels          int // >= 1
	srcNext           int // levels from the end of the rows to the next channel
	dstNext           int // numbers between channels
	even, odd         int // numbers from a row to its first even, or only, and odd column
	evenMask, oddMask *[lutPlaneLanes]uint16
	first, step       [2]int16 // twice
}

// lutFilterCall is what the filters of DepthwiseLUT read: some outputs, which they count down.
type lutFilterCall struct {
	dst     *uint8
	src     *int16
	weights *uint32
	bias    *int32
	offsets *int32
	taps    int // >= 1
	block   int // taps, >= 1
	vectors int // of an output, >= 1
	outputs int // >= 1
	next    int // numbers from output to output
	table   *int32
	shift   int32
	top     int32 // bin
}

// lutRowsCall is what the moving of DepthwiseLUT reads. It counts outputs down.
type lutRowsCall struct {
	dst, src *uint8
	rows     int // >= 1
	width    int // levels of a row of dst, >= 1
	pitch    int // of src
	outputs  int // >= 1
	next     int // levels of src from the end of an output's rows to the next output
}

// planesLUT spreads n channels over their planes, unless there are more phases.
func planesLUT(l Level, dst []int16, src []uint8, p *LUTPlanes, n int) bool {
	if l <= Fused || p.StrideX > 2 || p.StrideX == 2 && len(p.cols) < 2 {
		return false
	}
	call := lutPlanesCall{
		src: &src[0], dst: &dst[0], rows: &p.rows[0], m: len(p.rows), width: p.Width, vectors: p.rowVectors(),
		channels: n, srcNext: (p.Height - len(p.rows)) * p.Width, dstNext: p.group, even: int(p.cols[0]),
		evenMask: &p.masks[0], oddMask: &p.masks[1], first: [2]int16{p.first, p.first}, step: [2]int16{p.step, p.step},
	}
	if p.StrideX == 2 {
		call.odd = int(p.cols[1])
	}
	wide := l.wideLUT() && len(p.cols) > p.StrideX*2*AVX2.lutLanes() // else half a vector holds a row
	switch {
	case p.StrideX == 1 && wide:
		lutPlanes1AVX512(&call)
	case p.StrideX == 1:
		lutPlanes1AVX2(&call)
	case wide:
		lutPlanes2AVX512(&call)
	default:
		lutPlanes2AVX2(&call)
	}
	return true
}

// filterLUT computes n outputs from first on.
func filterLUT(l Level, d *LUTDepthwise, levels []uint8, numbers []int16, first, n, next int) {
	if l <= Fused {
		filterLUTGeneric(d, levels, numbers, first, n, next)
		return
	}
	if d.exact != nil {
		d.exactFilter(l, levels, numbers, first, n, next)
		return
	}
	a, taps := d.activation, d.planes.taps
	call := lutFilterCall{
		dst: &levels[0], src: &numbers[0], weights: &d.weights[first*len(taps)], bias: &d.bias[first], offsets: &taps[0],
		taps: len(taps), block: d.block, vectors: d.places / (2 * l.lutLanes()), outputs: n, next: next,
		shift: int32(a.Shift), top: int32(a.Bins - 1),
	}
	switch {
	case a.table == nil && l.wideLUT():
		lutFilterAVX512(&call)
	case a.table == nil:
		lutFilterAVX2(&call)
	case l.wideLUT():
		call.table = &a.table[0]
		lutFilterMappedAVX512(&call)
	default:
		call.table = &a.table[0]
		lutFilterMappedAVX2(&call)
	}
}

// rowsLUT moves n outputs, without what was computed between rows.
func rowsLUT(l Level, d *LUTDepthwise, dst, levels []uint8, n int) {
	if l <= Fused {
		rowsLUTGeneric(d, dst, levels, n)
		return
	}
	lutRowsAVX2(&lutRowsCall{
		dst: &dst[0], src: &levels[0], rows: d.planes.OutHeight, width: d.planes.OutWidth, pitch: d.planes.pitch,
		outputs: n, next: d.places - d.planes.OutHeight*d.planes.pitch,
	})
}
