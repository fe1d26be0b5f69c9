package graph

import (
	"fmt"
	"math"

	"lutra/internal/tensor"
)

// padOps surround a tensor.
var padOps = []Operator{
	{Name: "Pad", Since: 1, In: Arity{1, 4}, Out: Arity{1, 1}, Infer: inferPad, Eval: evalPad,
		Note: "the pads must be known before the run"},
}

// margins is how many elements Pad adds before and after an axis; negative
// numbers take elements away.
type margins struct{ before, after int }

// pads is the margins of every axis: attributes before version 11.
func (c *Call) pads() ([]margins, error) {
	list, given, err := c.intList("pads", 11, 1)
	if err != nil {
		return nil, err
	}
	if !given {
		return nil, c.Errorf("pads", "a value", "none")
	}
	rank := len(c.In[0].Shape)
	axes := make([]int, rank)
	for k := range axes {
		axes[k] = k
	}
	if c.Has(3) {
		named, err := c.constInts(3)
		if err != nil {
			return nil, err
		}
		if axes, err = c.axes("axes", named, rank); err != nil {
			return nil, err
		}
	}
	if len(list) != 2*len(axes) {
		return nil, c.Errorf("pads", fmt.Sprintf("%d values", 2*len(axes)), fmt.Sprint(len(list)))
	}
	out := make([]margins, rank)
	for i, a := range axes {
		before, after := list[i], list[i+len(axes)]
		if max(before, after) > math.MaxInt32 || min(before, after) < -math.MaxInt32 {
			return nil, c.Errorf("pads", "sizes that can be allocated", listed(list))
		}
		out[a] = margins{int(before), int(after)}
	}
	return out, nil
}

func inferPad(c *Call) ([]Type, error) {
	if err := c.want(0, storedTypes); err != nil {
		return nil, err
	}
	pads, err := c.pads()
	if err != nil {
		return nil, err
	}
	if c.Has(2) {
		if err := c.same(0, 2); err != nil {
			return nil, err
		}
		if s := c.In[2].Shape; s.Elems() != 1 {
			return nil, c.Errorf(c.inputName(2), "a scalar", s.String())
		}
	}
	mode := c.Node.String("mode", "constant")
	place, ok := padModes[mode]
	if !ok {
		return nil, c.Errorf("mode", "constant, reflect, edge or wrap", mode)
	}
	out := c.In[0].Shape.Clone()
	for k, n := range out {
		m := pads[k]
		if out[k] = n + m.before + m.after; out[k] < 0 {
			return nil, c.Errorf("pads", "a size of at least 0", fmt.Sprint(out[k]))
		}
		if place != nil && n == 0 && out[k] > 0 {
			return nil, c.Errorf("pads", "elements to repeat", c.In[0].Shape.String())
		}
	}
	return c.typed(c.In[0].DType, out...)
}

// padModes is, for each mode, the element of an axis of n that stands at
// position i, which may be outside; nil for constant padding.
var padModes = map[string]func(i, n int) int{
	"constant": nil,
	"edge":     func(i, n int) int { return min(max(i, 0), n-1) },
	"wrap":     func(i, n int) int { return ((i % n) + n) % n },
	"reflect": func(i, n int) int {
		if n == 1 {
			return 0
		}
		period := 2 * (n - 1)
		i = ((i % period) + period) % period
		return min(i, period-i)
	},
}

func evalPad(c *Call, out []*tensor.Tensor) error {
	pads, err := c.pads()
	if err != nil || out[0].Elems() == 0 {
		return err
	}
	if place := padModes[c.Node.String("mode", "constant")]; place != nil {
		repeatPad(out[0], c.Value[0], pads, place)
		return nil
	}
	c.fillPad(out[0])
	// What is left of the input is one block, in both tensors.
	src := c.Value[0]
	from, to := stridesOf(src.Shape), stridesOf(out[0].Shape)
	var l loops
	l.add(1, 1, 1)
	for k, n := range src.Shape {
		m := pads[k]
		l.base[0] += max(m.before, 0) * to[k]
		l.base[1] += max(-m.before, 0) * from[k]
		l.add(max(n+min(m.before, 0)+min(m.after, 0), 0), to[k], from[k])
	}
	move(out[0], src, l)
	return nil
}

// fillPad sets all of dst to the constant.
func (c *Call) fillPad(dst *tensor.Tensor) {
	value := tensor.New(dst.DType)
	switch v := c.Node.Float("value", 0); {
	case c.Has(2):
		value = c.Value[2].Reshape()
	case c.Opset < 11 && v != 0:
		castRule{}.cast(value, tensor.Of([]float32{v}))
	}
	expand(dst, value)
}

// repeatPad fills dst with elements of src, whose places along each axis are
// looked up in a table.
func repeatPad(dst, src *tensor.Tensor, pads []margins, place func(i, n int) int) {
	rank := len(dst.Shape)
	steps := stridesOf(src.Shape)
	var offsets [tensor.MaxRank][]int
	for k, n := range dst.Shape {
		offsets[k] = make([]int, n)
		for i := range n {
			offsets[k][i] = place(i-pads[k].before, src.Shape[k]) * steps[k]
		}
	}
	if rank == 0 {
		copy(dst.Bytes(), src.Bytes())
		return
	}
	size, d, s := dst.DType.Size(), dst.Bytes(), src.Bytes()
	var pos [tensor.MaxRank]int
	for len(d) > 0 {
		row := 0
		for k := range rank - 1 {
			row += offsets[k][pos[k]]
		}
		for _, o := range offsets[rank-1] {
			copy(d[:size], s[(row+o)*size:])
			d = d[size:]
		}
		for k := rank - 2; k >= 0; k-- {
			if pos[k]++; pos[k] < dst.Shape[k] {
				break
			}
			pos[k] = 0
		}
	}
}
