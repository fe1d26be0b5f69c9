package engine

import (
	"lutra/internal/graph"
	"lutra/internal/kernel"
)

// affine is the 8-bit form of an activation: real = Scale * (byte - Zero).
type affine = kernel.Affine

func newAffine8(r graph.Range) affine {
	scale, zero := r.Affine()
	return affine{Scale: scale, Zero: zero}
}

// bytePacking is the layout of an 8-bit weight matrix in panels of byteCols
// outputs: [k/4][byteCols][4]. The k inputs of an output are the bytes that the
// tile kernel reads from the activations: for every segment of perSegment taps,
// the taps, each with its channels padded to a multiple of 4; the segment is
// padded to a multiple of align. Where channels are blocked, segments are align
// channels of one tap: all taps of the first block of channels, then of the
// next. So all taps meet the bytes of a small map in the first level of cache.
type bytePacking struct {
	groups     int
	outputs    int // per group
	taps       int // kernel places: kh*kw, 1 for a matrix
	inputs     int // channels per group
	perSegment int // taps that are contiguous in the activations
	align      int
	depthwise  bool // one input and one output per group: [taps][groups], padded
	rows       bool // matrix stored as [k, n] instead of [n, k]
	double     bool // in two planes
	blocked    bool // inputs in blocks of align channels; see below
}

// byteCols is the number of outputs of a panel.
const byteCols = kernel.PanelCols

// lineBytes is the size of a line of cache.
const lineBytes = 64

func (p bytePacking) panelsPerGroup() int { return ceilDiv(p.outputs, byteCols) }

// panels is the number of panels; the filters of a depthwise convolution are one.
func (p bytePacking) panels() int {
	if p.depthwise {
		return 1
	}
	return p.groups * p.panelsPerGroup()
}

func (p bytePacking) channels() int     { return roundUp(p.inputs, byteGroup) }
func (p bytePacking) segmentBytes() int { return roundUp(p.perSegment*p.channels(), p.align) }
func (p bytePacking) depth() int        { return p.taps / p.perSegment * p.segmentBytes() }

// at is the index among the inputs of an output of a channel under a tap.
func (p bytePacking) at(channel, tap int) int {
	if p.blocked {
		return (channel/p.align*p.taps+tap)*p.align + channel%p.align
	}
	return tap/p.perSegment*p.segmentBytes() + tap%p.perSegment*p.channels() + channel
}

// panel is the group, the first output (counted over all groups) and the
// number of outputs of panel i.
func (p bytePacking) panel(i int) (group, first, n int) {
	per := p.panelsPerGroup()
	group = i / per
	in := i % per * byteCols
	return group, group*p.outputs + in, min(byteCols, p.outputs-in)
}

// panelRange is panels of one group of channels, from first to before end.
type panelRange struct{ first, end int }

// ranges makes about n ranges of panels, at least one for every group of
// channels.
func (p bytePacking) ranges(n int) (all []panelRange) {
	of := p.panelsPerGroup()
	per := ceilDiv(of, min(of, ceilDiv(n, p.groups)))
	if per < of {
		per = roundUp(per, lineBytes/byteCols) // so that no two threads write one line of cache
	}
	for first := 0; first < p.panels(); first += of {
		for i := 0; i < of; i += per {
			all = append(all, panelRange{first + i, first + min(i+per, of)})
		}
	}
	return all
}

// places lists at for all weights of an output, channels outermost.
func (p bytePacking) places() []int32 {
	rows := make([]int32, p.inputs*p.taps)
	for i := range rows {
		rows[i] = int32(p.at(i/p.taps, i%p.taps))
	}
	return rows
}

// output is where the weights of an output start in the dense form, and how
// far they are from each other.
func (p bytePacking) output(o int) (start, stride int) {
	if p.rows {
		return o, p.outputs
	}
	return o * p.inputs * p.taps, 1
}

// pack arranges dense 8-bit weights.
func (p bytePacking) pack(w []int8) []int8 {
	if p.depthwise {
		stride := roundUp(p.groups, byteGroup)
		dst := alignedBytes(p.taps * stride)
		for c := range p.groups {
			for t := range p.taps {
				dst[t*stride+c] = w[c*p.taps+t]
			}
		}
		return dst
	}
	dst := alignedBytes(p.panels() * p.depth() * byteCols)
	places := p.places()
	for i := range p.panels() {
		_, first, n := p.panel(i)
		panel := dst[i*p.depth()*byteCols:][:p.depth()*byteCols]
		for j := range n {
			at, stride := p.output(first + j)
			for _, k := range places {
				panel[kernel.PanelI8(int(k), j)] = w[at]
				at += stride
			}
		}
	}
	return dst
}

// padded spreads x, one number per output, to whole panels.
func (p bytePacking) padded(x []float32) []float32 {
	y := alignedFloats(p.panels() * byteCols)
	for i := range p.panels() {
		_, first, n := p.panel(i)
		copy(y[i*byteCols:], x[first:first+n])
	}
	return y
}
