package train

import (
	"math"

	"lutra/internal/kernel"
)

// Bounds on how the gradient of weights is cut: into chunks of images, each
// with sums of its own, as many as this many floats hold; and, where that
// leaves little to share, into columns of outputs.
const (
	maxChunks   = 16
	chunkFloats = 4 << 20
	leastUnits  = 8
	mostColumns = 64
)

// backwardWeights sums, per chunk of images, the products of inputs and
// gradients in the order [tap][input][output], then the chunks.
func (k *conv) backwardWeights(c *crew) {
	size := k.taps() * k.cin * k.groups * k.cout
	chunks := max(1, min(k.batch, maxChunks, chunkFloats/size))
	columns := 1 // cuts of the outputs of a group
	for chunks*columns*k.groups < leastUnits && k.cout/columns > mostColumns {
		columns *= 2
	}
	sums := c.shared(chunks * size)
	c.each(chunks*columns*k.groups, func(w *worker, u int) {
		chunk, column, group := u/(columns*k.groups), u/k.groups%columns, u%k.groups
		n0, n1 := part(k.cout, columns, column)
		out := group*k.cout + n0
		dst := sums[chunk*size:][:size]
		for row := range k.taps() * k.cin {
			clear(dst[row*k.groups*k.cout+out:][:n1-n0])
		}
		from, to := part(k.batch, chunks, chunk)
		step := k.group(size, k.padding.around(k.h.in, k.w.in, k.groups*k.cin))
		for i := from; i < to; i += step {
			k.outerImages(w, c.level, i, min(i+step, to), group, out, n1-n0, dst)
		}
	})
	k.addWeights(c, sums, chunks)
}

// outerImages adds the part of images from...to-1 to the columns out...out+n-1 of dst.
func (k *conv) outerImages(w *worker, level kernel.Level, from, to, group, out, n int, dst []float32) {
	f := framed(w, images(k.in[0].data, from, to, k.batch), k.h.in, k.w.in, k.groups*k.cin, k.padding)
	channels := k.groups * k.cout
	o := &w.outer
	*o = kernel.OuterArgs{
		PlaneA: f.plane(), RowA: k.h.stride * f.row(), StepA: k.w.stride * f.c, M: k.cin,
		B: images(k.out.grad, from, to, k.batch)[out:], N: n,
		PlaneB: k.h.out * k.w.out * channels, RowB: k.w.out * channels, StepB: channels,
		Planes: to - from, Rows: k.h.out, Width: k.w.out, Ldc: channels,
	}
	across := 1 // taps of a row that lie beside each other
	if k.groups == 1 && k.w.dilation == 1 {
		across = k.w.kernel
	}
	o.M *= across
	for y := range k.h.kernel {
		for x := 0; x < k.w.kernel; x += across {
			o.A = f.data[y*k.h.dilation*f.row()+x*k.w.dilation*f.c+group*k.cin:]
			o.C = dst[(y*k.w.kernel+x)*k.cin*channels+out:]
			level.Outer(o)
		}
	}
}

// addWeights adds the chunks up, into the order of the weights: for some inputs
// at a time [input][tap][output], then the transpose of that.
func (k *conv) addWeights(c *crew, sums []float32, chunks int) {
	outputs, taps := k.groups*k.cout, k.taps()
	size, depth := taps*k.cin*outputs, taps*k.cin
	inf := float32(math.Inf(1))
	const inputs = 8
	c.each((k.cin+inputs-1)/inputs, func(w *worker, u int) {
		first, n := u*inputs, min(inputs, k.cin-u*inputs)
		for t := range taps {
			at := (t*k.cin + first) * outputs
			block := sums[at:][:n*outputs]
			for chunk := 1; chunk < chunks; chunk++ {
				c.level.Add(block, block, sums[chunk*size+at:], -inf, inf)
			}
		}
		rows := w.room(1, n*taps*outputs)
		for i := range n * taps {
			copy(rows[i*outputs:][:outputs], sums[(i%taps*k.cin+first+i/taps)*outputs:])
		}
		grad := k.in[1].grad[first*taps:]
		if !k.in[1].add {
			c.level.Transpose(grad, depth, rows, outputs, n*taps, outputs)
			return
		}
		turned := w.room(2, len(rows))
		c.level.Transpose(turned, n*taps, rows, outputs, n*taps, outputs)
		for o := range outputs {
			line := grad[o*depth:][:n*taps]
			c.level.Add(line, line, turned[o*n*taps:], -inf, inf)
		}
	})
}
