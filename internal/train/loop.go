package train

import (
	"cmp"
	"slices"
)

// loop walks over the elements of strided arrays in step: element index i of
// array j is at the sum of i[a]*strides[a][j].
type loop struct {
	dims    []int
	strides [][]int // per dimension, per array
}

// newLoop orders the dimensions for the first array, the farthest apart first,
// and joins those that all arrays walk through without a gap.
func newLoop(dims []int, strides ...[]int) *loop {
	l := &loop{}
	order := make([]int, 0, len(dims))
	for a, d := range dims {
		if d != 1 {
			order = append(order, a)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(strides[0][b], strides[0][a]) })
	for _, a := range order {
		step := make([]int, len(strides))
		for j := range strides {
			step[j] = strides[j][a]
		}
		if n := len(l.dims); n > 0 && joins(l.strides[n-1], step, dims[a]) {
			l.dims[n-1] *= dims[a]
			l.strides[n-1] = step
			continue
		}
		l.dims, l.strides = append(l.dims, dims[a]), append(l.strides, step)
	}
	if len(l.dims) == 0 {
		l.dims, l.strides = []int{1}, [][]int{make([]int, len(strides))}
	}
	return l
}

func joins(outer, inner []int, n int) bool {
	for j := range outer {
		if outer[j] != inner[j]*n {
			return false
		}
	}
	return true
}

// size is the length of the outermost dimension.
func (l *loop) size() int { return l.dims[0] }

// inner is the length and the strides of the innermost dimension.
func (l *loop) inner() (n int, steps []int) {
	last := len(l.dims) - 1
	return l.dims[last], l.strides[last]
}

// each calls f for every run of the innermost dimension, with the place of its
// first element in every array. Of the outermost dimension it walks from...to-1;
// where that is the innermost, too, the run is those n elements.
func (l *loop) each(from, to int, f func(n int, at []int)) {
	at := make([]int, len(l.strides[0]))
	last := len(l.dims) - 1
	if last == 0 {
		for j, s := range l.strides[0] {
			at[j] = from * s
		}
		f(to-from, at)
		return
	}
	index := make([]int, last)
	index[0] = from
	for index[0] < to {
		for j := range at {
			at[j] = 0
			for a, i := range index {
				at[j] += i * l.strides[a][j]
			}
		}
		f(l.dims[last], at)
		a := last - 1
		for index[a]++; a > 0 && index[a] == l.dims[a]; index[a]++ {
			index[a] = 0
			a--
		}
	}
}

// run walks in pieces that the crew shares.
func (l *loop) run(c *crew, pieces int, f func(n int, at []int)) {
	pieces = min(pieces, l.size())
	c.each(pieces, func(_ *worker, u int) {
		from, to := part(l.size(), pieces, u)
		l.each(from, to, f)
	})
}

// broadcast is the strides of v seen with the shape to: 0 where v is repeated.
func broadcast(v *value, to []int) []int {
	s := make([]int, len(to))
	for a := range to {
		if from := a - len(to) + len(v.shape); from >= 0 && v.shape[from] > 1 {
			s[a] = v.stride[from]
		}
	}
	return s
}
