package graph

import (
	"math"
	"slices"

	"lutra/internal/tensor"
)

// elementwiseOps map every element of one tensor, or combine several tensors
// element by element after broadcasting.
var elementwiseOps = slices.Concat([]Operator{
	unary("Identity", 1, storedTypes, copyFirst),
	{Name: "Dropout", Since: 1, In: Arity{1, 3}, Out: Arity{1, 2}, Infer: inferDropout, Eval: evalDropout,
		Note: "training mode with a ratio other than 0 is refused"},
	{Name: "Clip", Since: 1, In: Arity{1, 3}, Out: Arity{1, 1}, Infer: inferClip, Eval: clipTypes.eval},
}, activationOps, functionOps, arithmeticOps, bitOps)

// unary is a row for an operator whose result has the type of its input.
func unary(name string, since int64, set dtypeSet, eval evalFunc) Operator {
	return Operator{
		Name: name, Since: since, In: Arity{1, 1}, Out: Arity{1, 1}, Eval: eval,
		Infer: func(c *Call) ([]Type, error) {
			if err := c.want(0, set); err != nil {
				return nil, err
			}
			return []Type{{c.In[0].DType, c.In[0].Shape}}, nil
		},
	}
}

// copyFirst writes the elements of input 0, whose shape may differ, to the output.
func copyFirst(c *Call, out []*tensor.Tensor) error {
	copy(out[0].Bytes(), c.Value[0].Bytes())
	return nil
}

// scalarFunc is a function of one number, given the attributes of its node.
type scalarFunc func(*Node) func(float64) float64

// function is a row for a function of floating-point numbers. It is computed
// in float64 and rounded once.
func function(name string, since int64, f scalarFunc) Operator {
	p := perFloat(mapFloat[float32](f), mapFloat[float64](f))
	return unary(name, since, p.types(), p.eval)
}

// plain makes a scalarFunc of a function without attributes.
func plain(f func(float64) float64) scalarFunc {
	return func(*Node) func(float64) float64 { return f }
}

func mapFloat[T floating](f scalarFunc) evalFunc {
	return func(c *Call, out []*tensor.Tensor) error {
		g := f(c.Node)
		dst, src := tensor.Slice[T](out[0]), tensor.Slice[T](c.Value[0])
		for i, x := range src {
			dst[i] = T(g(float64(x)))
		}
		return nil
	}
}

func inferDropout(c *Call) ([]Type, error) {
	if err := c.want(0, floatTypes); err != nil {
		return nil, err
	}
	if c.Has(2) {
		if err := c.inferenceOnly(); err != nil {
			return nil, err
		}
	}
	same := c.In[0]
	return []Type{same, {tensor.Bool, same.Shape}}[:min(len(c.Node.Outputs), 2)], nil
}

// inferenceOnly demands that a Dropout node with a training_mode input keeps all elements.
func (c *Call) inferenceOnly() error {
	if err := c.want(2, boolTypes); err != nil {
		return err
	}
	mode := c.Const(2)
	if mode == nil || mode.Elems() != 1 {
		return c.Errorf("training_mode", "a value known before the run", "a computed value")
	}
	if tensor.Slice[uint8](mode)[0] == 0 {
		return nil
	}
	if c.Has(1) && floatTypes.has(c.In[1].DType) {
		if r := c.Const(1); r != nil && r.Elems() == 1 && r.AsFloat32().Float32s()[0] == 0 {
			return nil
		}
	}
	return c.Errorf("training_mode", "false", "true")
}

func evalDropout(c *Call, out []*tensor.Tensor) error {
	if len(out) > 1 && out[1] != nil {
		mask := tensor.Slice[uint8](out[1])
		for i := range mask {
			mask[i] = 1
		}
	}
	return copyFirst(c, out)
}

func inferClip(c *Call) ([]Type, error) {
	if err := c.want(0, clipTypes.types()); err != nil {
		return nil, err
	}
	for i := 1; i < 3; i++ {
		if !c.Has(i) {
			continue
		}
		if err := c.same(0, i); err != nil {
			return nil, err
		}
		if s := c.In[i].Shape; s.Elems() != 1 {
			return nil, c.Errorf(c.inputName(i), "a scalar", s.String())
		}
	}
	return []Type{{c.In[0].DType, c.In[0].Shape}}, nil
}

var clipTypes = perFloat(clip[float32], clip[float64]).and(
	clip[int8], clip[int16], clip[int32], clip[int64], clip[uint8], clip[uint16], clip[uint32], clip[uint64])

// clip is min(max(x, lo), hi), so hi wins where lo > hi; NaN stays NaN. The
// bounds are attributes before version 11.
func clip[T number](c *Call, out []*tensor.Tensor) error {
	lo, hi := limits[T]()
	if c.Opset < 11 {
		if a, ok := c.Node.Attr("min"); ok {
			lo = fromFloat64[T](float64(a.Float))
		}
		if a, ok := c.Node.Attr("max"); ok {
			hi = fromFloat64[T](float64(a.Float))
		}
	}
	if c.Has(1) {
		lo = tensor.Slice[T](c.Value[1])[0]
	}
	if c.Has(2) {
		hi = tensor.Slice[T](c.Value[2])[0]
	}
	dst := tensor.Slice[T](out[0])
	for i, x := range tensor.Slice[T](c.Value[0]) {
		if x < lo {
			x = lo
		}
		if x > hi {
			x = hi
		}
		dst[i] = x
	}
	return nil
}

// limits are the least and the greatest value of T, infinities if it has them.
func limits[T number]() (lo, hi T) {
	one := T(1)
	if one/2 != 0 { // a floating-point type
		hi = fromFloat64[T](math.Inf(1))
		return -hi, hi
	}
	if lo--; lo > 0 { // an unsigned type: 0-1 is the greatest value
		return 0, lo
	}
	for lo*2 < lo { // -1, -2, -4... until doubling wraps around
		lo *= 2
	}
	return lo, -(lo + 1)
}
