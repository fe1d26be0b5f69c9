package train

import (
	"cmp"
	"fmt"
	"slices"
	"unsafe"

	"lutra/internal/safe"
)

// extent is a buffer of the arena: floats that are in use from step first to
// step last, both included.
type extent struct {
	dst         *[]float32
	size        int
	first, last int
	at          int // floats from the start of the arena
}

// maxArena is the most bytes that a network may ask for: inference keeps to
// safe.MaxActivations, training keeps everything.
const maxArena = int64(8 * safe.MaxActivations)

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

// planner collects the extents of the activations and gradients of a network.
type planner struct {
	data, grad map[*value]*extent
	all        []*extent
}

// live keeps a buffer of v in use at step at.
func (p *planner) live(in map[*value]*extent, dst *[]float32, v *value, at int) {
	if v == nil || v.fixed {
		return
	}
	e := in[v]
	if e == nil {
		size := (v.elems() + lineFloats - 1) / lineFloats * lineFloats
		e = &extent{dst: dst, size: size, first: at, last: at}
		in[v] = e
		p.all = append(p.all, e)
	}
	e.first, e.last = min(e.first, at), max(e.last, at)
}

func (p *planner) use(v *value, at int) {
	if v != nil {
		p.live(p.data, &v.data, v, at)
	}
}

func (p *planner) useGrad(v *value, at int) {
	if v != nil && v.needs {
		p.live(p.grad, &v.grad, v, at)
	}
}

// plan places the activations and gradients of n. Step i is the forward pass of
// operation i, step 2*len(ops)-1-i its backward pass.
func (n *Net) plan() error {
	p := planner{data: map[*value]*extent{}, grad: map[*value]*extent{}}
	end := 2 * len(n.ops)
	for _, v := range n.inputs {
		p.use(v, -1)
	}
	for i, op := range n.ops {
		links := op.ends()
		p.use(links.out, i)
		for _, in := range links.in {
			p.use(in.value, i)
		}
		if !n.backward {
			continue
		}
		back := end - 1 - i
		for _, v := range op.keeps() {
			p.use(v, back)
		}
		for _, in := range links.in {
			p.useGrad(in.value, back)
		}
		p.useGrad(links.out, back)
	}
	for _, v := range n.outputs {
		p.use(v, end)
		if n.backward {
			p.useGrad(v, len(n.ops))
		}
	}
	size := place(p.all)
	if int64(size) > maxArena/4 {
		return fmt.Errorf("train: activations and gradients of %d MiB: at most %d expected: use a smaller batch", size>>18, maxArena>>20)
	}
	n.arena = alignedFloats(size)
	for _, e := range p.all {
		*e.dst = n.arena[e.at : e.at+e.size : e.at+e.size]
	}
	for v := range p.data {
		v.data = v.data[:v.elems()]
	}
	for v := range p.grad {
		v.grad = v.grad[:v.elems()]
	}
	return nil
}

// alignedFloats is n zeroed floats that start at a cache line.
func alignedFloats(n int) []float32 {
	b := make([]float32, n+lineFloats)
	skip := int(-uintptr(unsafe.Pointer(unsafe.SliceData(b)))/4) & (lineFloats - 1)
	return b[skip : skip+n : skip+n]
}
