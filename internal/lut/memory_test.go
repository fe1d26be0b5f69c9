package lut

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestCoder: what is coded is decoded again.
func TestCoder(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		symbols := rapid.IntRange(1, 1200).Draw(r, "symbols")
		codes := rapid.SliceOf(rapid.Custom(func(r *rapid.T) uint16 {
			return uint16(rapid.IntRange(0, symbols-1).Draw(r, "code"))
		})).Draw(r, "codes")
		if got := decodeCodes(encodeCodes(codes, symbols), len(codes), symbols); !slices.Equal(got, codes) {
			r.Fatalf("%d codes of %d symbols come back changed", len(codes), symbols)
		}
	})
}

// laplacian draws codes of a Laplacian distribution over evenly spaced words.
func laplacian(n, symbols int, scale float64) []uint16 {
	rng := rand.New(rand.NewPCG(1, 2))
	codes := make([]uint16, n)
	for i := range codes {
		v := scale * math.Log(1-rng.Float64()) * float64(1-2*rng.IntN(2))
		codes[i] = uint16(min(max(math.Round(v)+float64(symbols/2), 0), float64(symbols-1)))
	}
	return codes
}

// TestCoderReachesEntropy: long data takes about the entropy, and long runs of
// 0xff or carries do not disturb it.
func TestCoderReachesEntropy(t *testing.T) {
	for _, c := range []struct {
		n, symbols int
		scale      float64
	}{{200_000, 256, 10}, {200_000, 1000, 30}, {50_000, 16, 0.3}, {100_000, 2, 0.01}} {
		codes := laplacian(c.n, c.symbols, c.scale)
		b := encodeCodes(codes, c.symbols)
		if !slices.Equal(decodeCodes(b, len(codes), c.symbols), codes) {
			t.Errorf("%+v: codes come back changed", c)
		}
		counts := make([]float64, c.symbols)
		for _, k := range codes {
			counts[k]++
		}
		var entropy float64
		for _, n := range counts {
			if n > 0 {
				entropy -= n * math.Log2(n/float64(c.n))
			}
		}
		if got, want := float64(8*len(b)), entropy*1.03+0.01*float64(c.n)+64; got > want || got < entropy*0.97 {
			t.Errorf("%+v: %.3f bits a code, entropy %.3f", c, got/float64(c.n), entropy/float64(c.n))
		}
	}
}

func TestMemory(t *testing.T) {
	for seed := range uint64(20) {
		n, _ := randomNetwork(t, seed)
		m := n.Memory()
		weights, stored := 0, 0
		for i, l := range m.Layers {
			weights, stored = weights+l.Weights, stored+l.Stored
			if l.Packed > l.Stored || l.Used > l.Words || l.Entropy > math.Log2(float64(l.Words))+1e-9 {
				t.Errorf("seed %d, layer %d: %+v", seed, i, l)
			}
		}
		if m.Total.Weights != weights || m.Total.Stored != stored || m.Tables == 0 {
			t.Errorf("seed %d: totals %+v", seed, m.Total)
		}
	}
}
