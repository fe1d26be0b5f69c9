package compress

import (
	"context"
	"slices"
	"testing"

	"lutra/internal/graph"
	"lutra/internal/kernel"
)

// TestSettle: codewords end as bytes times the scale, and where inputs are
// alike the errors of the layer's outputs are much smaller than with codewords
// that are rounded one by one.
func TestSettle(t *testing.T) {
	rng := newRNG(8)
	l, all, _ := randomProblem(rng, 1, 30, 12, 4, 400)
	mustWeigh(t, all)
	for _, p := range all[0].all { // inputs that share much of their variance
		for i := range p.data {
			p.data[i] += 20
		}
	}
	coarse := func(words []float32, weight []float64) float32 { // few steps, so that rounding matters
		_, scale, _ := graph.RoundWords(words, weight)
		r := &refinement{s: &clusters{words: words, scale: 8 * scale}}
		for i := range words {
			words[i] = r.byteNear(i)
		}
		return 8 * scale
	}
	r := &refinement{
		l: l, h: all, w: gaussian(rng, l.weights()), s: &clusters{words: gaussian(rng, 16*4), codes: make([]uint16, 30*12)},
		gain: filledWith(1, 30), round: coarse, level: kernel.Best(), threads: 1,
	}
	for i := range r.s.codes {
		r.s.codes[i] = uint16(i % 16)
	}
	ctx := context.Background()
	float, err := r.objective(ctx)
	for range 10 {
		if err == nil {
			float, err = r.words(ctx, float)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	words := slices.Clone(r.s.words)
	coarse(r.s.words, r.curvature())
	plain := r.reference()
	r.s.words = words
	after, err := r.settle(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("objective %v in float, %v settled, %v rounded one by one", float, after, plain)
	if got := r.reference(); got > after*1.001 || after-float > 0.5*(plain-float) {
		t.Errorf("objective %v (by its definition %v), %v rounded one by one, %v in float", after, got, plain, float)
	}
	for i, v := range r.s.words {
		if v != r.byteNear(i) {
			t.Errorf("number %d: %v is no step of %v", i, v, r.s.scale)
		}
	}
}
