package graph

import (
	"fmt"
	"slices"

	"lutra/internal/safe"
	"lutra/internal/tensor"
)

var convOps = []Operator{
	{Name: "Conv", Since: 1, In: Arity{2, 3}, Out: Arity{1, 1},
		Infer: inferConv, Eval: floatEval(evalConv[float32], evalConv[float64]), Dense: true, Note: "1 to 3 spatial dimensions"},
	{Name: "ConvTranspose", Since: 1, In: Arity{2, 3}, Out: Arity{1, 1},
		Infer: inferConvTranspose, Eval: floatEval(evalConvTranspose[float32], evalConvTranspose[float64]),
		Dense: true, Note: "1 to 3 spatial dimensions"},
}

// convolution is the geometry of a Conv node: input [Batch, In,
// spatial...] and weight [Out, In/Groups, kernel...].
type convolution struct {
	grid
	batch, in, out, groups int
}

// convolution checks and computes the geometry of a convolution whose data
// and weight are inputs x and w.
func (c *Call) convolution(x, w int) (convolution, error) {
	var v convolution
	xs, ws := c.In[x].Shape, c.In[w].Shape
	if len(xs) < 3 || len(xs) > 5 {
		return v, c.Errorf(c.inputName(x), "rank 3 to 5", ranked(xs))
	}
	if len(ws) != len(xs) {
		return v, c.Errorf(c.inputName(w), fmt.Sprintf("rank %d", len(xs)), ranked(ws))
	}
	groups := c.Node.Int("group", 1)
	if groups < 1 || groups > int64(max(1, ws[0])) || ws[0] < 1 || ws[0]%int(groups) != 0 {
		return v, c.Errorf("group", fmt.Sprintf("a divisor of the %d output channels", ws[0]), fmt.Sprint(groups))
	}
	v = convolution{batch: xs[0], in: xs[1], out: ws[0], groups: int(groups)}
	if v.in < 1 || v.in%v.groups != 0 || ws[1] != v.in/v.groups {
		return v, c.Errorf(c.inputName(w), fmt.Sprintf("%d input channels in %d groups", v.in, v.groups), ws.String())
	}
	kernel, err := c.kernelShape(w)
	if err != nil {
		return v, err
	}
	v.grid, err = c.slide(xs[2:], kernel, false)
	return v, err
}

// kernelShape is the kernel_shape attribute, which must agree with weight w.
func (c *Call) kernelShape(w int) ([]int64, error) {
	have := int64s(c.In[w].Shape[2:])
	if a, ok := c.Node.Attr("kernel_shape"); ok {
		if !slices.Equal(a.Ints, have) {
			return nil, c.Errorf("kernel_shape", fmt.Sprintf("%d, the shape of the weight", have), listed(a.Ints))
		}
	}
	return have, nil
}

// bias checks the optional bias i for n channels.
func (c *Call) bias(i, n int) error {
	if !c.Has(i) {
		return nil
	}
	return c.wantShape(i, n)
}

func inferConv(c *Call) ([]Type, error) {
	if err := c.wantFloats(1, 2); err != nil {
		return nil, err
	}
	v, err := c.convolution(0, 1)
	if err != nil {
		return nil, err
	}
	if err := c.bias(2, v.out); err != nil {
		return nil, err
	}
	return c.typed(c.In[0].DType, v.outShape(len(c.In[0].Shape)-2, v.batch, v.out)...)
}

func evalConv[T floating](c *Call, out []*tensor.Tensor) error {
	v, err := c.convolution(0, 1)
	if err != nil {
		return err
	}
	convolve(v, tensor.Slice[T](out[0]), values[T](c, 0), values[T](c, 1), values[T](c, 2))
	return nil
}

// convolve is the definition of convolution: products are added in float64,
// input channel by input channel, kernel taps in row-major order; bias may be nil.
func convolve[T floating](v convolution, y, x, w, bias []T) {
	ins, outs, taps := v.ins(), v.outs(), v.taps()
	perGroup, outPerGroup := v.in/v.groups, v.out/v.groups
	acc := make([]float64, outs)
	for n := range v.batch {
		for m := range v.out {
			start := 0.0
			if bias != nil {
				start = float64(bias[m])
			}
			for i := range acc {
				acc[i] = start
			}
			for k := range perGroup {
				src := x[(n*v.in+m/outPerGroup*perGroup+k)*ins:][:ins]
				kernel := w[(m*perGroup+k)*taps:][:taps]
				v.each(func(tap, out, in, count, step int) {
					f := float64(kernel[tap])
					for j := range count {
						acc[out+j] += f * float64(src[in+j*step])
					}
				})
			}
			dst := y[(n*v.out+m)*outs:][:outs]
			for i, a := range acc {
				dst[i] = T(a)
			}
		}
	}
}

// transposed computes the geometry of a ConvTranspose: that of the convolution
// whose gradient it is, from its output (grid.in) to its input (grid.out).
func (c *Call) transposed() (convolution, error) {
	var v convolution
	xs, ws := c.In[0].Shape, c.In[1].Shape
	if len(xs) < 3 || len(xs) > 5 {
		return v, c.Errorf(c.inputName(0), "rank 3 to 5", ranked(xs))
	}
	if len(ws) != len(xs) || ws[0] != xs[1] || ws[0] < 1 {
		return v, c.Errorf(c.inputName(1), fmt.Sprintf("rank %d and %d input channels", len(xs), xs[1]), ranked(ws))
	}
	groups := c.Node.Int("group", 1)
	if groups < 1 || groups > int64(ws[0]) || ws[0]%int(groups) != 0 {
		return v, c.Errorf("group", fmt.Sprintf("a divisor of the %d input channels", ws[0]), fmt.Sprint(groups))
	}
	out, err := safe.Mul(ws[1], int(groups))
	if err != nil {
		return v, err
	}
	v = convolution{batch: xs[0], in: out, out: xs[1], groups: int(groups)}
	kernel, err := c.kernelShape(1)
	if err != nil {
		return v, err
	}
	v.grid, err = c.unslide(xs[2:], kernel)
	return v, err
}

// unslide is the grid of a ConvTranspose whose input has the spatial dimensions out.
func (c *Call) unslide(out tensor.Shape, kernel []int64) (grid, error) {
	g, mode, err := c.windowAttrs(out, kernel)
	if err != nil {
		return g, err
	}
	rank := len(out)
	extra := make([]int64, rank)
	if a, ok := c.Node.Attr("output_padding"); ok {
		extra = a.Ints
	}
	if err := c.inRange("output_padding", extra, rank, 0, maxPad); err != nil {
		return g, err
	}
	wanted := c.Node.Ints("output_shape")
	if len(wanted) == rank+2 { // some exporters repeat batch and channels
		wanted = wanted[2:]
	}
	if wanted != nil {
		if err := c.inRange("output_shape", wanted, rank, 1, 1<<32); err != nil {
			return g, err
		}
	}
	for i := range rank {
		w := &g[3-rank+i]
		w.out = out[i]
		full := w.stride*(w.out-1) + w.extent() + int(extra[i])
		switch {
		case wanted != nil:
			w.crop(full, int(wanted[i]), mode)
		case mode == padSameUpper || mode == padSameLower:
			w.crop(full, w.out*w.stride, mode)
		default:
			w.in = full - w.begin - w.end
		}
		if w.in < 1 || w.out < 1 {
			return g, c.Errorf("pads", "an output of at least 1", fmt.Sprint(w.in))
		}
	}
	return g, nil
}

// crop chooses the padding that leaves size of full positions; an odd one goes
// to the end for SAME_UPPER, else to the beginning.
func (w *window) crop(full, size int, mode autoPad) {
	total := max(0, full-size)
	w.in, w.begin, w.end = size, total-total/2, total/2
	if mode == padSameUpper {
		w.begin, w.end = w.end, w.begin
	}
}

func inferConvTranspose(c *Call) ([]Type, error) {
	if err := c.wantFloats(1, 2); err != nil {
		return nil, err
	}
	v, err := c.transposed()
	if err != nil {
		return nil, err
	}
	if err := c.bias(2, v.in); err != nil {
		return nil, err
	}
	shape := []int{v.batch, v.in}
	for _, w := range v.grid[5-len(c.In[0].Shape):] {
		shape = append(shape, w.in)
	}
	return c.typed(c.In[0].DType, shape...)
}

// evalConvTranspose scatters every input through the kernel; sums in float64.
func evalConvTranspose[T floating](c *Call, out []*tensor.Tensor) error {
	v, err := c.transposed()
	if err != nil {
		return err
	}
	x, w, bias, y := values[T](c, 0), values[T](c, 1), values[T](c, 2), tensor.Slice[T](out[0])
	ins, outs, taps := v.ins(), v.outs(), v.taps()
	perGroup, outPerGroup := v.in/v.groups, v.out/v.groups
	acc := make([]float64, ins)
	for n := range v.batch {
		for m := range v.in {
			clear(acc)
			group := m / perGroup
			for k := group * outPerGroup; k < (group+1)*outPerGroup; k++ {
				src := x[(n*v.out+k)*outs:][:outs]
				kernel := w[(k*perGroup+m%perGroup)*taps:][:taps]
				v.each(func(tap, out, in, count, step int) {
					f := float64(kernel[tap])
					for j := range count {
						acc[in+j*step] += f * float64(src[out+j])
					}
				})
			}
			dst := y[(n*v.in+m)*ins:][:ins]
			for i, a := range acc {
				if bias != nil {
					a += float64(bias[m])
				}
				dst[i] = T(a)
			}
		}
	}
	return nil
}
