package cluster

import (
	"context"
	"math"
)

const (
	// maxPieces bounds the pieces among which centres are divided exactly.
	maxPieces = 4096
	// rounds of Lloyd's iteration behind it, at most.
	rounds = 50
)

// kmeans minimises the sum of squared distances to the nearest centre. Up to
// maxPieces values are divided exactly; more are first gathered in pieces of
// neighbours, and the centres refined by Lloyd's iteration.
func kmeans(ctx context.Context, values []float32, k int) []float32 {
	s := newSums(values)
	ends := s.pieces()
	cuts := s.divide(ctx, ends, k)
	for range rounds {
		if ctx.Err() != nil {
			return nil
		}
		if len(ends) == len(values) || !s.refine(cuts) {
			break
		}
	}
	var centres []float32
	for i, from := range cuts[:len(cuts)-1] {
		if to := cuts[i+1]; to > from {
			centres = append(centres, float32(s.mean(from, to)))
		}
	}
	return centres
}

// sums are sorted values with the sums of all before, and of their squares.
// Values are taken relative to their mean, so that squares keep their digits.
type sums struct {
	values        []float32
	centre        float64
	plain, square []float64
}

func newSums(values []float32) *sums {
	s := &sums{values: values, plain: make([]float64, len(values)+1), square: make([]float64, len(values)+1)}
	for _, v := range values {
		s.centre += float64(v) / float64(len(values))
	}
	for i, v := range values {
		d := float64(v) - s.centre
		s.plain[i+1], s.square[i+1] = s.plain[i]+d, s.square[i]+d*d
	}
	return s
}

func (s *sums) mean(from, to int) float64 {
	return s.centre + (s.plain[to]-s.plain[from])/float64(to-from)
}

// cost is the sum of squared distances of values[from:to] to their mean.
func (s *sums) cost(from, to int) float64 {
	if to-from < 2 {
		return 0
	}
	d := s.plain[to] - s.plain[from]
	return max(0, s.square[to]-s.square[from]-d*d/float64(to-from))
}

// pieces are the ends of runs of values, each of a small part of all values and
// of a small part of their range: of single values if there are few.
func (s *sums) pieces() []int {
	n := len(s.values)
	count, width := 1, float32(0)
	if n > maxPieces {
		count, width = n/(maxPieces/2)+1, (s.values[n-1]-s.values[0])/(maxPieces/2)
	}
	var ends []int
	from := 0
	for i := 1; i <= n; i++ {
		if i == n || i-from >= count || s.values[i]-s.values[from] > width {
			ends = append(ends, i)
			from = i
		}
	}
	return ends
}

// divide cuts the pieces into at most k runs of least cost (Wang and Song,
// Ckmeans.1d.dp, R Journal 2011): the best last cut moves up with the end, so
// each row of the table is filled by halving. It returns the cuts, 0 first; nil
// when ctx is done.
func (s *sums) divide(ctx context.Context, ends []int, k int) []int {
	d := newDivision(s, ends)
	n := len(ends)
	k = min(k, n)
	last := make([][]int32, k) // where the last of so many runs begins
	last[0] = make([]int32, n+1)
	for r := 1; r < k; r++ {
		if ctx.Err() != nil {
			return nil
		}
		for j, c := range d.least {
			d.open[j] = c - d.square[j]
		}
		d.last = make([]int32, n+1)
		d.fill(0, n, 0, n)
		last[r] = d.last
		d.least, d.next = d.next, d.least
	}
	cuts := make([]int, k+1)
	for r, i := k-1, n; r >= 0; r-- {
		cuts[r+1] = int(d.count[i])
		i = int(last[r][i])
	}
	return cuts
}

// division is a row of the table of divide, and the sums at the ends of the
// pieces, 0 first.
type division struct {
	count, plain, square []float64
	least, next          []float64 // costs of the first i pieces, in one run fewer and in the runs of the row
	open                 []float64 // least - square
	last                 []int32
}

func newDivision(s *sums, ends []int) *division {
	n := len(ends) + 1
	d := &division{}
	for _, v := range []*[]float64{&d.count, &d.plain, &d.square, &d.least, &d.next, &d.open} {
		*v = make([]float64, n)
	}
	for i, end := range ends {
		d.count[i+1], d.plain[i+1], d.square[i+1] = float64(end), s.plain[end], s.square[end]
		d.least[i+1] = s.cost(0, end)
	}
	return d
}

// fill computes the row from low to high, whose last runs begin at from...to.
func (d *division) fill(low, high, from, to int) {
	if low > high {
		return
	}
	i := (low + high) / 2
	best, where := math.Inf(1), from
	count, plain := d.count[i], d.plain[i]
	until := min(i, to+1)
	if from < until {
		open, counts, sums := d.open[from:until], d.count[from:until], d.plain[from:until]
		for j, c := range open { // the cost of a run, but for the squares up to i
			x := plain - sums[j]
			if c -= x * x / (count - counts[j]); c < best {
				best, where = c, from+j
			}
		}
	}
	best += d.square[i]
	if i <= to && d.least[i] <= best { // an empty run
		best, where = d.least[i], i
	}
	d.next[i], d.last[i] = best, int32(where)
	d.fill(low, i-1, from, where)
	d.fill(i+1, high, where, to)
}

// refine is a round of Lloyd's iteration: every inner cut moves to the middle
// of the means beside it. It reports whether one moved.
func (s *sums) refine(cuts []int) bool {
	moved := false
	means := make([]float64, len(cuts)-1)
	for i := range means {
		if cuts[i] == cuts[i+1] {
			return false // fewer runs than allowed cost nothing already
		}
		means[i] = s.mean(cuts[i], cuts[i+1])
	}
	for i := 1; i < len(cuts)-1; i++ {
		middle := (means[i-1] + means[i]) / 2
		low, high := 0, len(s.values)
		for low < high {
			m := (low + high) / 2
			if float64(s.values[m]) <= middle {
				low = m + 1
			} else {
				high = m
			}
		}
		moved = moved || low != cuts[i]
		cuts[i] = low
	}
	return moved
}
