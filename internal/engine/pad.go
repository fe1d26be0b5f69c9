package engine

import "lutra/internal/tensor"

// padSpec is a Pad with zeros around the images, computed by its definition
// unless foldPads moves it into what reads it.
type padSpec struct {
	referenceSpec
	border border
}

// newPad is nil for other modes, values and axes.
func newPad(b *builder, o *op) (spec, error) {
	n := o.nodes[0]
	x := o.in[0]
	if !x.isImage() || x.konst != nil || n.String("mode", "constant") != "constant" || n.Float("value", 0) != 0 || len(o.in) > 3 {
		return nil, nil
	}
	if len(o.in) > 2 && o.in[2] != nil {
		if v, ok := scalar(o.in[2]); !ok || v != 0 {
			return nil, nil
		}
	}
	pads := n.Ints("pads")
	if len(o.in) > 1 && o.in[1] != nil {
		if o.in[1].konst == nil || o.in[1].konst.DType != tensor.Int64 {
			return nil, nil
		}
		pads = o.in[1].konst.Int64s()
	}
	if len(pads) != 8 || pads[0]|pads[1]|pads[4]|pads[5] != 0 || min(pads[2], pads[3], pads[6], pads[7]) < 0 {
		return nil, nil
	}
	ref, err := b.newReference(o)
	if err != nil {
		return nil, err
	}
	s := &padSpec{border: border{int(pads[2]), int(pads[3]), int(pads[6]), int(pads[7])}}
	s.referenceSpec = *ref.(*referenceSpec)
	return s, nil
}

// foldPads moves zero padding into the convolutions, and the averages without
// padding of their own, that read it.
func (b *builder) foldPads() {
	for _, o := range b.ops {
		if len(o.in) == 0 || o.in[0] == nil || o.in[0].from == nil {
			continue
		}
		pad, ok := o.in[0].from.spec.(*padSpec)
		if !ok {
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
