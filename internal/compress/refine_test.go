package compress

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"

	"lutra/internal/graph"
	"lutra/internal/kernel"

	"pgregory.net/rapid"
)

// randomProblem is a layer with random weights and correlated inputs, its
// moments, and the inputs [patches, groups*row].
func randomProblem(rng *rand.Rand, groups, outputs, blocks, d, patches int) (*layer, []*rows, [][]float64) {
	row := blocks * d
	l := &layer{outputs: outputs, row: row, d: d, patches: rowPatches(1, row)}
	l.patches.groups = groups
	all := l.rowMoments(kernel.Best(), false)
	inputs := make([][]float64, patches)
	for i := range inputs {
		for range groups {
			common := rng.NormFloat64()
			for range row {
				inputs[i] = append(inputs[i], float64(float32(common+rng.NormFloat64())))
			}
		}
	}
	for g, h := range all {
		for from := 0; from < patches; from += patchRoom {
			count := min(patchRoom, patches-from)
			f := make(lines, row*patchRoom)
			for i := range row {
				for t := range count {
					f[i*patchRoom+t] = float32(inputs[from+t][g*row+i])
				}
			}
			if err := h.add(context.Background(), 2, kernel.Best(), f, count); err != nil {
				panic(err)
			}
		}
	}
	return l, all, inputs
}

// TestRowMoments compares with the definition, about the mean and not.
func TestRowMoments(t *testing.T) {
	for _, d := range []int{1, 4, 9, 18, 40} {
		for _, centred := range []bool{false, true} {
			_, all, x := randomProblem(newRNG(3), 2, 4, 3, d, 300)
			if err := finish(context.Background(), 2, all, centred); err != nil {
				t.Fatal(err)
			}
			for g, h := range all {
				for i := range h.n {
					for j := range h.n {
						var want, mi, mj float64
						for _, v := range x {
							want += v[g*h.n+i] * v[g*h.n+j] / float64(len(x))
							mi += v[g*h.n+i] / float64(len(x))
							mj += v[g*h.n+j] / float64(len(x))
						}
						if centred {
							want -= mi * mj
						}
						if got := h.at(i, j); math.Abs(got-want) > 1e-4 {
							t.Fatalf("d %d, group %d, centred %v: moment %d, %d is %v, want %v", d, g, centred, i, j, got, want)
						}
					}
				}
			}
		}
	}
}

// reference is the objective by its definition.
func (r *refinement) reference() float64 {
	var sum float64
	l := r.l
	per := l.outputs / l.patches.groups
	e := make([]float64, l.row)
	for o := range l.outputs {
		for i := range e {
			b := i / l.d
			e[i] = r.gain[o]*float64(r.s.words[int(r.s.codes[b*l.outputs+o])*l.d+i%l.d]) - float64(r.w[o*l.row+i])
		}
		for i, v := range e {
			for j, u := range e {
				sum += v * u * r.h[o/per].at(i, j)
			}
			if r.t != nil {
				sum -= 2 * v * float64(r.t[o*l.row+i])
			}
		}
	}
	return sum
}

// TestRefinementNeverIncreases draws problems of all shapes: with groups and
// without, with scales and without, with a target and without.
func TestRefinementNeverIncreases(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rng := newRNG(rapid.Uint64().Draw(t, "seed"))
		groups := rapid.SampledFrom([]int{1, 2, 3}).Draw(t, "groups")
		outputs := groups * rapid.IntRange(1, 70).Draw(t, "outputs per group")
		d := rapid.SampledFrom([]int{1, 3, 4, 9, 18, 40}).Draw(t, "d")
		l, all, _ := randomProblem(rng, groups, outputs, rapid.IntRange(1, 9).Draw(t, "blocks"), d, 100)
		mustWeigh(t, all)
		x := gaussian(rng, l.weights())
		k := rapid.IntRange(1, 20).Draw(t, "k")
		s := &clusters{words: gaussian(rng, k*d), codes: make([]uint16, l.weights()/d)}
		for i := range s.codes {
			s.codes[i] = uint16(rng.IntN(k))
		}
		r := &refinement{
			l: l, h: all, w: l.matrix(x), s: s, gain: filledWith(1, outputs), round: exactly,
			level: kernel.Best(), threads: rapid.IntRange(1, 3).Draw(t, "threads"),
		}
		if rapid.Bool().Draw(t, "scales") {
			l.norm = &graph.Node{Op: "BatchNormalization"}
			r.gain = l.gains(x)
		}
		if rapid.Bool().Draw(t, "target") {
			r.t = gaussian(rng, l.weights())
		}
		size := r.reference()
		trace, err := r.run(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		for i, v := range trace[1:] {
			if v > trace[i] {
				t.Fatalf("step %d: the objective rises: %v", i+1, trace)
			}
		}
		if got := r.reference(); math.Abs(got-trace[len(trace)-1]) > 1e-4*math.Abs(size)+1e-3 {
			t.Fatalf("objective %v, by its definition %v", trace[len(trace)-1], got)
		}
	})
}

// TestRefitIsLeastSquares checks that no small change of a codeword lowers the
// objective after enough refits.
func TestRefitIsLeastSquares(t *testing.T) {
	rng := newRNG(5)
	l, all, _ := randomProblem(rng, 1, 40, 6, 4, 200)
	mustWeigh(t, all)
	s := &clusters{words: gaussian(rng, 5*4), codes: make([]uint16, 240)}
	for i := range s.codes {
		s.codes[i] = uint16(i % 5)
	}
	r := &refinement{l: l, h: all, w: gaussian(rng, l.weights()), s: s, gain: filledWith(1, 40), round: exactly, level: kernel.Best(), threads: 1}
	at, err := r.objective(context.Background())
	for range 10 {
		if err == nil {
			at, err = r.words(context.Background(), at)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	best := r.reference()
	for i, v := range s.words {
		for _, step := range []float32{-0.05, 0.05} {
			r.s.words[i] = v + step
			if got := r.reference(); got < best {
				t.Errorf("number %d: objective %v after a step of %v, %v without", i, got, step, best)
			}
		}
		r.s.words[i] = v
	}
}

// TestCodesAreBest checks that after sweeps no single code can be improved.
func TestCodesAreBest(t *testing.T) {
	rng := newRNG(6)
	l, all, _ := randomProblem(rng, 2, 10, 5, 3, 200)
	mustWeigh(t, all)
	s := &clusters{words: gaussian(rng, 8*3), codes: make([]uint16, 50)}
	r := &refinement{l: l, h: all, w: gaussian(rng, l.weights()), s: s, gain: filledWith(1, 10), round: exactly, level: kernel.Best(), threads: 1}
	at, err := r.objective(context.Background())
	for range 20 {
		if err == nil {
			at, err = r.codes(context.Background(), at)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	best := r.reference()
	for i, code := range s.codes {
		for k := range uint16(8) {
			s.codes[i] = k
			if got := r.reference(); got < best-1e-4 {
				t.Errorf("code %d: objective %v with %d, %v with %d", i, got, k, best, code)
			}
		}
		s.codes[i] = code
	}
}
