package engine

import (
	"cmp"
	"fmt"
	"slices"

	"lutra/internal/safe"
	"lutra/internal/tensor"
)

// place says where the bytes of a buffer are.
type place uint8

const (
	inArena  place = iota // at an offset of the session's arena
	inInput               // the caller's input tensor
	inOutput              // a fresh tensor handed to the caller
	inConst               // a constant of the model
)

// buffer is storage that one or more values (views, and results computed in
// place) use while it is alive.
type buffer struct {
	place       place
	index       int            // which input or output
	konst       *tensor.Tensor // inConst
	size        int            // bytes
	offset      int            // inArena
	first, last int            // steps between which the contents matter
}

const bufferAlign = 64

// assignBuffers decides which values share storage, finds when each buffer is
// alive. Steps may add scratch buffers until placeArena.
func (b *builder) assignBuffers() {
	b.bindViews()
	b.countReaders()
	for i, name := range b.prog.Inputs {
		v := b.values[name]
		v.buf = b.addBuffer(buffer{place: inInput, index: i, size: v.storage(), last: len(b.ops)})
	}
	outputs := map[*value]int{}
	for i, o := range b.outputs {
		if r := o.v.root(); r.from != nil && r.layout.plain {
			if _, taken := outputs[r]; !taken {
				outputs[r] = i
			}
		}
	}
	for i, o := range b.ops {
		for _, v := range o.in {
			if v != nil && v.konst != nil {
				v.buf = b.addBuffer(buffer{place: inConst, konst: v.konst, size: len(v.konst.Bytes()), last: len(b.ops)})
			}
		}
		for _, v := range o.out {
			b.allocate(o, v, i, outputs)
		}
		for _, v := range o.in {
			if v != nil {
				buf := &b.buffers[v.root().buf]
				buf.last = max(buf.last, i)
			}
		}
	}
	for _, o := range b.outputs {
		if r := o.v.root(); r.konst != nil {
			r.buf = b.addBuffer(buffer{place: inConst, konst: r.konst, size: len(r.konst.Bytes())})
		}
		b.buffers[o.v.root().buf].last = len(b.ops)
	}
}

// bindViews finds the results that are views of operands.
func (b *builder) bindViews() {
	for _, o := range b.ops {
		if s, ok := o.spec.(viewer); ok && s.isView(o) {
			o.out[0].view = o.in[0]
		}
	}
}

func (b *builder) addBuffer(f buffer) int {
	b.buffers = append(b.buffers, f)
	return len(b.buffers) - 1
}

// allocate gives v, which step i computes, a buffer: that of a requested
// output, that of an operand which dies here if o may work in place, or a new one.
func (b *builder) allocate(o *op, v *value, i int, outputs map[*value]int) {
	if v.view != nil {
		return
	}
	if out, ok := outputs[v]; ok {
		v.buf = b.addBuffer(buffer{place: inOutput, index: out, size: v.storage(), first: i, last: i})
		return
	}
	if p, ok := o.spec.(interface{ inPlace(*op) []int }); ok {
		for _, j := range p.inPlace(o) {
			r := o.in[j].root()
			if r.konst == nil && b.buffers[r.buf].place == inArena && b.lastReader(r) == i &&
				r.storage() == v.storage() && o.in[j].layout == v.layout && r.layout == v.layout {
				v.buf = r.buf
				b.buffers[v.buf].last = i
				return
			}
		}
	}
	v.buf = b.addBuffer(buffer{size: v.storage(), first: i, last: i})
}

// lastReader is the last step that reads r or a view of it; -1 if none does.
// Outputs are read by nobody but the caller, after the last step.
func (b *builder) lastReader(r *value) int {
	if at, ok := b.readUntil[r]; ok {
		return at
	}
	return -1
}

// countReaders fills readUntil.
func (b *builder) countReaders() {
	b.readUntil = map[*value]int{}
	for i, o := range b.ops {
		for _, v := range o.in {
			if v != nil {
				b.readUntil[v.root()] = i
			}
		}
	}
	for _, o := range b.outputs {
		b.readUntil[o.v.root()] = len(b.ops)
	}
}

// scratch is a buffer that exists during the step of o only.
func (b *builder) scratch(o *op, bytes int) *value {
	i := slices.Index(b.ops, o)
	v := &value{name: "scratch", layout: plainLayout}
	v.buf = b.addBuffer(buffer{size: bytes, first: i, last: i})
	return v
}

// placeArena gives every buffer of the arena an offset such that buffers which
// are alive together do not overlap: the largest first, each at the lowest
// free place. It returns the size of the arena.
func (b *builder) placeArena() (int, error) {
	var order, placed []*buffer
	for i := range b.buffers {
		if b.buffers[i].place == inArena {
			order = append(order, &b.buffers[i])
		}
	}
	slices.SortStableFunc(order, func(x, y *buffer) int { return cmp.Compare(y.size, x.size) })
	total := 0
	for _, f := range order {
		size := roundUp(f.size, bufferAlign)
		f.offset = 0
		for _, p := range placed { // sorted by offset
			if p.last < f.first || f.last < p.first {
				continue
			}
			if f.offset+size <= p.offset {
				break
			}
			f.offset = max(f.offset, p.offset+roundUp(p.size, bufferAlign))
		}
		if f.offset > safe.MaxActivations-size {
			return 0, fmt.Errorf("the plan needs more than %d bytes of activations", int64(safe.MaxActivations))
		}
		total = max(total, f.offset+size)
		at, _ := slices.BinarySearchFunc(placed, f.offset, func(p *buffer, o int) int { return cmp.Compare(p.offset, o) })
		placed = slices.Insert(placed, at, f)
	}
	return total, nil
}
