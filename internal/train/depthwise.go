package train

import (
	"math"

	"lutra/internal/kernel"
)

// depthwise is a convolution with one filter per channel.
type depthwise struct {
	conv
	channels int
	weights  []float32 // [tap][channel]
}

func newDepthwise(k *conv) *depthwise {
	d := &depthwise{conv: *k, channels: k.groups}
	d.weights = make([]float32, k.taps()*k.groups)
	hs, ws := d.h.phases(), d.w.phases()
	d.outPadding.top, d.outPadding.bottom = d.h.reach(hs)
	d.outPadding.left, d.outPadding.right = d.w.reach(ws)
	for _, h := range hs {
		for _, w := range ws {
			d.backwards = append(d.backwards, &backPhase{h: h, w: w})
		}
	}
	return d
}

// gather collects the filters of the taps ky x kx as [tap][channel].
func (d *depthwise) gather(dst []float32, ky, kx []int) []float32 {
	taps, at := d.taps(), 0
	for _, y := range ky {
		for _, x := range kx {
			for c := range d.channels {
				dst[at] = d.in[1].data[c*taps+y*d.w.kernel+x]
				at++
			}
		}
	}
	return dst[:at]
}

// count is 0...n-1.
func count(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}

func (d *depthwise) forward(c *crew) {
	weights := d.gather(d.weights, count(d.h.kernel), count(d.w.kernel))
	var bias []float32
	if d.in[2].value != nil {
		bias = d.in[2].data
	}
	c.each(d.batch, func(w *worker, i int) {
		f := framed(w, image(d.in[0].data, i, d.batch), d.h.in, d.w.in, d.channels, d.padding)
		out := image(d.out.data, i, d.batch)
		line := d.w.out * d.channels
		w.depth = kernel.DepthwiseArgs{
			Row: d.h.dilation * f.row(), Tap: d.w.dilation * f.c, Step: d.w.stride * f.c,
			KH: d.h.kernel, KW: d.w.kernel, Weights: weights, Bias: bias,
			OutStep: d.channels, Width: d.w.out, Channels: d.channels,
			Min: float32(math.Inf(-1)), Max: float32(math.Inf(1)),
		}
		for y := range d.h.out {
			w.depth.In, w.depth.Out = f.data[y*d.h.stride*f.row():], out[y*line:]
			c.level.Depthwise(&w.depth)
		}
	})
}

func (d *depthwise) backward(c *crew) {
	if d.in[0].wanted() {
		for _, b := range d.backwards {
			d.backwardPhase(c, b)
		}
	}
	if d.in[1].wanted() {
		d.backwardWeights(c)
	}
	if d.in[2].wanted() {
		sumColumns(c, &d.in[2], d.out.grad)
	}
}

// backwardPhase is a depthwise convolution of the gradient of the output.
func (d *depthwise) backwardPhase(c *crew, b *backPhase) {
	weights := d.gather(make([]float32, len(d.weights)), b.h.taps, b.w.taps)
	c.each(d.batch, func(w *worker, i int) {
		f := framed(w, image(d.out.grad, i, d.batch), d.h.out, d.w.out, d.channels, d.outPadding)
		for t := range b.h.count {
			d.backwardRow(w, c.level, b, f, t, weights, image(d.in[0].grad, i, d.batch))
		}
	})
}

// backwardRow computes row t of the inputs of a phase, from the framed
// gradient f of the output: in its place if that is possible.
func (d *depthwise) backwardRow(w *worker, level kernel.Level, b *backPhase, f frame, t int, weights, dst []float32) {
	dst = dst[((b.h.first+t*d.h.stride)*d.w.in+b.w.first)*d.channels:]
	row, direct := dst, d.w.stride == 1 && !d.in[0].add
	if !direct {
		row = w.room(1, b.w.count*d.channels)
	}
	row = row[:b.w.count*d.channels]
	if len(b.h.taps)*len(b.w.taps) == 0 {
		clear(row)
	} else {
		w.depth = kernel.DepthwiseArgs{
			In:  f.data[(t+b.h.shift[0]+d.outPadding.top)*f.row()+(b.w.shift[0]+d.outPadding.left)*f.c:],
			Row: b.h.spacing() * f.row(), Tap: b.w.spacing() * f.c, Step: f.c,
			KH: len(b.h.taps), KW: len(b.w.taps), Weights: weights,
			Out: row, OutStep: d.channels, Width: b.w.count, Channels: d.channels,
			Min: float32(math.Inf(-1)), Max: float32(math.Inf(1)),
		}
		level.Depthwise(&w.depth)
	}
	for x := 0; x < b.w.count && !direct; x++ {
		px := dst[x*d.w.stride*d.channels:][:d.channels]
		src := row[x*d.channels:][:d.channels]
		if !d.in[0].add {
			copy(px, src)
			continue
		}
		for j, v := range src {
			px[j] += v
		}
	}
}

func (d *depthwise) backwardWeights(c *crew) {
	size := len(d.weights)
	chunks := min(d.batch, maxChunks)
	sums := c.shared(chunks * size)
	c.each(chunks, func(w *worker, u int) {
		dst := sums[u*size:][:size]
		clear(dst)
		from, to := part(d.batch, chunks, u)
		for i := from; i < to; i++ {
			d.sumImage(w, c.level, i, dst)
		}
	})
	d.addDepthwise(sums, chunks)
}

// sumImage adds the part of image i to dst, [tap][channel].
func (d *depthwise) sumImage(w *worker, level kernel.Level, i int, dst []float32) {
	f := framed(w, image(d.in[0].data, i, d.batch), d.h.in, d.w.in, d.channels, d.padding)
	line := d.w.out * d.channels
	for ky := range d.h.kernel {
		w.depthGrad = kernel.DepthwiseGradArgs{
			In: f.data[ky*d.h.dilation*f.row():], RowIn: d.h.stride * f.row(), Step: d.w.stride * f.c, Tap: d.w.dilation * f.c,
			Grad: image(d.out.grad, i, d.batch), RowGrad: line, Weights: dst[ky*d.w.kernel*d.channels:],
			Rows: d.h.out, Width: d.w.out, KW: d.w.kernel, Channels: d.channels,
		}
		level.DepthwiseGrad(&w.depthGrad)
	}
}

// addDepthwise adds the chunks up, into the order of the weights.
func (d *depthwise) addDepthwise(sums []float32, chunks int) {
	taps, size := d.taps(), len(d.weights)
	for i := range size {
		v := sums[i]
		for chunk := 1; chunk < chunks; chunk++ {
			v += sums[chunk*size+i]
		}
		p := &d.in[1].grad[i%d.channels*taps+i/d.channels]
		if d.in[1].add {
			v += *p
		}
		*p = v
	}
}
