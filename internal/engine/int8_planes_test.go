package engine

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// gaussian is n normal numbers, one of them crest times the standard deviation.
func gaussian(n int, crest float32) []float32 {
	rng := rand.New(rand.NewPCG(3, uint64(n)))
	w := make([]float32, n)
	for i := range w {
		w[i] = float32(rng.NormFloat64())
	}
	w[n/2] = crest
	return w
}

// measured is the quality of p as a rendering of w in dB.
func measured(p planes, w []float32) float64 {
	var signal, noise float64
	for i, v := range w {
		got := float64(p.scale) * float64(p.high[i])
		if p.low != nil {
			got += float64(p.lowScale()) * float64(p.low[i])
		}
		signal += float64(v) * float64(v)
		noise += (float64(v) - got) * (float64(v) - got)
	}
	return decibels(noise / signal)
}

func TestPlanes(t *testing.T) {
	for _, crest := range []float32{3, 12, -120} {
		w := gaussian(2000, crest)
		one, clip, two := widest(w, nil), clipped(w, nil), twoPlanes(w, nil)
		for name, p := range map[string]planes{"widest": one, "clipped": clip} {
			if got, want := decibels(ratio(p.noise, p.signal)), measured(p, w); math.Abs(got-want) > 1e-9 {
				t.Errorf("crest %g, %s: %g dB reported, %g measured", crest, name, got, want)
			}
		}
		a, b, c := measured(one, w), measured(clip, w), measured(two, w)
		// One plane spends one bit, 6 dB, per doubling of the crest; a low
		// plane adds a factor of 254, 48 dB.
		want := 10 * math.Log10(12*planeMax*planeMax*one.signal/float64(len(w))/float64(crest*crest))
		if crest != 3 && math.Abs(a-want) > 1 || b < a || math.Abs(c-a-48) > 1 {
			t.Errorf("crest %g: %g dB in one plane (want %g), %g clipped, %g in two", crest, a, want, b, c)
		}
	}
}

// TestPlanesCount ignores numbers that nothing uses.
func TestPlanesCount(t *testing.T) {
	p := clipped([]float32{1, -0.5, 1000}, []int{3, 1, 0})
	if p.scale != 1.0/planeMax || p.high[0] != 127 || p.noise > 1e-4 {
		t.Errorf("%+v", p)
	}
}

func TestPlanesZero(t *testing.T) {
	p := twoPlanes(make([]float32, 4), nil)
	if p.scale != 0 || ratio(p.noise, p.signal) != 0 {
		t.Errorf("%+v", p)
	}
	if p := clipped(make([]float32, 4), nil); p.scale != 0 {
		t.Errorf("%+v", p)
	}
}

// TestClipped compares the search with trying all scales.
func TestClipped(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	for i := range 200 {
		w, count := make([]float32, 1+rng.IntN(600)), []int(nil)
		for j := range w {
			w[j] = float32(rng.NormFloat64() * math.Exp(float64(i%4)*rng.NormFloat64()))
		}
		if i%2 > 0 {
			for range w {
				count = append(count, rng.IntN(4))
			}
		}
		best := widest(w, count)
		full := best.scale
		for part := float32(63); part >= 4; part-- {
			if p := newPlane(w, count, full*part/64); p.noise < best.noise*(1-1e-12) {
				best = p
			}
		}
		got := clipped(w, count)
		if got.scale != best.scale || !slices.Equal(got.high, best.high) || got.noise != best.noise {
			t.Fatalf("case %d: scale %g of noise %g, want %g of %g", i, got.scale, got.noise, best.scale, best.noise)
		}
	}
}
