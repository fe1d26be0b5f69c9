package engine

import (
	"lutra/internal/kernel"
	"lutra/internal/tensor"
)

// bytePoolSpec is a pooling of bytes: a maximum of the same scale, an average
// in another, or an average of whole images in float32.
type bytePoolSpec struct{ *poolSpec }

func (s *bytePoolSpec) takesBytes(int) bool { return true }
func (s *bytePoolSpec) givesBytes() bool    { return s.largest || s.outH*s.outW > 1 }
func (s *bytePoolSpec) follows() bool       { return true }

func (b *builder) bytePool(s *poolSpec, o *op) byteSpec {
	f := &bytePoolSpec{s}
	if !fitsInt32(s.taps()) || (f.givesBytes() && !b.ranged(o.out[0])) {
		return nil
	}
	return f
}

func (s *bytePoolSpec) compile(b *builder, o *op) (*step, error) {
	x, y := o.in[0], o.out[0]
	in, out := x.image(), newImage(tensor.Shape{s.batch, s.outC, s.outH, s.outW}, y.layout.border)
	if y.quant != nil {
		out = y.image()
	}
	name := "average pool int8"
	if s.largest {
		name = "max pool int8"
	}
	return &step{info: StepInfo{Kernel: name}, stages: []stage{rowStage(out, func(t *thread, n, i int) {
		p := s.arguments(in, t.bytes(x), n, i)
		p.Q, p.OutStep = *x.quant, out.c
		if y.quant != nil {
			p.Out, p.OutScale, p.OutZero = t.bytes(y)[out.at(n, i, 0):], 1/y.quant.Scale, y.quant.Zero
		} else {
			p.OutF = t.floats(y)[out.at(n, i, 0):]
		}
		if s.largest {
			b.level.MaxPoolU8(p)
		} else {
			b.level.AvgPoolU8(p)
		}
	})}}, nil
}

// arguments describes row i of image n, without its result.
func (s *bytePoolSpec) arguments(in image, src []uint8, n, i int) *kernel.PoolU8Args {
	first, from, to := s.rowsInside(i)
	p := &kernel.PoolU8Args{
		Row: s.dilationH * in.row, Pixel: in.c, InW: s.inW, KH: max(to-from, 0), KW: s.kw,
		StrideW: s.strideW, DilationW: s.dilationW, Left: s.left,
		Width: s.outW, Channels: s.inC, Divisor: s.divisor,
	}
	if p.KH > 0 {
		p.In = src[in.at(n, first+from*s.dilationH, 0):]
	}
	return p
}
