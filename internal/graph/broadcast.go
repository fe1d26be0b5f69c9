package graph

import (
	"fmt"

	"lutra/internal/tensor"
)

// broadcastShapes is the shape that all of shapes broadcast to by NumPy's rule.
func broadcastShapes(shapes ...tensor.Shape) (tensor.Shape, error) {
	rank := 0
	for _, s := range shapes {
		rank = max(rank, len(s))
	}
	out := make(tensor.Shape, rank)
	for i := range out {
		out[i] = 1
	}
	for _, s := range shapes {
		tail := out[rank-len(s):]
		for i, d := range s {
			switch {
			case tail[i] == 1:
				tail[i] = d
			case d != 1 && d != tail[i]:
				return nil, fmt.Errorf("%v does not broadcast with %v", s, shapes)
			}
		}
	}
	return out, nil
}

// maxLoops is enough for the rank of a tensor with every axis split in two.
const maxLoops = 2 * tensor.MaxRank

// maxOperands is a result and three inputs.
const maxOperands = 4

// loops is a loop nest: what several operands, each with its own element
// strides, are walked along together. Adjacent loops that every operand walks
// as one are one. It is a plain value, so that walking allocates nothing.
type loops struct {
	rank int // >= 1 unless empty
	size [maxLoops]int
	step [maxOperands][maxLoops]int
	base [maxOperands]int // offset of each operand's first element
}

// add appends a loop of n turns inside of those before it, with one stride for
// each operand.
func (l *loops) add(n int, steps ...int) {
	if n == 1 && l.rank > 0 {
		return
	}
	if l.rank > 0 {
		last, fuse := l.rank-1, true
		for i, s := range steps {
			fuse = fuse && l.step[i][last] == s*n
		}
		if fuse || l.size[last] == 1 {
			l.size[last] *= n
			for i, s := range steps {
				l.step[i][last] = s
			}
			return
		}
	}
	l.size[l.rank] = n
	for i, s := range steps {
		l.step[i][l.rank] = s
	}
	l.rank++
}

// inner is the number of turns of the innermost loop.
func (l *loops) inner() int { return l.size[l.rank-1] }

// innerStep is the stride of operand i in the innermost loop.
func (l *loops) innerStep(i int) int { return l.step[i][l.rank-1] }

// runs yields the operands' offsets at the start of every innermost loop.
func (l *loops) runs(yield func(*[maxOperands]int) bool) {
	for _, n := range l.size[:l.rank] {
		if n == 0 {
			return
		}
	}
	var count [maxLoops]int
	at := l.base
	for {
		if !yield(&at) {
			return
		}
		k := l.rank - 2
		for ; k >= 0; k-- {
			count[k]++
			for i := range at {
				at[i] += l.step[i][k]
			}
			if count[k] < l.size[k] {
				break
			}
			for i := range at {
				at[i] -= l.step[i][k] * count[k]
			}
			count[k] = 0
		}
		if k < 0 {
			return
		}
	}
}

// broadcastLoops walks the elements of out in order beside inputs that
// broadcast to it. Operand 0 is out.
func broadcastLoops(out tensor.Shape, in ...tensor.Shape) loops {
	var steps [maxOperands][tensor.MaxRank]int
	rowMajor(steps[0][:len(out)], out)
	for i, s := range in {
		missing := len(out) - len(s)
		tail := steps[i+1][missing:len(out)]
		rowMajor(tail, s)
		for k, d := range s {
			if d == 1 {
				tail[k] = 0
			}
		}
	}
	l := loops{}
	if len(out) == 0 {
		l.add(1, 1, 1, 1, 1)
	}
	for k, n := range out {
		l.add(n, steps[0][k], steps[1][k], steps[2][k], steps[3][k])
	}
	return l
}

// rowMajor fills steps with the element strides of a dense tensor.
func rowMajor(steps []int, s tensor.Shape) {
	n := 1
	for k := len(s) - 1; k >= 0; k-- {
		steps[k] = n
		n *= s[k]
	}
}

// stridesOf is rowMajor in a new slice.
func stridesOf(s tensor.Shape) []int {
	steps := make([]int, len(s))
	rowMajor(steps, s)
	return steps
}

// run is elements at, at+step... of v for n turns: one element if step is 0.
// Broadcast operands have no other steps than 0 and 1 in an innermost loop.
func run[T any](v []T, at, step, n int) []T {
	if step == 0 {
		return v[at : at+1]
	}
	return v[at : at+n]
}

// combine writes f(a, b) to dst, with a and b broadcast to the shape of dst. f
// gets runs: a and b have as many elements as dst or only one.
func combine[D, A, B tensor.Element](dst *tensor.Tensor, a, b *tensor.Tensor, as, bs tensor.Shape, f func(dst []D, a []A, b []B)) {
	d, x, y := tensor.Slice[D](dst), tensor.Slice[A](a), tensor.Slice[B](b)
	if len(d) == 0 {
		return
	}
	if (len(x) == len(d) || len(x) == 1) && (len(y) == len(d) || len(y) == 1) {
		f(d, x, y)
		return
	}
	l := broadcastLoops(dst.Shape, as, bs)
	n, sx, sy := l.inner(), l.innerStep(1), l.innerStep(2)
	for at := range l.runs {
		f(d[at[0]:at[0]+n], run(x, at[1], sx, n), run(y, at[2], sy, n))
	}
}
