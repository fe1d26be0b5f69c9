package graph

import "lutra/internal/tensor"

// floatEval is an Eval for all floating-point types of input 0.
func floatEval(f32, f64 evalFunc) func(*Call, []*tensor.Tensor) error {
	return perFloat(f32, f64).eval
}

// wantFloats demands that input 0 and the inputs in others that are present
// have one floating-point type; parameters of half-precision data may be float32.
func (c *Call) wantFloats(others ...int) error {
	if err := c.want(0, floatTypes); err != nil {
		return err
	}
	for _, i := range others {
		if !c.Has(i) {
			continue
		}
		d := c.In[i].DType
		if d != c.In[0].DType && !(isHalf(c.In[0].DType) && (isHalf(d) || d == tensor.Float32)) {
			return c.Errorf(c.inputName(i), c.In[0].DType.String(), d.String())
		}
	}
	return nil
}

// wantShape demands dimensions of input i.
func (c *Call) wantShape(i int, dims ...int) error {
	if want := tensor.Shape(dims); !c.In[i].Shape.Equal(want) {
		return c.Errorf(c.inputName(i), want.String(), c.In[i].Shape.String())
	}
	return nil
}

// values is input i as numbers, nil if it is omitted.
func values[T floating](c *Call, i int) []T {
	if !c.Has(i) {
		return nil
	}
	return tensor.Slice[T](c.Value[i])
}
