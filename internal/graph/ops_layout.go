package graph

import (
	"fmt"
	"math"

	"lutra/internal/tensor"
)

// layoutOps rearrange whole tensors by constant strides.
var layoutOps = []Operator{
	{Name: "Transpose", Since: 1, In: Arity{1, 1}, Out: Arity{1, 1}, Infer: inferTranspose, Eval: evalTranspose},
	{Name: "Expand", Since: 8, In: Arity{2, 2}, Out: Arity{1, 1}, Infer: inferExpand, Eval: evalExpand,
		Note: "the shape must be known before the run"},
	{Name: "Tile", Since: 6, In: Arity{2, 2}, Out: Arity{1, 1}, Infer: inferTile, Eval: evalTile,
		Note: "the repeats must be known before the run"},
	{Name: "Slice", Since: 1, In: Arity{1, 5}, Out: Arity{1, 1}, Infer: inferSlice, Eval: evalSlice,
		Note: "starts, ends, axes and steps must be known before the run"},
	{Name: "Concat", Since: 4, In: Arity{1, -1}, Out: Arity{1, 1}, Infer: inferConcat, Eval: evalConcat},
	{Name: "Split", Since: 2, In: Arity{1, 2}, Out: Arity{1, -1}, Infer: inferSplit, Eval: evalSplit,
		Note: "the sizes must be known before the run"},
	{Name: "Trilu", Since: 14, In: Arity{1, 2}, Out: Arity{1, 1}, Infer: inferTrilu, Eval: evalTrilu},
}

// perm is the attribute of Transpose, by default the reverse order.
func (c *Call) perm() ([]int, error) {
	rank := len(c.In[0].Shape)
	a, ok := c.Node.Attr("perm")
	if !ok {
		perm := make([]int, rank)
		for k := range perm {
			perm[k] = rank - 1 - k
		}
		return perm, nil
	}
	perm, err := c.axes("perm", a.Ints, rank)
	if err == nil && len(perm) != rank {
		err = c.Errorf("perm", fmt.Sprintf("%d axes", rank), listed(a.Ints))
	}
	return perm, err
}

func inferTranspose(c *Call) ([]Type, error) {
	perm, err := c.perm()
	if err != nil {
		return nil, err
	}
	out := make(tensor.Shape, len(perm))
	for k, p := range perm {
		out[k] = c.In[0].Shape[p]
	}
	return []Type{{c.In[0].DType, out}}, nil
}

func evalTranspose(c *Call, out []*tensor.Tensor) error {
	perm, err := c.perm()
	if err != nil {
		return err
	}
	from, to := stridesOf(c.Value[0].Shape), stridesOf(out[0].Shape)
	var l loops
	l.add(1, 1, 1)
	for k, p := range perm {
		l.add(out[0].Shape[k], to[k], from[p])
	}
	move(out[0], c.Value[0], l)
	return nil
}

func inferExpand(c *Call) ([]Type, error) {
	list, err := c.constInts(1)
	if err != nil {
		return nil, err
	}
	shape, err := c.shape("shape", list)
	if err != nil {
		return nil, err
	}
	out, err := broadcastShapes(c.In[0].Shape, shape)
	if err != nil {
		return nil, c.Errorf("shape", "a shape that broadcasts with "+c.In[0].Shape.String(), shape.String())
	}
	return c.typed(c.In[0].DType, out...)
}

func evalExpand(c *Call, out []*tensor.Tensor) error {
	expand(out[0], c.Value[0])
	return nil
}

func inferTile(c *Call) ([]Type, error) {
	list, err := c.constInts(1)
	if err != nil {
		return nil, err
	}
	s := c.In[0].Shape
	if len(list) != len(s) {
		return nil, c.Errorf("repeats", fmt.Sprintf("%d values", len(s)), fmt.Sprint(len(list)))
	}
	repeats, err := c.dims("repeats", list)
	if err != nil {
		return nil, err
	}
	out := make(tensor.Shape, len(s))
	for k, r := range repeats {
		if s[k] > 0 && r > math.MaxInt/s[k] {
			return nil, c.Errorf("repeats", "a size that can be allocated", listed(list))
		}
		out[k] = s[k] * r
	}
	return c.typed(c.In[0].DType, out...)
}

func evalTile(c *Call, out []*tensor.Tensor) error {
	in := c.Value[0].Shape
	from, to := stridesOf(in), stridesOf(out[0].Shape)
	var l loops
	l.add(1, 1, 1)
	for k, n := range in {
		if n == 0 {
			return nil
		}
		l.add(out[0].Shape[k]/n, n*to[k], 0)
		l.add(n, to[k], from[k])
	}
	move(out[0], c.Value[0], l)
	return nil
}

func inferConcat(c *Call) ([]Type, error) {
	first := c.In[0]
	if _, ok := c.Node.Attr("axis"); !ok {
		return nil, c.Errorf("axis", "a number", "none")
	}
	axis, err := c.axis("axis", c.Node.Int("axis", 0), len(first.Shape))
	if err != nil {
		return nil, err
	}
	out := first.Shape.Clone()
	out[axis] = 0
	for i, t := range c.In {
		if err := c.same(0, i); err != nil {
			return nil, err
		}
		if len(t.Shape) != len(out) {
			return nil, c.Errorf(c.inputName(i), fmt.Sprintf("rank %d", len(out)), ranked(t.Shape))
		}
		for k, n := range t.Shape {
			if k != axis && n != out[k] {
				return nil, c.Errorf(c.inputName(i), first.Shape.String()+" but for axis "+fmt.Sprint(axis), t.Shape.String())
			}
		}
		if t.Shape[axis] > math.MaxInt-out[axis] {
			return nil, c.Errorf(c.inputName(i), "a size that can be allocated", t.Shape.String())
		}
		out[axis] += t.Shape[axis]
	}
	return c.typed(first.DType, out...)
}

func evalConcat(c *Call, out []*tensor.Tensor) error {
	axis, err := c.axis("axis", c.Node.Int("axis", 0), len(out[0].Shape))
	if err != nil {
		return err
	}
	outer := out[0].Shape[:axis].Elems()
	dst := out[0].Bytes()
	if len(dst) == 0 {
		return nil
	}
	row, at := len(dst)/outer, 0
	for _, v := range c.Value {
		n := len(v.Bytes()) / outer
		for o := range outer {
			copy(dst[o*row+at:o*row+at+n], v.Bytes()[o*n:])
		}
		at += n
	}
	return nil
}

// splitSizes are the sizes of the parts of Split along axis.
func (c *Call) splitSizes(n int) (tensor.Shape, error) {
	parts := len(c.Node.Outputs)
	list, given, err := c.intList("split", 13, 1)
	if err != nil {
		return nil, err
	}
	if given {
		sizes, err := c.dims("split", list)
		if err != nil {
			return nil, err
		}
		sum := 0
		for _, s := range sizes { // each is small enough, but there may be many
			if sum += s; sum > n {
				break
			}
		}
		if len(sizes) != parts || sum != n {
			return nil, c.Errorf("split", fmt.Sprintf("%d sizes that add up to %d", parts, n), listed(list))
		}
		return sizes, nil
	}
	if want := c.Node.Int("num_outputs", int64(parts)); want != int64(parts) {
		return nil, c.Errorf("num_outputs", fmt.Sprint(parts), fmt.Sprint(want))
	}
	if c.Opset < 18 && n%parts != 0 {
		return nil, c.Errorf("outputs", fmt.Sprintf("a number that divides %d", n), fmt.Sprint(parts))
	}
	size := (n + parts - 1) / parts
	sizes := make(tensor.Shape, parts)
	for i := range sizes {
		sizes[i] = min(size, n)
		n -= sizes[i]
	}
	return sizes, nil
}

func inferSplit(c *Call) ([]Type, error) {
	s := c.In[0].Shape
	axis, err := c.axis("axis", c.Node.Int("axis", 0), len(s))
	if err != nil {
		return nil, err
	}
	sizes, err := c.splitSizes(s[axis])
	if err != nil {
		return nil, err
	}
	types := make([]Type, len(sizes))
	for i, n := range sizes {
		part := s.Clone()
		part[axis] = n
		types[i] = Type{c.In[0].DType, part}
	}
	return types, nil
}

func evalSplit(c *Call, out []*tensor.Tensor) error {
	s := c.In[0].Shape
	axis, err := c.axis("axis", c.Node.Int("axis", 0), len(s))
	if err != nil {
		return err
	}
	src := c.Value[0].Bytes()
	if len(src) == 0 {
		return nil
	}
	outer := s[:axis].Elems()
	row, at := len(src)/outer, 0
	for _, part := range out {
		n := len(part.Bytes()) / outer
		for o := range outer {
			copy(part.Bytes()[o*n:(o+1)*n], src[o*row+at:])
		}
		at += n
	}
	return nil
}

func inferTrilu(c *Call) ([]Type, error) {
	if s := c.In[0].Shape; len(s) < 2 {
		return nil, c.Errorf(c.inputName(0), "rank 2 or more", ranked(s))
	}
	if c.Has(1) {
		if err := c.want(1, dtypesOf(tensor.Int64)); err != nil {
			return nil, err
		}
		if s := c.In[1].Shape; s.Elems() != 1 {
			return nil, c.Errorf(c.inputName(1), "a scalar", s.String())
		}
	}
	return []Type{c.In[0]}, nil
}

func evalTrilu(c *Call, out []*tensor.Tensor) error {
	s := c.In[0].Shape
	rows, cols := s[len(s)-2], s[len(s)-1]
	diagonal := int64(0)
	if c.Has(1) {
		diagonal = c.Value[1].Int64s()[0]
	}
	diagonal = min(max(diagonal, -int64(rows)), int64(cols))
	upper := c.Node.Int("upper", 1) != 0
	dst, size := out[0].Bytes(), out[0].DType.Size()
	copy(dst, c.Value[0].Bytes())
	for at := 0; at < len(dst); at += cols * size {
		cut := at/(cols*size)%rows + int(diagonal) // the column on the diagonal
		if upper {
			clear(dst[at : at+min(max(cut, 0), cols)*size])
		} else {
			clear(dst[at+min(max(cut+1, 0), cols)*size : at+cols*size])
		}
	}
	return nil
}
