package graph

import (
	"fmt"
	"math"

	"lutra/internal/tensor"
)

// Operators on quantised tensors. Sums are exact: products of 8-bit integers
// are added as float64, which holds integers up to 2^53.

// wantPoint demands that scale or zero point i, if present, is a scalar, or
// has one value per output channel when channels > 0.
func (c *Call) wantPoint(i int, channels int) error {
	if !c.Has(i) {
		return nil
	}
	s := c.In[i].Shape
	if s.Elems() == 1 && len(s) <= 1 || channels > 0 && s.Equal(tensor.Shape{channels}) {
		return nil
	}
	return c.Errorf(c.inputName(i), "one value per tensor or output channel", s.String())
}

// shifted is input data minus its zero point; inner is the number of elements
// per channel of data whose zero point is per channel.
func (c *Call) shifted(data, zero, inner int) []float64 {
	v, z := integers(c.Value[data]), c.zeroPoint(zero)
	if z == nil {
		return v
	}
	for i := range v {
		v[i] -= z.at(i / max(inner, 1) % max(len(z), 1))
	}
	return v
}

// int32s stores exact sums, which wrap around as int32 arithmetic does.
func int32s(dst []int32, v []float64) {
	for i, x := range v {
		dst[i] = int32(int64(x))
	}
}

func inferConvInteger(c *Call) ([]Type, error) {
	for i := range 2 {
		if err := c.want(i, byteTypes); err != nil {
			return nil, err
		}
		if c.Has(2 + i) {
			if err := c.same(i, 2+i); err != nil {
				return nil, err
			}
		}
	}
	v, err := c.convolution(0, 1)
	if err != nil {
		return nil, err
	}
	if err := c.wantPoint(2, 0); err != nil {
		return nil, err
	}
	if err := c.wantPoint(3, v.out); err != nil {
		return nil, err
	}
	return c.typed(tensor.Int32, v.outShape(len(c.In[0].Shape)-2, v.batch, v.out)...)
}

func evalConvInteger(c *Call, out []*tensor.Tensor) error {
	v, err := c.convolution(0, 1)
	if err != nil {
		return err
	}
	y := make([]float64, out[0].Elems())
	convolve(v, y, c.shifted(0, 2, 0), c.shifted(1, 3, c.In[1].Shape[1:].Elems()), nil)
	int32s(tensor.Slice[int32](out[0]), y)
	return nil
}

// quantizedOperands checks data x, scale, zero point, w, scale, zero point,
// result scale, zero point: the first eight inputs of the QLinear operators.
func (c *Call) quantizedOperands(channels int) error {
	for i := 0; i < 8; i++ {
		if !c.Has(i) {
			return c.Errorf(fmt.Sprintf("input %d", i), "a value", "none")
		}
	}
	for _, i := range []int{0, 3, 7} {
		if err := c.want(i, byteTypes); err != nil {
			return err
		}
	}
	if err := c.same(0, 2); err != nil {
		return err
	}
	if err := c.same(3, 5); err != nil {
		return err
	}
	for _, i := range []int{1, 4, 6} {
		if err := c.want(i, scaleTypes); err != nil {
			return err
		}
	}
	for _, i := range []int{1, 2, 6, 7} {
		if err := c.wantPoint(i, 0); err != nil {
			return err
		}
	}
	for _, i := range []int{4, 5} {
		if err := c.wantPoint(i, channels); err != nil {
			return err
		}
	}
	return nil
}

// requantize is saturate(round(v * xscale*wscale/yscale) + zero) for results
// with inner elements per channel.
func (c *Call) requantize(out *tensor.Tensor, v []float64, inner int) {
	scale := func(i int) []float32 { return c.Value[i].AsFloat32().Float32s() }
	x, w, y, zero := scale(1)[0], scale(4), scale(6)[0], c.zeroPoint(7).at(0)
	for i := range v {
		k := 0
		if len(w) > 1 {
			k = i / inner % len(w)
		}
		v[i] = math.RoundToEven(v[i]*(float64(x)*float64(w[k])/float64(y))) + zero
	}
	saturate(out, v)
}

func inferQLinearConv(c *Call) ([]Type, error) {
	v, err := c.convolution(0, 3)
	if err != nil {
		return nil, err
	}
	if err := c.quantizedOperands(v.out); err != nil {
		return nil, err
	}
	if c.Has(8) {
		if err := c.want(8, dtypesOf(tensor.Int32)); err != nil {
			return nil, err
		}
		if err := c.bias(8, v.out); err != nil {
			return nil, err
		}
	}
	return c.typed(c.In[7].DType, v.outShape(len(c.In[0].Shape)-2, v.batch, v.out)...)
}

func evalQLinearConv(c *Call, out []*tensor.Tensor) error {
	v, err := c.convolution(0, 3)
	if err != nil {
		return err
	}
	var bias []float64
	if c.Has(8) {
		bias = integers(c.Value[8])
	}
	y := make([]float64, out[0].Elems())
	convolve(v, y, c.shifted(0, 2, 0), c.shifted(3, 5, c.In[3].Shape[1:].Elems()), bias)
	c.requantize(out[0], y, v.outs())
	return nil
}

func inferMatMulInteger(c *Call) ([]Type, error) {
	for i := range 2 {
		if err := c.want(i, byteTypes); err != nil {
			return nil, err
		}
		if c.Has(2 + i) {
			if err := c.same(i, 2+i); err != nil {
				return nil, err
			}
			if err := c.wantPoint(2+i, 0); err != nil {
				return nil, err
			}
		}
	}
	p, err := c.product(0, 1)
	if err != nil {
		return nil, err
	}
	return c.typed(tensor.Int32, p.shape...)
}

func evalMatMulInteger(c *Call, out []*tensor.Tensor) error {
	p, err := c.product(0, 1)
	if err != nil {
		return err
	}
	y := make([]float64, out[0].Elems())
	matmul[float64, float64](p, y, c.shifted(0, 2, 0), c.shifted(1, 3, 0))
	int32s(tensor.Slice[int32](out[0]), y)
	return nil
}

func inferQLinearMatMul(c *Call) ([]Type, error) {
	if err := c.quantizedOperands(0); err != nil {
		return nil, err
	}
	p, err := c.product(0, 3)
	if err != nil {
		return nil, err
	}
	return c.typed(c.In[7].DType, p.shape...)
}

func evalQLinearMatMul(c *Call, out []*tensor.Tensor) error {
	p, err := c.product(0, 3)
	if err != nil {
		return err
	}
	y := make([]float64, out[0].Elems())
	matmul[float64, float64](p, y, c.shifted(0, 2, 0), c.shifted(3, 5, 0))
	c.requantize(out[0], y, 1)
	return nil
}
