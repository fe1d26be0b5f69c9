package engine

import (
	"slices"

	"lutra/internal/kernel"
	"lutra/internal/tensor"
)

// poolSpec is a two-dimensional maximum or average.
type poolSpec struct {
	window
	anyLayout
	largest bool
	divisor int // of an average; 0: the number of pixels inside
}

func (*poolSpec) wantsImages(*op) bool { return true }

// writesBorder: a result without spatial axes has no room for a border.
func (*poolSpec) writesBorder(o *op) bool { return o.out[0].isImage() }

// newPool is nil for poolings of other ranks and types, with indices, or where
// rounding up makes windows leave the padding.
func newPool(_ *builder, o *op) (spec, error) {
	n := o.nodes[0]
	x, y := o.in[0], o.out[0]
	if !x.isImage() || x.konst != nil || x.shape().Elems() == 0 || y.shape().Elems() == 0 {
		return nil, nil
	}
	if slices.ContainsFunc(o.out[1:], func(v *value) bool { return v.name != "" }) {
		return nil, nil
	}
	k := n.Ints("kernel_shape")
	s := &poolSpec{window: newWindow(n, x.shape(), y.shape(), int(k[0]), int(k[1])), largest: n.Op == "MaxPool"}
	if !s.largest && n.Int("count_include_pad", 0) != 0 {
		if n.Int("ceil_mode", 0) != 0 {
			return nil, nil
		}
		s.divisor = s.taps()
	}
	o.out = o.out[:1]
	return s, nil
}

// newGlobalPool is a pooling with one window.
func newGlobalPool(_ *builder, o *op) (spec, error) {
	x := o.in[0]
	if !x.isImage() || x.konst != nil || x.shape().Elems() == 0 {
		return nil, nil
	}
	return globalPool(x.shape(), o.nodes[0].Op == "GlobalMaxPool"), nil
}

func globalPool(in tensor.Shape, largest bool) *poolSpec {
	return &poolSpec{largest: largest, window: window{
		kh: in[2], kw: in[3], strideH: 1, strideW: 1, dilationH: 1, dilationW: 1,
		batch: in[0], inC: in[1], inH: in[2], inW: in[3], outC: in[1], outH: 1, outW: 1,
	}}
}

// newReduceMean is a global pooling if the mean runs over height and width.
func newReduceMean(b *builder, o *op) (spec, error) {
	x := o.in[0]
	if !x.isImage() || x.konst != nil || x.shape().Elems() == 0 {
		return nil, nil
	}
	axes := slices.Clone(o.nodes[0].Ints("axes"))
	if len(o.in) > 1 && o.in[1] != nil {
		if o.in[1].konst == nil || o.in[1].konst.DType != tensor.Int64 {
			return nil, nil
		}
		axes = slices.Clone(o.in[1].konst.Int64s())
	}
	for i, a := range axes {
		if a < 0 {
			axes[i] = a + 4
		}
	}
	slices.Sort(axes)
	if !slices.Equal(axes, []int64{2, 3}) {
		return nil, nil
	}
	o.in = o.in[:1]
	return globalPool(x.shape(), false), nil
}

// poolChannels is the number of channels of one unit of a global pooling.
const poolChannels = 128

func (s *poolSpec) compile(b *builder, o *op) (*step, error) {
	x, y := o.in[0], o.out[0]
	in := x.image()
	out := newImage(tensor.Shape{s.batch, s.outC, s.outH, s.outW}, y.layout.border)
	parts, channels := 1, s.inC
	if s.outH*s.outW == 1 {
		channels = min(s.inC, poolChannels)
		parts = ceilDiv(s.inC, channels)
	}
	name := "average pool"
	if s.largest {
		name = "max pool"
	}
	unit := func(t *thread, u int) error {
		c := u % parts * channels
		u /= parts
		s.row(b.level, t.floats(y)[c:], t.floats(x)[c:], out, in, u/s.outH, u%s.outH, min(channels, s.inC-c))
		return nil
	}
	return &step{info: StepInfo{Kernel: name}, stages: []stage{{units: s.batch * s.outH * parts, run: unit}}}, nil
}

// rowsInside is the first row of the window of output row y, and which of the
// window's rows lie inside the image.
func (s *poolSpec) rowsInside(y int) (first, from, to int) {
	first = y*s.strideH - s.top
	if first < 0 {
		from = ceilDiv(-first, s.dilationH)
	}
	return first, from, min(s.kh, ceilDiv(s.inH-first, s.dilationH))
}

// row computes output row y of image n for some channels.
func (s *poolSpec) row(l level, dst, src []float32, out, in image, n, y, channels int) {
	first, from, to := s.rowsInside(y)
	args := kernel.PoolArgs{
		Row: s.dilationH * in.row, Pixel: in.c, InW: s.inW, KH: max(to-from, 0), KW: s.kw,
		StrideW: s.strideW, DilationW: s.dilationW, Left: s.left,
		Out: dst[out.at(n, y, 0):], OutStep: out.c, Width: s.outW, Channels: channels, Divisor: s.divisor,
	}
	if args.KH > 0 {
		args.In = src[in.at(n, first+from*s.dilationH, 0):]
	}
	if s.largest {
		l.MaxPool(&args)
	} else {
		l.AvgPool(&args)
	}
}
