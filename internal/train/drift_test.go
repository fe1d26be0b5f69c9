package train

import (
	"testing"

	"lutra/internal/tensor"
)

// TestReassign: blocks that have drifted get the nearest codeword by a plain
// search, keep the rest as drift, and the graph holds the new codes.
func TestReassign(t *testing.T) {
	for _, threads := range []int{1, 3} {
		g := newTestGraph(2, 2, 4, 3, 3)
		g.node("Identity", in("x"), "h")
		buildCodebooks(g)
		n, err := Compile(g.Graph, Options{Batch: 2, Drift: true, Threads: threads})
		if err != nil {
			t.Fatal(err)
		}
		tr := NewTrainer(n, OptimiserOptions{Rule: Adam}, Schedule{Base: 0.2, Steps: 40})
		x := map[string]*tensor.Tensor{"x": pattern(3, 2, 4, 3, 3)}
		changed := 0
		for range 4 {
			for range 5 {
				_, err := tr.Step(x, func(n *Net) (float64, error) { return MSE(n.Outputs()[0], 1, make([]float32, len(n.Outputs()[0].Data))) })
				if err != nil {
					t.Fatal(err)
				}
			}
			var places [][]float32
			for _, k := range n.books {
				places = append(places, make([]float32, len(k.drift.Value)))
				k.drifted(places[len(places)-1], 0, 1)
			}
			changed += n.Reassign()
			for b, k := range n.books {
				for i, code := range k.Codes {
					place := places[b][i*k.D:][:k.D]
					if best := nearestTo(place, k.words); int(code) != best {
						t.Fatalf("%s: block %d has code %d, expected %d", k.Name, i, code, best)
					}
					for j, v := range place {
						if d := k.drift.Value[i*k.D+j] + k.words[int(code)*k.D+j] - v; d > 1e-5 || d < -1e-5 {
							t.Fatalf("%s: block %d: the way left is wrong by %g", k.Name, i, d)
						}
					}
				}
			}
		}
		if changed == 0 {
			t.Error("no code changed")
		}
	}
}

// nearestTo is the first of the words nearest to x.
func nearestTo(x, words []float32) int {
	best, least := 0, float32(1e30)
	for k := range len(words) / len(x) {
		var e float32
		for j, v := range x {
			e += (v - words[k*len(x)+j]) * (v - words[k*len(x)+j])
		}
		if e < least-1e-6 {
			best, least = k, e
		}
	}
	return best
}
