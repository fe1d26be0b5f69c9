package compress

import (
	"math"
	"testing"

	"lutra/internal/graph"
	"lutra/internal/tensor"
)

// scaledLayer is a layer whose weights are k float16 codewords times a scale
// per output, and the scales.
func scaledLayer(outputs, blocks, d, k int) (*layer, []float32) {
	rng := newRNG(9)
	words := gaussian(rng, k*d)
	for i, v := range words {
		words[i] = tensor.FromHalf(tensor.ToHalf(v * 0.05))
	}
	l := &layer{outputs: outputs, row: blocks * d, d: d, k: k, norm: &graph.Node{}, patches: patches{groups: 1}}
	x := make([]float32, outputs*blocks*d)
	for o := range outputs {
		scale := float32(math.Exp(rng.NormFloat64()))
		if o%7 == 3 {
			scale = -scale
		}
		for b := range blocks {
			c := rng.IntN(k)
			for t := range d {
				x[(b*outputs+o)*d+t] = scale * words[c*d+t]
			}
		}
	}
	return l, x
}

func TestFactor(t *testing.T) {
	l, x := scaledLayer(60, 40, 9, 32)
	s, gain, err := l.factor(t.Context(), x)
	if err != nil {
		t.Fatal(err)
	}
	if s == nil || len(s.words) != 32*9 {
		t.Fatal("codewords were not recognised")
	}
	for _, v := range s.words {
		if tensor.FromHalf(tensor.ToHalf(v)) != v {
			t.Fatalf("%g is not a float16 number", v)
		}
	}
	for i, c := range s.codes {
		for e := range l.d {
			want := float64(x[i*l.d+e])
			if got := gain[i%l.outputs] * float64(s.words[int(c)*l.d+e]); math.Abs(got-want) > 1e-6*math.Abs(want) {
				t.Fatalf("sub-vector %d: %g, want %g", i, got, want)
			}
		}
	}
	x[100] *= 1.01
	if s, _, err := l.factor(t.Context(), x); s != nil || err != nil {
		t.Error("33 codewords taken for 32")
	}
}

func TestFactorOfZeros(t *testing.T) {
	l, x := scaledLayer(6, 4, 4, 3)
	for i := range x {
		if i/l.d%l.outputs == 2 {
			x[i] = 0
		}
	}
	l.k++ // the zero block
	s, gain, err := l.factor(t.Context(), x)
	if err != nil {
		t.Fatal(err)
	}
	if s == nil || len(s.words) > 4*4 || gain[2] != gain[2] || s.words[int(s.codes[2])*l.d] != 0 {
		t.Errorf("%+v, scales %v", s, gain)
	}
}
