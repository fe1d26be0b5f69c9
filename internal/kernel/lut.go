package kernel

import (
	"math"
	"slices"
)

// Sums of products for networks of lookup tables (internal/lut). An entry of
// their tables is a rounded product of two numbers of 16 bits; an instruction of
// AVX2 computes 16 of them, of AVX-512 32, which is more than another looks up.

const (
	lutVectors = 3   // of places at a time
	lutChunk   = 128 // most pairs of taps at a time: their numbers stay in the first cache
)

// LUTKernels is the level whose kernels l uses.
func (l Level) LUTKernels() Level {
	switch {
	case l < AVX2: // NEON has none
		return Generic
	case l.wideLUT():
		return AVX512
	}
	return AVX2
}

// wideLUT reports whether l has the kernels of AVX512.
func (l Level) wideLUT() bool { return l >= AVX512 }

// LUTRun says where a run of places has its activations: place Dst + i, i < N,
// reads Src + i.
type LUTRun struct{ Src, Dst, N int32 }

// LUTSlack is how many numbers behind the last one that runs name
// SumLUT needs.
const LUTSlack = 16

// lutLanes is the places of a vector.
func (l Level) lutLanes() int {
	if l.wideLUT() {
		return 16
	}
	return 8
}

// LUTPlaces is the number of places that SumLUT works on at a time.
func (l Level) LUTPlaces() int { return lutVectors * l.lutLanes() }

// LUTScratch is the numbers of SumLUT's scratch memory.
func (l Level) LUTScratch() int {
	return 2 * (lutChunk*l.LUTPlaces() + l.lutLanes())
}

// RoundedProduct is (x*w + 2^14) >> 15, the product that SumLUT adds up; it fits
// 16 bits unless both are -32768.
func RoundedProduct(x, w int16) int16 { return int16((int32(x)*int32(w) + 1<<14) >> 15) }

// NumbersLUT computes dst[i] = first + step*src[i] in 16 bits.
func (l Level) NumbersLUT(dst []int16, src []uint8, first, step int16) {
	need(dst, len(src))
	for i := numbersLUT(l, dst, src, first, step); i < len(src); i++ {
		dst[i] = first + step*int16(src[i])
	}
}

// QuantizeLUT computes the levels of numbers, every operation rounded to float32:
//
//	dst[i] = floor(max(0, min((src[i] - low) * scale, last)) + 1/2)
//
// last is a whole number up to 255; NaN is level 0.
func (l Level) QuantizeLUT(dst []uint8, src []float32, low, scale, last float32) {
	need(dst, len(src))
	for i := quantizeLUT(l, dst, src, low, scale, last); i < len(src); i++ {
		dst[i] = 0
		if t := float32((src[i] - low) * scale); t > 0 {
			dst[i] = uint8(min(t, last) + 0.5)
		}
	}
}

// LUTWeights is numbers [taps][outputs], arranged as kernels read them.
type LUTWeights struct {
	level  Level
	taps   []int32 // offsets; see SumLUT
	lo, hi int32   // the least and the largest of them
	block  int     // pairs: first taps have sums of 16 bits, and so have second ones; 0: products are exact
	chunk  int     // pairs at a time, whole blocks
	widths []int   // of groups of outputs, for each of which there is a kernel
	width  int     // their sum
	packed []int16 // by chunk and group: [pairs][width][2]
}

// NewLUTWeights arranges weights [len(taps)][outputs], none of them -32768,
// of the taps at these offsets; block is a number of consecutive taps, from
// multiples of it on, the products of any of which have sums that fit 16 bits.
// Block 0 stands for exact products, whose sums fit 32 bits.
func (l Level) NewLUTWeights(weights []int16, taps []int32, outputs, block int) *LUTWeights {
	checkLUT(weights, taps, outputs, block)
	w := &LUTWeights{level: l, lo: slices.Min(taps), hi: slices.Max(taps)}
	var from []int
	w.taps, from, w.block = pairLUT(taps, block)
	w.block = min(w.block, lutChunk)
	if w.chunk = lutChunk; w.block > 0 {
		w.chunk = lutChunk / w.block * w.block
	}
	for w.width < outputs {
		n := l.lutWidth(outputs - w.width)
		w.widths, w.width = append(w.widths, n), w.width+n
	}
	w.pack(weights, from, outputs)
	return w
}

// checkLUT panics if weights cannot be arranged.
func checkLUT(weights []int16, taps []int32, outputs, block int) {
	if len(taps) < 1 || outputs < 1 || block < 0 {
		panic("kernel: lut weights: size out of range")
	}
	need(weights, len(taps)*outputs)
	if slices.Contains(weights, math.MinInt16) {
		panic("kernel: lut weights: -32768")
	}
}

// pairLUT makes whole pairs of the taps; from says which tap each of the result
// is, -1 for one whose weights are 0. The products of the first and of the second
// taps of so many pairs have sums that fit 16 bits, as do those of a block: pairs
// are a tap of a block and one of the next, or, where that fills no pairs with
// zeros, two of a block.
func pairLUT(taps []int32, block int) (paired []int32, from []int, pairs int) {
	if block == 0 { // exact products: one block
		paired, from, _ = pairLUT(taps, len(taps))
		return paired, from, 0
	}
	block = min(block, len(taps))
	crossed := len(taps) / (2 * block) * 2 * block // taps
	if pairs = block; crossed == 0 || len(taps)-crossed > block {
		crossed, pairs = 0, (block+1)/2
	}
	for first := 0; first < crossed; first += 2 * block {
		for k := first; k < first+block; k++ {
			paired, from = append(paired, taps[k], taps[k+block]), append(from, k, k+block)
		}
	}
	for first := crossed; first < len(taps); first += block {
		for k := first; k < min(first+block, len(taps)); k++ {
			paired, from = append(paired, taps[k]), append(from, k)
		}
		if len(paired)%2 == 1 {
			paired, from = append(paired, taps[first]), append(from, -1)
		}
	}
	return paired, from, pairs
}

// pack arranges weights, of which row i is that of tap from[i], or zeros.
func (w *LUTWeights) pack(weights []int16, from []int, outputs int) {
	w.packed = make([]int16, len(from)*w.width)
	dst := w.packed
	for len(from) > 0 {
		n, first := min(2*w.chunk, len(from)), 0
		for _, width := range w.widths {
			for i, k := range from[:n] {
				for o := first; o < min(first+width, outputs) && k >= 0; o++ {
					dst[(i/2*width+o-first)*2+i%2] = weights[k*outputs+o]
				}
			}
			dst, first = dst[n*width:], first+width
		}
		from = from[n:]
	}
}

// lutWidth is the outputs of the next group, of those that are left.
func (l Level) lutWidth(left int) int {
	switch {
	case left == 1:
		return 1
	case left > 4 && l.wideLUT():
		return 8
	}
	return 4
}

// Width is the number of outputs that SumLUT computes: those of w and up to 7 more.
func (w *LUTWeights) Width() int { return w.width }

// Chunks is the number of parts that SumLUT computes one after the other: while
// the weights of a part are in a cache they may serve many places.
func (w *LUTWeights) Chunks() int { return (len(w.taps) + 2*w.chunk - 1) / (2 * w.chunk) }

// SumLUT adds up products for all outputs of w at up to LUTPlaces places:
//
//	sums[o*LUTPlaces + r.Dst + i] = sum over k of RoundedProduct(src[taps[k] + r.Src + i], weights[k][o]), i < r.N, for all runs r
//
// or of exact products, as far as the taps k belong to a chunk; chunk 0 sets the
// sums, the others add to them. Runs are in ascending order of Dst without gaps,
// from 0 on, none of them empty; places behind them are undefined. src holds
// LUTSlack numbers more than are named, sums Width rows, scratch LUTScratch numbers.
func (l Level) SumLUT(sums []int32, src []int16, runs []LUTRun, w *LUTWeights, chunk int, scratch []int16) {
	if w.level != l {
		panic("kernel: lut: arranged for another level")
	}
	places := w.check(src, runs)
	need(sums, w.width*l.LUTPlaces())
	need(scratch, l.LUTScratch())
	if places == 0 {
		return
	}
	first := 2 * w.chunk * chunk
	taps, weights := w.taps[first:min(first+2*w.chunk, len(w.taps))], w.packed[first*w.width:]
	gatherLUT(l, scratch, src, taps, runs)
	for _, width := range w.widths {
		sumLUT(l, sums, scratch, weights, width, len(taps)/2, w.block, places, chunk > 0)
		weights, sums = weights[len(taps)*width:], sums[width*l.LUTPlaces():]
	}
}

// check panics if runs name what is not there, and returns their places.
func (w *LUTWeights) check(src []int16, runs []LUTRun) int {
	next := int32(0)
	for _, r := range runs {
		if r.Dst != next || r.N < 1 || w.lo+r.Src < 0 {
			panic("kernel: lut: bad run")
		}
		next += r.N
		need(src, int(w.hi)+int(r.Src)+int(r.N)+LUTSlack)
	}
	if int(next) > w.level.LUTPlaces() {
		panic("kernel: lut: too many places")
	}
	return int(next)
}

func gatherLUTGeneric(dst, src []int16, taps []int32, runs []LUTRun) {
	for k, t := range taps {
		row := dst[k/2*2*Generic.LUTPlaces()+k%2:]
		for _, r := range runs {
			for i := range int(r.N) {
				row[2*(int(r.Dst)+i)] = src[int(t)+int(r.Src)+i]
			}
		}
	}
}

func sumLUTGeneric(sums []int32, numbers, weights []int16, width, pairs, block, places int, more bool) {
	product := func(x, w int16) int32 { return int32(RoundedProduct(x, w)) }
	if block == 0 {
		product = func(x, w int16) int32 { return int32(x) * int32(w) }
	}
	pitch := Generic.LUTPlaces()
	if !more {
		clear(sums[:width*pitch])
	}
	for o := range width {
		for p := range places {
			for k := range 2 * pairs {
				sums[o*pitch+p] += product(numbers[(k/2*pitch+p)*2+k%2], weights[(k/2*width+o)*2+k%2])
			}
		}
	}
}

// AddLUT adds the entries of levels to sums of places, in n rows:
//
//	sums[o*LUTPlaces + i] += table[src[o*pitch + i]], i < places
//
// src has LUTRoom levels more, which are read; sums behind those of a row change.
func (l Level) AddLUT(sums []int32, src []uint8, pitch, places, n int, table *[256]int32) {
	if places < 1 || places > min(pitch, l.LUTPlaces()) || n < 1 {
		panic("kernel: lut add: size out of range")
	}
	need(sums, n*l.LUTPlaces())
	need(src, (n-1)*pitch+places+LUTRoom)
	if addLUT(l, sums, src, pitch, places, n, table) {
		return
	}
	for o := range n {
		z := sums[o*l.LUTPlaces():]
		for i, a := range src[o*pitch:][:places] {
			z[i] += table[a]
		}
	}
}

// LUTActivation turns a sum z into a level: bin = min(max(z>>Shift, 0), Bins-1),
// then Map[bin], or bin itself if Map is nil.
type LUTActivation struct {
	Shift uint
	Bins  int
	table []int32 // of the map; nil: none
}

// NewLUTActivation prepares an activation of 1 to 1<<16 bins; levels is empty or
// has one for every bin.
func NewLUTActivation(shift uint, bins int, levels []uint8) *LUTActivation {
	if shift > 31 || bins < 1 || bins > math.MaxUint16 || len(levels) == 0 && bins > 256 || len(levels) > 0 && len(levels) != bins {
		panic("kernel: lut activation: size out of range")
	}
	a := &LUTActivation{Shift: shift, Bins: bins}
	for _, v := range levels {
		a.table = append(a.table, int32(v))
	}
	return a
}

// LevelsLUT turns sums of places into levels, for all outputs of bias:
//
//	dst[o*pitch + i] = a(sums[o*LUTPlaces + i] + bias[o]), i < n
//
// Where n is pitch, up to LUTRoom levels behind the last may be overwritten, as
// far as dst has them, which makes short rows faster.
func (l Level) LevelsLUT(dst []uint8, pitch int, sums []int32, n int, bias []int32, a *LUTActivation) {
	if n < 1 || n > pitch || n > l.LUTPlaces() || len(bias) == 0 {
		panic("kernel: lut levels: size out of range")
	}
	need(sums, (len(bias)-1)*l.LUTPlaces()+n)
	need(dst, (len(bias)-1)*pitch+n)
	if levelsLUT(l, dst, pitch, sums, n, bias, a) {
		return
	}
	for o, b := range bias {
		for i, z := range sums[o*l.LUTPlaces():][:n] {
			dst[o*pitch+i] = a.level(z + b)
		}
	}
}

func (a *LUTActivation) level(z int32) uint8 {
	bin := min(max(int(z>>a.Shift), 0), a.Bins-1)
	if a.table == nil {
		return uint8(bin)
	}
	return uint8(a.table[bin])
}
