package engine

import (
	"fmt"

	"lutra/internal/kernel"
)

// halfConvSpec is a convolution in bfloat16.
type halfConvSpec struct{ *convSpec }

func (s *halfConvSpec) takesHalves(int) bool  { return true }
func (s *halfConvSpec) givesHalves() bool     { return true }
func (s *halfConvSpec) follows() bool         { return false }
func (s *halfConvSpec) writesBorder(*op) bool { return true }

// inPlace: the result may take the place of the residual, which is read once,
// where it is written.
func (s *halfConvSpec) inPlace(o *op) []int {
	if !s.end.residual || s.depthwise() || o.in[0].root() == o.in[1].root() {
		return nil
	}
	return []int{1}
}

func (s *halfConvSpec) compile(b *builder, o *op) (*step, error) {
	if s.depthwise() {
		return s.compileDepthwise(b, o)
	}
	p := bytePacking{
		groups: s.groups, outputs: s.outC / s.groups, taps: s.taps(), inputs: s.inC / s.groups,
		perSegment: 1, align: b.level.AlignBF16(),
	}
	if s.groups == 1 && s.dilationW == 1 {
		p.perSegment = s.kw
	}
	w, err := b.halfWeights(s.weight, p)
	if err != nil {
		return nil, err
	}
	in, out := o.in[0].image(), o.out[0].image()
	x := &halfTiles{
		level: b.level, weights: w, in: o.in[0], out: o.out[0], epilogue: s.end,
		lda: s.strideW * in.c, ldc: out.c, groupStep: p.inputs, segments: s.packedSegments(p, in),
	}
	var residual *image
	if s.end.residual {
		x.residual = o.in[1]
		m := x.residual.image()
		residual, x.ldr = &m, m.c
	}
	x.runs = s.runs(in, out, residual, b.level.RowsBF16())
	info := StepInfo{
		Kernel:      fmt.Sprintf("conv %dx%d bf16", s.kh, s.kw),
		MACs:        int64(o.out[0].shape().Elems()) * int64(p.inputs*p.taps),
		WeightBytes: w.bytes(),
	}
	return &step{info: info, stages: []stage{x.stage(b.threads)}}, nil
}

// compileDepthwise makes the step of a convolution with one filter per
// channel: in float32, on widened rows.
func (s *halfConvSpec) compileDepthwise(b *builder, o *op) (*step, error) {
	packed, err := b.weights(s.weight, depthwisePacking(s.taps(), s.outC))
	if err != nil {
		return nil, err
	}
	w := packed.(*densePanels).data
	info := StepInfo{
		Kernel:      fmt.Sprintf("depthwise %dx%d bf16", s.kh, s.kw),
		MACs:        int64(o.out[0].shape().Elems()) * int64(s.taps()),
		WeightBytes: packed.bytes(),
	}
	out := o.out[0].image()
	return &step{info: info, stages: []stage{failingRows(out, func(t *thread, n, y int) error {
		return s.depthwiseRow(b.level, t, o, w, n, y)
	})}}, nil
}

func (s *halfConvSpec) depthwiseRow(l level, t *thread, o *op, w []float32, n, y int) error {
	x, z := o.in[0], o.out[0]
	in, out := x.image(), z.image()
	span := ((s.outW-1)*s.strideW + s.extentW()) * in.c
	room := t.floatScratch(s.kh*span + 2*out.w*out.c)
	dst, other := room[s.kh*span:][:out.w*out.c], room[s.kh*span+out.w*out.c:]
	clear(dst) // pixels may be padded
	for ky := range s.kh {
		l.WidenBF16(room[ky*span:][:span], t.halves(x)[in.at(n, y*s.strideH-s.top+ky*s.dilationH, -s.left):])
	}
	args := kernel.DepthwiseArgs{
		In: room, Row: span, Tap: s.dilationW * in.c, Step: s.strideW * in.c, KH: s.kh, KW: s.kw,
		Weights: w, Scale: s.end.scale, Bias: s.end.bias,
		Out: dst, OutStep: out.c, Width: s.outW, Channels: s.outC, Min: s.end.min, Max: s.end.max,
	}
	if s.end.residual {
		args.Min, args.Max = unbounded()
	}
	l.Depthwise(&args)
	if s.end.residual {
		r := o.in[1]
		m := r.image()
		if r.half {
			l.WidenBF16(other, t.halves(r)[m.at(n, y, 0):])
		} else {
			for i := range out.w {
				copy(other[i*out.c:][:m.c], t.floats(r)[m.at(n, y, i):])
			}
		}
		l.Add(dst, dst, other, s.end.min, s.end.max)
	}
	if s.end.post != nil {
		if err := s.end.post.apply(l, dst); err != nil {
			return err
		}
	}
	putRow(l, t, z, out, n, y, dst)
	return nil
}

// putRow stores row y of image n of z, which is m: pixels of m.c numbers.
func putRow(l level, t *thread, z *value, m image, n, y int, row []float32) {
	if at := m.at(n, y, 0); z.half {
		l.RoundBF16(t.halves(z)[at:][:m.w*m.c], row)
	} else {
		copy(t.floats(z)[at:][:m.w*m.c], row)
	}
}
