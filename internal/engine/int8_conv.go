package engine

import (
	"fmt"
	"math"
	"slices"

	"lutra/internal/kernel"
)

// byteConvSpec is a convolution in 8-bit arithmetic.
type byteConvSpec struct{ *convSpec }

func (s *byteConvSpec) takesBytes(int) bool   { return true }
func (s *byteConvSpec) givesBytes() bool      { return true }
func (s *byteConvSpec) follows() bool         { return false }
func (s *byteConvSpec) writesBorder(*op) bool { return true }

// inPlace says that the result may replace the residual, which is read at the
// place of each number before that is written.
func (s *byteConvSpec) inPlace(o *op) []int {
	if !s.end.residual || o.in[1].quant == nil || o.out[0].quant == nil || o.in[0].root() == o.in[1].root() {
		return nil
	}
	return []int{1}
}

// byteConv is nil where sums could exceed 32 bits, and for groups whose
// channels are not whole multiples of what is multiplied at a time.
func (b *builder) byteConv(s *convSpec, o *op) byteSpec {
	depth := roundUp(s.inC/s.groups, byteGroup) * s.taps()
	if !b.ranged(o.in[0]) || !fitsInt32(depth) {
		return nil
	}
	if !s.depthwise() && s.groups > 1 && s.inC/s.groups%byteGroup != 0 {
		return nil
	}
	return &byteConvSpec{s}
}

// fitsInt32 reports whether the sum of depth products of bytes cannot overflow.
func fitsInt32(depth int) bool { return depth <= math.MaxInt32/(255*planeMax) }

func (s *byteConvSpec) product(b *builder, o *op) product {
	p := bytePacking{
		groups: s.groups, outputs: s.outC / s.groups, taps: s.taps(), inputs: s.inC / s.groups,
		perSegment: 1, align: b.level.AlignI8(), depthwise: s.depthwise(), double: b.model.double[s.weight],
	}
	if s.groups == 1 && s.dilationW == 1 {
		p.perSegment = s.kw
	}
	// Codes only: they can be packed once more for other sizes of images.
	p.blocked = streams(b.level, s.batch*s.outH*s.outW) && b.model.forms[s.weight] != nil && p.taps > 1 && p.inputs%p.align == 0
	return product{name: s.weight, packing: p, macs: int64(o.out[0].shape().Elems()) * int64(p.inputs*p.taps)}
}

func (s *byteConvSpec) compile(b *builder, o *op) (*step, error) {
	r := s.product(b, o)
	if s.depthwise() {
		return s.compileDepthwise(b, o, r)
	}
	in, out, p := o.in[0].image(), o.out[0].image(), r.packing
	w, err := b.byteWeights(r.name, p)
	if err != nil {
		return nil, err
	}
	end, lower, upper := s.end.inBytes(s.outC, o.out[0].quant)
	x := &byteTiles{
		level: b.level, weights: w, in: o.in[0], out: o.out[0], epilogue: end,
		lda: s.strideW * in.c, ldc: out.c, groupStep: p.inputs, source: o.in[0], segments: s.packedSegments(p, in),
	}
	var residual *image
	if s.end.residual {
		x.residual = o.in[1]
		m := x.residual.image()
		residual, x.ldr = &m, m.c
	}
	x.runs = s.runs(in, out, residual, b.level.RowsI8())
	var stages []stage
	if f := s.newUnstrided(b, o, p); f != nil {
		f.use(x, p)
		stages = []stage{f.stage()}
	}
	x.finish()
	info := StepInfo{
		Kernel:      fmt.Sprintf("conv %dx%d int8", s.kh, s.kw) + w.suffix(),
		MACs:        r.macs,
		WeightBytes: w.bytes(), SNR: decibels(w.noise),
	}
	stages = append(stages, x.stage(b.threads))
	if lower != nil {
		lower, upper = slices.Repeat(wholeWords(lower), out.w), slices.Repeat(wholeWords(upper), out.w) // of a row
		stages = append(stages, rowStage(out, func(t *thread, n, y int) {
			b.level.ClampU8(t.bytes(o.out[0])[out.at(n, y, 0):][:out.w*out.c], lower, upper)
		}))
	}
	return &step{info: info, stages: stages}, nil
}

// packedSegments lists the contiguous elements that a row of the product reads.
func (s *convSpec) packedSegments(p bytePacking, in image) []kernel.Segment {
	return p.segments(func(tap int) int { return tap/s.kw*s.dilationH*in.row + tap%s.kw*s.dilationW*in.c })
}
