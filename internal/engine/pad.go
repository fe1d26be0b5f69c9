package engine

// padSpec is a Pad with a constant around images and their channels, unless
// foldPads moves it into what reads it.
type padSpec struct {
	referenceSpec
	border       border
	before       int  // channels before those of the operand
	zeroedBorder bool // only around the images, and zero: may be folded
	value        float32
}

func (*padSpec) wantsImages(o *op) bool { return !o.in[0].layout.plain }
func (*padSpec) writesBorder(*op) bool  { return true }

// newPad is nil for other modes, unknown pads, cropping and new images.
func newPad(b *builder, o *op) (spec, error) {
	n := o.nodes[0]
	x := o.in[0]
	if !x.isImage() || x.konst != nil || n.String("mode", "constant") != "constant" || len(o.in) > 3 || o.out[0].shape().Elems() == 0 {
		return nil, nil
	}
	value := n.Float("value", 0)
	if len(o.in) > 2 && o.in[2] != nil {
		v, ok := scalar(o.in[2])
		if !ok {
			return nil, nil
		}
		value = v
	}
	pads, ok := known(o, 1)
	if !ok {
		return nil, nil
	}
	for _, p := range n.Ints("pads") {
		pads = append(pads, int(p))
	}
	if len(pads) != 8 || pads[0]|pads[4] != 0 {
		return nil, nil
	}
	for _, p := range pads {
		if p < 0 {
			return nil, nil
		}
	}
	ref, err := b.newReference(o)
	if err != nil {
		return nil, err
	}
	return &padSpec{
		referenceSpec: *ref.(*referenceSpec), value: value, before: pads[1],
		border:       border{pads[2], pads[3], pads[6], pads[7]},
		zeroedBorder: value == 0 && pads[1]+pads[5] == 0,
	}, nil
}

func (s *padSpec) compile(b *builder, o *op) (*step, error) {
	if o.out[0].layout.plain {
		return s.referenceSpec.compile(b, o)
	}
	in, out := o.in[0].image(), o.out[0].image()
	return &step{info: StepInfo{Kernel: "pad"}, stages: []stage{{units: out.n * out.h, run: func(t *thread, u int) error {
		n, y := u/out.h, u%out.h
		row := t.floats(o.out[0])[out.at(n, y, 0):][:out.w*out.c]
		for i := range row {
			row[i] = s.value
		}
		if y -= s.border.top; y < 0 || y >= in.h {
			return nil
		}
		src := t.floats(o.in[0])[in.at(n, y, 0):]
		for x := range in.w {
			copy(row[(s.border.left+x)*out.c+s.before:][:in.c], src[x*in.c:])
		}
		return nil
	}}}}, nil
}

// foldPads moves zero padding into the convolutions, and the averages without
// padding of their own, that read it.
func (b *builder) foldPads() {
	for _, o := range b.ops {
		if len(o.in) == 0 || o.in[0] == nil || o.in[0].from == nil {
			continue
		}
		pad, ok := o.in[0].from.spec.(*padSpec)
		if !ok || !pad.zeroedBorder {
			continue
		}
		switch s := o.spec.(type) {
		case *convSpec:
			s.widen(pad.border)
		case *poolSpec:
			if s.largest || s.padding() != (border{}) {
				continue
			}
			s.divisor = s.taps()
			s.widen(pad.border)
		default:
			continue
		}
		o.nodes = append(o.in[0].from.nodes[:1:1], o.nodes...)
		o.in[0] = o.in[0].from.in[0]
	}
}

// widen adds padding around an input that is smaller by as much.
func (w *window) widen(b border) {
	w.top, w.left = w.top+b.top, w.left+b.left
	w.inH, w.inW = w.inH-b.top-b.bottom, w.inW-b.left-b.right
	w.fitEnd()
}
