package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// tileReference is the loop of TileArgs in float64. bound is what rounding in
// float32 may change: half a unit per term of the sum, of the sum of magnitudes.
func tileReference(a *TileArgs, nr int) (want, bound []float64) {
	for _, v := range a.C {
		want, bound = append(want, float64(v)), append(bound, 0)
	}
	for i := range a.M {
		for n := range a.N {
			sum, size, k := 0.0, 0.0, 0
			for _, s := range a.Segs {
				for j := range s.Len {
					p := float64(a.A[i*a.Lda+s.Off+j]) * float64(a.B[k*nr+n])
					sum, size, k = sum+p, size+math.Abs(p), k+1
				}
			}
			at := i*a.Ldc + n
			if !a.First {
				sum, size = sum+want[at], size+math.Abs(want[at])
			}
			if a.Last {
				scale, bias, residual := 1.0, 0.0, 0.0
				if a.Scale != nil {
					scale = float64(a.Scale[n])
				}
				if a.Bias != nil {
					bias = float64(a.Bias[n])
				}
				if a.Residual != nil {
					residual = float64(a.Residual[i*a.Ldr+n])
				}
				sum = sum*scale + bias + residual
				size = size*math.Abs(scale) + math.Abs(bias) + math.Abs(residual)
				if sum < float64(a.Min) {
					sum = float64(a.Min)
				}
				if sum > float64(a.Max) {
					sum = float64(a.Max)
				}
			}
			want[at], bound[at] = sum, float64(k+4)*0x1p-24*size+1e-44
		}
	}
	return want, bound
}

// randomTile is a tile of m x n with a sum over depth, cut into segments.
func randomTile(t testing.TB, rng *rand.Rand, nr, m, n, depth int) *TileArgs {
	a := &TileArgs{M: m, N: n, First: rng.IntN(2) == 0, Last: rng.IntN(2) == 0, Min: negInf, Max: posInf}
	reach := 0
	for left := depth; left > 0 || len(a.Segs) == 0; {
		s := Segment{Off: reach + rng.IntN(5), Len: min(left, rng.IntN(1+depth))}
		a.Segs = append(a.Segs, s)
		left -= s.Len
		reach = s.Off + s.Len
	}
	rng.Shuffle(len(a.Segs), func(i, j int) { a.Segs[i], a.Segs[j] = a.Segs[j], a.Segs[i] })
	a.Lda = rng.IntN(reach + 9) // rows may overlap
	a.Ldc, a.Ldr = n+rng.IntN(3), n+rng.IntN(3)
	a.A = random(t, rng, max(0, (m-1)*a.Lda+reach))
	a.B = random(t, rng, depth*nr)
	a.C = random(t, rng, max(0, (m-1)*a.Ldc+n))
	if rng.IntN(3) > 0 {
		a.Scale = random(t, rng, n)
	}
	if rng.IntN(3) > 0 {
		a.Bias = random(t, rng, n)
	}
	switch rng.IntN(4) {
	case 0:
		a.Residual, a.Ldr = a.C, a.Ldc
	case 1, 2:
		a.Residual = random(t, rng, max(0, (m-1)*a.Ldr+n))
	}
	if rng.IntN(2) > 0 {
		a.Min, a.Max = 0, float32(1+5*rng.IntN(2))
	}
	return a
}

// TestTile compares every shape of tile with the definition. Slices end at
// guard pages; columns of C between rows must not change.
func TestTile(t *testing.T) {
	eachLevel(t, func(t *testing.T, l Level) {
		rng := rand.New(rand.NewPCG(1, uint64(l)))
		mr, nr := l.TileSize()
		for m := range 2*mr + 2 {
			for n := 1; n <= nr; n++ {
				t.Run("", func(t *testing.T) {
					depth := []int{0, 1, 2, 3, 7, 16, 33}[rng.IntN(7)]
					a := randomTile(t, rng, nr, m, n, depth)
					want, bound := tileReference(a, nr)
					l.Tile(a)
					wantClose(t, fmt.Sprintf("m=%d n=%d k=%d", m, n, depth), a.C, want, bound)
				})
			}
		}
	})
}

// TestTileRowsAgree: a row has the same sum, bit by bit, in a tile of any height.
func TestTileRowsAgree(t *testing.T) {
	eachLevel(t, func(t *testing.T, l Level) {
		rng := rand.New(rand.NewPCG(2, 2))
		mr, nr := l.TileSize()
		a := randomTile(t, rng, nr, 2*mr+1, nr-1, 100)
		a.First, a.Last, a.Residual = false, true, nil
		whole := *a
		whole.C = slices.Clone(a.C)
		l.Tile(&whole)
		for i := range a.M {
			row := *a
			row.M, row.A, row.C = 1, a.A[i*a.Lda:], a.C[i*a.Ldc:]
			l.Tile(&row)
		}
		wantSame(t, "row by row", a.C, whole.C)
	})
}

// TestTileSpecials: NaN, infinities and -0 go the way of the definition.
func TestTileSpecials(t *testing.T) {
	eachLevel(t, func(t *testing.T, l Level) {
		rng := rand.New(rand.NewPCG(3, uint64(l)))
		mr, nr := l.TileSize()
		for range 50 {
			a := randomTile(t, rng, nr, 1+rng.IntN(mr), 1+rng.IntN(nr), 1+rng.IntN(4))
			for _, x := range [][]float32{a.A, a.C, a.Residual, a.Bias} {
				sprinkle(rng, x)
			}
			want := *a
			want.C = slices.Clone(a.C)
			tileGeneric(&want, nr)
			l.Tile(a)
			for i, w := range want.C {
				g := a.C[i]
				bad := (g != g) != (w != w) || math.IsInf(float64(g), 0) != math.IsInf(float64(w), 0)
				if bad && math.Abs(float64(w)) < 1e38 {
					t.Fatalf("[%d] = %v, want %v", i, g, w)
				}
			}
		}
	})
}

// TestTileChecks: slices that are too short panic in Go, not in assembly.
func TestTileChecks(t *testing.T) {
	eachLevel(t, func(t *testing.T, l Level) {
		_, nr := l.TileSize()
		cases := map[string]func(*TileArgs){
			"short A":          func(a *TileArgs) { a.A = a.A[:len(a.A)-1] },
			"short B":          func(a *TileArgs) { a.B = a.B[: len(a.B)-1 : len(a.B)-1] },
			"short C":          func(a *TileArgs) { a.C = a.C[: len(a.C)-1 : len(a.C)-1] },
			"short scale":      func(a *TileArgs) { a.Scale = make([]float32, a.N-1) },
			"short bias":       func(a *TileArgs) { a.Bias = make([]float32, a.N-1) },
			"short residual":   func(a *TileArgs) { a.Residual, a.Ldr = make([]float32, a.N), 1 },
			"too many columns": func(a *TileArgs) { a.N = nr + 1 },
			"no columns":       func(a *TileArgs) { a.N = 0 },
			"negative rows":    func(a *TileArgs) { a.M = -1 },
			"negative segment": func(a *TileArgs) { a.Segs = []Segment{{Off: -1, Len: 1}} },
			"rows overlap":     func(a *TileArgs) { a.Ldc = a.N - 1 },
		}
		for name, breakIt := range cases {
			a := randomTile(t, rand.New(rand.NewPCG(4, 4)), nr, 3, nr, 9)
			a.Last = true
			a.A = slices.Clip(a.A)
			breakIt(a)
			if !panics(func() { l.Tile(a) }) {
				t.Errorf("%s: no panic", name)
			}
		}
	})
}

func panics(f func()) (yes bool) {
	defer func() { yes = recover() != nil }()
	f()
	return false
}

func BenchmarkTile(b *testing.B) {
	shapes := []struct{ m, segs, length, stride int }{
		{14, 1, 256, 256}, {14, 3, 192, 64}, {14, 3, 192, 128}, {11, 1, 96, 96}, {7, 3, 192, 512}, {1, 1, 512, 512}, {196, 1, 64, 64}, {196, 1, 32, 32}, {112, 7, 21, 6},
		{4, 1, 512, 512},
	}
	for l := Generic; l < levels; l++ {
		if !l.Supported() {
			continue
		}
		_, nr := l.TileSize()
		for _, s := range shapes {
			b.Run(fmt.Sprintf("%v/m%d_k%dx%d", l, s.m, s.segs, s.length), func(b *testing.B) {
				a := &TileArgs{M: s.m, N: nr, Lda: s.stride, Ldc: 64, First: true, Last: true, Min: 0, Max: posInf}
				for i := range s.segs {
					a.Segs = append(a.Segs, Segment{Off: i * 4096, Len: s.length})
				}
				rng := rand.New(rand.NewPCG(1, 1)) // Fused does zeros faster
				a.A = normal(b, rng, s.m*s.stride+s.segs*4096)
				a.B = normal(b, rng, s.segs*s.length*nr)
				a.C = make([]float32, s.m*64)
				a.Scale, a.Bias = make([]float32, nr), make([]float32, nr)
				benchmark(b, s.m*nr*s.segs*s.length, "MAC", func() { l.Tile(a) })
			})
		}
	}
}
