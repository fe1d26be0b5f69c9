package engine

import (
	"fmt"

	"lutra/internal/kernel"
)

// convSpec is a two-dimensional convolution with known weights, dense or
// codebook, run by the tile kernel, or by the depthwise kernel when every
// group has one input and one output channel.
type convSpec struct {
	window
	weight string // name of the weight value
	end    epilogue
}

func (s *convSpec) tail() *epilogue      { return &s.end }
func (s *convSpec) wantsImages(*op) bool { return true }
func (s *convSpec) inputBorder(_ *op, i int) border {
	if i == 0 {
		return s.padding()
	}
	return border{}
}

// flatBelow is the width of an output row below which a pointwise convolution
// prefers one long run over all pixels to rows inside a border: short runs
// leave the tile kernel's registers unused.
const flatBelow = 12

func (s *convSpec) writesBorder(*op) bool { return !s.pointwise() || s.outW >= flatBelow }

func (s *convSpec) depthwise() bool {
	return s.groups > 1 && s.groups == s.inC && s.groups == s.outC
}

// newConv is nil for a convolution that only the reference computes.
func newConv(b *builder, o *op) (spec, error) {
	n := o.nodes[0]
	x, w, y := o.in[0], o.in[1], o.out[0]
	if !x.isImage() || x.konst != nil || !y.isImage() || y.shape().Elems() == 0 || x.shape().Elems() == 0 || !b.isWeight(w) || len(w.shape()) != 4 {
		return nil, nil
	}
	s := &convSpec{
		window: newWindow(n, x.shape(), y.shape(), w.shape()[2], w.shape()[3]),
		weight: w.name,
	}
	if s.borderTooLarge() {
		return nil, nil
	}
	var bias []float32
	if len(o.in) > 2 && o.in[2] != nil {
		if bias = floats(o.in[2]); bias == nil {
			return nil, nil
		}
	}
	s.end = newEpilogue(bias)
	o.in = []*value{x}
	return s, nil
}

// borderTooLarge reports padding that would blow up the input: more than any
// real network has, and a way to ask for memory with a few bytes of file.
func (s *convSpec) borderTooLarge() bool {
	const most = 16
	return s.top+s.bottom > most*(s.inH+s.kh) || s.left+s.right > most*(s.inW+s.kw)
}

// isWeight reports whether v is a float32 constant, packed before or not, or a codebook.
func (b *builder) isWeight(v *value) bool {
	if v == nil {
		return false
	}
	_, packed := b.model.released[v.name]
	return packed || floats(v) != nil || b.model.forms[v.name] != nil
}

func (s *convSpec) compile(b *builder, o *op) (*step, error) {
	info := StepInfo{
		MACs: int64(o.out[0].shape().Elems()) * int64(s.inC/s.groups*s.taps()),
	}
	if s.depthwise() {
		return s.compileDepthwise(b, o, info)
	}
	_, nr := b.level.TileSize()
	p := newPacking(s.groups, s.outC/s.groups, s.taps(), s.inC/s.groups, nr, false)
	w, err := b.weights(s.weight, p)
	if err != nil {
		return nil, err
	}
	in, out := o.in[0].image(), o.out[0].image()
	x := &tiles{
		level: b.level, weights: w, packing: p, in: o.in[0], out: o.out[0], epilogue: s.end,
		lda: s.strideW * in.c, ldc: out.c, groupStep: s.inC / s.groups,
		segments: s.segments(p, in),
	}
	var residual *image
	if s.end.residual {
		x.residual = o.in[1]
		m := x.residual.image()
		residual, x.ldr = &m, m.c
	}
	mr, _ := b.level.TileSize()
	x.runs = s.runs(in, out, residual, mr)
	x.finish(b.threads)
	info.Kernel = fmt.Sprintf("conv %dx%d", s.kh, s.kw)
	info.WeightBytes = w.bytes()
	return &step{info: info, stages: []stage{x.stage()}}, nil
}

// segments lists, for every block of channels, the contiguous floats that a
// row of the product reads, relative to its first pixel.
func (s *convSpec) segments(p packing, in image) [][]kernel.Segment {
	all := make([][]kernel.Segment, p.blocks())
	for b := range all {
		first, channels := p.block(b)
		for ky := range s.kh {
			row := ky * s.dilationH * in.row
			if channels == in.c && s.dilationW == 1 {
				all[b] = append(all[b], kernel.Segment{Off: row, Len: s.kw * in.c})
				continue
			}
			for kx := range s.kw {
				all[b] = append(all[b], kernel.Segment{Off: row + kx*s.dilationW*in.c + first, Len: channels})
			}
		}
	}
	return all
}

// runs lists the output rows, or equal cuts of all pixels at once when every
// pixel depends on its own place only and no operand has a border.
func (s *convSpec) runs(in, out image, residual *image, mr int) []run {
	flat := s.pointwise() && in.dense() && out.dense() && (residual == nil || residual.dense())
	if flat {
		return flatRuns(s.batch*s.outH*s.outW, in.c, out.c, out.c, mr)
	}
	runs := make([]run, 0, s.batch*s.outH)
	for n := range s.batch {
		for y := range s.outH {
			r := run{a: in.at(n, y*s.strideH-s.top, -s.left), c: out.at(n, y, 0), width: s.outW}
			if residual != nil {
				r.r = residual.at(n, y, 0)
			}
			runs = append(runs, r)
		}
	}
	return runs
}

// flatRuns cuts rows 0...m-1 of a product into runs of four tiles.
func flatRuns(m, lda, ldc, ldr, mr int) []run {
	width := 4 * mr
	var runs []run
	for i := 0; i < m; i += width {
		runs = append(runs, run{a: i * lda, c: i * ldc, r: i * ldr, width: min(width, m-i)})
	}
	return runs
}
