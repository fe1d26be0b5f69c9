package train

import (
	"cmp"
	"slices"
	"unsafe"
)

// extent is a buffer of the arena: floats that are in use from step first to
// step last, both included.
type extent struct {
	dst         *[]float32
	size        int
	first, last int
	at          int // floats from the start of the arena
}

// lineFloats is a cache line: buffers start at one.
const lineFloats = 16

// place gives every extent an address such that no two that are in use at one
// step overlap, large ones first, each at the lowest free address. It returns
// the size of the arena.
func place(all []*extent) int {
	order := slices.Clone(all)
	slices.SortStableFunc(order, func(a, b *extent) int {
		return cmp.Or(cmp.Compare(b.size, a.size), cmp.Compare(a.first, b.first))
	})
	var placed []*extent // by address
	total := 0
	for _, e := range order {
		at := 0
		for _, p := range placed {
			if p.last < e.first || e.last < p.first {
				continue
			}
			if p.at >= at+e.size {
				break
			}
			at = max(at, p.at+p.size)
		}
		e.at = at
		i, _ := slices.BinarySearchFunc(placed, at, func(p *extent, at int) int { return cmp.Compare(p.at, at) })
		placed = slices.Insert(placed, i, e)
		total = max(total, at+e.size)
	}
	return total
}

// plan places the activations and gradients of n. Step i is the forward pass of
// operation i, step 2*len(ops)-1-i its backward pass.
func (n *Net) plan() {
	end := 2 * len(n.ops)
	data, grad := map[*value]*extent{}, map[*value]*extent{}
	var all []*extent
	live := func(in map[*value]*extent, dst *[]float32, v *value, at int) {
		e := in[v]
		if e == nil {
			size := (v.elems() + lineFloats - 1) / lineFloats * lineFloats
			e = &extent{dst: dst, size: size, first: at, last: at}
			in[v] = e
			all = append(all, e)
		}
		e.first, e.last = min(e.first, at), max(e.last, at)
	}
	use := func(v *value, at int) {
		if v != nil && !v.fixed {
			live(data, &v.data, v, at)
		}
	}
	for _, v := range n.inputs {
		use(v, -1)
	}
	for i, op := range n.ops {
		back, links := end-1-i, op.ends()
		for _, v := range op.keeps() {
			if n.backward {
				use(v, back)
			}
		}
		use(links.out, i)
		for _, in := range links.in {
			use(in.value, i)
			if n.backward && in.wanted() && !in.fixed {
				live(grad, &in.grad, in.value, back)
			}
		}
		if n.backward && links.out.needs {
			live(grad, &links.out.grad, links.out, back)
		}
	}
	for _, v := range n.outputs {
		use(v, end)
		if e := grad[v]; e != nil {
			e.first = min(e.first, len(n.ops))
		}
	}
	n.arena = alignedFloats(place(all))
	for _, e := range all {
		*e.dst = n.arena[e.at : e.at+e.size : e.at+e.size]
	}
	for v := range data {
		v.data = v.data[:v.elems()]
	}
	for v := range grad {
		v.grad = v.grad[:v.elems()]
	}
}

// alignedFloats is n zeroed floats that start at a cache line.
func alignedFloats(n int) []float32 {
	b := make([]float32, n+lineFloats)
	skip := int(-uintptr(unsafe.Pointer(unsafe.SliceData(b)))/4) & (lineFloats - 1)
	return b[skip : skip+n : skip+n]
}
