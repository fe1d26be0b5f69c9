package graph

import (
	"fmt"
	"slices"

	"lutra/internal/tensor"
)

// indexOps read elements at places given by a tensor of indices.
var indexOps = []Operator{
	{Name: "Gather", Since: 1, In: Arity{2, 2}, Out: Arity{1, 1}, Infer: inferGather, Eval: evalGather},
	{Name: "GatherElements", Since: 11, In: Arity{2, 2}, Out: Arity{1, 1}, Infer: inferGatherElements, Eval: evalGatherElements},
	{Name: "GatherND", Since: 11, In: Arity{2, 2}, Out: Arity{1, 1}, Infer: inferGatherND, Eval: evalGatherND},
}

// index resolves an index, which may count from the end, into an axis of n elements.
func (c *Call) index(v int64, n int) (int, error) { return c.axis("indices", v, n) }

func (c *Call) gatherAxis() (int, error) {
	if err := c.want(1, indexTypes); err != nil {
		return 0, err
	}
	return c.axis("axis", c.Node.Int("axis", 0), len(c.In[0].Shape))
}

func inferGather(c *Call) ([]Type, error) {
	axis, err := c.gatherAxis()
	if err != nil {
		return nil, err
	}
	s := c.In[0].Shape
	return c.typed(c.In[0].DType, slices.Concat(s[:axis], c.In[1].Shape, s[axis+1:])...)
}

func evalGather(c *Call, out []*tensor.Tensor) error {
	axis, err := c.gatherAxis()
	if err != nil {
		return err
	}
	data, dst := c.Value[0], out[0].Bytes()
	if len(dst) == 0 {
		return nil
	}
	at := splitAt(data.Shape, axis)
	src, run := data.Bytes(), at.inner*data.DType.Size()
	indices := asInts(c.Value[1])
	for o := range at.outer {
		for _, v := range indices {
			i, err := c.index(v, at.n)
			if err != nil {
				return err
			}
			copy(dst[:run], src[(o*at.n+i)*run:])
			dst = dst[run:]
		}
	}
	return nil
}

func inferGatherElements(c *Call) ([]Type, error) {
	axis, err := c.gatherAxis()
	if err != nil {
		return nil, err
	}
	s, idx := c.In[0].Shape, c.In[1].Shape
	if err := c.within(idx, s, axis); err != nil {
		return nil, err
	}
	return c.typed(c.In[0].DType, idx...)
}

// within demands that indices have the rank of the data and, but for axis, at
// most its dimensions.
func (c *Call) within(idx, data tensor.Shape, axis int) error {
	fits := len(idx) == len(data)
	for k := range idx {
		fits = fits && (k == axis || idx[k] <= data[k])
	}
	if !fits {
		return c.Errorf(c.inputName(1), "a shape within "+data.String(), idx.String())
	}
	return nil
}

// elementPlaces calls f for every element of the indices with its number and
// the offset of the element of the data that it names.
func (c *Call) elementPlaces(axis int, f func(i, at int)) error {
	data, idx := c.Value[0].Shape, c.Value[1].Shape
	steps := stridesOf(data)
	var pos [tensor.MaxRank]int
	base := 0 // offset of pos, with 0 along axis
	for i, v := range asInts(c.Value[1]) {
		j, err := c.index(v, data[axis])
		if err != nil {
			return err
		}
		f(i, base+j*steps[axis])
		for k := len(idx) - 1; k >= 0; k-- {
			if pos[k]++; k != axis {
				base += steps[k]
			}
			if pos[k] < idx[k] {
				break
			}
			if k != axis {
				base -= pos[k] * steps[k]
			}
			pos[k] = 0
		}
	}
	return nil
}

func evalGatherElements(c *Call, out []*tensor.Tensor) error {
	axis, err := c.gatherAxis()
	if err != nil {
		return err
	}
	size, dst, src := out[0].DType.Size(), out[0].Bytes(), c.Value[0].Bytes()
	return c.elementPlaces(axis, func(i, at int) {
		copy(dst[i*size:(i+1)*size], src[at*size:])
	})
}

// tuples describes indices whose last dimension names the place of a block in
// the data, after batch leading dimensions that both share.
type tuples struct{ batch, depth int }

func (c *Call) tuples() (t tuples, err error) {
	if err := c.want(1, dtypesOf(tensor.Int64)); err != nil {
		return t, err
	}
	s, idx := c.In[0].Shape, c.In[1].Shape
	batch := c.Node.Int("batch_dims", 0)
	if len(idx) == 0 || batch < 0 || batch >= int64(min(len(s), len(idx))) {
		return t, c.Errorf("batch_dims", "fewer than the dimensions of data and indices", fmt.Sprint(batch))
	}
	t = tuples{int(batch), idx[len(idx)-1]}
	if t.depth < 1 || t.depth > len(s)-t.batch {
		return t, c.Errorf(c.inputName(1), fmt.Sprintf("1 to %d indices in the last dimension", len(s)-t.batch), idx.String())
	}
	if !s[:t.batch].Equal(idx[:t.batch]) {
		return t, c.Errorf(c.inputName(1), "the batch dimensions of "+s.String(), idx.String())
	}
	return t, nil
}

// blocks is the shape of the blocks that the tuples name.
func (t tuples) blocks(data, idx tensor.Shape) tensor.Shape {
	return slices.Concat(idx[:len(idx)-1], data[t.batch+t.depth:])
}

// places calls f for every tuple with its number and the number of the block it names.
func (t tuples) places(c *Call, f func(i, block int)) error {
	data, idx := c.Value[0].Shape, c.Value[1].Int64s()
	if len(idx) == 0 {
		return nil
	}
	batches := data[:t.batch].Elems()
	dims := data[t.batch : t.batch+t.depth]
	perBatch := len(idx) / t.depth / batches
	for i := range len(idx) / t.depth {
		block := i / perBatch
		for k, n := range dims {
			j, err := c.index(idx[i*t.depth+k], n)
			if err != nil {
				return err
			}
			block = block*n + j
		}
		f(i, block)
	}
	return nil
}

func inferGatherND(c *Call) ([]Type, error) {
	t, err := c.tuples()
	if err != nil {
		return nil, err
	}
	return c.typed(c.In[0].DType, t.blocks(c.In[0].Shape, c.In[1].Shape)...)
}

func evalGatherND(c *Call, out []*tensor.Tensor) error {
	t, err := c.tuples()
	if err != nil {
		return err
	}
	dst, src := out[0].Bytes(), c.Value[0].Bytes()
	if len(dst) == 0 {
		return nil
	}
	run := c.Value[0].Shape[t.batch+t.depth:].Elems() * out[0].DType.Size()
	return t.places(c, func(i, block int) {
		copy(dst[i*run:(i+1)*run], src[block*run:])
	})
}
