package engine

import (
	"slices"

	"lutra/internal/tensor"
)

// lanes cuts values of one shape, in one layout but perhaps with different
// borders, into equal runs of contiguous floats.
type lanes struct {
	count, size int
	total       int // floats of the value without borders
	flat        bool
	images      []image // one per value, where not flat
}

// laneFloats is the size of the runs that borderless values are cut into.
const laneFloats = 16 << 10

// newLanes cuts values into runs of a multiple of unit floats.
func newLanes(unit int, values ...*value) lanes {
	l := lanes{total: values[0].shape().Elems(), flat: true}
	for _, v := range values {
		if !v.layout.plain {
			l.images = append(l.images, v.image())
			l.flat = l.flat && v.layout.border == border{}
		}
	}
	if l.flat {
		l.size = roundUp(min(laneFloats, max(l.total, 1)), unit)
		l.count = ceilDiv(l.total, l.size)
		return l
	}
	m := l.images[0]
	l.count, l.size = m.n*m.h, m.w*m.c
	return l
}

// of is run i of value j in x, its storage.
func (l *lanes) of(x []float32, j, i int) []float32 {
	if l.flat {
		return x[i*l.size : min((i+1)*l.size, l.total)]
	}
	m := &l.images[j]
	return x[m.at(i/m.h, i%m.h, 0):][:l.size]
}

// stage runs f on every run; one unit is about laneFloats floats.
func (l *lanes) stage(f func(t *thread, run int) error) stage {
	per := max(1, min(laneFloats/max(l.size, 1), l.count))
	return stage{units: ceilDiv(l.count, per), run: func(t *thread, u int) error {
		for i := u * per; i < min((u+1)*per, l.count); i++ {
			if err := f(t, i); err != nil {
				return err
			}
		}
		return nil
	}}
}

// pointwise is the part of a spec that computes every result from the
// operands' elements at the same place: any layout, in place if possible.
type pointwise struct{ anyLayout }

func (pointwise) wantsImages(o *op) bool {
	return slices.ContainsFunc(o.in, func(v *value) bool { return v != nil && v.konst == nil && !v.layout.plain })
}

func (pointwise) inPlace(o *op) []int {
	var all []int
	for i, v := range o.in {
		if v != nil && v.shape().Equal(o.out[0].shape()) && v.typ.DType == o.out[0].typ.DType {
			all = append(all, i)
		}
	}
	return all
}

// unarySpec is clamp(x, min, max), or an activation.
type unarySpec struct {
	pointwise
	min, max float32
	act      *activation // nil: clamp
}

func (s *unarySpec) compile(b *builder, o *op) (*step, error) {
	x, y := o.in[0], o.out[0]
	l := newLanes(1, y, x)
	run := func(t *thread, i int) error {
		dst, src := l.of(t.floats(y), 0, i), l.of(t.floats(x), 1, i)
		if s.act == nil {
			b.level.Clamp(dst, src, s.min, s.max)
			return nil
		}
		if &dst[0] != &src[0] {
			copy(dst, src)
		}
		return s.act.apply(b.level, dst)
	}
	name := "clamp"
	if s.act != nil {
		name = s.act.name
	}
	return &step{info: StepInfo{Kernel: name}, stages: []stage{l.stage(run)}}, nil
}

// axis says which elements of a value one number of a scale or shift covers.
type axis uint8

const (
	wholeValue  axis = iota // all
	channelAxis             // those of one channel of [N, C, H, W]
	finalAxis               // those with one last index
)

// affineSpec is x*scale + shift with known numbers.
type affineSpec struct {
	pointwise
	axis         axis
	scale, shift []float32
}

func (s *affineSpec) wantsImages(o *op) bool {
	return s.axis == channelAxis || (s.axis == wholeValue && s.pointwise.wantsImages(o))
}

func (s *affineSpec) compile(b *builder, o *op) (*step, error) {
	x, y := o.in[0], o.out[0]
	l := newLanes(len(s.scale), y, x)
	scale, shift := s.scale, s.shift
	if s.axis == wholeValue {
		scale, shift = slices.Repeat(scale, l.size), slices.Repeat(shift, l.size)
	}
	lo, hi := unbounded()
	return &step{info: StepInfo{Kernel: "scale"}, stages: []stage{l.stage(func(t *thread, i int) error {
		dst, src := l.of(t.floats(y), 0, i), l.of(t.floats(x), 1, i)
		n := min(len(dst), len(scale))
		b.level.ScaleShift(dst, src, scale[:n], shift[:n], lo, hi)
		return nil
	})}}, nil
}

// binaryOp is a sum or a product.
type binaryOp uint8

const (
	binaryAdd binaryOp = iota
	binaryMul
)

// binarySpec is clamp(x op y) of two computed values of one shape.
type binarySpec struct {
	pointwise
	op       binaryOp
	min, max float32
}

func (s *binarySpec) compile(b *builder, o *op) (*step, error) {
	x, y, z := o.in[0], o.in[1], o.out[0]
	l := newLanes(1, z, x, y)
	name := "add"
	if s.op == binaryMul {
		name = "mul"
	}
	return &step{info: StepInfo{Kernel: name}, stages: []stage{l.stage(func(t *thread, i int) error {
		dst, a, c := l.of(t.floats(z), 0, i), l.of(t.floats(x), 1, i), l.of(t.floats(y), 2, i)
		if s.op == binaryMul {
			b.level.Mul(dst, a, c)
		} else {
			b.level.Add(dst, a, c, s.min, s.max)
		}
		return nil
	})}}, nil
}

// gateSpec multiplies the channels of every image by numbers computed for that
// image: in[0] is [N, C, H, W], in[1] is [N, C, 1, 1].
type gateSpec struct{ anyLayout }

func (gateSpec) wantsImages(*op) bool { return true }
func (gateSpec) inPlace(*op) []int    { return []int{0} }

func (gateSpec) compile(b *builder, o *op) (*step, error) {
	x, g, y := o.in[0], o.in[1], o.out[0]
	l := newLanes(1, y, x)
	if l.flat { // one run per row of pixels, to know the image
		m := y.image()
		l = lanes{count: m.n * m.h, size: m.w * m.c, total: l.total, images: []image{m, x.image()}}
	}
	m, gm := y.image(), g.image()
	zeros := make([]float32, m.c)
	lo, hi := unbounded()
	return &step{info: StepInfo{Kernel: "gate"}, stages: []stage{l.stage(func(t *thread, i int) error {
		dst, src := l.of(t.floats(y), 0, i), l.of(t.floats(x), 1, i)
		gate := t.floats(g)[gm.at(i/m.h, 0, 0):][:m.c]
		b.level.ScaleShift(dst, src, gate, zeros, lo, hi)
		return nil
	})}}, nil
}

func isFloat32(v ...*value) bool {
	return !slices.ContainsFunc(v, func(v *value) bool { return v == nil || v.typ.DType != tensor.Float32 })
}
