package lut

import (
	"fmt"
	"slices"

	"lutra/internal/graph"
	"lutra/internal/tensor"
)

// move is a node that only moves elements. Nothing is moved yet: the value
// says where its elements come from, so that several nodes, as a pixel
// shuffle's, become one layer.
func (b *builder) move(n *graph.Node) (*value, error) {
	v, err := b.operand(n, 0, levels, real)
	if err != nil {
		return nil, err
	}
	perm := n.Ints("perm")
	if out := b.program.Types[n.Outputs[0]].Shape; len(out) == 0 || out[0] != 1 || n.Op == "Transpose" && (len(perm) == 0 || perm[0] != 0) {
		return nil, b.refuse(n, "shape", "the batch first", out.String(), "")
	}
	w := *v
	if w.origins, err = b.program.Origins(n); err != nil {
		return nil, err
	}
	if slices.Contains(w.origins, -1) {
		if v.kind == real {
			return nil, b.refuse(n, fmt.Sprintf("input %q", v.name), kindNames[levels], kindNames[real], quantiseHint)
		}
		if _, ok := b.zero(v.tensor); !ok {
			return nil, b.refuse(n, "padding", "levels one of which is 0", "none", "use an odd number of levels, or lutra.ReluD")
		}
	}
	identity := len(w.origins) == v.shape.Elems()
	for i, o := range w.origins {
		identity = identity && int(o) == i
		if o >= 0 && v.origins != nil {
			w.origins[i] = v.origins[o]
		}
	}
	if identity {
		w.origins = v.origins
	}
	return &w, nil
}

// zero is the level of tensor t that is the number 0.
func (b *builder) zero(t int) (a uint8, ok bool) {
	q := b.net.Tensors[t].Quantiser
	z := spacingOf(q).zero(q.Levels)
	return uint8(max(z, 0)), z >= 0
}

// settle moves the elements of v, levels or scores of tensor v.tensor, into a
// tensor of v's own shape, unless they are there.
func (b *builder) settle(n *graph.Node, v *value) error {
	if b.lies(v, v.shape) {
		return nil
	}
	from := b.net.Tensors[v.tensor]
	l := &Gather{Name: v.name, In: v.tensor, From: v.origins}
	if l.From == nil { // in another shape
		l.From = make([]int32, v.shape.Elems())
		for i := range l.From {
			l.From[i] = int32(i)
		}
	}
	if !from.Scores() {
		l.Fill, _ = b.zero(v.tensor)
	}
	var err error
	if l.Out, err = b.tensorOf(n, v.name, v.shape, from.Quantiser); err != nil {
		return err
	}
	b.net.Layers = append(b.net.Layers, l)
	v.tensor, v.origins = l.Out, nil
	return nil
}

// sameUnits gives moved scores the unit of the scores.
func (b *builder) sameUnits() {
	for _, l := range b.net.Layers {
		if l, ok := l.(*Gather); ok {
			b.net.Tensors[l.Out].Unit = b.net.Tensors[l.In].Unit
		}
	}
}

// lies reports whether the elements of v lie as those of a tensor of shape s.
func (b *builder) lies(v *value, s tensor.Shape) bool {
	t := &b.net.Tensors[v.tensor]
	c, h, w, ok := dims(s)
	return ok && v.origins == nil && c == t.C && h == t.H && w == t.W
}
