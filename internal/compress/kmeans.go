package compress

import (
	"context"
	"math"
	"math/rand/v2"

	"lutra/internal/kernel"
)

// clustering is one k-means problem: n sub-vectors of d numbers are to be
// replaced by k codewords so that the sum of (m-c)^T S (m-c) is small, where S
// is the metric of the cell that m belongs to. Cells are runs of per
// consecutive sub-vectors; the last may be shorter.
type clustering struct {
	x       []float32 // [n, d]
	n, d, k int
	per     int
	metric  *metric
	weight  []float64 // sub-vector i counts weight[i%len(weight)]; nil: 1

	threads    int
	level      kernel.Level
	iterations int     // most EM iterations
	tolerance  float64 // stop when an iteration gains less than this share of the objective
	anneal     bool    // see annealing
	most       int     // sub-vectors that codewords are found for, about; 0: all
	progress   func(iteration int, objective float64)

	energy []float64 // weighted m^T S m of every sub-vector
}

// clusters is a solution of a clustering.
type clusters struct {
	words      []float32 // [k, d]
	scale      float32   // words are bytes times this; 0: any numbers
	codes      []uint16  // [n]
	objective  float64
	iterations int
	exact      bool // every sub-vector is one of the codewords
}

// sharedRun is the cell size that is used when all cells have the same metric.
const sharedRun = 1024

// newClustering cuts x into cells of per sub-vectors, as m has matrices.
func newClustering(x []float32, d, k, per int, m *metric) *clustering {
	c := &clustering{x: x, n: len(x) / d, d: d, k: k, per: per, metric: m, threads: 1, level: kernel.Best(), iterations: 100, tolerance: 1e-4}
	if m.shared() {
		c.per = sharedRun
	}
	return c
}

func (c *clustering) cells() int { return (c.n + c.per - 1) / c.per }

// span is the range of sub-vectors of a cell.
func (c *clustering) span(cell int) (from, to int) { return cell * c.per, min((cell+1)*c.per, c.n) }

// weightOf is the weight of sub-vector i.
func (c *clustering) weightOf(i int) float64 {
	if c.weight == nil {
		return 1
	}
	return c.weight[i%len(c.weight)]
}

func (c *clustering) vector(i int, dst []float64) {
	for t, v := range c.x[i*c.d:][:c.d] {
		dst[t] = float64(v)
	}
}

// rounding replaces numbers by those that can be stored, see Codewords.round.
type rounding func(words []float32, weight []float64) (scale float32)

// run solves the problem with at most c.k codewords. round is applied to the
// codewords before the last assignment.
func (c *clustering) run(ctx context.Context, rng *rand.Rand, round rounding) (*clusters, error) {
	if s := c.distinct(); s != nil {
		s.scale = round(s.words, nil)
		return s, nil
	}
	if c.most > 0 && c.n > 2*c.most {
		return c.runOnSample(ctx, rng, round)
	}
	if err := c.measure(ctx); err != nil {
		return nil, err
	}
	s := &clusters{codes: make([]uint16, c.n)}
	words, err := c.seed(ctx, rng)
	if err != nil {
		return nil, err
	}
	s.words = words
	var t *tally
	var heat *annealing
	if c.anneal {
		heat = c.newAnnealing(rng)
	}
	last := math.Inf(1)
	for s.iterations < c.iterations {
		if t, err = c.assign(ctx, s); err != nil {
			return nil, err
		}
		objective, split := c.update(s, t)
		s.iterations++
		if c.progress != nil {
			c.progress(s.iterations, objective)
		}
		if heat.shake(s.words, t.count, s.iterations) {
			continue
		}
		if !split && last-objective <= c.tolerance*objective {
			break
		}
		last = objective
	}
	s.scale = round(s.words, t.diagonal())
	if t, err = c.assign(ctx, s); err != nil {
		return nil, err
	}
	s.objective = t.objective(s.words)
	return s, nil
}

// distinct solves the problem exactly when there are no more than k different
// sub-vectors; otherwise it is nil.
func (c *clustering) distinct() *clusters {
	s := &clusters{codes: make([]uint16, c.n), exact: true}
	seen := make(map[string]uint16, c.k)
	key := make([]byte, 4*c.d)
	for i := range c.n {
		v := c.x[i*c.d:][:c.d]
		for t, f := range v {
			b := math.Float32bits(f + 0) // -0 and 0 are one value
			key[4*t], key[4*t+1], key[4*t+2], key[4*t+3] = byte(b), byte(b>>8), byte(b>>16), byte(b>>24)
		}
		code, ok := seen[string(key)]
		if !ok {
			if len(seen) == c.k {
				return nil
			}
			code = uint16(len(seen))
			seen[string(key)] = code
			s.words = append(s.words, v...)
		}
		s.codes[i] = code
	}
	return s
}

// measure fills c.energy.
func (c *clustering) measure(ctx context.Context) error {
	c.energy = make([]float64, c.n)
	return each(ctx, c.threads, c.cells(), func(cell int) error {
		v := make([]float64, c.d)
		m := c.metric.cell(cell)
		from, to := c.span(cell)
		for i := from; i < to; i++ {
			c.vector(i, v)
			c.energy[i] = c.weightOf(i) * quadratic(m, v)
		}
		return nil
	})
}

// update is the M-step: the codeword of a cluster solves the normal equations
// (sum of S) c = sum of S m over its members. It returns the objective for the
// present codes, and whether codewords without members were moved.
func (c *clustering) update(s *clusters, t *tally) (objective float64, split bool) {
	d := c.d
	word, work := make([]float64, d), make([]float64, d*d)
	errs := make([]float64, c.k)
	var empty []int
	for k := range c.k {
		if t.count[k] == 0 {
			empty = append(empty, k)
			continue
		}
		before := t.errorOf(k, s.words)
		old := append([]float32(nil), s.words[k*d:][:d]...)
		if solve(word, t.n[k*d*d:][:d*d], t.r[k*d:][:d], work) {
			for i, v := range word {
				s.words[k*d+i] = float32(v)
			}
		}
		errs[k] = t.errorOf(k, s.words)
		if !(errs[k] <= before) { // rounding at the optimum
			copy(s.words[k*d:], old)
			errs[k] = before
		}
		objective += errs[k]
	}
	return objective, c.refill(s, t, errs, empty)
}

// refill gives every codeword without members the worst member of a cluster
// that has a large error, one cluster each. The member's error becomes zero
// with the next assignment, so that the objective falls: the number of refills
// is bounded by the iterations, and no loop waits for all clusters to fill.
func (c *clustering) refill(s *clusters, t *tally, errs []float64, empty []int) bool {
	if len(empty) == 0 {
		return false
	}
	donors := largest(errs, t.count, len(empty))
	slot := make(map[uint16]int, len(donors))
	for i, k := range donors {
		slot[uint16(k)] = i
	}
	worst, at := make([]float64, len(donors)), make([]int, len(donors))
	e := make([]float64, c.d)
	for cell := range c.cells() {
		m := c.metric.cell(cell)
		from, to := c.span(cell)
		for i := from; i < to; i++ {
			j, ok := slot[s.codes[i]]
			if !ok {
				continue
			}
			word := s.words[int(s.codes[i])*c.d:][:c.d]
			for t, v := range c.x[i*c.d:][:c.d] {
				e[t] = float64(v) - float64(word[t])
			}
			if q := c.weightOf(i) * quadratic(m, e); q > worst[j] {
				worst[j], at[j] = q, i
			}
		}
	}
	moved := false
	for i := range donors {
		if worst[i] > 0 {
			copy(s.words[empty[i]*c.d:][:c.d], c.x[at[i]*c.d:][:c.d])
			moved = true
		}
	}
	return moved
}
