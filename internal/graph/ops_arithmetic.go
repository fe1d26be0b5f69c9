package graph

import (
	"math"

	"lutra/internal/tensor"
)

// arithmeticOps combine tensors element by element after broadcasting.
var arithmeticOps = []Operator{
	binary("Add", 1, arithmetic), binary("Sub", 1, arithmetic),
	binary("Mul", 1, arithmetic), binary("Div", 1, arithmetic),
	binary("PRelu", 1, arithmetic), binary("Mod", 10, arithmetic),
	{Name: "Pow", Since: 1, In: Arity{2, 2}, Out: Arity{1, 1}, Infer: inferPow, Eval: powerTypes.eval},
	variadic("Sum", 1, arithmetic), variadic("Min", 1, arithmetic),
	variadic("Max", 1, arithmetic), variadic("Mean", 1, meanTypes),
}

var arithmetic = perFloat(fold(floatArithmetic[float32]), fold(floatArithmetic[float64])).and(
	fold(intArithmetic[int8]), fold(intArithmetic[int16]), fold(intArithmetic[int32]), fold(intArithmetic[int64]),
	fold(intArithmetic[uint8]), fold(intArithmetic[uint16]), fold(intArithmetic[uint32]), fold(intArithmetic[uint64]))

var meanTypes = perFloat(mean[float32], mean[float64])

// binary is a row for an operator on two tensors of one type.
func binary(name string, since int64, p perType) Operator {
	return Operator{
		Name: name, Since: since, In: Arity{2, 2}, Out: Arity{1, 1}, Eval: p.eval,
		Infer: func(c *Call) ([]Type, error) { return c.inferBroadcast(p.types(), c.In[0].DType) },
	}
}

// variadic is a row for an operator on any number of tensors of one type.
func variadic(name string, since int64, p perType) Operator {
	row := binary(name, since, p)
	row.In = Arity{1, -1}
	return row
}

// inferBroadcast is the shape rule of operators whose inputs have one element
// type of set; the result has type d.
func (c *Call) inferBroadcast(set dtypeSet, d tensor.DType) ([]Type, error) {
	if err := c.want(0, set); err != nil {
		return nil, err
	}
	for i := range c.In {
		if err := c.same(0, i); err != nil {
			return nil, err
		}
	}
	return c.broadcastType(d)
}

// broadcastType is the type d and the shape that all inputs broadcast to.
func (c *Call) broadcastType(d tensor.DType) ([]Type, error) {
	shapes := make([]tensor.Shape, len(c.In))
	for i := range shapes {
		shapes[i] = c.operandShape(i)
	}
	out, err := broadcastShapes(shapes...)
	if err != nil {
		return nil, c.Errorf("inputs", "shapes that broadcast", err.Error())
	}
	if c.Node.Op == "PRelu" && !out.Equal(c.In[0].Shape) {
		return nil, c.Errorf(c.inputName(1), "a shape that broadcasts to "+c.In[0].Shape.String(), c.In[1].Shape.String())
	}
	return c.typed(d, out...)
}

// operandShape is the shape of input i as broadcasting sees it. Before version
// 7 the second input was aligned with an axis of the first, not with its end,
// and the slope of PRelu with its channels.
func (c *Call) operandShape(i int) tensor.Shape {
	s := c.In[i].Shape
	if i != 1 || c.Opset >= 7 {
		return s
	}
	rank := len(c.In[0].Shape)
	axis := rank - len(s)
	switch {
	case c.Node.Op == "PRelu" && len(s) == 1:
		axis = 1
	case c.Node.Int("broadcast", 0) != 0:
		axis = int(max(min(c.Node.Int("axis", int64(axis)), tensor.MaxRank), 0))
	}
	s = s.Clone()
	for axis+len(s) < rank {
		s = append(s, 1)
	}
	return s
}

// loop2 combines two runs of elements: a and b have as many elements as dst;
// one of them may have a single element instead.
type loop2[T any] = func(dst, a, b []T)

// fold applies the loop that table has for the node's operator to the first
// two inputs, then to the result and each further input.
func fold[T tensor.Element](table func(*Node) loop2[T]) evalFunc {
	return func(c *Call, out []*tensor.Tensor) error {
		f := table(c.Node)
		dst, acc, shape := out[0], c.Value[0], c.operandShape(0)
		if len(c.Value) != 2 {
			expand(dst, acc)
			acc, shape = dst, dst.Shape
		}
		for i := 1; i < len(c.Value); i++ {
			combine(dst, acc, c.Value[i], shape, c.operandShape(i), f)
			acc, shape = dst, dst.Shape
		}
		return nil
	}
}

func mean[T floating](c *Call, out []*tensor.Tensor) error {
	if err := fold(func(*Node) loop2[T] { return addRun[T] })(c, out); err != nil {
		return err
	}
	dst := tensor.Slice[T](out[0])
	for i := range dst {
		dst[i] /= T(len(c.Value))
	}
	return nil
}

// floatArithmetic is the loop of an operator for floating-point numbers.
func floatArithmetic[T floating](n *Node) loop2[T] {
	switch n.Op {
	case "Div":
		return divRun[T]
	case "Mod":
		if n.Int("fmod", 0) != 0 {
			return each(func(x, y T) T { return T(math.Mod(float64(x), float64(y))) })
		}
		return each(func(x, y T) T { return T(floorMod(float64(x), float64(y))) })
	}
	return commonArithmetic[T](n)
}

// floorMod is the remainder with the sign of y.
func floorMod(x, y float64) float64 {
	m := math.Mod(x, y)
	if m != 0 && (m < 0) != (y < 0) {
		m += y
	}
	return m
}

// intArithmetic is the loop of an operator for integers, which wrap around on
// overflow. Division truncates; a division by zero, undefined in ONNX, gives 0.
func intArithmetic[T integer](n *Node) loop2[T] {
	switch n.Op {
	case "Div":
		return each(func(x, y T) T {
			if y == 0 {
				return 0
			}
			return x / y
		})
	case "Mod":
		fmod := n.Int("fmod", 0) != 0
		return each(func(x, y T) T {
			if y == 0 {
				return 0
			}
			m := x % y
			if !fmod && m != 0 && (m < 0) != (y < 0) {
				m += y
			}
			return m
		})
	}
	return commonArithmetic[T](n)
}

// commonArithmetic has what is written alike for all numbers.
func commonArithmetic[T number](n *Node) loop2[T] {
	switch n.Op {
	case "Add", "Sum":
		return addRun[T]
	case "Sub":
		return subRun[T]
	case "Mul":
		return mulRun[T]
	case "Min":
		return each(func(x, y T) T {
			if x < y || x != x {
				return x
			}
			return y
		})
	case "Max":
		return each(func(x, y T) T {
			if x > y || x != x {
				return x
			}
			return y
		})
	case "PRelu":
		return each(func(x, slope T) T {
			if x < 0 {
				return x * slope
			}
			return x
		})
	}
	panic("graph: no loop for " + n.Op)
}

// each is the loop that applies f to every pair.
func each[A, B, R any](f func(x A, y B) R) func(dst []R, a []A, b []B) {
	return func(dst []R, a []A, b []B) {
		switch {
		case len(b) < len(dst):
			y := b[0]
			for i, x := range a {
				dst[i] = f(x, y)
			}
		case len(a) < len(dst):
			x := a[0]
			for i, y := range b {
				dst[i] = f(x, y)
			}
		default:
			for i, x := range a {
				dst[i] = f(x, b[i])
			}
		}
	}
}

// The four operations have their own loops: a call for every element would
// take several times as long as they do.

func addRun[T number](dst, a, b []T) {
	if len(a) < len(dst) {
		a, b = b, a
	}
	dst = dst[:len(a)]
	if len(b) < len(a) {
		y := b[0]
		for i, x := range a {
			dst[i] = x + y
		}
		return
	}
	b = b[:len(a)]
	for i, x := range a {
		dst[i] = x + b[i]
	}
}

func mulRun[T number](dst, a, b []T) {
	if len(a) < len(dst) {
		a, b = b, a
	}
	dst = dst[:len(a)]
	if len(b) < len(a) {
		y := b[0]
		for i, x := range a {
			dst[i] = x * y
		}
		return
	}
	b = b[:len(a)]
	for i, x := range a {
		dst[i] = x * b[i]
	}
}

func subRun[T number](dst, a, b []T) {
	switch {
	case len(b) < len(dst):
		addRun(dst, a, []T{-b[0]})
	case len(a) < len(dst):
		x := a[0]
		for i, y := range b {
			dst[i] = x - y
		}
	default:
		dst, b = dst[:len(a)], b[:len(a)]
		for i, x := range a {
			dst[i] = x - b[i]
		}
	}
}

func divRun[T floating](dst, a, b []T) {
	switch {
	case len(b) < len(dst):
		y := b[0]
		for i, x := range a {
			dst[i] = x / y
		}
	case len(a) < len(dst):
		x := a[0]
		for i, y := range b {
			dst[i] = x / y
		}
	default:
		dst, b = dst[:len(a)], b[:len(a)]
		for i, x := range a {
			dst[i] = x / b[i]
		}
	}
}
