package engine

import (
	"lutra/internal/graph"
	"lutra/internal/kernel"
)

// codebookPanels decode a weight block by block while it is used: the dense
// weight never exists.
type codebookPanels struct {
	packing
	level  kernel.Level
	book   *kernel.Codebook
	narrow []uint8 // codes of K <= 256, else wide
	wide   []uint16
	stride int        // outputs of all groups
	rowsOf []codeRows // per block of inputs
}

// codeRows maps the codewords of one block of inputs to rows of its slice.
type codeRows struct {
	first int // code block
	rows  []int32
}

// newCodebookPanels falls back to dense panels where the sub-vectors of c run
// along the outputs of the product.
func newCodebookPanels(c *graph.Codebook, p packing, l kernel.Level) weights {
	transposed := len(c.Perm) == 2 && c.Perm[0] == 1
	if transposed != p.rows {
		return packDense(c.Decode().Float32s(), p, l)
	}
	d := &codebookPanels{
		packing: p, level: l, stride: c.Outputs,
		book: kernel.NewCodebook(c.FloatWords(), c.D),
	}
	if c.K <= 256 {
		d.narrow = make([]uint8, len(c.Codes))
		for i, k := range c.Codes {
			d.narrow[i] = uint8(k)
		}
	} else {
		d.wide = c.Codes
	}
	for b := range p.blocks() {
		d.rowsOf = append(d.rowsOf, newCodeRows(p, b, c.D))
	}
	return d
}

// newCodeRows places component j of code block i, which is element i*d+j of a
// row of the weight: channel (i*d+j)/taps, tap (i*d+j)%taps.
func newCodeRows(p packing, block, d int) codeRows {
	c0, channels := p.block(block)
	from, to := c0*p.taps, (c0+channels)*p.taps
	r := codeRows{first: from / d}
	for e := r.first * d; e < roundUp(to, d); e++ {
		row := int32(-1)
		if e >= from && e < to {
			row = int32(e%p.taps*channels + e/p.taps - c0)
		}
		r.rows = append(r.rows, row)
	}
	return r
}

func (d *codebookPanels) slice(t *thread, panel, block int) []float32 {
	_, first, n := d.panel(panel)
	_, channels := d.block(block)
	dst := t.floatScratch(d.taps * channels * d.nr)
	m := &d.rowsOf[block]
	args := kernel.DecodeArgs{Book: d.book, Stride: d.stride, N: n, Rows: m.rows, Dst: dst}
	if at := m.first*d.stride + first; d.narrow != nil {
		args.Codes = d.narrow[at:]
	} else {
		args.Wide = d.wide[at:]
	}
	d.level.Decode(&args)
	return dst
}

func (d *codebookPanels) bytes() int { return len(d.narrow) + 2*len(d.wide) + d.book.K*d.book.D*4 }
