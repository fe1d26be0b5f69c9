package graph

import (
	"fmt"
	"slices"

	"lutra/internal/tensor"
)

// shapeOps read or change shapes and move elements without looking at them.
var shapeOps = slices.Concat([]Operator{
	{Name: "Shape", Since: 1, In: Arity{1, 1}, Out: Arity{1, 1}, Infer: inferShape, Eval: evalShape, TypesOnly: true},
	{Name: "Size", Since: 1, In: Arity{1, 1}, Out: Arity{1, 1}, Infer: inferSize, Eval: evalSize, TypesOnly: true},
	{Name: "Reshape", Since: 5, In: Arity{2, 2}, Out: Arity{1, 1}, Infer: inferReshape, Eval: copyFirst,
		Note: "the shape must be known before the run"},
	{Name: "Flatten", Since: 1, In: Arity{1, 1}, Out: Arity{1, 1}, Infer: inferFlatten, Eval: copyFirst},
	{Name: "Squeeze", Since: 1, In: Arity{1, 2}, Out: Arity{1, 1}, Infer: inferSqueeze, Eval: copyFirst,
		Note: "the axes must be known before the run"},
	{Name: "Unsqueeze", Since: 1, In: Arity{1, 2}, Out: Arity{1, 1}, Infer: inferUnsqueeze, Eval: copyFirst,
		Note: "the axes must be known before the run"},
}, layoutOps, indexOps, scatterOps, padOps)

// shapeSlice is the dimensions that Shape gives: start to end since version 15.
func (c *Call) shapeSlice() tensor.Shape {
	s := c.In[0].Shape
	clamp := func(v int64) int {
		if v < 0 {
			v += int64(len(s))
		}
		return int(min(max(v, 0), int64(len(s))))
	}
	start, end := clamp(c.Node.Int("start", 0)), clamp(c.Node.Int("end", int64(len(s))))
	return s[start:max(start, end)]
}

func inferShape(c *Call) ([]Type, error) { return c.typed(tensor.Int64, len(c.shapeSlice())) }

func evalShape(c *Call, out []*tensor.Tensor) error {
	copy(out[0].Int64s(), int64s(c.shapeSlice()))
	return nil
}

func inferSize(c *Call) ([]Type, error) { return c.typed(tensor.Int64) }

func evalSize(c *Call, out []*tensor.Tensor) error {
	out[0].Int64s()[0] = int64(c.In[0].Shape.Elems())
	return nil
}

func inferReshape(c *Call) ([]Type, error) {
	list, err := c.constInts(1)
	if err != nil {
		return nil, err
	}
	if len(list) > tensor.MaxRank {
		return nil, c.Errorf("shape", fmt.Sprintf("rank at most %d", tensor.MaxRank), fmt.Sprint(len(list)))
	}
	in, zeroIsZero := c.In[0].Shape, c.Node.Int("allowzero", 0) != 0
	list = slices.Clone(list)
	free := -1
	for i, d := range list {
		switch {
		case d == -1 && free >= 0:
			return nil, c.Errorf("shape", "at most one -1", listed(list))
		case d == -1:
			free, list[i] = i, 1
		case d == 0 && !zeroIsZero:
			if i >= len(in) {
				return nil, c.Errorf("shape", "0 only where the input has a dimension", listed(list))
			}
			list[i] = int64(in[i])
		}
	}
	out, err := c.dims("shape", list)
	if err != nil {
		return nil, err
	}
	if err := c.allocatable(c.In[0].DType, out); err != nil {
		return nil, err
	}
	n, have := in.Elems(), out.Elems()
	if free >= 0 && have > 0 && n%have == 0 {
		out[free] = n / have
	}
	if out.Elems() != n || free >= 0 && have == 0 {
		return nil, c.Errorf("shape", fmt.Sprintf("%d elements", n), listed(list))
	}
	return []Type{{c.In[0].DType, out}}, nil
}

func inferFlatten(c *Call) ([]Type, error) {
	s := c.In[0].Shape
	axis := c.Node.Int("axis", 1)
	if axis < -int64(len(s)) || axis > int64(len(s)) {
		return nil, c.Errorf("axis", fmt.Sprintf("-%d to %d", len(s), len(s)), fmt.Sprint(axis))
	}
	if axis < 0 {
		axis += int64(len(s))
	}
	return c.typed(c.In[0].DType, s[:axis].Elems(), s[axis:].Elems())
}

func inferSqueeze(c *Call) ([]Type, error) {
	list, given, err := c.intList("axes", 13, 1)
	if err != nil {
		return nil, err
	}
	s := c.In[0].Shape
	axes, err := c.axes("axes", list, len(s))
	if err != nil {
		return nil, err
	}
	out := tensor.Shape{}
	for k, n := range s {
		drop := slices.Contains(axes, k) || !given && n == 1
		if drop && n != 1 {
			return nil, c.Errorf("axes", "dimensions of size 1", fmt.Sprintf("axis %d of %v", k, s))
		}
		if !drop {
			out = append(out, n)
		}
	}
	return []Type{{c.In[0].DType, out}}, nil
}

func inferUnsqueeze(c *Call) ([]Type, error) {
	list, given, err := c.intList("axes", 13, 1)
	if err != nil {
		return nil, err
	}
	s := c.In[0].Shape
	if !given || len(s)+len(list) > tensor.MaxRank {
		return nil, c.Errorf("axes", fmt.Sprintf("axes that lead to a rank of at most %d", tensor.MaxRank), listed(list))
	}
	axes, err := c.axes("axes", list, len(s)+len(list))
	if err != nil {
		return nil, err
	}
	out := make(tensor.Shape, 0, len(s)+len(list))
	for k := range cap(out) {
		if slices.Contains(axes, k) {
			out = append(out, 1)
		} else {
			out, s = append(out, s[0]), s[1:]
		}
	}
	return []Type{{c.In[0].DType, out}}, nil
}
