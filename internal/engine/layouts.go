package engine

import (
	"slices"
)

// assignLayouts decides for every op, in order, whether it runs on images or
// in plain layout, and inserts a conversion wherever an operand has the other
// one. Requested outputs end in plain layout.
func (b *builder) assignLayouts() {
	converted := map[*value]*value{}
	var ops []*op
	in := func(v *value, plain bool) *value {
		if v == nil || v.konst != nil || v.layout.plain == plain || !v.isImage() {
			return v
		}
		if converted[v] == nil {
			var o *op
			converted[v], o = convert(v, layout{plain: plain})
			ops = append(ops, o)
		}
		return converted[v]
	}
	for _, o := range b.ops {
		images := o.spec.wantsImages(o)
		any := readsAnyLayout(o.spec)
		for i, v := range o.in {
			if !any {
				o.in[i] = in(v, !images)
			}
		}
		for _, v := range o.out {
			v.layout.plain = !images || !v.isImage()
		}
		ops = append(ops, o)
	}
	for i, out := range b.outputs {
		b.outputs[i].v = in(out.v, true)
	}
	b.ops = ops
}

// readsAnyLayout reports whether s takes its operand in either layout, whatever
// the layout of its result.
func readsAnyLayout(s spec) bool {
	switch s.(type) {
	case *quantiseSpec, *roundSpec:
		return true
	}
	return false
}

// convert makes the op that copies v into another layout. Where both layouts
// are the same sequence of numbers the result is a view.
func convert(v *value, to layout) (*value, *op) {
	w := &value{name: v.name, typ: v.typ, layout: to}
	o := &op{spec: &convertSpec{}, in: []*value{v}, out: []*value{w}}
	w.from = o
	return w, o
}

// assignBorders gives every image the border that its readers need. Where the
// producer cannot leave room for it, a copy is inserted.
func (b *builder) assignBorders() {
	need := map[*value]border{}
	for _, o := range b.ops {
		for i, v := range o.in {
			if v != nil && !v.layout.plain {
				need[v] = need[v].union(o.spec.inputBorder(o, i))
			}
		}
	}
	var ops []*op
	copies := map[*value]*value{}
	for _, o := range b.ops {
		for i, v := range o.in {
			if v != nil && copies[v] != nil && o.spec.inputBorder(o, i) != (border{}) {
				o.in[i] = copies[v]
			}
		}
		ops = append(ops, o)
		for _, v := range o.out {
			switch want := need[v]; {
			case want == border{}:
			case o.spec.writesBorder(o):
				v.layout.border = want
			default:
				var c *op
				copies[v], c = convert(v, layout{border: want})
				ops = append(ops, c)
			}
		}
	}
	b.ops = ops
}

// convertSpec copies a value into another layout or border.
type convertSpec struct{}

func (*convertSpec) wantsImages(o *op) bool      { return !o.out[0].layout.plain }
func (*convertSpec) inputBorder(*op, int) border { return border{} }
func (*convertSpec) writesBorder(o *op) bool     { return !sameInEveryLayout(o.out[0].shape()) }

// isView reports whether o only renames bytes: its operand has no border.
func (*convertSpec) isView(o *op) bool {
	v, w := o.in[0], o.out[0]
	return sameInEveryLayout(v.shape()) && v.layout.border == w.layout.border
}

func (s *convertSpec) compile(b *builder, o *op) (*step, error) {
	v, w := o.in[0], o.out[0]
	if s.isView(o) {
		return nil, nil
	}
	m := w.image()
	if w.layout.plain {
		m = v.image()
	}
	// One unit moves a band of rows of one image.
	bands := max(1, min(m.h, m.h*m.w*m.c>>14))
	per := ceilDiv(m.h, bands)
	bands = ceilDiv(m.h, per)
	move := s.mover(b, v, w)
	info := StepInfo{Kernel: "layout"}
	return &step{info: info, stages: []stage{{units: m.n * bands, run: func(t *thread, u int) error {
		y := u % bands * per
		move(t.floats(w), t.floats(v), u/bands, y, min(per, m.h-y))
		return nil
	}}}}, nil
}

// mover copies rows y...y+rows-1 of image n.
func (s *convertSpec) mover(b *builder, v, w *value) func(dst, src []float32, n, y, rows int) {
	l, h, width, c := b.level, v.shape()[2], v.shape()[3], v.shape()[1]
	plane := h * width
	switch {
	case v.layout.plain:
		m := w.image()
		return func(dst, src []float32, n, y, rows int) {
			for i := y; i < y+rows; i++ {
				l.Transpose(dst[m.at(n, i, 0):], c, src[n*c*plane+i*width:], plane, c, width)
			}
		}
	case w.layout.plain:
		m := v.image()
		return func(dst, src []float32, n, y, rows int) {
			for i := y; i < y+rows; i++ {
				l.Transpose(dst[n*c*plane+i*width:], plane, src[m.at(n, i, 0):], c, width, c)
			}
		}
	}
	from, to := v.image(), w.image()
	return func(dst, src []float32, n, y, rows int) {
		for i := y; i < y+rows; i++ {
			copy(dst[to.at(n, i, 0):][:width*c], src[from.at(n, i, 0):])
		}
	}
}

// viewer is a spec whose result may be a view of its first operand.
type viewer interface{ isView(o *op) bool }

// reshapeSpec is any operator that keeps the sequence of elements.
type reshapeSpec struct{ plainOnly }

func (reshapeSpec) isView(*op) bool                      { return true }
func (reshapeSpec) compile(*builder, *op) (*step, error) { return nil, nil }

func newReshape(_ *builder, o *op) (spec, error) {
	if o.in[0].konst != nil || o.in[0].shape().Elems() != o.out[0].shape().Elems() || o.in[0].typ.DType != o.out[0].typ.DType {
		return nil, nil
	}
	o.in = o.in[:1]
	return reshapeSpec{}, nil
}

// identitySpec marks operators that bypassIdentities removes.
type identitySpec struct{ reshapeSpec }

func newIdentity(_ *builder, o *op) (spec, error) {
	o.in = o.in[:1]
	return identitySpec{}, nil
}

// newDropout is an identity when the mask is not asked for and nothing trains.
func newDropout(b *builder, o *op) (spec, error) {
	for _, v := range o.out[1:] {
		if v.name != "" && (slices.Contains(b.prog.Outputs, v.name)) {
			return nil, nil
		}
	}
	if len(o.in) > 2 && o.in[2] != nil {
		if o.in[2].konst == nil || o.in[2].konst.Bytes()[0] != 0 {
			return nil, nil
		}
	}
	o.out = o.out[:1]
	return newIdentity(b, o)
}

// bypassIdentities lets the readers of an identity read its operand.
func (b *builder) bypassIdentities() {
	for i, o := range b.ops {
		if _, ok := o.spec.(identitySpec); ok {
			b.replace(o.out[0], o.in[0])
			b.ops[i] = nil
		}
	}
}
