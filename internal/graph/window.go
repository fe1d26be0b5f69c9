package graph

import (
	"fmt"

	"lutra/internal/safe"
	"lutra/internal/tensor"
)

// window is a sliding window along one axis: output o reads, through tap k of
// the kernel, input o*stride + k*dilation - begin if that is inside 0...in-1.
type window struct {
	in, out, kernel, stride, dilation, begin, end int
}

// extent is the number of inputs from the first tap to the last.
func (w window) extent() int { return (w.kernel-1)*w.dilation + 1 }

// outputs is the range of outputs whose tap k is inside the input.
func (w window) outputs(k int) (lo, hi int) {
	off := k*w.dilation - w.begin // input of output 0
	if off < 0 {
		lo = (-off + w.stride - 1) / w.stride
	}
	if off < w.in {
		hi = min(w.out, (w.in-1-off)/w.stride+1)
	}
	return lo, max(lo, hi)
}

// inside is the number of taps of output o that are inside the input.
func (w window) inside(o int) int {
	first := o*w.stride - w.begin // input of tap 0
	lo := 0
	if first < 0 {
		lo = (-first + w.dilation - 1) / w.dilation
	}
	if first >= w.in {
		return 0
	}
	return max(0, min(w.kernel, (w.in-1-first)/w.dilation+1)-lo)
}

// seesNothing reports whether all taps of some output are outside the input.
func (w window) seesNothing() bool {
	for o := 0; o < w.out && o*w.stride < w.begin; o++ {
		if w.inside(o) == 0 {
			return true
		}
	}
	return w.out > 0 && w.inside(w.out-1) == 0
}

// taps is the range of taps that are inside the input for some output.
func (w window) taps() (lo, hi int) {
	if first := w.begin - (w.out-1)*w.stride; first > 0 {
		lo = (first + w.dilation - 1) / w.dilation
	}
	return lo, min(w.kernel, (w.in+w.begin-1)/w.dilation+1)
}

// grid is the windows along depth, height and width; axes that a tensor lacks are units.
type grid [3]window

// Bounds on the attributes of windows, so that sizes computed from them cannot overflow.
const (
	maxExtent = 1 << 24 // kernel, stride, dilation
	maxPad    = 1 << 16
)

// autoPad is how a node wants its padding chosen.
type autoPad string

const (
	padNotSet    autoPad = "NOTSET"
	padValid     autoPad = "VALID"
	padSameUpper autoPad = "SAME_UPPER"
	padSameLower autoPad = "SAME_LOWER"
)

// windowAttrs reads strides, dilations, pads and auto_pad for the spatial
// dimensions in and the kernel; out stays 0.
func (c *Call) windowAttrs(in tensor.Shape, kernel []int64) (grid, autoPad, error) {
	var g grid
	rank := len(in)
	if rank < 1 || rank > 3 {
		return g, "", c.Errorf(c.inputName(0), "1 to 3 spatial dimensions", fmt.Sprint(rank))
	}
	strides, err := c.perAxis("strides", rank, 1)
	if err != nil {
		return g, "", err
	}
	dilations, err := c.perAxis("dilations", rank, 1)
	if err != nil {
		return g, "", err
	}
	if err := c.inRange("kernel_shape", kernel, rank, 1, maxExtent); err != nil {
		return g, "", err
	}
	pads, mode, err := c.padding(rank)
	if err != nil {
		return g, "", err
	}
	for i := range g {
		g[i] = window{in: 1, out: 1, kernel: 1, stride: 1, dilation: 1}
	}
	for i := range rank {
		g[3-rank+i] = window{
			in: in[i], kernel: int(kernel[i]), stride: int(strides[i]), dilation: int(dilations[i]),
			begin: int(pads[i]), end: int(pads[rank+i]),
		}
	}
	return g, mode, nil
}

// padding reads the explicit padding, begins then ends, all 0 if auto_pad rules.
func (c *Call) padding(rank int) ([]int64, autoPad, error) {
	mode := autoPad(c.Node.String("auto_pad", string(padNotSet)))
	switch mode {
	case padNotSet:
		if pads := c.Node.Ints("pads"); pads != nil {
			return pads, mode, c.inRange("pads", pads, 2*rank, 0, maxPad)
		}
	case padValid, padSameLower, padSameUpper:
	default:
		return nil, mode, c.Errorf("auto_pad", "NOTSET, VALID, SAME_UPPER or SAME_LOWER", string(mode))
	}
	return make([]int64, 2*rank), mode, nil
}

// perAxis is an attribute with one positive value per spatial axis.
func (c *Call) perAxis(name string, rank int, def int64) ([]int64, error) {
	v := c.Node.Ints(name)
	if v == nil {
		v = make([]int64, rank)
		for i := range v {
			v[i] = def
		}
	}
	return v, c.inRange(name, v, rank, def, maxExtent)
}

// inRange demands n values between lo and hi.
func (c *Call) inRange(name string, v []int64, n int, lo, hi int64) error {
	if len(v) != n {
		return c.Errorf(name, fmt.Sprintf("%d values", n), fmt.Sprint(len(v)))
	}
	for _, x := range v {
		if x < lo || x > hi {
			return c.Errorf(name, fmt.Sprintf("values from %d to %d", lo, hi), fmt.Sprint(v))
		}
	}
	return nil
}

// slide is the grid of a convolution or a pooling: windowAttrs, then padding
// and output sizes. With ceil, a last window that is not full counts, unless
// it begins behind the input and its leading padding.
func (c *Call) slide(in tensor.Shape, kernel []int64, ceil bool) (grid, error) {
	g, mode, err := c.windowAttrs(in, kernel)
	if err != nil {
		return g, err
	}
	padded := c.In[0].Shape[0] * c.In[0].Shape[1] // not above what the input has, unless that is empty
	for i := 3 - len(in); i < 3; i++ {
		w := &g[i]
		if mode == padSameUpper || mode == padSameLower {
			w.samePads(mode)
		}
		room := w.in + w.begin + w.end - w.extent()
		if room < 0 || w.in == 0 {
			return g, c.Errorf("kernel_shape",
				fmt.Sprintf("at most the padded input, %d along spatial axis %d", w.in+w.begin+w.end, i-3+len(in)),
				fmt.Sprint(w.extent()))
		}
		w.out = room/w.stride + 1
		if ceil && room%w.stride != 0 && w.out*w.stride < w.in+w.begin {
			w.out++
		}
		if padded, err = safe.Mul(padded, w.in+w.begin+w.end); err != nil || padded > safe.MaxActivations/4 {
			return g, c.Errorf("pads", "a padded input that fits into memory", fmt.Sprint(c.Node.Ints("pads")))
		}
	}
	return g, nil
}

// samePads pads so that there are ceil(in/stride) outputs; an odd pixel goes
// to the end for SAME_UPPER, to the beginning for SAME_LOWER.
func (w *window) samePads(mode autoPad) {
	out := (w.in + w.stride - 1) / w.stride
	total := max(0, (out-1)*w.stride+w.extent()-w.in)
	w.begin, w.end = total/2, total-total/2
	if mode == padSameLower {
		w.begin, w.end = w.end, w.begin
	}
}

// outShape appends the spatial output sizes of the last rank axes to lead.
func (g grid) outShape(rank int, lead ...int) []int {
	for _, w := range g[3-rank:] {
		lead = append(lead, w.out)
	}
	return lead
}

func (g grid) ins() int  { return g[0].in * g[1].in * g[2].in }
func (g grid) outs() int { return g[0].out * g[1].out * g[2].out }
func (g grid) taps() int { return g[0].kernel * g[1].kernel * g[2].kernel }

// each calls f for every tap and every row of outputs for which the tap is
// inside the input, taps in row-major order: outputs out...out+n-1 read the
// inputs in, in+step, in+2*step...
func (g grid) each(f func(tap, out, in, n, step int)) {
	d, h, w := g[0], g[1], g[2]
	kd0, kd1 := d.taps()
	kh0, kh1 := h.taps()
	kw0, kw1 := w.taps()
	for kd := kd0; kd < kd1; kd++ {
		od0, od1 := d.outputs(kd)
		for kh := kh0; kh < kh1; kh++ {
			oh0, oh1 := h.outputs(kh)
			for kw := kw0; kw < kw1; kw++ {
				ow0, ow1 := w.outputs(kw)
				if ow0 == ow1 {
					continue
				}
				tap := (kd*h.kernel+kh)*w.kernel + kw
				iw := ow0*w.stride + kw*w.dilation - w.begin
				for od := od0; od < od1; od++ {
					id := od*d.stride + kd*d.dilation - d.begin
					for oh := oh0; oh < oh1; oh++ {
						ih := oh*h.stride + kh*h.dilation - h.begin
						f(tap, (od*h.out+oh)*w.out+ow0, (id*h.in+ih)*w.in+iw, ow1-ow0, w.stride)
					}
				}
			}
		}
	}
}
