package cluster

import "math"

const (
	// maxPieces bounds the pieces among which centres are divided exactly.
	maxPieces = 4096
	// rounds of Lloyd's iteration behind it, at most.
	rounds = 50
)

// kmeans minimises the sum of squared distances to the nearest centre. Up to
// maxPieces values are divided exactly; more are first gathered in pieces of
// neighbours, and the centres refined by Lloyd's iteration.
func kmeans(values []float32, k int) []float32 {
	s := newSums(values)
	ends := s.pieces()
	cuts := s.divide(ends, k)
	for range rounds {
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
// each row of the table is filled by halving. It returns the cuts, 0 first.
func (s *sums) divide(ends []int, k int) []int {
	n := len(ends)
	k = min(k, n)
	at := func(i int) int { // the first value behind i pieces
		if i == 0 {
			return 0
		}
		return ends[i-1]
	}
	least := make([]float64, n+1) // of the first i pieces in the runs so far
	for i := range least {
		least[i] = s.cost(0, at(i))
	}
	last := make([][]int32, k) // where the last run begins
	last[0] = make([]int32, n+1)
	for r := 1; r < k; r++ {
		next := make([]float64, n+1)
		last[r] = make([]int32, n+1)
		var fill func(low, high, from, to int)
		fill = func(low, high, from, to int) {
			if low > high {
				return
			}
			i := (low + high) / 2
			best, where := math.Inf(1), from
			for j := from; j <= min(i, to); j++ {
				if c := least[j] + s.cost(at(j), at(i)); c < best {
					best, where = c, j
				}
			}
			next[i], last[r][i] = best, int32(where)
			fill(low, i-1, from, where)
			fill(i+1, high, where, to)
		}
		fill(0, n, 0, n)
		least = next
	}
	cuts := make([]int, k+1)
	for r, i := k-1, n; r >= 0; r-- {
		cuts[r+1] = at(i)
		i = int(last[r][i])
	}
	return cuts
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
