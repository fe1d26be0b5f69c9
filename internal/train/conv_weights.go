package train

import "lutra/internal/kernel"

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
		for i := from; i < to; i++ {
			k.outerImage(w, c.level, i, group, out, n1-n0, dst)
		}
	})
	k.addWeights(c, sums, chunks)
}

// outerImage adds the part of image i to the columns out...out+n-1 of dst.
func (k *conv) outerImage(w *worker, level kernel.Level, i, group, out, n int, dst []float32) {
	f := framed(w, image(k.in[0].data, i, k.batch), k.h.in, k.w.in, k.groups*k.cin, k.padding)
	channels := k.groups * k.cout
	o := &w.outer
	*o = kernel.OuterArgs{
		RowA: k.h.stride * f.row(), StepA: k.w.stride * f.c, M: k.cin,
		B: image(k.out.grad, i, k.batch)[out:], RowB: k.w.out * channels, StepB: channels, N: n,
		Rows: k.h.out, Width: k.w.out, Ldc: channels,
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

// addWeights adds the chunks up, into the order of the weights.
func (k *conv) addWeights(c *crew, sums []float32, chunks int) {
	channels, taps := k.groups*k.cout, k.taps()
	size := taps * k.cin * channels
	grad := k.in[1].grad
	pieces := parts(size)
	c.each(pieces, func(_ *worker, u int) {
		from, to := part(k.cin*taps, pieces, u)
		for row := from; row < to; row++ {
			line := sums[row*channels:][:channels]
			for chunk := 1; chunk < chunks; chunk++ {
				for j, v := range sums[chunk*size+row*channels:][:channels] {
					line[j] += v
				}
			}
			at := row%k.cin*taps + row/k.cin
			for j, v := range line {
				if p := &grad[j*k.cin*taps+at]; k.in[1].add {
					*p += v
				} else {
					*p = v
				}
			}
		}
	})
}
