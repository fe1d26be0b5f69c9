package lutra

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestRanked: numbers of all ranks are those of the sorted numbers.
func TestRanked(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 8))
	for range 20 {
		parts := make([][]float32, 1+r.IntN(4))
		var all []float32
		for i := range parts {
			for range 1 + r.IntN(20) {
				v := float32(r.NormFloat64()) * float32(math.Pow(10, float64(r.IntN(60)-30)))
				if len(all) > 0 && r.IntN(4) == 0 {
					v = all[r.IntN(len(all))]
				}
				parts[i], all = append(parts[i], v), append(all, v)
			}
		}
		slices.Sort(all)
		for rank, want := range all {
			if got, err := ranked(t.Context(), parts, rank); got != want || err != nil {
				t.Fatalf("rank %d of %v: %v, error %v, want %v", rank, all, got, err, want)
			}
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := ranked(ctx, [][]float32{{1}}, 0); err != context.Canceled {
		t.Errorf("error %v of a context that is done", err)
	}
}
