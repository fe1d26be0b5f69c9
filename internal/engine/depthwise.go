package engine

import (
	"fmt"

	"lutra/internal/kernel"
)

// depthwisePacking marks weights stored as [taps][channels].
func depthwisePacking(taps, channels int) packing {
	return packing{groups: channels, outputs: 1, taps: taps, inputs: 1}
}

// packDepthwise transposes [channels, taps].
func packDepthwise(w []float32, p packing) *densePanels {
	d := &densePanels{packing: p, data: alignedFloats(len(w))}
	for c := range p.groups {
		for t := range p.taps {
			d.data[t*p.groups+c] = w[c*p.taps+t]
		}
	}
	return d
}

// depthwiseUnit is the least number of output floats of one unit.
const depthwiseUnit = 8 << 10

// compileDepthwise makes the step of a convolution with one filter per
// channel; one unit is some output rows.
func (s *convSpec) compileDepthwise(b *builder, o *op, info StepInfo) (*step, error) {
	packed, err := b.weights(s.weight, depthwisePacking(s.taps(), s.outC))
	if err != nil {
		return nil, err
	}
	w := packed.(*densePanels).data
	info.Kernel = fmt.Sprintf("depthwise %dx%d", s.kh, s.kw)
	info.WeightBytes = packed.bytes()
	rows := s.batch * s.outH
	per := max(1, min(rows, depthwiseUnit/(s.outW*s.outC)))
	return &step{info: info, stages: []stage{{units: ceilDiv(rows, per), run: func(t *thread, u int) error {
		for i := u * per; i < min((u+1)*per, rows); i++ {
			if err := s.depthwiseRow(b.level, t, o, w, i/s.outH, i%s.outH); err != nil {
				return err
			}
		}
		return nil
	}}}}, nil
}

func (s *convSpec) depthwiseRow(l level, t *thread, o *op, w []float32, n, y int) error {
	in, out := o.in[0].image(), o.out[0].image()
	dst := t.floats(o.out[0])[out.at(n, y, 0):][:s.outW*s.outC]
	args := kernel.DepthwiseArgs{
		In:  t.floats(o.in[0])[in.at(n, y*s.strideH-s.top, -s.left):],
		Row: s.dilationH * in.row, Tap: s.dilationW * in.c, Step: s.strideW * in.c,
		KH: s.kh, KW: s.kw, Weights: w, Scale: s.end.scale, Bias: s.end.bias,
		Out: dst, OutStep: out.c, Width: s.outW, Channels: s.outC, Min: s.end.min, Max: s.end.max,
	}
	if s.end.residual {
		args.Min, args.Max = unbounded()
	}
	l.Depthwise(&args)
	if s.end.residual {
		m := o.in[1].image()
		l.Add(dst, dst, t.floats(o.in[1])[m.at(n, y, 0):][:len(dst)], s.end.min, s.end.max)
	}
	if s.end.post != nil {
		return s.end.post.apply(l, dst)
	}
	return nil
}
