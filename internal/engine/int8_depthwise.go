package engine

import (
	"fmt"

	"lutra/internal/kernel"
)

// compileDepthwise makes the step of a convolution with one filter per channel.
func (s *byteConvSpec) compileDepthwise(b *builder, o *op, r product) (*step, error) {
	w, err := b.byteWeights(r.name, r.packing)
	if err != nil {
		return nil, err
	}
	x, y := o.in[0], o.out[0]
	in, out := x.image(), y.image()
	scale, bias := w.epilogue(&s.end, *x.quant)
	info := StepInfo{
		Kernel: fmt.Sprintf("depthwise %dx%d int8", s.kh, s.kw), MACs: r.macs,
		WeightBytes: w.bytes(), SNR: decibels(w.noise),
	}
	return &step{info: info, stages: []stage{failingRows(out, func(t *thread, n, i int) error {
		args := &t.depthwise
		*args = kernel.DepthwiseI8Args{
			In:  t.bytes(x)[in.at(n, i*s.strideH-s.top, -s.left):],
			Row: s.dilationH * in.row, Tap: s.dilationW * in.c, Step: s.strideW * in.c,
			KH: s.kh, KW: s.kw, Weights: w.planes[0].panels(t, 0, 0, 1), Stride: roundUp(s.outC, byteGroup),
			Width: s.outW, Channels: s.outC, Scale: scale[0], Bias: bias,
			Min: s.end.min, Max: s.end.max, OutStep: out.c,
		}
		at := out.at(n, i, 0)
		if q := y.quant; q != nil {
			args.Out, args.OutScale, args.OutZero = t.bytes(y)[at:], 1/q.Scale, q.Zero
		} else {
			args.OutF = t.floats(y)[at:]
		}
		b.level.DepthwiseI8(args)
		if s.end.post != nil {
			return s.end.post.apply(b.level, args.OutF[:s.outW*s.outC])
		}
		return nil
	})}}, nil
}
