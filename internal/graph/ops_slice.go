package graph

import (
	"fmt"

	"lutra/internal/tensor"
)

// cut is what Slice takes along one axis: n elements from start on, step apart.
type cut struct{ start, step, n int }

// cutOf applies NumPy's rules to bounds that count from the end if negative
// and may lie outside of [0, size].
func cutOf(start, end, step int64, size int) cut {
	n := int64(size)
	fromEnd := func(v, low, high int64) int64 {
		if v < 0 {
			v += n
		}
		return min(max(v, low), high)
	}
	count := int64(0)
	if step > 0 {
		start, end = fromEnd(start, 0, n), fromEnd(end, 0, n)
		if end > start {
			count = (end-start-1)/step + 1
		}
	} else {
		start, end = fromEnd(start, -1, n-1), fromEnd(end, -1, n-1)
		if start > end {
			count = (start-end-1)/-step + 1
		}
	}
	if count == 0 {
		return cut{}
	}
	return cut{int(start), int(step), int(count)}
}

// cuts is what Slice takes along every axis.
func (c *Call) cuts() ([]cut, error) {
	s := c.In[0].Shape
	var lists [4][]int64 // starts, ends, axes, steps
	for i, name := range []string{"starts", "ends", "axes", "steps"} {
		list, given, err := c.intList(name, 10, i+1)
		if err != nil {
			return nil, err
		}
		if !given && i < 2 {
			return nil, c.Errorf(name, "a value", "none")
		}
		if given && i > 0 && len(list) != len(lists[0]) {
			return nil, c.Errorf(name, fmt.Sprintf("%d values", len(lists[0])), fmt.Sprint(len(list)))
		}
		lists[i] = list
	}
	starts, ends, steps := lists[0], lists[1], lists[3]
	axes, err := c.sliceAxes(lists[2], len(starts))
	if err != nil {
		return nil, err
	}
	out := make([]cut, len(s))
	for k, n := range s {
		out[k] = cut{0, 1, n}
	}
	for i, a := range axes {
		step := int64(1)
		if steps != nil {
			step = steps[i]
		}
		if step == 0 {
			return nil, c.Errorf("steps", "steps other than 0", listed(steps))
		}
		out[a] = cutOf(starts[i], ends[i], step, s[a])
	}
	return out, nil
}

// sliceAxes resolves the axes, by default the first n.
func (c *Call) sliceAxes(list []int64, n int) ([]int, error) {
	rank := len(c.In[0].Shape)
	if list != nil {
		return c.axes("axes", list, rank)
	}
	if n > rank {
		return nil, c.Errorf("starts", fmt.Sprintf("at most %d values", rank), fmt.Sprint(n))
	}
	axes := make([]int, n)
	for i := range axes {
		axes[i] = i
	}
	return axes, nil
}

func inferSlice(c *Call) ([]Type, error) {
	cuts, err := c.cuts()
	if err != nil {
		return nil, err
	}
	out := make(tensor.Shape, len(cuts))
	for k, x := range cuts {
		out[k] = x.n
	}
	return []Type{{c.In[0].DType, out}}, nil
}

func evalSlice(c *Call, out []*tensor.Tensor) error {
	cuts, err := c.cuts()
	if err != nil {
		return err
	}
	from, to := stridesOf(c.Value[0].Shape), stridesOf(out[0].Shape)
	var l loops
	l.add(1, 1, 1)
	for k, x := range cuts {
		l.base[1] += x.start * from[k]
		l.add(x.n, to[k], x.step*from[k])
	}
	move(out[0], c.Value[0], l)
	return nil
}
