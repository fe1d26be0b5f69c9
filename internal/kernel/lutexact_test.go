package kernel

import (
	"math/rand/v2"
	"testing"
)

// TestCarryLUT compares every level with the definition.
func TestCarryLUT(t *testing.T) {
	eachLevel(t, func(t *testing.T, l Level) {
		rng := rand.New(rand.NewPCG(6, 6))
		for n := 1; n <= l.LUTPlaces(); n++ {
			rows, bits, pitch := 1+rng.IntN(9), uint(rng.IntN(16)), l.LUTPlaces()
			sums, bias := guardedOf[int32](t, 2*rows*pitch), guardedOf[int32](t, rows)
			for i := range sums {
				sums[i] = int32(rng.Uint32()) >> 1
			}
			for o := range bias {
				bias[o] = int32(rng.IntN(1<<16) - 1<<15)
			}
			want := make([]int32, rows*pitch)
			for i := range want {
				want[i] = sums[i] + (sums[rows*pitch+i]+bias[i/pitch])>>bits
			}
			l.CarryLUT(sums, n, bias, bits)
			for i, z := range want {
				if i%pitch < n && sums[i] != z {
					t.Fatalf("%d places, row %d, place %d: %d, want %d", n, i/pitch, i%pitch, sums[i], z)
				}
			}
		}
	})
}

// TestExactLUTKernels: levels without kernels of their own take those below.
func TestExactLUTKernels(t *testing.T) {
	for l, want := range map[Level]Level{Generic: Generic, NEON: Generic, AVX2: AVX2, AVXVNNI: AVXVNNI, AVX512: AVX512, VNNI: VNNI, AMX: VNNI} {
		if got := l.ExactLUTKernels(); got != want {
			t.Errorf("%v takes exact products of %v, want %v", l, got, want)
		}
	}
}
