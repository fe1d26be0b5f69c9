//go:build !purego

package kernel

// lutExactFilterCall is what the filters of exact products read: some outputs,
// which they count down.
type lutExactFilterCall struct {
	dst     *uint8
	src     *int16
	weights *uint32
	bias    *int32
	offsets *int32
	pairs   int // of taps, >= 1
	vectors int // of an output, >= 1
	outputs int // >= 1
	next    int // numbers from output to output
	table   *int32
	shift   int32
	top     int32 // bin
	bits    int32
}

// exactFilter computes n outputs from first on.
func (d *LUTDepthwise) exactFilter(l Level, levels []uint8, numbers []int16, first, n, next int) {
	a, e := d.activation, d.exact
	call := lutExactFilterCall{
		dst: &levels[0], src: &numbers[0], weights: &e.pairs[first*len(e.offsets)], bias: &e.bias[2*first], offsets: &e.offsets[0],
		pairs: len(e.offsets) / 2, vectors: d.places / (2 * l.lutLanes()), outputs: n, next: next,
		shift: int32(a.Shift), top: int32(a.Bins - 1), bits: int32(e.bits),
	}
	if a.table != nil {
		call.table = &a.table[0]
		call.mapped(l)
		return
	}
	switch l.ExactLUTKernels() {
	case AVX2:
		lutExactFilterAVX2(&call)
	case AVXVNNI:
		lutExactFilterAVXVNNI(&call)
	case AVX512:
		lutExactFilterAVX512(&call)
	case VNNI:
		lutExactFilterVNNI(&call)
	}
}

// mapped computes levels of bins, too.
func (c *lutExactFilterCall) mapped(l Level) {
	switch l.ExactLUTKernels() {
	case AVX2:
		lutExactFilterMappedAVX2(c)
	case AVXVNNI:
		lutExactFilterMappedAVXVNNI(c)
	case AVX512:
		lutExactFilterMappedAVX512(c)
	case VNNI:
		lutExactFilterMappedVNNI(c)
	}
}
