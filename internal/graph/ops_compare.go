package graph

import (
	"math"

	"lutra/internal/tensor"
)

// comparisonOps give or read truth values.
var comparisonOps = []Operator{
	comparison("Equal", 1, comparisons.with(tensor.Bool, compare[uint8])),
	comparison("Greater", 1, comparisons), comparison("Less", 1, comparisons),
	comparison("GreaterOrEqual", 12, comparisons), comparison("LessOrEqual", 12, comparisons),
	comparison("And", 1, logic), comparison("Or", 1, logic), comparison("Xor", 1, logic),
	{Name: "Not", Since: 1, In: Arity{1, 1}, Out: Arity{1, 1}, Infer: inferNot, Eval: evalNot},
	{Name: "IsNaN", Since: 9, In: Arity{1, 1}, Out: Arity{1, 1}, Infer: inferClass, Eval: classes.eval},
	{Name: "IsInf", Since: 10, In: Arity{1, 1}, Out: Arity{1, 1}, Infer: inferClass, Eval: classes.eval},
	{Name: "Where", Since: 9, In: Arity{3, 3}, Out: Arity{1, 1}, Infer: inferWhere, Eval: evalWhere},
}

var comparisons = perFloat(compare[float32], compare[float64]).and(
	compare[int8], compare[int16], compare[int32], compare[int64],
	compare[uint8], compare[uint16], compare[uint32], compare[uint64])

var logic = perType{tensor.Bool: compare[uint8]}

// comparison is a row for an operator on two tensors of one type that gives
// truth values.
func comparison(name string, since int64, p perType) Operator {
	row := binary(name, since, p)
	row.Infer = func(c *Call) ([]Type, error) { return c.inferBroadcast(p.types(), tensor.Bool) }
	return row
}

func compare[T number](c *Call, out []*tensor.Tensor) error {
	combine(out[0], c.Value[0], c.Value[1], c.operandShape(0), c.operandShape(1), relation[T](c.Node.Op))
	return nil
}

// relation is the loop of a comparison, or of a connective of truth values.
func relation[T number](op string) func(dst []uint8, a, b []T) {
	switch op {
	case "Equal":
		return each(func(x, y T) uint8 { return truth(x == y) })
	case "Greater":
		return each(func(x, y T) uint8 { return truth(x > y) })
	case "Less":
		return each(func(x, y T) uint8 { return truth(x < y) })
	case "GreaterOrEqual":
		return each(func(x, y T) uint8 { return truth(x >= y) })
	case "LessOrEqual":
		return each(func(x, y T) uint8 { return truth(x <= y) })
	case "And":
		return each(func(x, y T) uint8 { return truth(x != 0 && y != 0) })
	case "Or":
		return each(func(x, y T) uint8 { return truth(x != 0 || y != 0) })
	case "Xor":
		return each(func(x, y T) uint8 { return truth((x != 0) != (y != 0)) })
	}
	panic("graph: no relation for " + op)
}

func inferNot(c *Call) ([]Type, error) {
	if err := c.want(0, boolTypes); err != nil {
		return nil, err
	}
	return []Type{c.In[0]}, nil
}

func evalNot(c *Call, out []*tensor.Tensor) error {
	dst := tensor.Slice[uint8](out[0])
	for i, x := range tensor.Slice[uint8](c.Value[0]) {
		dst[i] = truth(x == 0)
	}
	return nil
}

var classes = perFloat(class[float32], class[float64])

func inferClass(c *Call) ([]Type, error) {
	if err := c.want(0, classes.types()); err != nil {
		return nil, err
	}
	return c.typed(tensor.Bool, c.In[0].Shape...)
}

// class marks the infinities or the NaNs.
func class[T floating](c *Call, out []*tensor.Tensor) error {
	is := math.IsNaN
	if c.Node.Op == "IsInf" {
		plus, minus := c.Node.Int("detect_positive", 1) != 0, c.Node.Int("detect_negative", 1) != 0
		is = func(x float64) bool { return plus && math.IsInf(x, 1) || minus && math.IsInf(x, -1) }
	}
	dst := tensor.Slice[uint8](out[0])
	for i, x := range tensor.Slice[T](c.Value[0]) {
		dst[i] = truth(is(float64(x)))
	}
	return nil
}

func inferWhere(c *Call) ([]Type, error) {
	if err := c.want(0, boolTypes); err != nil {
		return nil, err
	}
	if err := c.want(1, storedTypes); err != nil {
		return nil, err
	}
	if err := c.same(1, 2); err != nil {
		return nil, err
	}
	return c.broadcastType(c.In[1].DType)
}

func evalWhere(c *Call, out []*tensor.Tensor) error {
	switch out[0].DType.Size() {
	case 1:
		choose[uint8](out[0], c.Value)
	case 2:
		choose[uint16](out[0], c.Value)
	case 4:
		choose[uint32](out[0], c.Value)
	case 8:
		choose[uint64](out[0], c.Value)
	}
	return nil
}

// choose takes elements of in[1] where in[0] is true, else of in[2].
func choose[T word](dst *tensor.Tensor, in []*tensor.Tensor) {
	d, x, y := words[T](dst), words[T](in[1]), words[T](in[2])
	cond := tensor.Slice[uint8](in[0])
	l := broadcastLoops(dst.Shape, in[0].Shape, in[1].Shape, in[2].Shape)
	n, sc, sx, sy := l.inner(), l.innerStep(1), l.innerStep(2), l.innerStep(3)
	for at := range l.runs {
		d, c, i, j := d[at[0]:at[0]+n], at[1], at[2], at[3]
		for k := range d {
			if cond[c] != 0 {
				d[k] = x[i]
			} else {
				d[k] = y[j]
			}
			c, i, j = c+sc, i+sx, j+sy
		}
	}
}
