package graph

import (
	"cmp"
	"fmt"
	"slices"

	"lutra/internal/tensor"
)

// orderOps depend on the order of the elements along one axis.
var orderOps = []Operator{
	{Name: "ArgMax", Since: 1, In: Arity{1, 1}, Out: Arity{1, 1}, Infer: inferArg, Eval: argTypes.eval},
	{Name: "ArgMin", Since: 1, In: Arity{1, 1}, Out: Arity{1, 1}, Infer: inferArg, Eval: argTypes.eval},
	{Name: "CumSum", Since: 11, In: Arity{2, 2}, Out: Arity{1, 1}, Infer: inferCumSum, Eval: sumTypes.eval},
	{Name: "TopK", Since: 1, In: Arity{1, 2}, Out: Arity{2, 2}, Infer: inferTopK, Eval: topTypes.eval},
}

// splitShape is a shape seen from one axis: outer x n x inner elements.
type splitShape struct{ outer, n, inner int }

func splitAt(s tensor.Shape, axis int) splitShape {
	return splitShape{s[:axis].Elems(), s[axis], s[axis+1:].Elems()}
}

var argTypes = perFloat(arg[float32], arg[float64]).and(
	arg[int8], arg[int16], arg[int32], arg[int64], arg[uint8], arg[uint16], arg[uint32], arg[uint64])

func inferArg(c *Call) ([]Type, error) {
	if err := c.want(0, argTypes.types()); err != nil {
		return nil, err
	}
	s := c.In[0].Shape
	axis, err := c.axis("axis", c.Node.Int("axis", 0), len(s))
	if err != nil {
		return nil, err
	}
	if s[axis] == 0 && s.Elems() == 0 && splitAt(s, axis).outer*splitAt(s, axis).inner > 0 {
		return nil, c.Errorf(c.inputName(0), "elements along the axis", s.String())
	}
	out := s.Clone()
	out[axis] = 1
	if c.Node.Int("keepdims", 1) == 0 {
		out = slices.Delete(out, axis, axis+1)
	}
	return c.typed(tensor.Int64, out...)
}

// arg is the index of the greatest or least element; a NaN is both.
func arg[T number](c *Call, out []*tensor.Tensor) error {
	s := c.In[0].Shape
	axis, err := c.axis("axis", c.Node.Int("axis", 0), len(s))
	if err != nil {
		return err
	}
	least, last := c.Node.Op == "ArgMin", c.Node.Int("select_last_index", 0) != 0
	better := func(x, best T) bool {
		switch {
		case x != x || best != best:
			return x != x && (last || best == best)
		case x == best:
			return last
		}
		return (x < best) == least
	}
	at := splitAt(s, axis)
	src, dst := tensor.Slice[T](c.Value[0]), out[0].Int64s()
	for i := range dst {
		v := src[i/at.inner*at.n*at.inner+i%at.inner:]
		best := 0
		for k := 1; k < at.n; k++ {
			if better(v[k*at.inner], v[best*at.inner]) {
				best = k
			}
		}
		dst[i] = int64(best)
	}
	return nil
}

var sumTypes = perFloat(cumSum[float32], cumSum[float64]).and(
	cumSum[int8], cumSum[int16], cumSum[int32], cumSum[int64],
	cumSum[uint8], cumSum[uint16], cumSum[uint32], cumSum[uint64])

func inferCumSum(c *Call) ([]Type, error) {
	if err := c.want(0, sumTypes.types()); err != nil {
		return nil, err
	}
	if err := c.want(1, indexTypes); err != nil {
		return nil, err
	}
	if s := c.In[1].Shape; s.Elems() != 1 {
		return nil, c.Errorf(c.inputName(1), "a scalar", s.String())
	}
	return []Type{c.In[0]}, nil
}

func cumSum[T number](c *Call, out []*tensor.Tensor) error {
	s := c.In[0].Shape
	axis, err := c.axis("axis", asInts(c.Value[1])[0], len(s))
	if err != nil {
		return err
	}
	exclusive, reverse := c.Node.Int("exclusive", 0) != 0, c.Node.Int("reverse", 0) != 0
	at := splitAt(s, axis)
	src, dst := tensor.Slice[T](c.Value[0]), tensor.Slice[T](out[0])
	for i := range len(src) / max(at.n, 1) {
		start, step := i/at.inner*at.n*at.inner+i%at.inner, at.inner
		if reverse {
			start, step = start+(at.n-1)*step, -step
		}
		var sum T
		for k, j := 0, start; k < at.n; k, j = k+1, j+step {
			x := src[j]
			if exclusive {
				dst[j] = sum
			}
			if sum += x; !exclusive {
				dst[j] = sum
			}
		}
	}
	return nil
}

var topTypes = perFloat(topK[float32], topK[float64]).and(
	topK[int8], topK[int16], topK[int32], topK[int64], topK[uint8], topK[uint16], topK[uint32], topK[uint64])

func inferTopK(c *Call) ([]Type, error) {
	if err := c.want(0, topTypes.types()); err != nil {
		return nil, err
	}
	s := c.In[0].Shape.Clone()
	axis, err := c.axis("axis", c.Node.Int("axis", -1), len(s))
	if err != nil {
		return nil, err
	}
	k := c.Node.Int("k", -1)
	if c.Opset >= 10 {
		if !c.Has(1) {
			return nil, c.Errorf("k", "an input", "none")
		}
		if k, err = c.constInt(1); err != nil {
			return nil, err
		}
	}
	if k < 0 || k > int64(s[axis]) {
		return nil, c.Errorf("k", fmt.Sprintf("0 to %d", s[axis]), fmt.Sprint(k))
	}
	s[axis] = int(k)
	return []Type{{c.In[0].DType, s}, {tensor.Int64, s}}, nil
}

// topK sorts; of equal elements the one with the lower index comes first.
func topK[T number](c *Call, out []*tensor.Tensor) error {
	s := c.In[0].Shape
	axis, err := c.axis("axis", c.Node.Int("axis", -1), len(s))
	if err != nil {
		return err
	}
	sign := 1
	if c.Node.Int("largest", 1) != 0 {
		sign = -1
	}
	at, k := splitAt(s, axis), out[0].Shape[axis]
	src, dst, idx := tensor.Slice[T](c.Value[0]), tensor.Slice[T](out[0]), out[1].Int64s()
	if len(dst) == 0 {
		return nil
	}
	order := make([]int, at.n)
	for i := range at.outer * at.inner {
		v := src[i/at.inner*at.n*at.inner+i%at.inner:]
		for j := range order {
			order[j] = j
		}
		slices.SortFunc(order, func(a, b int) int {
			return cmp.Or(sign*cmp.Compare(v[a*at.inner], v[b*at.inner]), a-b)
		})
		to := i/at.inner*k*at.inner + i%at.inner
		for j, o := range order[:k] {
			dst[to+j*at.inner], idx[to+j*at.inner] = v[o*at.inner], int64(o)
		}
	}
	return nil
}
