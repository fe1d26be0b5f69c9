package graph

import (
	"fmt"
	"math"
	"slices"

	"lutra/internal/safe"
	"lutra/internal/tensor"
)

// What shape rules read from a call: element types, axes, integer lists.

// dtypeSet is a set of element types, one bit each.
type dtypeSet uint32

func dtypesOf(list ...tensor.DType) dtypeSet {
	var s dtypeSet
	for _, d := range list {
		s |= 1 << d
	}
	return s
}

func (s dtypeSet) has(d tensor.DType) bool { return s>>d&1 != 0 }

var (
	floatTypes   = dtypesOf(tensor.Float32, tensor.Float64, tensor.Float16, tensor.BFloat16)
	signedTypes  = dtypesOf(tensor.Int8, tensor.Int16, tensor.Int32, tensor.Int64)
	unsigned     = dtypesOf(tensor.Uint8, tensor.Uint16, tensor.Uint32, tensor.Uint64)
	integerTypes = signedTypes | unsigned
	numericTypes = floatTypes | integerTypes
	boolTypes    = dtypesOf(tensor.Bool)
	indexTypes   = dtypesOf(tensor.Int32, tensor.Int64)
	// storedTypes are those that can be moved about.
	storedTypes = numericTypes | boolTypes | dtypesOf(tensor.Float8E4M3FN, tensor.Float8E4M3FNUZ,
		tensor.Float8E5M2, tensor.Float8E5M2FNUZ, tensor.Float8E8M0,
		tensor.Uint4, tensor.Int4, tensor.Uint2, tensor.Int2)
)

// inputName names input i in messages.
func (c *Call) inputName(i int) string {
	if i < len(c.Node.Inputs) && c.Node.Inputs[i] != "" {
		return fmt.Sprintf("input %d %q", i, c.Node.Inputs[i])
	}
	return fmt.Sprintf("input %d", i)
}

// want demands that input i has an element type of set.
func (c *Call) want(i int, set dtypeSet) error {
	if d := c.In[i].DType; !set.has(d) {
		return c.Errorf(c.inputName(i), "an element type that lutra supports for "+c.Node.Op, d.String())
	}
	return nil
}

// same demands that inputs i, j... have one element type.
func (c *Call) same(i int, others ...int) error {
	for _, j := range others {
		if c.In[i].DType != c.In[j].DType {
			return c.Errorf(c.inputName(j), c.In[i].DType.String(), c.In[j].DType.String())
		}
	}
	return nil
}

// typed is the one output type d with the given dimensions, after the check
// that it may be allocated.
func (c *Call) typed(d tensor.DType, dims ...int) ([]Type, error) {
	if err := c.allocatable(d, dims); err != nil {
		return nil, err
	}
	return []Type{{d, dims}}, nil
}

func (c *Call) allocatable(d tensor.DType, dims tensor.Shape) error {
	if d.Size() == 0 {
		return c.Errorf("output", "an element type that can be stored", d.String())
	}
	if _, err := dims.CheckedElems(safe.MaxActivations / d.Size()); err != nil {
		return c.Errorf("output", fmt.Sprintf("at most %d bytes and rank %d", int64(safe.MaxActivations), tensor.MaxRank), err.Error())
	}
	return nil
}

// axis resolves a possibly negative axis of a tensor of the given rank.
func (c *Call) axis(field string, v int64, rank int) (int, error) {
	if v < -int64(rank) || v >= int64(rank) {
		return 0, c.Errorf(field, fmt.Sprintf("-%d to %d", rank, rank-1), fmt.Sprint(v))
	}
	if v < 0 {
		v += int64(rank)
	}
	return int(v), nil
}

// axes resolves a list of distinct axes, in the order given.
func (c *Call) axes(field string, v []int64, rank int) ([]int, error) {
	out := make([]int, 0, min(len(v), rank))
	for _, x := range v {
		a, err := c.axis(field, x, rank)
		if err != nil {
			return nil, err
		}
		if slices.Contains(out, a) {
			return nil, c.Errorf(field, "distinct axes", listed(v))
		}
		out = append(out, a)
	}
	return out, nil
}

// intList is the list that versions before since hold in the attribute name
// and later ones in input i, which must then be constant. ok is false if it is
// omitted.
func (c *Call) intList(name string, since int64, i int) (list []int64, ok bool, err error) {
	if c.Opset < since {
		a, ok := c.Node.Attr(name)
		if !ok {
			return nil, false, nil
		}
		return a.Ints, true, nil
	}
	if !c.Has(i) {
		return nil, false, nil
	}
	list, err = c.constInts(i)
	return list, err == nil, err
}

// constInts is the constant input i as integers: a vector or a scalar of int32
// or int64.
func (c *Call) constInts(i int) ([]int64, error) {
	if err := c.want(i, indexTypes); err != nil {
		return nil, err
	}
	t := c.Const(i)
	if t == nil {
		return nil, c.Errorf(c.inputName(i), "a value known before the run", "a computed value")
	}
	if len(t.Shape) > 1 {
		return nil, c.Errorf(c.inputName(i), "a vector", t.Shape.String())
	}
	return asInts(t), nil
}

// constInt is the constant input i as one integer.
func (c *Call) constInt(i int) (int64, error) {
	list, err := c.constInts(i)
	if err == nil && len(list) != 1 {
		err = c.Errorf(c.inputName(i), "1 value", fmt.Sprint(len(list)))
	}
	if err != nil {
		return 0, err
	}
	return list[0], nil
}

// asInts widens an int32 or int64 tensor.
func asInts(t *tensor.Tensor) []int64 {
	if t.DType == tensor.Int64 {
		return t.Int64s()
	}
	return int64s(tensor.Slice[int32](t))
}

// listed prints a list that may be as long as the file allows.
func listed(v []int64) string {
	if len(v) > 2*tensor.MaxRank {
		return fmt.Sprintf("%d numbers", len(v))
	}
	return fmt.Sprint(v)
}

// shape converts a shape read from a file, refusing those of too high a rank.
func (c *Call) shape(field string, v []int64) (tensor.Shape, error) {
	if len(v) > tensor.MaxRank {
		return nil, c.Errorf(field, fmt.Sprintf("rank at most %d", tensor.MaxRank), fmt.Sprint(len(v)))
	}
	return c.dims(field, v)
}

// dims converts sizes read from a file to dimensions, refusing negative ones.
func (c *Call) dims(field string, v []int64) (tensor.Shape, error) {
	out := make(tensor.Shape, len(v))
	for i, d := range v {
		if d < 0 || d > math.MaxInt32*16 {
			return nil, c.Errorf(field, "dimensions", listed(v))
		}
		out[i] = int(d)
	}
	return out, nil
}

// ranked describes a shape where its rank matters: "rank 1, 4".
func ranked(s tensor.Shape) string { return fmt.Sprintf("rank %d, %v", len(s), s) }
