package kernel

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestNearest: all levels agree exactly, ties and specials included.
func TestNearest(t *testing.T) {
	eachLevel(t, func(t *testing.T, l Level) {
		rng := rand.New(rand.NewPCG(9, uint64(l)))
		for k := 1; k < 70; k++ {
			t.Run(fmt.Sprint(k), func(t *testing.T) {
				d, n := 1+rng.IntN(20), rng.IntN(30)
				x, planes, half := random(t, rng, n*d), random(t, rng, d*k), random(t, rng, k)
				switch k % 3 {
				case 0: // few different numbers: many ties
					for _, s := range [][]float32{x, planes, half} {
						for i := range s {
							s[i] = float32(rng.IntN(3) - 1)
						}
					}
				case 1:
					sprinkle(rng, x)
					sprinkle(rng, planes)
					sprinkle(rng, half)
				}
				got, want := guardedOf[uint16](t, n), make([]uint16, n)
				nearestGeneric(want, x, d, planes, half)
				l.Nearest(got, x, d, planes, half)
				if !slices.Equal(got, want) {
					t.Fatalf("d=%d: %v, want %v", d, got, want)
				}
			})
		}
	})
}

// TestNearestDefinition compares small cases with answers by hand.
func TestNearestDefinition(t *testing.T) {
	eachLevel(t, func(t *testing.T, l Level) {
		// Codewords -1, 0, 1, 1 on a line, then many far away ones.
		planes, half := []float32{-1, 0, 1, 1}, []float32{0.5, 0, 0.5, 0.5}
		for range 40 {
			planes, half = append(planes, 100), append(half, 5000)
		}
		x := []float32{-2, -0.5, -0.4, 0.4, 0.5, 0.6, 7, 99, nan, posInf}
		want := []uint16{0, 0, 1, 1, 1, 2, 2, 4, 0, 2}
		got := make([]uint16, len(x))
		l.Nearest(got, x, 1, planes, half)
		if !slices.Equal(got, want) {
			t.Errorf("%v, want %v", got, want)
		}
	})
}

func BenchmarkNearest(b *testing.B) {
	for l := Generic; l < levels; l++ {
		if !l.Supported() {
			continue
		}
		for _, s := range []struct{ d, k int }{{9, 256}, {4, 256}, {8, 2048}} {
			b.Run(fmt.Sprintf("%v/d%d_k%d", l, s.d, s.k), func(b *testing.B) {
				rng := rand.New(rand.NewPCG(1, 1))
				const n = 64
				x, planes, half := random(b, rng, n*s.d), random(b, rng, s.d*s.k), random(b, rng, s.k)
				dst := make([]uint16, n)
				benchmark(b, n*s.d*s.k, "MAC", func() { l.Nearest(dst, x, s.d, planes, half) })
			})
		}
	}
}
