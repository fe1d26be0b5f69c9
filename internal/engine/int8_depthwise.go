package engine

import (
	"fmt"
	"slices"

	"lutra/internal/kernel"
)

// compileDepthwise makes the step of a convolution with one filter per channel.
func (s *byteConvSpec) compileDepthwise(b *builder, o *op, r product) (*step, error) {
	w, err := b.byteWeights(r.name, r.packing)
	if err != nil {
		return nil, err
	}
	x, y := o.in[0], o.out[0]
	out := y.image()
	args := s.depthwiseArgs(w, x, y)
	var residual image
	if s.end.residual {
		residual = o.in[1].image()
		args.ResidualStep, args.ResidualNext = residual.c, residual.row
		if q := o.in[1].quant; q != nil {
			args.ResidualQ = *q
		}
	}
	args.Filter = b.level.PackDepthwiseI8(args)
	info := StepInfo{
		Kernel: fmt.Sprintf("depthwise %dx%d int8", s.kh, s.kw), MACs: r.macs,
		WeightBytes: w.bytes(), SNR: decibels(w.noise),
	}
	// One unit is some rows of one image.
	per := max(1, min(s.outH, laneFloats/max(1, s.outW*out.c)))
	bands := ceilDiv(s.outH, per)
	return &step{info: info, stages: []stage{{units: s.batch * bands, run: func(t *thread, u int) error {
		n, row := u/bands, u%bands*per
		a := &t.depthwise
		*a = *args
		a.Height = min(per, s.outH-row)
		a.In = t.bytes(x)[x.image().at(n, row*s.strideH-s.top, -s.left):]
		at := out.at(n, row, 0)
		switch {
		case y.quant == nil:
			a.OutF = t.floats(y)[at:]
		case a.OutScale == 0: // on the way through an activation
			a.OutF = t.activationScratch(a.Height * a.OutNext)
		default:
			a.Out = t.bytes(y)[at:]
		}
		switch v := o.in[len(o.in)-1]; {
		case !s.end.residual:
		case v.quant != nil:
			a.Residual = t.bytes(v)[residual.at(n, row, 0):]
		default:
			a.ResidualF = t.floats(v)[residual.at(n, row, 0):]
		}
		b.level.DepthwiseI8(a)
		if a.OutF == nil || s.end.post == nil {
			return nil
		}
		for i := range a.Height {
			floats := a.OutF[i*a.OutNext:][:s.outW*s.outC]
			if err := s.end.post.apply(b.level, floats); err != nil {
				return err
			}
			if y.quant != nil {
				quantisePixels(b.level, t.bytes(y)[out.at(n, row+i, 0):], floats, s.outC, out.c, *y.quant)
			}
		}
		return nil
	}}}}, nil
}

// depthwiseArgs describes the convolution of x to y, without their memory.
func (s *byteConvSpec) depthwiseArgs(w *byteWeights, x, y *value) *kernel.DepthwiseI8Args {
	in, out := x.image(), y.image()
	end, lower, upper := s.end.inBytes(s.outC, y.quant)
	direct := y.quant != nil && end.post == nil
	if !direct { // rows without padding
		out.c, out.row = s.outC, s.outW*s.outC
		if y.quant == nil {
			out = y.image()
		}
	}
	scale, bias := w.epilogue(&end, *x.quant)
	a := &kernel.DepthwiseI8Args{
		Row: s.dilationH * in.row, Tap: s.dilationW * in.c, Step: s.strideW * in.c, Next: s.strideH * in.row,
		KH: s.kh, KW: s.kw, Weights: w.planes[0].panels(nil, 0, 0, 1), Stride: roundUp(s.outC, byteGroup),
		Width: s.outW, Channels: out.c, Scale: scale[0], Bias: bias,
		Min: end.min, Max: end.max, OutStep: out.c, OutNext: out.row,
	}
	if q := y.quant; direct { // the channels that pad a pixel, too
		pad := make([]float32, out.c-s.outC)
		a.Scale, a.Bias = slices.Concat(a.Scale, pad), slices.Concat(a.Bias, pad)
		a.Lower, a.Upper = wholeWords(lower), wholeWords(upper)
		a.OutScale, a.OutZero = 1/q.Scale, q.Zero
	}
	return a
}

// wholeWords pads bounds of the bytes of a pixel; nil stays nil.
func wholeWords(b []uint8) []uint8 {
	if b == nil {
		return nil
	}
	return append(slices.Clone(b), make([]uint8, roundUp(len(b), byteGroup)-len(b))...)
}
