package emitc

import (
	"cmp"
	"slices"

	"lutra/internal/lut"
)

// buffer is bytes of the arena that tensors take while layers from first to
// last run. Layer -1 is the caller, who writes inputs.
type buffer struct {
	size, at    int
	first, last int
}

// widest is the number of outputs of a matrix product that are computed at a
// time: wider layers are emitted in parts, which keeps their sums short.
const widest = 128

// chunk is the number of taps that a dense layer adds up at a time.
const chunk = 64

// plan places tensors in the arena, behind them the sums of a place and
// the list of rows.
func (g *generator) plan() {
	n := g.net
	g.buffers = make([]*buffer, len(n.Tensors))
	for _, in := range n.Inputs {
		g.buffers[in.Tensor] = &buffer{size: tensorBytes(&n.Tensors[in.Tensor]), first: -1}
	}
	for i, l := range n.Layers {
		for _, t := range l.Reads() {
			g.buffers[t].last = i
		}
		out := l.Writes()
		if g.buffers[out] = g.reuse(i, l); g.buffers[out] == nil {
			g.buffers[out] = &buffer{size: tensorBytes(&n.Tensors[out]), first: i, last: i}
		}
	}
	for _, o := range n.Outputs {
		g.buffers[o.Tensor].last = len(n.Layers)
	}
	if g.o.Error {
		g.buffers[n.Inputs[0].Tensor].last = len(n.Layers)
	}
	all := slices.Clone(g.buffers)
	if g.o.Rate != 0 { // before the first layer, beside the input
		g.scratch = &buffer{size: g.soundBytes(), first: -1, last: -1}
		all = append(all, g.scratch)
	}
	g.arena = place(all)
	for _, l := range n.Layers {
		linear, ok := l.(*lut.Linear)
		dense := ok && g.dense(linear)
		if !dense {
			// Pointers to a channel of a place step behind the last place: not
			// behind the arena.
			g.sumBytes = max(g.sumBytes, n.Tensors[l.Writes()].C)
		}
		if !ok || linear.Groups > 1 {
			continue
		}
		rows, sums, outputs := padded(linear.K), linear.Outputs, 4*linear.Table.D
		if dense {
			rows, sums = min(chunk, rows), min(widest, sums)
		}
		g.rows = max(g.rows, rows)
		g.sumBytes = max(g.sumBytes, (sums+outputs-1)/outputs*16)
	}
}

func tensorBytes(t *lut.Tensor) int {
	if t.Scores() {
		return 4 * t.Elems()
	}
	return (t.Elems() + 3) &^ 3
}

// reuse is the buffer of an operand that layer i reads element by element and
// for the last time, and may write over; nil if there is none.
func (g *generator) reuse(i int, l lut.Layer) *buffer {
	var operands []int
	switch l := l.(type) {
	case *lut.Sum:
		operands = l.In
	case *lut.Linear:
		if l.Residual >= 0 && l.Residual != l.In {
			operands = []int{l.Residual}
		}
	}
	for _, t := range operands {
		if g.lastReader(t) == i && tensorBytes(&g.net.Tensors[t]) == tensorBytes(&g.net.Tensors[l.Writes()]) {
			b := g.buffers[t]
			b.last = i
			return b
		}
	}
	return nil
}

// lastReader is the last layer that reads the buffer of tensor t, or that
// leaves it as an output.
func (g *generator) lastReader(t int) int {
	last := -1
	for i, l := range g.net.Layers {
		if slices.Contains(l.Reads(), t) {
			last = i
		}
	}
	for _, o := range g.net.Outputs {
		if o.Tensor == t {
			last = len(g.net.Layers)
		}
	}
	return last
}

// place gives every buffer the lowest place that is free while it lives, the
// largest first, and returns the size of all.
func place(buffers []*buffer) int {
	var order []*buffer
	for _, b := range buffers {
		if b != nil && !slices.Contains(order, b) {
			order = append(order, b)
		}
	}
	slices.SortStableFunc(order, func(a, b *buffer) int { return cmp.Compare(b.size, a.size) })
	end := 0
	var placed []*buffer
	for _, b := range order {
		b.at = 0
		for moved := true; moved; {
			moved = false
			for _, p := range placed {
				if b.first <= p.last && p.first <= b.last && b.at < p.at+p.size && p.at < b.at+b.size {
					b.at, moved = p.at+p.size, true
				}
			}
		}
		placed = append(placed, b)
		end = max(end, b.at+b.size)
	}
	return end
}
