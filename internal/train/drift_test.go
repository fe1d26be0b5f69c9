package train

import (
	"cmp"
	"context"
	"io"
	"math/rand/v2"
	"slices"
	"testing"

	"lutra/internal/graph"
	"lutra/internal/tensor"
)

// driftNet is a network of two codebooks after a few steps, and its trainer.
func driftNet(t *testing.T, threads int) (*graph.Graph, *Trainer) {
	t.Helper()
	g := newTestGraph(2, 2, 4, 3, 3)
	g.node("Identity", in("x"), "h")
	buildCodebooks(g)
	n, err := Compile(t.Context(), g.Graph, Options{Batch: 2, Drift: true, Threads: threads})
	if err != nil {
		t.Fatal(err)
	}
	tr := NewTrainer(n, OptimiserOptions{Rule: Adam}, Schedule{Base: 0.3, Steps: 40})
	driftSteps(t, tr)
	return g.Graph, tr
}

func driftSteps(t *testing.T, tr *Trainer) {
	t.Helper()
	x := map[string]*tensor.Tensor{"x": pattern(3, 2, 4, 3, 3)}
	for range 5 {
		_, err := tr.Step(t.Context(), x, func(n *Net) (float64, error) {
			y := n.Outputs()[0]
			return MSE(y, 1, make([]float32, len(y.Data)))
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestReassign: blocks get the codeword that a plain search finds nearest to
// where they have drifted, those that gain most first; the graph has the new
// codes and the old one is left alone.
func TestReassign(t *testing.T) {
	for _, threads := range []int{1, 3} {
		for _, most := range []float64{1, 0.1} {
			g, tr := driftNet(t, threads)
			before, err := g.Codebooks()
			if err != nil {
				t.Fatal(err)
			}
			var want [][]uint16
			changes := 0
			for _, k := range tr.Net.books {
				codes := moved(k, most)
				for i, c := range codes {
					if c != k.Codes[i] {
						changes++
					}
				}
				want = append(want, codes)
			}
			if got, err := tr.Net.Reassign(t.Context(), most); got != changes || got == 0 || err != nil {
				t.Errorf("most %g: %d codes changed, error %v, expected %d", most, got, err, changes)
			}
			after := tr.Net.Graph()
			for i, k := range tr.Net.books {
				if !slices.Equal(k.Codes, want[i]) {
					t.Errorf("most %g: %s has codes %v, expected %v", most, k.Name, k.Codes, want[i])
				}
				if slices.ContainsFunc(k.drift.Value, func(v float32) bool { return v != 0 }) {
					t.Errorf("%s: drift does not begin anew", k.Name)
				}
				if c, err := after.Codebook(k.Name); err != nil || !slices.Equal(c.Codes, want[i]) {
					t.Errorf("graph: %s: %v, error %v, expected %v", k.Name, c.Codes, err, want[i])
				}
			}
			for _, c := range before {
				if now, err := g.Codebook(c.Name); err != nil || !slices.Equal(now.Codes, c.Codes) {
					t.Errorf("%s has changed in the graph that was compiled", c.Name)
				}
			}
		}
	}
}

// moved are the codes of k after Reassign, by a plain search.
func moved(k *book, most float64) []uint16 {
	type move struct {
		block, code int
		gain        float32
	}
	var moves []move
	codes := slices.Clone(k.Codes)
	for i, code := range codes {
		place := make([]float32, k.D)
		for j := range place {
			place[j] = k.words[int(code)*k.D+j] + k.drift.Value[i*k.D+j]
		}
		distance := func(c int) (e float32) {
			for j, v := range place {
				e += (v - k.words[c*k.D+j]) * (v - k.words[c*k.D+j])
			}
			return e
		}
		best := int(code)
		for c := range k.K {
			if distance(c) < distance(best) {
				best = c
			}
		}
		if best != int(code) {
			moves = append(moves, move{i, best, distance(int(code)) - distance(best)})
		}
	}
	slices.SortFunc(moves, func(a, b move) int {
		if a.gain > b.gain {
			return -1
		}
		return 1
	})
	limit := int(most*float64(len(codes)) + 0.999)
	for _, m := range moves[:min(limit, len(moves))] {
		codes[m.block] = uint16(m.code)
	}
	return codes
}

func reassign(t *testing.T, tr *Trainer) int {
	t.Helper()
	changed, err := tr.Net.Reassign(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	return changed
}

// TestReassignStops: what is cancelled before all is decided changes nothing.
func TestReassignStops(t *testing.T) {
	_, tr := driftNet(t, 1)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	before := state(t, tr)
	if _, err := tr.Net.Reassign(ctx, 1); err != context.Canceled {
		t.Errorf("error %v, expected %v", err, context.Canceled)
	}
	if err := tr.WriteState(ctx, io.Discard); err != context.Canceled {
		t.Errorf("state: error %v, expected %v", err, context.Canceled)
	}
	if !slices.Equal(state(t, tr), before) {
		t.Error("something has changed")
	}
}

// TestLargest: places are those that a stable sort of all gains finds.
func TestLargest(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 6))
	for range 500 {
		gains := make([]float32, 1+rng.IntN(60))
		for i := range gains {
			gains[i] = float32(rng.IntN(20) - 5)
		}
		var want []int
		for i, g := range gains {
			if g > 0 {
				want = append(want, i)
			}
		}
		slices.SortStableFunc(want, func(a, b int) int { return cmp.Compare(gains[b], gains[a]) })
		most := 1 + rng.IntN(len(gains))
		want = want[:min(len(want), most)]
		got := largest(gains, most)
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Fatalf("the %d largest of %v are at %v, expected %v", most, gains, got, want)
		}
	}
}

// TestStateHoldsCodes: a trainer goes on from a state with the codes of then.
func TestStateHoldsCodes(t *testing.T) {
	_, a := driftNet(t, 1)
	reassign(t, a)
	kept := state(t, a)
	_, b := driftNet(t, 1)
	if err := b.restore(t, kept); err != nil {
		t.Fatal(err)
	}
	driftSteps(t, a)
	driftSteps(t, b)
	if reassign(t, a) != reassign(t, b) || !slices.Equal(state(t, a), state(t, b)) {
		t.Error("the restored training goes on differently")
	}
	for i := range 12 { // the codes are at the end
		kept[len(kept)-1-i] = 0xff
	}
	if err := b.restore(t, kept); err == nil {
		t.Error("codes beyond the codebook are accepted")
	}
}
