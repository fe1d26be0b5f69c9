package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestGram(t *testing.T) {
	eachLevel(t, func(t *testing.T, l Level) {
		rng := rand.New(rand.NewPCG(14, uint64(l)))
		for d := 1; d < 20; d++ {
			for range 4 {
				n := rng.IntN(70)
				t.Run(fmt.Sprintf("d%d_n%d", d, n), func(t *testing.T) {
					stride := n + rng.IntN(3)
					x := random(t, rng, (d-1)*stride+n)
					sum := make([]float64, d*d)
					for i := range sum {
						sum[i] = rng.NormFloat64()
					}
					want := slices.Clone(sum)
					again := slices.Clone(sum)
					l.Gram(sum, x, stride, d, n)
					if l > NEON {
						if Fused.Gram(again, x, stride, d, n); !slices.Equal(sum, again) {
							t.Fatalf("%v, without vectors %v", sum, again)
						}
					}
					for i := range d {
						for j := range d {
							add, size := 0.0, 0.0
							for k := 0; k < n && j <= i; k++ {
								p := float64(x[i*stride+k]) * float64(x[j*stride+k])
								add, size = add+p, size+math.Abs(p)
							}
							got, want := sum[i*d+j], want[i*d+j]+add
							if math.Abs(got-want) > float64(n+1)*0x1p-24*size+1e-15 {
								t.Fatalf("[%d][%d] = %v, want %v", i, j, got, want)
							}
						}
					}
				})
			}
		}
		if !panics(func() { l.Gram(make([]float64, 4), make([]float32, 31), 16, 2, 16) }) {
			t.Error("short x: no panic")
		}
	})
}

func BenchmarkGram(b *testing.B) {
	for l := Generic; l < levels; l++ {
		if l.Supported() {
			b.Run(l.String(), func(b *testing.B) {
				const d, n = 9, 512
				x, sum := normal(b, rand.New(rand.NewPCG(1, 1)), d*n), make([]float64, d*d)
				benchmark(b, d*(d+1)/2*n, "MAC", func() { l.Gram(sum, x, n, d, n) })
			})
		}
	}
}
