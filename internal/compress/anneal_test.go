package compress

import (
	"context"
	"math"
	"testing"
)

// TestAnnealing: with noise k-means ends lower on average, and with the least
// number of iterations there is none.
func TestAnnealing(t *testing.T) {
	var plain, annealed float64
	for seed := range uint64(8) {
		x := gaussian(newRNG(seed), 1500*6)
		for _, anneal := range []bool{false, true} {
			c := newClustering(x, 6, 24, 1500, identityMetric(6))
			c.anneal = anneal
			s, err := c.run(context.Background(), newRNG(seed+100), exactly)
			if err != nil {
				t.Fatal(err)
			}
			if got := c.objectiveOf(s.words, s.codes); math.Abs(got-s.objective) > 1e-6*got {
				t.Errorf("objective %g, codewords and codes give %g", s.objective, got)
			}
			if anneal {
				annealed += s.objective
			} else {
				plain += s.objective
			}
		}
	}
	if annealed >= plain {
		t.Errorf("objective %g with annealing, %g without", annealed, plain)
	}
	c := newClustering(gaussian(newRNG(1), 64), 2, 4, 32, identityMetric(2))
	c.iterations = 1
	if a := c.newAnnealing(newRNG(1)); a.shake(make([]float32, 8), []int{8, 8, 8, 8}, 1) {
		t.Error("noise in the only iteration")
	}
}

// TestShake: the noise of a codeword has the variance of the mean of its
// members' noise.
func TestShake(t *testing.T) {
	const words, members = 20000, 9
	a := &annealing{rng: newRNG(3), spread: []float64{1, 5}, rounds: 40}
	w, count := make([]float32, 2*words), make([]int, words)
	for i := range count {
		count[i] = members
	}
	count[0] = 0
	for _, round := range []int{1, 20, 39} {
		clear(w)
		if !a.shake(w, count, round) {
			t.Fatalf("no noise in round %d", round)
		}
		if w[0] != 0 || w[1] != 0 {
			t.Error("a codeword without members has moved")
		}
		var sq [2]float64
		for i, v := range w {
			sq[i%2] += float64(v) * float64(v)
		}
		for i, s := range a.spread {
			want := math.Sqrt(1-float64(round)/40) * s * s / members
			if got := sq[i] / words; math.Abs(got/want-1) > 0.05 {
				t.Errorf("round %d, number %d: variance %g, want %g", round, i, got, want)
			}
		}
	}
	if a.shake(w, count, 40) {
		t.Error("noise after the last round")
	}
}
