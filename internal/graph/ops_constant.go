package graph

import (
	"fmt"
	"math"

	"lutra/internal/tensor"
)

// constantOps make tensors out of attributes, sizes and numbers.
var constantOps = []Operator{
	{Name: "Constant", Since: 1, In: Arity{0, 0}, Out: Arity{1, 1}, Infer: inferConstant, Eval: evalConstant,
		Note: "strings and sparse tensors are refused"},
	{Name: "ConstantOfShape", Since: 9, In: Arity{1, 1}, Out: Arity{1, 1}, Infer: inferConstantOfShape, Eval: evalConstantOfShape,
		Note: "the shape must be known before the run"},
	{Name: "Range", Since: 11, In: Arity{3, 3}, Out: Arity{1, 1}, Infer: inferRange, Eval: rangeTypes.eval,
		Note: "start, limit and delta must be known before the run"},
	{Name: "OneHot", Since: 9, In: Arity{3, 3}, Out: Arity{1, 1}, Infer: inferOneHot, Eval: evalOneHot,
		Note: "the depth must be known before the run"},
	{Name: "EyeLike", Since: 9, In: Arity{1, 1}, Out: Arity{1, 1}, Infer: inferEyeLike, Eval: evalEyeLike, TypesOnly: true},
	{Name: "NonZero", Since: 9, In: Arity{1, 1}, Out: Arity{1, 1}, Infer: inferNonZero, Eval: evalNonZero,
		Note: "the input must be known before the run"},
}

// constant is the value that a Constant node holds in one of its attributes.
func (c *Call) constant() (*tensor.Tensor, error) {
	for i := range c.Node.Attrs {
		switch a := &c.Node.Attrs[i]; a.Name {
		case "value":
			return a.Tensor, nil
		case "value_int":
			return tensor.Of([]int64{a.Int}), nil
		case "value_ints":
			return tensor.Of(a.Ints, len(a.Ints)), nil
		case "value_float":
			return tensor.Of([]float32{a.Float}), nil
		case "value_floats":
			return tensor.Of(a.Floats, len(a.Floats)), nil
		case "value_string", "value_strings", "sparse_value":
			return nil, c.Errorf(a.Name, "a dense numeric tensor", a.Name)
		}
	}
	return nil, c.Errorf("value", "a tensor", "none")
}

func inferConstant(c *Call) ([]Type, error) {
	v, err := c.constant()
	if err != nil {
		return nil, err
	}
	return c.typed(v.DType, v.Shape...)
}

func evalConstant(c *Call, out []*tensor.Tensor) error {
	v, err := c.constant()
	if err == nil {
		copy(out[0].Bytes(), v.Bytes())
	}
	return err
}

// fillValue is the attribute value of ConstantOfShape, by default a float32 0.
func (c *Call) fillValue() (*tensor.Tensor, error) {
	a, ok := c.Node.Attr("value")
	if !ok {
		return tensor.New(tensor.Float32), nil
	}
	if a.Tensor.Elems() != 1 {
		return nil, c.Errorf("value", "1 element", a.Tensor.Shape.String())
	}
	return a.Tensor.Reshape(), nil
}

func inferConstantOfShape(c *Call) ([]Type, error) {
	v, err := c.fillValue()
	if err != nil {
		return nil, err
	}
	list, err := c.constInts(0)
	if err != nil {
		return nil, err
	}
	shape, err := c.shape("shape", list)
	if err != nil {
		return nil, err
	}
	return c.typed(v.DType, shape...)
}

func evalConstantOfShape(c *Call, out []*tensor.Tensor) error {
	v, err := c.fillValue()
	if err == nil {
		expand(out[0], v)
	}
	return err
}

var rangeTypes = perFloat(progression[float32], progression[float64]).
	with(tensor.Int16, progression[int16]).with(tensor.Int32, progression[int32]).with(tensor.Int64, progression[int64])

func inferRange(c *Call) ([]Type, error) {
	if err := c.want(0, rangeTypes.types()); err != nil {
		return nil, err
	}
	if err := c.same(0, 1, 2); err != nil {
		return nil, err
	}
	for i := range 3 {
		if v := c.Const(i); v == nil || v.Elems() != 1 {
			return nil, c.Errorf(c.inputName(i), "a number known before the run", c.In[i].Shape.String())
		}
	}
	var n float64
	if floatTypes.has(c.In[0].DType) {
		n = floatCount(c.Value)
	} else {
		n = intCount(c.Value)
	}
	if !(n <= math.MaxInt32*16) { // NaN too
		return nil, c.Errorf("range", "a finite number of elements", fmt.Sprint(n))
	}
	return c.typed(c.In[0].DType, int(n))
}

// floatCount is how many elements a range of floating-point numbers has; NaN or
// infinite if it has no end.
func floatCount(in []*tensor.Tensor) float64 {
	var v [3]float64
	for i := range v {
		loadFloats(v[i:i+1], in[i], 0)
	}
	n := math.Ceil((v[1] - v[0]) / v[2])
	if n < 0 {
		return 0
	}
	return n
}

// intCount is floatCount for integers, in integers: the differences may exceed
// what a float64 holds exactly, and the int64 range.
func intCount(in []*tensor.Tensor) float64 {
	var v [3]int64
	for i := range v {
		loadInts(v[i:i+1], in[i], 0)
	}
	start, limit, delta := v[0], v[1], v[2]
	var span, step uint64
	switch {
	case delta == 0:
		return math.NaN()
	case delta > 0 && limit > start:
		span, step = uint64(limit)-uint64(start), uint64(delta)
	case delta < 0 && limit < start:
		span, step = uint64(start)-uint64(limit), -uint64(delta)
	default:
		return 0
	}
	return float64((span-1)/step) + 1
}

func progression[T number](c *Call, out []*tensor.Tensor) error {
	start, delta := tensor.Slice[T](c.Value[0])[0], tensor.Slice[T](c.Value[2])[0]
	dst := tensor.Slice[T](out[0])
	for i := range dst {
		dst[i] = start + T(i)*delta
	}
	return nil
}

func inferOneHot(c *Call) ([]Type, error) {
	if err := c.want(0, numericTypes); err != nil {
		return nil, err
	}
	if err := c.want(1, numericTypes); err != nil {
		return nil, err
	}
	if s := c.In[2].Shape; !s.Equal(tensor.Shape{2}) {
		return nil, c.Errorf(c.inputName(2), "2 values", s.String())
	}
	depth := c.Const(1)
	if depth == nil || depth.Elems() != 1 {
		return nil, c.Errorf("depth", "a number known before the run", c.In[1].Shape.String())
	}
	n := castTo(depth, tensor.Int64).Int64s()[0]
	shape, err := c.dims("depth", []int64{n})
	if err != nil {
		return nil, err
	}
	s := c.In[0].Shape
	axis, err := c.axis("axis", c.Node.Int("axis", -1), len(s)+1)
	if err != nil {
		return nil, err
	}
	out := append(s[:axis:axis], shape[0])
	return c.typed(c.In[2].DType, append(out, s[axis:]...)...)
}

// evalOneHot writes the on value at the index of each element; an index out of
// range leaves all its elements off.
func evalOneHot(c *Call, out []*tensor.Tensor) error {
	s := out[0].Shape
	axis, err := c.axis("axis", c.Node.Int("axis", -1), len(s))
	if err != nil || out[0].Elems() == 0 {
		return err
	}
	values, size := c.Value[2], out[0].DType.Size()
	off, on := values.Bytes()[:size], values.Bytes()[size:]
	expand(out[0], tensor.View(values.DType, off))
	at := splitAt(s, axis)
	for i, v := range castTo(c.Value[0], tensor.Int64).Int64s() {
		if v < 0 {
			v += int64(at.n)
		}
		if v >= 0 && v < int64(at.n) {
			to := (i/at.inner*at.n+int(v))*at.inner + i%at.inner
			copy(out[0].Bytes()[to*size:], on)
		}
	}
	return nil
}

func inferEyeLike(c *Call) ([]Type, error) {
	if s := c.In[0].Shape; len(s) != 2 {
		return nil, c.Errorf(c.inputName(0), "rank 2", ranked(s))
	}
	d := c.In[0].DType
	if a, ok := c.Node.Attr("dtype"); ok {
		var err error
		if d, err = c.dtype("dtype", a.Int); err != nil {
			return nil, err
		}
	}
	return c.typed(d, c.In[0].Shape...)
}

func evalEyeLike(c *Call, out []*tensor.Tensor) error {
	rows, cols := out[0].Shape[0], out[0].Shape[1]
	k := c.Node.Int("k", 0)
	one := castTo(tensor.Of([]float32{1}), out[0].DType).Bytes()
	dst := out[0].Bytes()
	clear(dst)
	if k <= -int64(rows) || k >= int64(cols) {
		return nil
	}
	for r := max(0, -int(k)); r < rows && r+int(k) < cols; r++ {
		copy(dst[(r*cols+r+int(k))*len(one):], one)
	}
	return nil
}

func inferNonZero(c *Call) ([]Type, error) {
	if err := c.want(0, numericTypes|boolTypes); err != nil {
		return nil, err
	}
	v := c.Const(0)
	if v == nil {
		return nil, c.Errorf(c.inputName(0), "a value known before the run", "a computed value")
	}
	count := 0
	for _, b := range castTo(v, tensor.Bool).Bytes() {
		count += int(b)
	}
	return c.typed(tensor.Int64, len(v.Shape), count)
}

func evalNonZero(c *Call, out []*tensor.Tensor) error {
	v := c.Value[0]
	dst, count, n := out[0].Int64s(), out[0].Shape[1], 0
	for i, b := range castTo(v, tensor.Bool).Bytes() {
		if b == 0 {
			continue
		}
		for k := len(v.Shape) - 1; k >= 0; k-- {
			dst[k*count+n] = int64(i % v.Shape[k])
			i /= v.Shape[k]
		}
		n++
	}
	return nil
}
