package graph

import (
	"fmt"
	"math"

	"lutra/internal/tensor"
)

var poolOps = []Operator{
	{Name: "MaxPool", Since: 1, In: Arity{1, 1}, Out: Arity{1, 2},
		Infer: inferMaxPool, Eval: maxPools.eval, Dense: true, Note: "1 to 3 spatial dimensions"},
	{Name: "AveragePool", Since: 1, In: Arity{1, 1}, Out: Arity{1, 1},
		Infer: inferPool, Eval: floatEval(averagePool[float32], averagePool[float64]), Dense: true, Note: "1 to 3 spatial dimensions"},
	{Name: "LpPool", Since: 2, In: Arity{1, 1}, Out: Arity{1, 1},
		Infer: inferLpPool, Eval: floatEval(lpPool[float32], lpPool[float64]), Dense: true, Note: "1 to 3 spatial dimensions"},
	{Name: "GlobalMaxPool", Since: 1, In: Arity{1, 1}, Out: Arity{1, 1},
		Infer: inferGlobalPool, Eval: floatEval(globalMax[float32], globalMax[float64])},
	{Name: "GlobalAveragePool", Since: 1, In: Arity{1, 1}, Out: Arity{1, 1},
		Infer: inferGlobalPool, Eval: floatEval(globalAverage[float32], globalAverage[float64])},
	{Name: "GlobalLpPool", Since: 2, In: Arity{1, 1}, Out: Arity{1, 1},
		Infer: inferGlobalLp, Eval: floatEval(globalLp[float32], globalLp[float64])},
}

var maxPools = func() perType {
	p := perFloat(maxPool[float32], maxPool[float64])
	p[tensor.Uint8], p[tensor.Int8] = maxPool[uint8], maxPool[int8]
	return p
}()

// pool is the grid of a pooling node.
func (c *Call) pool() (grid, error) {
	s := c.In[0].Shape
	if len(s) < 3 || len(s) > 5 {
		return grid{}, c.Errorf(c.inputName(0), "rank 3 to 5", ranked(s))
	}
	if _, ok := c.Node.Attr("kernel_shape"); !ok {
		return grid{}, c.Errorf("kernel_shape", "a kernel", "none")
	}
	g, err := c.slide(s[2:], c.Node.Ints("kernel_shape"), c.Node.Int("ceil_mode", 0) != 0)
	if err != nil {
		return g, err
	}
	for _, w := range g {
		if w.seesNothing() {
			return g, c.Errorf("pads", "less than the kernel, so that no window is all padding", fmt.Sprint(c.Node.Ints("pads")))
		}
	}
	return g, nil
}

func (c *Call) inferPoolOf(types dtypeSet) ([]Type, error) {
	if err := c.want(0, types); err != nil {
		return nil, err
	}
	g, err := c.pool()
	if err != nil {
		return nil, err
	}
	s := c.In[0].Shape
	return c.typed(c.In[0].DType, g.outShape(len(s)-2, s[0], s[1])...)
}

func inferPool(c *Call) ([]Type, error) { return c.inferPoolOf(floatTypes) }

func inferLpPool(c *Call) ([]Type, error) {
	if err := c.norm(2); err != nil {
		return nil, err
	}
	return inferPool(c)
}

func inferGlobalLp(c *Call) ([]Type, error) {
	if err := c.norm(2); err != nil {
		return nil, err
	}
	return inferGlobalPool(c)
}

// norm checks the attribute p of an Lp norm.
func (c *Call) norm(def int64) error {
	if p := c.Node.Int("p", def); p < 1 {
		return c.Errorf("p", "at least 1", fmt.Sprint(p))
	}
	return nil
}

func inferMaxPool(c *Call) ([]Type, error) {
	if order := c.Node.Int("storage_order", 0); order != 0 && order != 1 {
		return nil, c.Errorf("storage_order", "0 or 1", fmt.Sprint(order))
	}
	t, err := c.inferPoolOf(floatTypes | dtypesOf(tensor.Uint8, tensor.Int8))
	if err != nil {
		return nil, err
	}
	return append(t, Type{tensor.Int64, t[0].Shape}), c.allocatable(tensor.Int64, t[0].Shape)
}

// maxPool writes the first largest element of each window and, if asked for,
// its index in the whole input; storage_order 1 counts columns first within a plane.
func maxPool[T number](c *Call, out []*tensor.Tensor) error {
	g, err := c.pool()
	if err != nil {
		return err
	}
	x, y := tensor.Slice[T](c.Value[0]), tensor.Slice[T](out[0])
	ins, outs := g.ins(), g.outs()
	best := make([]int, outs)
	for p := range c.In[0].Shape[0] * c.In[0].Shape[1] {
		src := x[p*ins:][:ins]
		for i := range best {
			best[i] = -1
		}
		g.each(func(_, o, in, count, step int) {
			for j := range count {
				if b := best[o+j]; b < 0 || src[in+j*step] > src[b] {
					best[o+j] = in + j*step
				}
			}
		})
		for o, b := range best {
			y[p*outs+o] = src[b]
		}
		if len(out) < 2 {
			continue
		}
		index := out[1].Int64s()[p*outs:]
		for o, b := range best {
			if c.Node.Int("storage_order", 0) == 1 {
				plane := g[1].in * g[2].in
				row, col := b%plane/g[2].in, b%g[2].in
				b = b - b%plane + col*g[1].in + row
			}
			index[o] = int64(p*ins + b)
		}
	}
	return nil
}

// averagePool divides by the number of elements in the window, or with
// count_include_pad by the number of positions in the padded input.
func averagePool[T floating](c *Call, out []*tensor.Tensor) error {
	g, err := c.pool()
	if err != nil {
		return err
	}
	counted := g
	if c.Node.Int("count_include_pad", 0) != 0 {
		for i := range counted {
			w := &counted[i]
			w.in, w.begin, w.end = w.in+w.begin+w.end, 0, 0
		}
	}
	count := func(o int) float64 { // of the taps of output o
		d, h, w := counted[0], counted[1], counted[2]
		return float64(d.inside(o/w.out/h.out) * h.inside(o/w.out%h.out) * w.inside(o%w.out))
	}
	sumWindows[T](c, g, out[0],
		func(v float64) float64 { return v },
		func(o int, sum float64) float64 { return sum / count(o) })
	return nil
}

func lpPool[T floating](c *Call, out []*tensor.Tensor) error {
	g, err := c.pool()
	if err != nil {
		return err
	}
	p := float64(c.Node.Int("p", 2))
	sumWindows[T](c, g, out[0],
		func(v float64) float64 { return math.Pow(math.Abs(v), p) },
		func(_ int, sum float64) float64 { return math.Pow(sum, 1/p) })
	return nil
}

// sumWindows sums term(x) over each window in float64 and writes finish of the sum.
func sumWindows[T floating](c *Call, g grid, out *tensor.Tensor, term func(float64) float64, finish func(o int, sum float64) float64) {
	x, y := values[T](c, 0), tensor.Slice[T](out)
	ins, outs := g.ins(), g.outs()
	acc := make([]float64, outs)
	for p := range c.In[0].Shape[0] * c.In[0].Shape[1] {
		clear(acc)
		src := x[p*ins:][:ins]
		g.each(func(_, o, in, count, step int) {
			for j := range count {
				acc[o+j] += term(float64(src[in+j*step]))
			}
		})
		for o, a := range acc {
			y[p*outs+o] = T(finish(o, a))
		}
	}
}

func inferGlobalPool(c *Call) ([]Type, error) {
	if err := c.want(0, floatTypes); err != nil {
		return nil, err
	}
	s := c.In[0].Shape
	if len(s) < 3 || s[2:].Elems() == 0 {
		return nil, c.Errorf(c.inputName(0), "rank at least 3 and pixels", ranked(s))
	}
	shape := s.Clone()
	for i := range shape[2:] {
		shape[2+i] = 1
	}
	return c.typed(c.In[0].DType, shape...)
}

// perPlane writes f of every channel of every sample.
func perPlane[T floating](c *Call, out *tensor.Tensor, f func([]T) float64) {
	x, y := values[T](c, 0), tensor.Slice[T](out)
	n := c.In[0].Shape[2:].Elems()
	for i := range y {
		y[i] = T(f(x[i*n:][:n]))
	}
}

func globalMax[T floating](c *Call, out []*tensor.Tensor) error {
	perPlane(c, out[0], func(v []T) float64 {
		m := v[0]
		for _, x := range v[1:] {
			m = max(m, x)
		}
		return float64(m)
	})
	return nil
}

func globalAverage[T floating](c *Call, out []*tensor.Tensor) error {
	perPlane(c, out[0], func(v []T) float64 {
		sum := 0.0
		for _, x := range v {
			sum += float64(x)
		}
		return sum / float64(len(v))
	})
	return nil
}

func globalLp[T floating](c *Call, out []*tensor.Tensor) error {
	p := float64(c.Node.Int("p", 2))
	perPlane(c, out[0], func(v []T) float64 {
		sum := 0.0
		for _, x := range v {
			sum += math.Pow(math.Abs(float64(x)), p)
		}
		return math.Pow(sum, 1/p)
	})
	return nil
}
