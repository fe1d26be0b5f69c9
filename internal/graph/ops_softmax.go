package graph

import (
	"math"

	"lutra/internal/tensor"
)

var softmaxOps = []Operator{
	{Name: "Softmax", Since: 1, In: Arity{1, 1}, Out: Arity{1, 1},
		Infer: inferSoftmax, Eval: floatEval(evalSoftmax[float32], evalSoftmax[float64])},
	{Name: "LogSoftmax", Since: 1, In: Arity{1, 1}, Out: Arity{1, 1},
		Infer: inferSoftmax, Eval: floatEval(evalLogSoftmax[float32], evalLogSoftmax[float64])},
	{Name: "Hardmax", Since: 1, In: Arity{1, 1}, Out: Arity{1, 1},
		Infer: inferSoftmax, Eval: floatEval(evalHardmax[float32], evalHardmax[float64])},
}

// softmaxAxis is the first normalised axis. Before version 13 the default is 1
// and all later axes are normalised together.
func (c *Call) softmaxAxis() (int, error) {
	rank := len(c.In[0].Shape)
	if c.Opset >= 13 {
		return c.axis("axis", c.Node.Int("axis", -1), rank)
	}
	axis := c.Node.Int("axis", 1)
	if axis == int64(rank) {
		return rank, nil // every element by itself
	}
	return c.axis("axis", axis, rank)
}

func inferSoftmax(c *Call) ([]Type, error) {
	if err := c.want(0, floatTypes); err != nil {
		return nil, err
	}
	if _, err := c.softmaxAxis(); err != nil {
		return nil, err
	}
	return []Type{c.In[0]}, nil
}

// alongAxis calls f with every vector that is normalised together and its result.
func alongAxis[T floating](c *Call, out *tensor.Tensor, f func(v, y []T)) error {
	axis, err := c.softmaxAxis()
	if err != nil {
		return err
	}
	s := c.In[0].Shape
	n, inner := s[axis:].Elems(), 1
	if c.Opset >= 13 {
		n, inner = s[axis], s[axis+1:].Elems()
	}
	x, y := values[T](c, 0), tensor.Slice[T](out)
	v, r := make([]T, n), make([]T, n)
	for base := 0; base < len(x); base += n * inner {
		for i := range inner {
			for k := range v {
				v[k] = x[base+k*inner+i]
			}
			f(v, r)
			for k := range r {
				y[base+k*inner+i] = r[k]
			}
		}
	}
	return nil
}

// logSum is the maximum of v and the logarithm of the sum of exp(v - maximum).
func logSum[T floating](v []T) (top, log float64) {
	top = math.Inf(-1)
	for _, x := range v {
		top = max(top, float64(x))
	}
	sum := 0.0
	for _, x := range v {
		sum += math.Exp(float64(x) - top)
	}
	return top, math.Log(sum)
}

func evalSoftmax[T floating](c *Call, out []*tensor.Tensor) error {
	return alongAxis(c, out[0], func(v, y []T) {
		top, log := logSum(v)
		for i, x := range v {
			y[i] = T(math.Exp(float64(x) - top - log))
		}
	})
}

func evalLogSoftmax[T floating](c *Call, out []*tensor.Tensor) error {
	return alongAxis(c, out[0], func(v, y []T) {
		top, log := logSum(v)
		for i, x := range v {
			y[i] = T(float64(x) - top - log)
		}
	})
}

// evalHardmax is 1 at the first maximum, 0 elsewhere.
func evalHardmax[T floating](c *Call, out []*tensor.Tensor) error {
	return alongAxis(c, out[0], func(v, y []T) {
		clear(y)
		best := 0
		for i, x := range v {
			if x > v[best] {
				best = i
			}
		}
		y[best] = 1
	})
}
