package train

import (
	"lutra/internal/graph"
	"lutra/internal/kernel"
)

// conv is a two-dimensional convolution. Its weights are [outputs, inputs of a
// group, kernel height, kernel width].
type conv struct {
	links // input, weight, bias
	window
	batch, groups int
	cin, cout     int // of a group
	padding       border
	forwards      *panels
	// The gradient of the input: per phase a convolution of the gradient of
	// the output, inside zeros.
	outPadding border
	backwards  []*backPhase
}

// backPhase is the gradient of the inputs of one phase of rows and columns.
type backPhase struct {
	h, w   phase
	panels *panels
}

func newConv(b *builder, n *graph.Node) (operation, error) {
	l, err := b.links(n, 3)
	if err != nil {
		return nil, err
	}
	x, w, y := l.in[0].value, l.in[1].value, l.out
	if len(x.shape) != 4 || !w.fixed || l.in[2].value != nil && !l.in[2].fixed {
		return nil, b.errorf(n, "operands", "images and stored weights", "others")
	}
	k := &conv{
		links: *l, window: newWindow(n, x.shape, y.shape, w.shape[2], w.shape[3]),
		batch: x.shape[0], groups: int(n.Int("group", 1)), cin: w.shape[1],
	}
	k.cout = y.shape[1] / k.groups
	k.padding = border{k.h.begin, k.h.after(), k.w.begin, k.w.after()}
	if k.cin == 1 && k.cout == 1 && k.groups > 1 {
		return newDepthwise(k), nil
	}
	k.prepare(b.crew.level)
	return k, nil
}

// prepare lays the panels out.
func (k *conv) prepare(level kernel.Level) {
	row, c := (k.w.in+k.padding.left+k.padding.right)*k.groups*k.cin, k.groups*k.cin
	var segs []kernel.Segment
	for y := range k.h.kernel {
		for x := range k.w.kernel {
			segs = append(segs, kernel.Segment{Off: y*k.h.dilation*row + x*k.w.dilation*c, Len: k.cin})
		}
	}
	k.forwards = newPanels(level, k.groups, k.cout, k.cin, segs)
	if !k.in[0].wanted() {
		return
	}
	hs, ws := k.h.phases(), k.w.phases()
	b := &k.outPadding
	b.top, b.bottom = k.h.reach(hs)
	b.left, b.right = k.w.reach(ws)
	row, c = (k.w.out+b.left+b.right)*k.groups*k.cout, k.groups*k.cout
	for _, h := range hs {
		for _, w := range ws {
			var segs []kernel.Segment
			for _, dy := range h.shift {
				for _, dx := range w.shift {
					segs = append(segs, kernel.Segment{Off: (dy+b.top)*row + (dx+b.left)*c, Len: k.cout})
				}
			}
			k.backwards = append(k.backwards, &backPhase{h, w, newPanels(level, k.groups, k.cin, k.cout, segs)})
		}
	}
}

func (k *conv) keeps() []*value {
	if k.in[1].wanted() {
		return []*value{k.in[0].value}
	}
	return nil
}

// image is image i of an activation or gradient.
func image(data []float32, i, batch int) []float32 { return images(data, i, i+1, batch) }

// images is images from...to-1 of an activation or gradient.
func images(data []float32, from, to, batch int) []float32 {
	size := len(data) / batch
	return data[from*size : to*size]
}

// transposed is the weights as [input][tap][output], in memory of the crew.
func (k *conv) transposed(c *crew) []float32 {
	rows, outputs := k.cin*k.taps(), k.groups*k.cout
	t := c.shared(rows * outputs)
	const step = 16
	c.each((outputs+step-1)/step, func(_ *worker, u int) {
		from, to := u*step, min((u+1)*step, outputs)
		c.level.Transpose(t[from:], outputs, k.in[1].data[from*rows:], rows, to-from, rows)
	})
	return t
}

func (k *conv) forward(c *crew) {
	weights, taps, outputs := k.transposed(c), k.taps(), k.groups*k.cout
	k.forwards.pack(c, func(dst []float32, group, first, n int) {
		for t := range taps {
			k.forwards.fill(c.level, dst[t*k.cin*k.forwards.nr:], weights[t*outputs+group*k.cout+first:], taps*outputs, 1, k.cin, n)
		}
	})
	var bias []float32
	if k.in[2].value != nil {
		bias = k.in[2].data
	}
	k.images(c, k.forwards, k.padding.around(k.h.in, k.w.in, k.groups*k.cin), func(w *worker, from, to, first, last int) {
		f := framed(w, images(k.in[0].data, from, to, k.batch), k.h.in, k.w.in, k.groups*k.cin, k.padding)
		r := runs{
			planes: to - from, count: k.h.out, width: k.w.out,
			aPlane: f.plane(), aRun: k.h.stride * f.row(), lda: k.w.stride * f.c,
			cPlane: k.h.out * k.w.out * outputs, cRun: k.w.out * outputs, ldc: outputs,
		}.merged()
		for p := first; p < last; p++ {
			k.forwards.multiply(w, c.level, p, f.data, images(k.out.data, from, to, k.batch), r, bias, false)
		}
	})
}

// Sizes in floats: weights that stay in the second level of cache while images
// pass by, and images that stay there while weights do.
const (
	cachedWeights = 256 << 10
	cachedImages  = 128 << 10
)

// group is the number of images that are worked on together: one, whose frame
// is f, or several if weights are many.
func (k *conv) group(weights int, f frame) int {
	if weights <= cachedWeights {
		return 1
	}
	return max(1, min(k.batch, cachedImages/max(1, f.plane())))
}

// images cuts a product into units of images from...to-1 and panels
// first...last-1.
func (k *conv) images(c *crew, p *panels, f frame, run func(w *worker, from, to, first, last int)) {
	step := k.group(len(p.data), f)
	groups := (k.batch + step - 1) / step
	cuts := max(1, min(p.count(), leastUnits/groups))
	c.each(groups*cuts, func(w *worker, u int) {
		from, to := part(k.batch, groups, u/cuts)
		first, last := part(p.count(), cuts, u%cuts)
		run(w, from, to, first, last)
	})
}

func (k *conv) backward(c *crew) {
	if k.in[0].wanted() {
		k.backwardInput(c)
	}
	if k.in[1].wanted() {
		k.backwardWeights(c)
	}
	if k.in[2].wanted() {
		sumColumns(c, &k.in[2], k.out.grad)
	}
}

func (k *conv) backwardInput(c *crew) {
	weights, taps, outputs := k.transposed(c), k.taps(), k.groups*k.cout
	for _, b := range k.backwards {
		b.panels.pack(c, func(dst []float32, group, first, n int) {
			for _, ky := range b.h.taps {
				for _, kx := range b.w.taps {
					src := weights[(first*taps+ky*k.w.kernel+kx)*outputs+group*k.cout:]
					b.panels.fill(c.level, dst, src, 1, taps*outputs, k.cout, n)
					dst = dst[k.cout*b.panels.nr:]
				}
			}
		})
	}
	channels := k.groups * k.cin
	line := k.w.in * channels
	k.images(c, k.backwards[0].panels, k.outPadding.around(k.h.out, k.w.out, k.groups*k.cout), func(w *worker, from, to, first, last int) {
		f := framed(w, images(k.out.grad, from, to, k.batch), k.h.out, k.w.out, k.groups*k.cout, k.outPadding)
		for _, b := range k.backwards {
			r := runs{
				planes: to - from, count: b.h.count, width: b.w.count,
				aPlane: f.plane(), aRun: f.row(), lda: f.c,
				c: b.h.first*line + b.w.first*channels, cPlane: k.h.in * line, cRun: k.h.stride * line, ldc: k.w.stride * channels,
			}.merged()
			for p := first; p < last; p++ {
				b.panels.multiply(w, c.level, p, f.data, images(k.in[0].grad, from, to, k.batch), r, nil, k.in[0].add)
			}
		}
	})
}
