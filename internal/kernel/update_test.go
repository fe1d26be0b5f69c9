package kernel

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// updated is what an update changes and reads.
type updated struct{ value, grad, first, second []float32 }

func randomUpdate(t testing.TB, rng *rand.Rand, n int, special bool) updated {
	u := updated{random(t, rng, n), random(t, rng, n), random(t, rng, n), random(t, rng, n)}
	for i, v := range u.second { // sums of squares
		u.second[i] = v * v
	}
	if special {
		for _, x := range [][]float32{u.value, u.grad, u.first} {
			sprinkle(rng, x)
		}
	}
	return u
}

func (u updated) clone() updated {
	return updated{slices.Clone(u.value), slices.Clone(u.grad), slices.Clone(u.first), slices.Clone(u.second)}
}

func (u updated) adam(rng *rand.Rand) *AdamArgs {
	a := &AdamArgs{
		Value: u.value, Grad: u.grad, First: u.first, Second: u.second,
		Factor: float32(rng.Float64()), Added: 0.01, Rest1: 0.1, Rest2: 0.001, Step: 0.03, Shrink: 1, Root: rng.Float64() + 0.01, Epsilon: 1e-8,
	}
	if rng.IntN(2) > 0 {
		a.Added, a.Shrink = 0, 0.999
	}
	return a
}

func (u updated) sgd(rng *rand.Rand) *SGDArgs {
	a := &SGDArgs{Value: u.value, Grad: u.grad, First: u.first, Factor: 0.7, Added: 0.01, Rate: 0.1}
	if rng.IntN(3) > 0 {
		a.Momentum, a.Nesterov = 0.9, rng.IntN(2) > 0
	}
	return a
}

// TestUpdates: every level has the bits of the Go loops, for all tails, special values included.
func TestUpdates(t *testing.T) {
	eachLevel(t, func(t *testing.T, l Level) {
		for n := range 131 {
			seed := uint64(n)
			rng := rand.New(rand.NewPCG(31, seed))
			u := randomUpdate(t, rng, n, n%3 == 0)
			for name, update := range map[string]func(l Level, u updated){
				"adam":  func(l Level, u updated) { l.Adam(u.adam(rand.New(rand.NewPCG(32, seed)))) },
				"sgd":   func(l Level, u updated) { l.SGD(u.sgd(rand.New(rand.NewPCG(33, seed)))) },
				"blend": func(l Level, u updated) { l.Blend(u.value, u.grad, 0.99) },
				"sum":   func(l Level, u updated) { u.value = append(u.value[:0], float32(l.SumSquares(u.grad))) },
			} {
				got, want := u.clone(), u.clone()
				update(l, got)
				update(Generic, want)
				wantSame(t, name+" value", got.value, want.value)
				wantSame(t, name+" gradient", got.grad, u.grad)
				wantSame(t, name+" first", got.first, want.first)
				wantSame(t, name+" second", got.second, want.second)
			}
			if got, want := l.SumSquares(u.grad), Generic.SumSquares(u.grad); got != want && (got == got || want == want) {
				t.Fatalf("sum of %d squares: %v, want %v", n, got, want)
			}
		}
	})
}

// TestUpdateDefinitions compares the Go loops with the formulas in float64.
func TestUpdateDefinitions(t *testing.T) {
	rng := rand.New(rand.NewPCG(34, 34))
	for range 500 {
		u := randomUpdate(t, rng, 1, false)
		a := u.clone().adam(rng)
		v, m, q := float64(a.Value[0]), float64(a.First[0]), float64(a.Second[0])
		g := float64(a.Grad[0])*float64(a.Factor) + float64(a.Added)*v
		m += float64(a.Rest1) * (g - m)
		q += float64(a.Rest2) * (g*g - q)
		size := math.Abs(v) + float64(a.Step)*math.Abs(m)/(math.Sqrt(q)/a.Root+a.Epsilon)
		v = float64(a.Shrink)*v - float64(a.Step)*m/(math.Sqrt(q)/a.Root+a.Epsilon)
		Generic.Adam(a)
		closeSum(t, "adam", a.Value[0], v, size)
		closeSum(t, "first moment", a.First[0], m, 10)
		closeSum(t, "second moment", a.Second[0], q, 10)

		s := u.clone().sgd(rng)
		v, m = float64(s.Value[0]), float64(s.First[0])
		g = float64(s.Grad[0])*float64(s.Factor) + float64(s.Added)*v
		if s.Momentum != 0 {
			m = float64(s.Momentum)*m + g
			if s.Nesterov {
				g += float64(s.Momentum) * m
			} else {
				g = m
			}
		}
		v -= float64(s.Rate) * g
		Generic.SGD(s)
		closeSum(t, "sgd", s.Value[0], v, 10)
		closeSum(t, "momentum", s.First[0], m, 10)
	}
}

// BenchmarkAdam updates the weights of ResNet-18, which no cache holds.
func BenchmarkAdam(b *testing.B) {
	const weights, stretch = 11_689_512, 1 << 13
	var all [4][]float32
	for i := range all {
		all[i] = make([]float32, weights)
		for j := range all[i] {
			all[i][j] = 1 + float32(j%1000)/1000
		}
	}
	for _, l := range []Level{Generic, AVX2, AVX512} {
		b.Run(l.String(), func(b *testing.B) {
			if !l.Supported() {
				b.Skip("not supported by this machine or build")
			}
			benchmark(b, weights, "weight", func() {
				for from := 0; from < weights; from += stretch {
					to := min(from+stretch, weights)
					l.Adam(&AdamArgs{
						Value: all[0][from:to], Grad: all[1][from:to], First: all[2][from:to], Second: all[3][from:to],
						Factor: 1, Rest1: 0.1, Rest2: 0.001, Step: 1e-3, Shrink: 1, Root: 0.9, Epsilon: 1e-8,
					})
				}
			})
		})
	}
}
