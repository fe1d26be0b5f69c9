package graph

import (
	"fmt"
	"math"
	"slices"

	"lutra/internal/tensor"
)

// Normalisations without learned parameters.

// meanVarianceAxes are the axes normalised together, [0 2 3] by default.
func (c *Call) meanVarianceAxes() ([]int, error) {
	list := c.Node.Ints("axes")
	if list == nil {
		list = []int64{0, 2, 3}
	}
	return c.axes("axes", list, len(c.In[0].Shape))
}

func inferMeanVariance(c *Call) ([]Type, error) {
	if err := c.want(0, floatTypes); err != nil {
		return nil, err
	}
	_, err := c.meanVarianceAxes()
	return c.In[:1], err
}

// evalMeanVariance is (x-mean) / (sqrt(var) + 1e-9).
func evalMeanVariance[T floating](c *Call, out []*tensor.Tensor) error {
	axes, err := c.meanVarianceAxes()
	if err != nil {
		return err
	}
	s := c.In[0].Shape
	groups := 1
	strides := make([]int, len(s)) // of the group index; 0 along axes
	for d := len(s) - 1; d >= 0; d-- {
		if !slices.Contains(axes, d) {
			strides[d] = groups
			groups *= s[d]
		}
	}
	x, y := values[T](c, 0), tensor.Slice[T](out[0])
	if len(x) == 0 {
		return nil
	}
	group := func(i int) int {
		g := 0
		for d := len(s) - 1; d >= 0; d-- {
			g += i % s[d] * strides[d]
			i /= s[d]
		}
		return g
	}
	n := float64(len(x) / groups)
	mean, variance := make([]float64, groups), make([]float64, groups)
	for i, v := range x {
		mean[group(i)] += float64(v) / n
	}
	for i, v := range x {
		d := float64(v) - mean[group(i)]
		variance[group(i)] += d * d / n
	}
	for i, v := range x {
		y[i] = T((float64(v) - mean[group(i)]) / (math.Sqrt(variance[group(i)]) + 1e-9))
	}
	return nil
}

func inferLRN(c *Call) ([]Type, error) {
	if err := c.want(0, floatTypes); err != nil {
		return nil, err
	}
	if _, err := c.channels(); err != nil {
		return nil, err
	}
	if n := c.Node.Int("size", 0); n < 1 || n > maxExtent {
		return nil, c.Errorf("size", fmt.Sprintf("1 to %d", maxExtent), fmt.Sprint(n))
	}
	return c.In[:1], nil
}

// evalLRN divides by (bias + alpha/size * sum of squares)^beta, the sum over
// the channels from floor((size-1)/2) before to ceil((size-1)/2) after.
func evalLRN[T floating](c *Call, out []*tensor.Tensor) error {
	n := c.Node
	size := int(n.Int("size", 1))
	alpha, beta, bias := float64(n.Float("alpha", 1e-4)), float64(n.Float("beta", 0.75)), float64(n.Float("bias", 1))
	channels, inner := c.In[0].Shape[1], c.In[0].Shape[2:].Elems()
	x, y := values[T](c, 0), tensor.Slice[T](out[0])
	for i := range x {
		ch := i / inner % channels
		sum := 0.0
		for k := max(0, ch-(size-1)/2); k <= min(channels-1, ch+size/2); k++ {
			v := float64(x[i+(k-ch)*inner])
			sum += v * v
		}
		y[i] = T(float64(x[i]) / math.Pow(bias+alpha/float64(size)*sum, beta))
	}
	return nil
}

func inferLpNorm(c *Call) ([]Type, error) {
	if err := c.want(0, floatTypes); err != nil {
		return nil, err
	}
	if p := c.Node.Int("p", 2); p != 1 && p != 2 {
		return nil, c.Errorf("p", "1 or 2", fmt.Sprint(p))
	}
	_, err := c.axis("axis", c.Node.Int("axis", -1), len(c.In[0].Shape))
	return c.In[:1], err
}

// evalLpNorm divides each vector along the axis by its norm; a zero vector stays zero.
func evalLpNorm[T floating](c *Call, out []*tensor.Tensor) error {
	s := c.In[0].Shape
	axis, err := c.axis("axis", c.Node.Int("axis", -1), len(s))
	if err != nil {
		return err
	}
	n, inner := s[axis], s[axis+1:].Elems()
	x, y := values[T](c, 0), tensor.Slice[T](out[0])
	for i := range len(x) / max(n, 1) {
		at := i/inner*n*inner + i%inner
		norm := 0.0
		for k := range n {
			v := math.Abs(float64(x[at+k*inner]))
			if c.Node.Int("p", 2) == 2 {
				v *= v
			}
			norm += v
		}
		if c.Node.Int("p", 2) == 2 {
			norm = math.Sqrt(norm)
		}
		for k := range n {
			if norm != 0 {
				y[at+k*inner] = T(float64(x[at+k*inner]) / norm)
			}
		}
	}
	return nil
}
