package engine

import (
	"slices"

	"lutra/internal/graph"
	"lutra/internal/tensor"
)

// concatSpec joins values along an axis.
type concatSpec struct {
	anyLayout
	axis int
}

func (s *concatSpec) wantsImages(o *op) bool {
	return s.axis == 1 && !slices.ContainsFunc(o.in, func(v *value) bool { return !v.isImage() || v.konst != nil }) &&
		slices.ContainsFunc(o.in, func(v *value) bool { return !v.layout.plain })
}

func newConcat(_ *builder, o *op) (spec, error) {
	rank := len(o.out[0].shape())
	axis := int(o.nodes[0].Int("axis", 1))
	if axis < 0 {
		axis += rank
	}
	return &concatSpec{axis: axis}, nil
}

func (s *concatSpec) compile(_ *builder, o *op) (*step, error) {
	st := s.plainStage(o)
	if !o.out[0].layout.plain {
		st = s.imageStage(o)
	}
	return &step{info: StepInfo{Kernel: "concat"}, stages: []stage{st}}, nil
}

// plainStage copies one operand per unit.
func (s *concatSpec) plainStage(o *op) stage {
	shape := o.out[0].shape()
	outer := shape[:s.axis].Elems()
	row := shape[s.axis:].Elems() * o.out[0].typ.DType.Size()
	starts := make([]int, len(o.in))
	for i, v := range o.in[1:] {
		starts[i+1] = starts[i] + o.in[i].shape()[s.axis:].Elems()*v.typ.DType.Size()
	}
	return stage{units: len(o.in), run: func(t *thread, u int) error {
		v := o.in[u]
		n := v.shape()[s.axis:].Elems() * v.typ.DType.Size()
		dst, src := t.bytes(o.out[0]), t.bytes(v)
		for i := range outer {
			copy(dst[i*row+starts[u]:][:n], src[i*n:])
		}
		return nil
	}}
}

// imageStage copies one row of pixels of all operands per unit.
func (s *concatSpec) imageStage(o *op) stage {
	out := o.out[0].image()
	images := make([]image, len(o.in))
	for i, v := range o.in {
		images[i] = v.image()
	}
	return stage{units: out.n * out.h, run: func(t *thread, u int) error {
		n, y := u/out.h, u%out.h
		dst := t.floats(o.out[0])[out.at(n, y, 0):]
		c := 0
		for i, v := range o.in {
			m := &images[i]
			src := t.floats(v)[m.at(n, y, 0):]
			for x := range out.w {
				copy(dst[x*out.c+c:][:m.c], src[x*m.c:])
			}
			c += m.c
		}
		return nil
	}}
}

// shuffleSpec permutes channels: with g groups of n channels, channel i*n+j
// becomes channel j*g+i (ShuffleNet, Zhang et al., CVPR 2018, section 3.1).
type shuffleSpec struct {
	anyLayout
	groups int
}

func (*shuffleSpec) wantsImages(*op) bool { return true }

func (s *shuffleSpec) compile(b *builder, o *op) (*step, error) {
	x, y := o.in[0], o.out[0]
	l := newLanes(x.shape()[1], y, x)
	c := x.shape()[1]
	return &step{info: StepInfo{Kernel: "shuffle"}, stages: []stage{l.stage(func(t *thread, i int) error {
		dst, src := l.of(t.floats(y), 0, i), l.of(t.floats(x), 1, i)
		for p := 0; p < len(dst); p += c {
			b.level.Transpose(dst[p:p+c], s.groups, src[p:p+c], c/s.groups, s.groups, c/s.groups)
		}
		return nil
	})}}, nil
}

// shuffles recognises Reshape [N, g, C/g, H, W], Transpose [0 2 1 3 4], Reshape
// [N, C, H, W].
func (b *builder) shuffles() {
	for i, o := range b.ops {
		if o == nil || !isReshape(o) || !o.in[0].isImage() || len(o.out[0].shape()) != 5 {
			continue
		}
		turn := b.onlyReader(o.out[0])
		if turn == nil || turn.nodes[0].Op != "Transpose" || !slices.Equal(turn.nodes[0].Ints("perm"), []int64{0, 2, 1, 3, 4}) {
			continue
		}
		back := b.onlyReader(turn.out[0])
		in, split := o.in[0].shape(), o.out[0].shape()
		if back == nil || !isReshape(back) || !back.out[0].shape().Equal(in) ||
			!split.Equal(tensor.Shape{in[0], split[1], split[2], in[2], in[3]}) {
			continue
		}
		back.spec, back.in = &shuffleSpec{groups: split[1]}, o.in
		back.nodes = []*graph.Node{o.nodes[0], turn.nodes[0], back.nodes[0]}
		b.ops[i], b.ops[slices.Index(b.ops, turn)] = nil, nil
	}
}

func isReshape(o *op) bool {
	_, ok := o.spec.(reshapeSpec)
	return ok
}
