package kernel

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestSums compares sums of inputs before the product with products of each.
func TestSums(t *testing.T) {
	rng := rand.New(rand.NewPCG(36, 36))
	for range 50 {
		const span, d, blocks = 60, 4, 7
		a := &SumsArgs{
			In: randomBytes[uint8](t, rng, blocks*span), Span: span, Width: 1 + rng.IntN(5), Height: 1 + rng.IntN(4), Pitch: 5,
			Scale: 0.01, Bias: rng.Float32(), Min: negInf, Max: posInf, OutRow: 15, OutStep: 3, OutScale: 1, OutZero: 9,
			Room: make([]int32, span+20),
		}
		for range d {
			a.Offs = append(a.Offs, int32(rng.IntN(span-20)))
		}
		sums := make([]int32, a.Height*a.Pitch)
		for b := range blocks {
			if b < 3 {
				a.Words, a.Group = append(a.Words, randomBytes[int8](t, rng, d)), append(a.Group, nil)
			}
			a.Group[b%3] = append(a.Group[b%3], int32(b*span))
		}
		for g, word := range a.Words {
			for _, at := range a.Group[g] {
				for j, w := range word {
					for p := range (a.Height-1)*a.Pitch + a.Width {
						sums[p] += int32(w) * int32(a.In[int(at)+int(a.Offs[j])+p])
					}
				}
			}
		}
		a.Out = randomBytes[uint8](t, rng, a.Height*a.OutRow)
		want := slices.Clone(a.Out)
		for y := range a.Height {
			for x := range a.Width {
				v := float32(float32(sums[y*a.Pitch+x])*a.Scale) + a.Bias
				want[y*a.OutRow+x*a.OutStep] = toByte(v, a.OutScale, a.OutZero)
			}
		}
		if Generic.Sums(a); !slices.Equal(a.Out, want) {
			t.Fatalf("%v, want %v", a.Out, want)
		}
	}
	if !panics(func() { Generic.Sums(&SumsArgs{Width: 3, Height: 1, Pitch: 2}) }) {
		t.Error("rows that overlap were accepted")
	}
}
