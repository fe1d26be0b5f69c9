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
func image(data []float32, i, batch int) []float32 {
	size := len(data) / batch
	return data[i*size : (i+1)*size]
}

func (k *conv) forward(c *crew) {
	weights, taps := k.in[1].data, k.taps()
	k.forwards.pack(c, func(dst []float32, group, output int) {
		src := weights[(group*k.cout+output)*k.cin*taps:][:k.cin*taps]
		for t := range taps {
			for i := range k.cin {
				dst[(t*k.cin+i)*k.forwards.nr] = src[i*taps+t]
			}
		}
	})
	var bias []float32
	if k.in[2].value != nil {
		bias = k.in[2].data
	}
	channels := k.groups * k.cout
	c.each(k.batch, func(w *worker, i int) {
		f := framed(w, image(k.in[0].data, i, k.batch), k.h.in, k.w.in, k.groups*k.cin, k.padding)
		r := runs{
			count: k.h.out, width: k.w.out, aRun: k.h.stride * f.row(), cRun: k.w.out * channels,
			lda: k.w.stride * f.c, ldc: channels,
		}.merged()
		for p := range k.forwards.count() {
			k.forwards.multiply(w, c.level, p, f.data, image(k.out.data, i, k.batch), r, bias, false)
		}
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
	weights, taps := k.in[1].data, k.taps()
	for _, b := range k.backwards {
		b.panels.pack(c, func(dst []float32, group, input int) {
			src := weights[(group*k.cout*k.cin+input)*taps:]
			row := 0
			for _, ky := range b.h.taps {
				for _, kx := range b.w.taps {
					for o := range k.cout {
						dst[row] = src[o*k.cin*taps+ky*k.w.kernel+kx]
						row += b.panels.nr
					}
				}
			}
		})
	}
	channels := k.groups * k.cin
	line := k.w.in * channels
	c.each(k.batch, func(w *worker, i int) {
		f := framed(w, image(k.out.grad, i, k.batch), k.h.out, k.w.out, k.groups*k.cout, k.outPadding)
		dst := image(k.in[0].grad, i, k.batch)
		for _, b := range k.backwards {
			r := runs{
				count: b.h.count, width: b.w.count, aRun: f.row(), lda: f.c,
				c: b.h.first*line + b.w.first*channels, cRun: k.h.stride * line, ldc: k.w.stride * channels,
			}.merged()
			for p := range b.panels.count() {
				b.panels.multiply(w, c.level, p, f.data, dst, r, nil, k.in[0].add)
			}
		}
	})
}
