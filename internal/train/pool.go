package train

import (
	"fmt"

	"lutra/internal/graph"
	"lutra/internal/kernel"
)

// pool is MaxPool or AveragePool of images.
type pool struct {
	links
	window
	batch, channels int
	largest         bool
	padded          bool     // averages count the padding
	from            []uint16 // MaxPool: the tap that won, per output
}

func newPool(b *builder, n *graph.Node) (operation, error) {
	l, err := b.links(n, 1)
	if err != nil {
		return nil, err
	}
	x, k := l.in[0].value, n.Ints("kernel_shape")
	if len(x.shape) != 4 || len(n.Outputs) > 1 && n.Outputs[1] != "" || len(k) == 2 && k[0]*k[1] > 1<<16 {
		return nil, b.errorf(n, "operands", "images, without indices", fmt.Sprintf("%v, %d outputs", x.shape, len(n.Outputs)))
	}
	p := &pool{
		links: *l, window: newWindow(n, x.shape, l.out.shape, int(k[0]), int(k[1])),
		batch: x.shape[0], channels: x.shape[1], largest: n.Op == "MaxPool", padded: n.Int("count_include_pad", 0) != 0,
	}
	if p.padded && n.Int("ceil_mode", 0) != 0 {
		return nil, b.errorf(n, "ceil_mode", "0 if padding is counted", "1")
	}
	if p.largest {
		p.from = make([]uint16, l.out.elems())
	}
	return p, nil
}

func (p *pool) keeps() []*value { return nil }

// inside is the taps from...to-1 of output o that are inside the input.
func (a axis) inside(o int) (from, to int) {
	first := o*a.stride - a.begin
	if first < 0 {
		from = (-first + a.dilation - 1) / a.dilation
	}
	to = min(a.kernel, (a.in-first+a.dilation-1)/a.dilation)
	return from, max(from, to)
}

func (p *pool) forward(c *crew) {
	c.each(p.batch, func(w *worker, i int) {
		if p.largest {
			p.maxImage(i)
			return
		}
		in, out := image(p.in[0].data, i, p.batch), image(p.out.data, i, p.batch)
		row, line := p.w.in*p.channels, p.w.out*p.channels
		for y := range p.h.out {
			from, to := p.h.inside(y)
			w.pool = kernel.PoolArgs{
				In:  in[max(0, y*p.h.stride-p.h.begin+from*p.h.dilation)*row:],
				Row: p.h.dilation * row, Pixel: p.channels, InW: p.w.in,
				KH: to - from, KW: p.w.kernel, StrideW: p.w.stride, DilationW: p.w.dilation,
				Left: p.w.begin, Out: out[y*line:], OutStep: p.channels, Width: p.w.out, Channels: p.channels,
			}
			if p.padded {
				w.pool.Divisor = p.taps()
			}
			c.level.AvgPool(&w.pool)
		}
	})
}

// pixels calls f for every output pixel of an image and every tap inside, in
// the order of the kernel: tap, first float of the input, of the output.
func (p *pool) pixels(f func(tap, in, out int)) {
	for y := range p.h.out {
		top, bottom := p.h.inside(y)
		for x := range p.w.out {
			left, right := p.w.inside(x)
			out := (y*p.w.out + x) * p.channels
			for ky := top; ky < bottom; ky++ {
				iy := y*p.h.stride - p.h.begin + ky*p.h.dilation
				for kx := left; kx < right; kx++ {
					ix := x*p.w.stride - p.w.begin + kx*p.w.dilation
					f(ky*p.w.kernel+kx, (iy*p.w.in+ix)*p.channels, out)
				}
			}
		}
	}
}

func (p *pool) maxImage(i int) {
	in, out := image(p.in[0].data, i, p.batch), image(p.out.data, i, p.batch)
	from := p.from[i*len(out) : (i+1)*len(out)]
	last := -1
	p.pixels(func(tap, src, dst int) {
		x, y, won := in[src:src+p.channels], out[dst:dst+p.channels], from[dst:dst+p.channels]
		if first := dst != last; first {
			last = dst
			copy(y, x)
			for j := range won {
				won[j] = uint16(tap)
			}
			return
		}
		for j, v := range x {
			if v > y[j] {
				y[j], won[j] = v, uint16(tap)
			}
		}
	})
}

func (p *pool) backward(c *crew) {
	o := &p.in[0]
	if !o.wanted() {
		return
	}
	c.each(p.batch, func(_ *worker, i int) {
		dx, dy := image(o.grad, i, p.batch), image(p.out.grad, i, p.batch)
		if !o.add {
			clear(dx)
		}
		if !p.largest {
			p.spread(dx, dy)
			return
		}
		from := p.from[i*len(dy) : (i+1)*len(dy)]
		p.pixels(func(tap, src, dst int) {
			x, won := dx[src:src+p.channels], from[dst:dst+p.channels]
			for j, v := range dy[dst : dst+p.channels] {
				if won[j] == uint16(tap) {
					x[j] += v
				}
			}
		})
	})
}

// spread divides the gradient of every average among its taps.
func (p *pool) spread(dx, dy []float32) {
	line := p.w.out * p.channels
	p.pixels(func(_, src, dst int) {
		divisor := p.taps()
		if !p.padded {
			y, x := dst/line, dst%line/p.channels
			top, bottom := p.h.inside(y)
			left, right := p.w.inside(x)
			divisor = (bottom - top) * (right - left)
		}
		x := dx[src : src+p.channels]
		for j, v := range dy[dst : dst+p.channels] {
			x[j] += v / float32(divisor)
		}
	})
}
