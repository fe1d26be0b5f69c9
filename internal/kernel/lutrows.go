package kernel

// LUTRows is the weights of a matrix product, for one place: its outputs take the
// lanes that places take in SumLUT, and the kernels are the same.
type LUTRows struct {
	level   Level
	taps    []int32 // offsets; see DotLUT
	block   int     // pairs, as those of LUTWeights; 0: products are exact
	outputs int
	packed  []int16 // [outputs/LUTPlaces][pairs][LUTPlaces][2]
}

// NewLUTRows arranges weights as NewLUTWeights does.
func (l Level) NewLUTRows(weights []int16, taps []int32, outputs, block int) *LUTRows {
	checkLUT(weights, taps, outputs, block)
	w := &LUTRows{level: l, outputs: outputs}
	var from []int
	w.taps, from, w.block = pairLUT(taps, block)
	lanes := l.LUTPlaces()
	w.packed = make([]int16, (outputs+lanes-1)/lanes*lanes*len(from))
	for i, k := range from {
		for o := 0; o < outputs && k >= 0; o++ {
			w.packed[((o/lanes*len(from)/2+i/2)*lanes+o%lanes)*2+i%2] = weights[k*outputs+o]
		}
	}
	return w
}

// Width is the number of sums that DotLUT computes: outputs, up to a multiple of LUTPlaces.
func (w *LUTRows) Width() int { return len(w.packed) / len(w.taps) }

// Taps is the numbers of DotLUT's scratch memory.
func (w *LUTRows) Taps() int { return len(w.taps) }

// DotLUT adds up products for all outputs of w:
//
//	sums[o] = sum over k of RoundedProduct(src[taps[k]], weights[k][o])
//
// or of exact products. sums has Width elements, scratch Taps.
func (l Level) DotLUT(sums []int32, src []int16, w *LUTRows, scratch []int16) {
	if w.level != l {
		panic("kernel: lut: arranged for another level")
	}
	need(sums, w.Width())
	need(scratch, len(w.taps))
	for i, t := range w.taps {
		scratch[i] = src[t]
	}
	lanes := l.LUTPlaces()
	for first := 0; first < w.outputs; first += lanes {
		sumLUT(l, sums[first:], w.packed[first*len(w.taps):], scratch, 1, len(w.taps)/2, w.block, lanes, false)
	}
}
