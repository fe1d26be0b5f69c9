package compress

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"lutra/internal/kernel"
)

// exactly leaves codewords as they are.
func exactly([]float32, []float64) float32 { return 0 }

func newRNG(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 1)) }

func gaussian(rng *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(rng.NormFloat64())
	}
	return x
}

// randomMetric is cells random matrices B B^T of the given rank.
func randomMetric(rng *rand.Rand, cells, d, rank int) *metric {
	s := make([]float64, cells*d*d)
	for c := range cells {
		b := make([]float64, d*rank)
		for i := range b {
			b[i] = rng.NormFloat64()
		}
		for i := range d {
			for j := range d {
				for r := range rank {
					s[(c*d+i)*d+j] += b[i*rank+r] * b[j*rank+r]
				}
			}
		}
	}
	normalise(s, d)
	return &metric{d: d, s: s}
}

// objective is the definition that the tallies must agree with.
func (c *clustering) objectiveOf(words []float32, codes []uint16) float64 {
	var sum float64
	e := make([]float64, c.d)
	for i, k := range codes {
		for t := range e {
			e[t] = float64(c.x[i*c.d+t]) - float64(words[int(k)*c.d+t])
		}
		sum += quadratic(c.metric.cell(i/c.per), e)
	}
	return sum
}

func TestObjectiveNeverIncreases(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rng := newRNG(rapid.Uint64().Draw(t, "seed"))
		d := rapid.IntRange(1, 10).Draw(t, "d")
		cells := rapid.IntRange(1, 6).Draw(t, "cells")
		per := rapid.IntRange(1, 40).Draw(t, "per")
		k := rapid.IntRange(1, 20).Draw(t, "k")
		m := randomMetric(rng, cells, d, rapid.IntRange(1, d).Draw(t, "rank"))
		c := newClustering(gaussian(rng, cells*per*d), d, k, per, m)
		c.tolerance = 0
		c.iterations = 30
		last := math.Inf(1)
		c.progress = func(_ int, objective float64) {
			if objective > last*(1+1e-6) {
				t.Fatalf("objective rose from %g to %g", last, objective)
			}
			last = objective
		}
		s, err := c.run(context.Background(), rng, exactly)
		if err != nil {
			t.Fatal(err)
		}
		if s.exact {
			return
		}
		if want := c.objectiveOf(s.words, s.codes); math.Abs(s.objective-want) > 1e-6*(1+want) {
			t.Fatalf("objective %g, by definition %g", s.objective, want)
		}
		if s.objective > last*(1+1e-6) {
			t.Fatalf("last assignment raised the objective from %g to %g", last, s.objective)
		}
	})
}

func TestMoreCodewordsThanVectors(t *testing.T) {
	rng := newRNG(1)
	x := gaussian(rng, 10*3)
	for i := range 10 { // every vector twice
		x = append(x, x[i*3:][:3]...)
	}
	for _, k := range []int{10, 11, 100} {
		c := newClustering(x, 3, k, 5, randomMetric(rng, 4, 3, 3))
		s, err := c.run(context.Background(), rng, exactly)
		if err != nil {
			t.Fatal(err)
		}
		if !s.exact || len(s.words) != 10*3 || c.objectiveOf(s.words, s.codes) != 0 {
			t.Errorf("k=%d: exact %v with %d codewords, error %g", k, s.exact, len(s.words)/3, c.objectiveOf(s.words, s.codes))
		}
	}
	c := newClustering(x, 3, 9, 5, randomMetric(rng, 4, 3, 3))
	s, err := c.run(context.Background(), rng, exactly)
	if err != nil {
		t.Fatal(err)
	}
	if s.exact || s.objective == 0 {
		t.Error("9 codewords cannot hold 10 vectors")
	}
}

func TestConstantAndNegativeZero(t *testing.T) {
	negative := float32(math.Copysign(0, -1))
	c := newClustering([]float32{0, 1, negative, 1, 0, 1}, 2, 1, 3, identityMetric(2))
	s, err := c.run(context.Background(), newRNG(1), exactly)
	if err != nil || !s.exact || !slices.Equal(s.codes, []uint16{0, 0, 0}) {
		t.Errorf("%+v, %v", s, err)
	}
}

// TestEmptyClusters starts from codewords of which only one is used: all
// others must find members within few iterations.
func TestEmptyClusters(t *testing.T) {
	const n, d, k = 400, 2, 32
	rng := newRNG(3)
	c := newClustering(gaussian(rng, n*d), d, k, n, identityMetric(d))
	if err := c.measure(context.Background()); err != nil {
		t.Fatal(err)
	}
	s := &clusters{words: make([]float32, k*d), codes: make([]uint16, n)}
	for i := d; i < len(s.words); i++ {
		s.words[i] = 1e6
	}
	var last *tally
	for range 12 {
		var err error
		if last, err = c.assign(context.Background(), s); err != nil {
			t.Fatal(err)
		}
		c.update(s, last)
	}
	if i := slices.Index(last.count, 0); i >= 0 {
		t.Errorf("codeword %d is unused: %v", i, last.count)
	}
}

// TestPerBlockOptimum checks the M-step against a problem whose solution is
// known: with one codeword and two cells that weigh one coordinate each, the
// codeword takes each coordinate's mean from its own cell.
func TestPerBlockOptimum(t *testing.T) {
	x := []float32{1, 100, 3, -50 /* cell 0 */, 7, 10, -7, 20 /* cell 1 */}
	m := &metric{d: 2, s: []float64{1, 0, 0, 0, 0, 0, 0, 1}}
	c := newClustering(x, 2, 1, 2, m)
	c.tolerance = 1e-12
	s, err := c.run(context.Background(), newRNG(1), exactly)
	if err != nil {
		t.Fatal(err)
	}
	if math.Abs(float64(s.words[0])-2) > 1e-5 || math.Abs(float64(s.words[1])-15) > 1e-5 {
		t.Errorf("codeword %v, want [2 15]", s.words)
	}
}

func TestThreadsAndLevelsGiveTheSameClusters(t *testing.T) {
	const cells, per, d, k = 40, 30, 9, 16
	rng := newRNG(5)
	x, m := gaussian(rng, cells*per*d), randomMetric(rng, cells, d, 4)
	solve := func(threads int, level kernel.Level) *clusters {
		c := newClustering(x, d, k, per, m)
		c.threads, c.level = threads, level
		s, err := c.run(context.Background(), newRNG(2), exactly)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	want := solve(1, kernel.Best())
	for _, threads := range []int{2, 3, 16} {
		got := solve(threads, kernel.Generic)
		if !slices.Equal(got.words, want.words) || !slices.Equal(got.codes, want.codes) {
			t.Errorf("%d threads: another result", threads)
		}
	}
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	rng := newRNG(1)
	c := newClustering(gaussian(rng, 1000*4), 4, 8, 1000, identityMetric(4))
	c.tolerance = 0
	c.progress = func(i int, _ float64) {
		if i == 2 {
			cancel()
		}
	}
	if _, err := c.run(ctx, rng, exactly); err != context.Canceled {
		t.Errorf("error %v", err)
	}
}

func TestSolve(t *testing.T) {
	x, work := make([]float64, 2), make([]float64, 4)
	if !solve(x, []float64{4, 2, 2, 3}, []float64{8, 8}, work) || math.Abs(x[0]-1) > 1e-12 || math.Abs(x[1]-2) > 1e-12 {
		t.Errorf("regular: %v", x)
	}
	// A singular system gets the smallest solution, nearly.
	if !solve(x, []float64{1, 1, 1, 1}, []float64{2, 2}, work) || math.Abs(x[0]-1) > 1e-3 || math.Abs(x[1]-1) > 1e-3 {
		t.Errorf("singular: %v", x)
	}
	if solve(x, []float64{0, 0, 0, 0}, []float64{0, 0}, work) {
		t.Error("zero matrix solved")
	}
}
