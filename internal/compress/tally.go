package compress

import (
	"cmp"
	"context"
	"slices"
)

// tally is what an assignment says about its clusters: enough to solve the
// M-step, and to know the objective for any codewords.
type tally struct {
	d     int
	count []int
	r     []float64 // [k, d] weighted sum of S m
	n     []float64 // [k, d, d] weighted sum of S
	q     []float64 // [k] weighted sum of m^T S m
}

func newTally(k, d int) *tally {
	return &tally{d: d, count: make([]int, k), r: make([]float64, k*d), n: make([]float64, k*d*d), q: make([]float64, k)}
}

// diagonal is how much errors of each number of the codewords count: [k, d].
func (t *tally) diagonal() []float64 {
	w := make([]float64, len(t.r))
	for i := range w {
		w[i] = t.n[i*t.d+i%t.d]
	}
	return w
}

// merge adds u to t.
func (t *tally) merge(u *tally) {
	for i, v := range u.count {
		t.count[i] += v
	}
	addTo(t.r, u.r)
	addTo(t.n, u.n)
	addTo(t.q, u.q)
}

func addTo(dst, src []float64) {
	for i, v := range src {
		dst[i] += v
	}
}

// errorOf is the error of cluster k with the given codewords. It is never
// negative.
func (t *tally) errorOf(k int, words []float32) float64 {
	d := t.d
	e := t.q[k]
	for i, w := range words[k*d:][:d] {
		var s float64
		for j, v := range words[k*d:][:d] {
			s += t.n[(k*d+i)*d+j] * float64(v)
		}
		e += float64(w) * (s - 2*t.r[k*d+i])
	}
	return max(e, 0)
}

// objective is the error of all clusters.
func (t *tally) objective(words []float32) float64 {
	var sum float64
	for k := range t.count {
		sum += t.errorOf(k, words)
	}
	return sum
}

// chunks is the number of parts in which cells are processed. It is fixed so
// that sums do not depend on the number of threads.
const chunks = 16

// assign is the E-step: it sets s.codes to the nearest codewords, the lowest
// number among equals, and tallies the clusters.
func (c *clustering) assign(ctx context.Context, s *clusters) (*tally, error) {
	parts := make([]*tally, min(chunks, c.cells()))
	err := each(ctx, c.threads, len(parts), func(i int) error {
		parts[i] = newTally(c.k, c.d)
		w := newAssigner(c, s)
		for cell := i * c.cells() / len(parts); cell < (i+1)*c.cells()/len(parts); cell++ {
			if err := ctx.Err(); err != nil {
				return err
			}
			w.cell(cell, parts[i])
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, p := range parts[1:] {
		parts[0].merge(p)
	}
	return parts[0], nil
}

// assigner processes one cell after another.
type assigner struct {
	c      *clustering
	s      *clusters
	words  []float64 // [k, d]
	planes []float32 // [d, k]: S c
	bias   []float32 // [k]: c^T S c / 2
	sum    []float64 // [k, d] of the cell's members
	count  []int
	mass   []float64 // sum of the members' weights
	energy []float64
	row    []float64
}

func newAssigner(c *clustering, s *clusters) *assigner {
	w := &assigner{
		c: c, s: s, words: make([]float64, c.k*c.d),
		planes: make([]float32, c.k*c.d), bias: make([]float32, c.k),
		sum: make([]float64, c.k*c.d), count: make([]int, c.k), mass: make([]float64, c.k),
		energy: make([]float64, c.k), row: make([]float64, c.d),
	}
	for i, v := range s.words {
		w.words[i] = float64(v)
	}
	return w
}

// cell assigns the sub-vectors of a cell and adds its clusters to t. With
// S the cell's metric, the distance of m to c is, but for a constant,
// 2 (c^T S c/2 - m.(S c)).
func (w *assigner) cell(cell int, t *tally) {
	c, d := w.c, w.c.d
	m := c.metric.cell(cell)
	for k := range c.k {
		word := w.words[k*d:][:d]
		times(w.row, m, word)
		var bias float64
		for i, v := range w.row {
			w.planes[i*c.k+k] = float32(v)
			bias += v * word[i]
		}
		w.bias[k] = float32(bias / 2)
	}
	from, to := c.span(cell)
	codes := w.s.codes[from:to]
	c.level.Nearest(codes, c.x[from*d:to*d], d, w.planes, w.bias)
	for i, k := range codes {
		sum, weight := w.sum[int(k)*d:][:d], c.weightOf(from+i)
		for j, v := range c.x[(from+i)*d:][:d] {
			sum[j] += weight * float64(v)
		}
		w.count[k]++
		w.mass[k] += weight
		w.energy[k] += c.energy[from+i]
	}
	w.flush(m, t)
}

// flush weighs the cell's clusters by its metric, adds them to t and clears them.
func (w *assigner) flush(m []float64, t *tally) {
	d := w.c.d
	for k, n := range w.count {
		if n == 0 {
			continue
		}
		sum := w.sum[k*d:][:d]
		times(w.row, m, sum)
		addTo(t.r[k*d:][:d], w.row)
		for i, v := range m {
			t.n[k*d*d+i] += w.mass[k] * v
		}
		t.count[k] += n
		t.q[k] += w.energy[k]
		clear(sum)
		w.count[k], w.mass[k], w.energy[k] = 0, 0, 0
	}
}

// largest lists up to n clusters of two members or more, the largest error first.
func largest(errs []float64, count []int, n int) []int {
	var all []int
	for k, e := range errs {
		if e > 0 && count[k] > 1 {
			all = append(all, k)
		}
	}
	slices.SortStableFunc(all, func(a, b int) int { return cmp.Compare(errs[b], errs[a]) })
	return all[:min(n, len(all))]
}
