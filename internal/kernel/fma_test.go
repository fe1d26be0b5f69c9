package kernel

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

// TestFMA compares fma with exact arithmetic: random numbers, close exponents,
// denormals, and sums that lie half-way between two numbers but for a little.
func TestFMA(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	number := func(exponents, from uint32) float32 {
		return math.Float32frombits(r.Uint32()&0x807fffff | (from+r.Uint32N(exponents))<<23)
	}
	for i := range 200_000 {
		a, b, c := number(40, 107), number(40, 107), number(60, 97)
		switch i % 4 {
		case 1: // products far below the last bit of c, or half of it
			a, b, c = 0.5, math.Float32frombits(0x3f800000+r.Uint32N(3)-1), float32(r.IntN(1<<25))
		case 2:
			a, b, c = number(60, 1), number(20, 110), number(30, 0)
		case 3: // few bits: ties
			a, b, c = float32(r.IntN(64)), float32(r.IntN(64))/(1<<24), float32(r.IntN(1<<24)-1<<23)
		}
		exact := new(big.Float).SetPrec(1000).SetFloat64(float64(a))
		exact.Mul(exact, big.NewFloat(float64(b)))
		exact.Add(exact, big.NewFloat(float64(c)))
		if want, _ := exact.Float32(); fma(a, b, c) != want {
			t.Fatalf("fma(%x, %x, %x) = %x, want %x", a, b, c, fma(a, b, c), want)
		}
	}
	inf := float32(math.Inf(1))
	for _, c := range [][3]float32{{inf, 1, -inf}, {inf, 0, 1}, {float32(math.NaN()), 1, 1}} {
		if v := fma(c[0], c[1], c[2]); v == v {
			t.Errorf("fma%v = %v", c, v)
		}
	}
	if v := fma(inf, 1, 1); v != inf {
		t.Errorf("fma(inf, 1, 1) = %v", v)
	}
	if v := fma(math.MaxFloat32, 2, -1); v != inf {
		t.Errorf("overflow: %v", v)
	}
}
