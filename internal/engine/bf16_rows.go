package engine

import (
	"lutra/internal/kernel"
	"lutra/internal/tensor"
)

// Ops other than products compute rows of images in float32, from widened
// operands, and round.

// halfPoolSpec is a pooling of bfloat16; an average of whole images is float32.
type halfPoolSpec struct{ *poolSpec }

func (s *halfPoolSpec) takesHalves(int) bool { return true }
func (s *halfPoolSpec) givesHalves() bool    { return s.largest || s.outH*s.outW > 1 }
func (s *halfPoolSpec) follows() bool        { return true }

func (s *halfPoolSpec) compile(b *builder, o *op) (*step, error) {
	x, y := o.in[0], o.out[0]
	in, out := x.image(), newImage(tensor.Shape{s.batch, s.outC, s.outH, s.outW}, y.layout.border)
	if y.half {
		out = y.image()
	}
	name := "average pool bf16"
	if s.largest {
		name = "max pool bf16"
	}
	return &step{info: StepInfo{Kernel: name}, stages: []stage{rowStage(out, func(t *thread, n, i int) {
		first, from, to := s.rowsInside(i)
		rows, span := max(to-from, 0), s.inW*in.c
		room := t.floatScratch(rows*span + out.w*out.c)
		dst := room[rows*span:]
		src := t.halves(x)
		if s.largest && rows > 0 { // of columns first: windows are then in one row
			b.level.MaxRowsBF16(room[:span], src[in.at(n, first+from*s.dilationH, 0):], s.dilationH*in.row, rows)
			rows = 1
		} else {
			for k := range rows {
				b.level.WidenBF16(room[k*span:][:span], src[in.at(n, first+(from+k)*s.dilationH, 0):])
			}
		}
		args := kernel.PoolArgs{
			In: room[:rows*span], Row: span, Pixel: in.c, InW: s.inW, KH: rows, KW: s.kw,
			StrideW: s.strideW, DilationW: s.dilationW, Left: s.left,
			Out: dst, OutStep: out.c, Width: s.outW, Channels: out.c, Divisor: s.divisor,
		}
		if s.largest {
			b.level.MaxPool(&args)
		} else {
			b.level.AvgPool(&args)
		}
		putRow(b.level, t, y, out, n, i, dst)
	})}}, nil
}

// halfBinarySpec is clamp(x op y) of bfloat16.
type halfBinarySpec struct{ *binarySpec }

func (s *halfBinarySpec) takesHalves(int) bool { return true }
func (s *halfBinarySpec) givesHalves() bool    { return true }
func (s *halfBinarySpec) follows() bool        { return true }
func (s *halfBinarySpec) wantsImages(*op) bool { return true }
func (s *halfBinarySpec) inPlace(*op) []int    { return nil }

func (s *halfBinarySpec) compile(b *builder, o *op) (*step, error) {
	x, y, z := o.in[0], o.in[1], o.out[0]
	a, c, out := x.image(), y.image(), z.image()
	name := "add bf16"
	if s.op == binaryMul {
		name = "mul bf16"
	}
	size := out.w * out.c
	return &step{info: StepInfo{Kernel: name}, stages: []stage{rowStage(out, func(t *thread, n, row int) {
		room := t.floatScratch(2 * size)
		dst, other := room[:size], room[size:]
		b.level.WidenBF16(dst, t.halves(x)[a.at(n, row, 0):])
		b.level.WidenBF16(other, t.halves(y)[c.at(n, row, 0):])
		if s.op == binaryMul {
			b.level.Mul(dst, dst, other)
		} else {
			b.level.Add(dst, dst, other, s.min, s.max)
		}
		putRow(b.level, t, z, out, n, row, dst)
	})}}, nil
}

// halfUnarySpec is a clamp or an activation of bfloat16.
type halfUnarySpec struct{ *unarySpec }

func (s *halfUnarySpec) takesHalves(int) bool { return true }
func (s *halfUnarySpec) givesHalves() bool    { return true }
func (s *halfUnarySpec) follows() bool        { return true }
func (s *halfUnarySpec) wantsImages(*op) bool { return true }
func (s *halfUnarySpec) inPlace(*op) []int    { return nil }

func (s *halfUnarySpec) compile(b *builder, o *op) (*step, error) {
	x, z := o.in[0], o.out[0]
	in, out := x.image(), z.image()
	name := "clamp bf16"
	if s.act != nil {
		name = s.act.name + " bf16"
	}
	return &step{info: StepInfo{Kernel: name}, stages: []stage{failingRows(out, func(t *thread, n, row int) error {
		dst := t.floatScratch(out.w * out.c)
		b.level.WidenBF16(dst, t.halves(x)[in.at(n, row, 0):])
		if s.act == nil {
			b.level.Clamp(dst, dst, s.min, s.max)
		} else if err := s.act.apply(b.level, dst); err != nil {
			return err
		}
		putRow(b.level, t, z, out, n, row, dst)
		return nil
	})}}, nil
}

// halfConcatSpec joins channels of bfloat16.
type halfConcatSpec struct{ *concatSpec }

func (s *halfConcatSpec) takesHalves(int) bool { return true }
func (s *halfConcatSpec) givesHalves() bool    { return true }
func (s *halfConcatSpec) follows() bool        { return true }
func (s *halfConcatSpec) wantsImages(*op) bool { return true }

// newHalfConcat is nil for other axes, values that are not images, and constants.
func newHalfConcat(s *concatSpec, o *op) halfSpec {
	if s.axis != 1 || !o.out[0].isImage() {
		return nil
	}
	for _, v := range o.in {
		if v.konst != nil || !v.isImage() {
			return nil
		}
	}
	return &halfConcatSpec{s}
}

func (s *halfConcatSpec) compile(_ *builder, o *op) (*step, error) {
	out := o.out[0].image()
	return &step{info: StepInfo{Kernel: "concat bf16"}, stages: []stage{rowStage(out, func(t *thread, n, y int) {
		dst := t.halves(o.out[0])[out.at(n, y, 0):]
		c := 0
		for _, v := range o.in {
			m, channels := v.image(), v.shape()[1]
			src := t.halves(v)[m.at(n, y, 0):]
			for x := range out.w {
				copy(dst[x*out.c+c:][:channels], src[x*m.c:])
			}
			c += channels
		}
	})}}, nil
}
