package graph

import "lutra/internal/tensor"

// scatterOps write elements to places given by a tensor of indices.
var scatterOps = []Operator{
	{Name: "ScatterElements", Since: 11, In: Arity{3, 3}, Out: Arity{1, 1}, Infer: inferScatterElements, Eval: evalScatter},
	{Name: "ScatterND", Since: 11, In: Arity{3, 3}, Out: Arity{1, 1}, Infer: inferScatterND, Eval: evalScatter},
}

// scatterReductions are the operators that combine an element with an update.
var scatterReductions = map[string]string{"add": "Add", "mul": "Mul", "min": "Min", "max": "Max"}

// inferScatter is what both rows have in common.
func (c *Call) inferScatter(updates tensor.Shape) ([]Type, error) {
	set := storedTypes
	if r := c.Node.String("reduction", "none"); r != "none" {
		if scatterReductions[r] == "" {
			return nil, c.Errorf("reduction", "none, add, mul, min or max", r)
		}
		set = scatterTypes.types()
	}
	if err := c.want(0, set); err != nil {
		return nil, err
	}
	if err := c.same(0, 2); err != nil {
		return nil, err
	}
	if s := c.In[2].Shape; !s.Equal(updates) {
		return nil, c.Errorf(c.inputName(2), updates.String(), s.String())
	}
	return []Type{c.In[0]}, nil
}

func inferScatterElements(c *Call) ([]Type, error) {
	axis, err := c.gatherAxis()
	if err != nil {
		return nil, err
	}
	if err := c.within(c.In[1].Shape, c.In[0].Shape, axis); err != nil {
		return nil, err
	}
	return c.inferScatter(c.In[1].Shape)
}

func inferScatterND(c *Call) ([]Type, error) {
	t, err := c.tuples()
	if err != nil {
		return nil, err
	}
	return c.inferScatter(t.blocks(c.In[0].Shape, c.In[1].Shape))
}

// scatterPlaces calls f for every update with its number and the offset of the
// element that it goes to, in order.
func (c *Call) scatterPlaces(f func(i, at int)) error {
	if c.Node.Op == "ScatterElements" {
		axis, err := c.gatherAxis()
		if err != nil {
			return err
		}
		return c.elementPlaces(axis, f)
	}
	t, err := c.tuples()
	if err != nil {
		return err
	}
	n := c.Value[0].Shape[t.depth:].Elems()
	return t.places(c, func(i, block int) {
		for k := range n {
			f(i*n+k, block*n+k)
		}
	})
}

func evalScatter(c *Call, out []*tensor.Tensor) error {
	if c.Node.String("reduction", "none") != "none" {
		return scatterTypes.eval(c, out)
	}
	size, dst, src := out[0].DType.Size(), out[0].Bytes(), c.Value[2].Bytes()
	copy(dst, c.Value[0].Bytes())
	return c.scatterPlaces(func(i, at int) {
		copy(dst[at*size:(at+1)*size], src[i*size:])
	})
}

var scatterTypes = perFloat(scatterReduce[float32], scatterReduce[float64]).and(
	scatterReduce[int8], scatterReduce[int16], scatterReduce[int32], scatterReduce[int64],
	scatterReduce[uint8], scatterReduce[uint16], scatterReduce[uint32], scatterReduce[uint64])

func scatterReduce[T number](c *Call, out []*tensor.Tensor) error {
	combine := commonArithmetic[T](&Node{Op: scatterReductions[c.Node.String("reduction", "")]})
	dst, src := tensor.Slice[T](out[0]), tensor.Slice[T](c.Value[2])
	copy(dst, tensor.Slice[T](c.Value[0]))
	return c.scatterPlaces(func(i, at int) {
		one := dst[at : at+1]
		combine(one, one, src[i:i+1])
	})
}
