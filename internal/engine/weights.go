package engine

import "lutra/internal/kernel"

// A weight matrix [n outputs x k inputs] is packed in panels of nr outputs.
// The k inputs are cut into blocks, so that the part of a panel that one pass
// of the tile kernel reads stays in the first levels of cache. Panels never
// straddle the groups of a convolution.
//
// The order of inputs within a panel, and with it the order of all sums, is
// the same for dense and for codebook weights.
type packing struct {
	groups  int
	outputs int // per group
	taps    int // kernel places: kh*kw, 1 for a matrix
	inputs  int // channels per group
	chunk   int // channels per block
	nr      int
	rows    bool // matrix stored as [k, n] instead of [n, k]
}

// maxBlock is the most rows of a panel in one block: 32 floats a row make
// 72 KiB, which streams from the second level of cache at full speed.
const maxBlock = 576

// newPacking cuts channels into about equal blocks of at most maxBlock rows,
// or of one channel.
func newPacking(groups, outputs, taps, inputs, nr int, rows bool) packing {
	p := packing{groups: groups, outputs: outputs, taps: taps, inputs: inputs, nr: nr, rows: rows}
	most := max(1, min(inputs, maxBlock/taps))
	const align = 16 // whole cache lines of a pixel, whole codewords
	if most >= align && most < inputs {
		most = most / align * align
	}
	p.chunk = ceilDiv(inputs, ceilDiv(inputs, most))
	if most >= align && most < inputs {
		p.chunk = roundUp(p.chunk, align)
	}
	return p
}

func ceilDiv(a, b int) int { return (a + b - 1) / b }
func roundUp(a, b int) int { return ceilDiv(a, b) * b }

func (p packing) panelsPerGroup() int { return ceilDiv(p.outputs, p.nr) }
func (p packing) panels() int         { return p.groups * p.panelsPerGroup() }
func (p packing) blocks() int         { return ceilDiv(p.inputs, p.chunk) }
func (p packing) depth() int          { return p.taps * p.inputs }
func (p packing) bytes() int          { return p.panels() * p.depth() * p.nr * 4 }

// block is the channel range of block b.
func (p packing) block(b int) (first, channels int) {
	first = b * p.chunk
	return first, min(p.chunk, p.inputs-first)
}

// panel is the group, the first output (counted over all groups) and the
// number of outputs of panel i.
func (p packing) panel(i int) (group, first, n int) {
	per := p.panelsPerGroup()
	group = i / per
	in := i % per * p.nr
	return group, group*p.outputs + in, min(p.nr, p.outputs-in)
}

// weights yields the packed blocks of a weight matrix.
type weights interface {
	// slice is block b of panel i: taps*channels rows of nr floats. It is
	// valid until the next call on the same thread.
	slice(t *thread, panel, block int) []float32
	// bytes is the storage of the weights.
	bytes() int
}

// densePanels holds all panels; block b of panel i follows block b-1.
type densePanels struct {
	packing
	data []float32
}

func (d *densePanels) slice(_ *thread, panel, block int) []float32 {
	first, channels := d.block(block)
	start := (panel*d.depth() + d.taps*first) * d.nr
	return d.data[start : start+d.taps*channels*d.nr]
}

func (d *densePanels) bytes() int { return len(d.data) * 4 }

// packDense packs w, [outputs of all groups, inputs, taps] or, if p.rows,
// [inputs, outputs].
func packDense(w []float32, p packing, l kernel.Level) *densePanels {
	d := &densePanels{packing: p, data: alignedFloats(p.panels() * p.depth() * p.nr)}
	flat := make([]float32, p.taps*p.chunk*p.nr)
	for i := range p.panels() {
		dst := d.data[i*p.depth()*p.nr:][:p.depth()*p.nr]
		if p.rows {
			p.packRows(dst, w, i)
		} else {
			p.packPanel(dst, w, i, l, flat)
		}
	}
	return d
}

// packRows fills dst, zeroed, with panel i of w, [inputs, outputs].
func (p packing) packRows(dst, w []float32, i int) {
	group, first, n := p.panel(i)
	for k := range p.depth() {
		copy(dst[k*p.nr:][:n], w[k*p.outputs+first-group*p.outputs:])
	}
}

// packPanel fills dst, zeroed, with panel i of w, [outputs, inputs, taps]: block
// by block it is transposed to [inputs, taps, nr] in flat, and its rows are
// put into the order of the panel.
func (p packing) packPanel(dst, w []float32, i int, l kernel.Level, flat []float32) {
	_, first, n := p.panel(i)
	for b := range p.blocks() {
		c0, channels := p.block(b)
		src := w[(first*p.inputs+c0)*p.taps:]
		if p.taps == 1 {
			flat = dst
		}
		l.Transpose(flat, p.nr, src, p.inputs*p.taps, n, channels*p.taps)
		for c := 0; p.taps > 1 && c < channels; c++ {
			for t := range p.taps {
				copy(dst[(t*channels+c)*p.nr:][:n], flat[(c*p.taps+t)*p.nr:])
			}
		}
		dst = dst[channels*p.taps*p.nr:]
	}
}
