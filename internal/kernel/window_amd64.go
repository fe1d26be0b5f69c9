//go:build !purego

package kernel

import "unsafe"

// windowCall is what the assembly of depthwise convolution and pooling reads;
// strides are in bytes.
type windowCall struct {
	in, out           *float32
	row, tap, step    int
	kh, kw            int // >= 1
	pixels            int // 1...windowPixels
	channels          int // >= the lanes of a vector
	outStep           int
	weights           *float32
	weightStep        int
	scale, bias       *float32 // nil: one, 0
	one               float32
	min, max, divisor float32
}

// windowPixels is the most pixels that the assembly computes at once.
const windowPixels = 8

// windowLevel is the widest level whose vectors the channels fill: the
// assembly overlaps the last vector with the one before it.
func windowLevel(l Level, channels int) Level {
	switch {
	case channels < depthwiseLanes:
		return min(l, Fused)
	case channels < 16:
		return min(l, AVX2)
	}
	return l
}

// nextPixels cuts left pixels evenly into blocks of at most windowPixels, and
// is the size of the next one.
func nextPixels(left int) int {
	blocks := (left + windowPixels - 1) / windowPixels
	return (left + blocks - 1) / blocks
}

func depthwise(l Level, d *DepthwiseArgs) {
	l = windowLevel(l, d.Channels)
	if l <= Fused {
		depthwisePlain(l, d)
		return
	}
	w := windowCall{
		row: 4 * d.Row, tap: 4 * d.Tap, step: 4 * d.Step, kh: d.KH, kw: d.KW,
		channels: d.Channels, outStep: 4 * d.OutStep,
		weights: &d.Weights[0], weightStep: 4 * d.Channels,
		scale: unsafe.SliceData(d.Scale), bias: unsafe.SliceData(d.Bias), one: 1,
		min: d.Min, max: d.Max,
	}
	for x := 0; x < d.Width; x += w.pixels {
		w.in, w.out = &d.In[x*d.Step], &d.Out[x*d.OutStep]
		w.pixels = nextPixels(d.Width - x)
		if l >= AVX512 {
			depthwiseAVX512(&w)
		} else {
			depthwiseAVX2(&w)
		}
	}
}

func maxPool(l Level, w *window) {
	l = windowLevel(l, w.channels)
	if l <= Fused || w.kh*w.kw == 0 {
		maxPoolGeneric(w)
		return
	}
	c := w.call()
	for x := 0; x < w.pixels; x += c.pixels {
		c.at(w, x)
		if l >= AVX512 {
			maxPoolAVX512(&c)
		} else {
			maxPoolAVX2(&c)
		}
	}
}

func avgPool(l Level, w *window) {
	l = windowLevel(l, w.channels)
	if l <= Fused || w.kh*w.kw == 0 {
		avgPoolGeneric(w)
		return
	}
	c := w.call()
	for x := 0; x < w.pixels; x += c.pixels {
		c.at(w, x)
		if l >= AVX512 {
			avgPoolAVX512(&c)
		} else {
			avgPoolAVX2(&c)
		}
	}
}

// call fills what all blocks of w have in common.
func (w *window) call() windowCall {
	return windowCall{
		row: 4 * w.row, tap: 4 * w.tap, step: 4 * w.step, kh: w.kh, kw: w.kw,
		channels: w.channels, outStep: 4 * w.outStep, min: negInf, divisor: w.divisor,
	}
}

// at moves c to pixel x of w.
func (c *windowCall) at(w *window, x int) {
	c.in, c.out = &w.in[x*w.step], &w.out[x*w.outStep]
	c.pixels = nextPixels(w.pixels - x)
}
