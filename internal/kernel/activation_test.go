package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// activations with the largest error that their documentation promises, in
// units of the last place (ulp), unless the error is below tiny.
var activations = []struct {
	name string
	run  func(l Level, dst, x []float32)
	want func(x float64) float64
	ulp  float64
	tiny float64
}{
	{"exp", Level.Exp, math.Exp, 1, 0},
	{"sigmoid", Level.Sigmoid, func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }, 2, 0},
	{"silu", Level.SiLU, func(x float64) float64 { return x / (1 + math.Exp(-x)) }, 3, 1e-43},
	{"tanh", Level.Tanh, math.Tanh, 1.5, 0},
}

// ulpsApart is |got-want| in units of the last place of want in float32.
func ulpsApart(got float32, want float64) float64 {
	if math.IsNaN(want) || math.IsInf(want, 0) || math.Abs(want) > math.MaxFloat32 {
		if same(got, float32(want)) {
			return 0
		}
		return math.Inf(1)
	}
	_, exp := math.Frexp(want)
	return math.Abs(float64(got)-want) / math.Ldexp(1, max(exp-24, -149))
}

// TestActivations measures the error over all magnitudes and both signs.
func TestActivations(t *testing.T) {
	var x []float32
	for bits := uint64(0); bits <= 1<<32-1; bits += 40_009 {
		x = append(x, math.Float32frombits(uint32(bits)))
	}
	for v := float32(-110); v < 110; v += 0.00371 { // where they are not constant
		x = append(x, v)
	}
	x = append(x, 0, float32(math.Copysign(0, -1)), posInf, negInf, nan, 88.72284, 88.72283, -103.97, -103.98, 0.625)
	eachLevel(t, func(t *testing.T, l Level) {
		y := make([]float32, len(x))
		for _, f := range activations {
			f.run(l, y, x)
			worst, at := 0.0, float32(0)
			for i, v := range x {
				want := f.want(float64(v))
				if u := ulpsApart(y[i], want); u > worst && !(math.Abs(float64(y[i])-want) < f.tiny) {
					worst, at = u, v
				}
			}
			t.Logf("%s: at most %.2f ulp, at %v", f.name, worst, at)
			if worst > f.ulp {
				t.Errorf("%s: %.2f ulp at %v, want at most %v", f.name, worst, at, f.ulp)
			}
		}
	})
}

// TestActivationsPlace: a result does not depend on its place in the slice,
// nothing is read or written behind it, and dst may be x.
func TestActivationsPlace(t *testing.T) {
	eachLevel(t, func(t *testing.T, l Level) {
		rng := rand.New(rand.NewPCG(13, 13))
		for _, f := range activations {
			for n := range 40 {
				t.Run(fmt.Sprintf("%s/%d", f.name, n), func(t *testing.T) {
					x := random(t, rng, n)
					sprinkle(rng, x)
					want := make([]float32, n)
					for i := range x {
						f.run(l, want[i:i+1], x[i:i+1])
					}
					dst := guarded(t, n)
					f.run(l, dst, x)
					wantSame(t, "new slice", dst, want)
					f.run(l, x, x)
					wantSame(t, "in place", x, want)
				})
			}
		}
	})
}
