package graph

import (
	"math"
	"slices"

	"lutra/internal/tensor"
)

// reductionOps turn all elements along some axes into one.
var reductionOps = slices.Concat([]Operator{
	reduction("ReduceSum", 13), reduction("ReduceMean", 18),
	reduction("ReduceMax", 18), reduction("ReduceMin", 18), reduction("ReduceProd", 18),
	reduction("ReduceL1", 18), reduction("ReduceL2", 18), reduction("ReduceSumSquare", 18),
	reduction("ReduceLogSum", 18), reduction("ReduceLogSumExp", 18),
}, orderOps)

// reduction is the row of a reduction whose axes are an input from version
// axesInput on, and an attribute before.
func reduction(name string, axesInput int64) Operator {
	set := reduceTypes
	if name == "ReduceMax" || name == "ReduceMin" {
		set = reduceTypes.with(tensor.Bool, reduceBool)
	}
	return Operator{
		Name: name, Since: 1, In: Arity{1, 2}, Out: Arity{1, 1}, Eval: set.eval,
		Infer: func(c *Call) ([]Type, error) {
			if err := c.want(0, set.types()); err != nil {
				return nil, err
			}
			axes, err := c.reducedAxes(axesInput)
			if err != nil {
				return nil, err
			}
			keep := c.Node.Int("keepdims", 1) != 0
			out := tensor.Shape{}
			for k, n := range c.In[0].Shape {
				switch {
				case !axes[k]:
					out = append(out, n)
				case keep:
					out = append(out, 1)
				}
			}
			return c.typed(c.In[0].DType, out...)
		},
	}
}

// axesInput is the version from which the axes of a reduction are an input.
func axesInput(op string) int64 {
	if op == "ReduceSum" {
		return 13
	}
	return 18
}

// reducedAxes marks the axes that a reduction sums over.
func (c *Call) reducedAxes(axesInput int64) (reduced [tensor.MaxRank]bool, err error) {
	rank := len(c.In[0].Shape)
	list, _, err := c.intList("axes", axesInput, 1)
	if err != nil {
		return reduced, err
	}
	if len(list) == 0 {
		for k := range rank {
			reduced[k] = c.Node.Int("noop_with_empty_axes", 0) == 0
		}
		return reduced, nil
	}
	axes, err := c.axes("axes", list, rank)
	for _, a := range axes {
		reduced[a] = true
	}
	return reduced, err
}

var reduceTypes = perFloat(reduce[float32, float64], reduce[float64, float64]).and(
	reduce[int8, int64], reduce[int16, int64], reduce[int32, int64], reduce[int64, int64],
	reduce[uint8, uint64], reduce[uint16, uint64], reduce[uint32, uint64], reduce[uint64, uint64])

// reduce accumulates in A: float64, or the 64-bit integers, which wrap around
// as narrower ones do. Means, roots and logarithms are computed in float64.
func reduce[T, A number](c *Call, out []*tensor.Tensor) error {
	axes, err := c.reducedAxes(axesInput(c.Node.Op))
	if err != nil {
		return err
	}
	in := c.Value[0]
	dst, src := tensor.Slice[T](out[0]), tensor.Slice[T](in)
	if len(in.Shape) > 0 && axes == ([tensor.MaxRank]bool{}) {
		copy(dst, src) // noop_with_empty_axes: not even a logarithm is taken
		return nil
	}
	l := reductionLoops(in.Shape, axes)
	switch op := c.Node.Op; op {
	case "ReduceMean":
		sums := accumulateRuns[T, float64]("ReduceSum", len(dst), src, &l)
		count := 1.0
		for k, n := range in.Shape {
			if axes[k] {
				count *= float64(n)
			}
		}
		storeReduced(dst, apply(sums, func(s float64) float64 { return s / count }))
	case "ReduceL2":
		storeReduced(dst, apply(accumulateRuns[T, float64]("ReduceSumSquare", len(dst), src, &l), math.Sqrt))
	case "ReduceLogSum":
		storeReduced(dst, apply(accumulateRuns[T, float64]("ReduceSum", len(dst), src, &l), math.Log))
	case "ReduceLogSumExp":
		storeReduced(dst, logSumExp(len(dst), src, &l))
	default:
		storeReduced(dst, accumulateRuns[T, A](op, len(dst), src, &l))
	}
	return nil
}

// reduceBool is ReduceMax or ReduceMin of truth values.
func reduceBool(c *Call, out []*tensor.Tensor) error {
	if err := reduce[uint8, uint64](c, out); err != nil {
		return err
	}
	dst := tensor.Slice[uint8](out[0])
	for i, v := range dst {
		dst[i] = truth(v != 0)
	}
	return nil
}

// reductionLoops walks the elements of a tensor, operand 1, beside the result
// that each of them goes into, operand 0.
func reductionLoops(in tensor.Shape, reduced [tensor.MaxRank]bool) loops {
	var to, from [tensor.MaxRank]int
	rowMajor(from[:len(in)], in)
	n := 1
	for k := len(in) - 1; k >= 0; k-- {
		if !reduced[k] {
			to[k] = n
			n *= in[k]
		}
	}
	l := loops{}
	l.add(1, 1, 1)
	for k, n := range in {
		l.add(n, to[k], from[k])
	}
	return l
}

// accumulateRuns reduces src to n numbers of type A.
func accumulateRuns[T, A number](op string, n int, src []T, l *loops) []A {
	start, step := accumulator[T, A](op)
	acc := make([]A, n)
	fill(acc, start)
	turns, sd, ss := l.inner(), l.innerStep(0), l.innerStep(1)
	for at := range l.runs {
		i, j := at[0], at[1]
		if op == "ReduceSum" && sd == 0 && ss == 1 {
			sum := acc[i]
			for _, x := range src[j : j+turns] {
				sum += A(x)
			}
			acc[i] = sum
			continue
		}
		for range turns {
			acc[i] = step(acc[i], A(src[j]))
			i, j = i+sd, j+ss
		}
	}
	return acc
}

// accumulator is the result for no elements and what each element does to it.
// NaN stays NaN.
func accumulator[T, A number](op string) (start A, step func(acc, x A) A) {
	lo, hi := limits[T]()
	switch op {
	case "ReduceSum":
		return 0, func(acc, x A) A { return acc + x }
	case "ReduceSumSquare":
		return 0, func(acc, x A) A { return acc + x*x }
	case "ReduceL1":
		return 0, func(acc, x A) A {
			if x < 0 {
				x = -x
			}
			return acc + x
		}
	case "ReduceProd":
		return 1, func(acc, x A) A { return acc * x }
	case "ReduceMax":
		return A(lo), func(acc, x A) A {
			if x > acc || x != x {
				return x
			}
			return acc
		}
	case "ReduceMin":
		return A(hi), func(acc, x A) A {
			if x < acc || x != x {
				return x
			}
			return acc
		}
	}
	panic("graph: no accumulator for " + op)
}

// logSumExp subtracts the greatest element before it takes exponentials.
func logSumExp[T number](n int, src []T, l *loops) []float64 {
	top := accumulateRuns[T, float64]("ReduceMax", n, src, l)
	for i, m := range top {
		if math.IsInf(m, 0) || m != m {
			top[i] = 0
		}
	}
	sum := make([]float64, n)
	turns, sd, ss := l.inner(), l.innerStep(0), l.innerStep(1)
	for at := range l.runs {
		i, j := at[0], at[1]
		for range turns {
			sum[i] += math.Exp(float64(src[j]) - top[i])
			i, j = i+sd, j+ss
		}
	}
	for i, s := range sum {
		sum[i] = top[i] + math.Log(s)
	}
	return sum
}

func apply(v []float64, f func(float64) float64) []float64 {
	for i, x := range v {
		v[i] = f(x)
	}
	return v
}

func storeReduced[T, A number](dst []T, acc []A) {
	if f, ok := any(acc).([]float64); ok {
		for i, v := range f {
			dst[i] = fromFloat64[T](v)
		}
		return
	}
	for i, v := range acc {
		dst[i] = T(v)
	}
}
