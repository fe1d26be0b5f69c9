package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"unsafe"
)

// tile16Reference is the loop of TileBF16Args in float64, before the last
// rounding. bound is what it allows levels to differ by.
func tile16Reference(a *TileBF16Args) (want, bound []float64) {
	size := max(0, (a.M-1)*a.Ldc+a.N)
	want, bound = make([]float64, size), make([]float64, size)
	for i := range a.M {
		for n := range a.N {
			sum, magnitude, k := 0.0, 0.0, 0
			for _, s := range a.Segs {
				for j := range s.Len {
					p := float64(a.A[i*a.Lda+s.Off+j].Float32()) * float64(a.B[PanelBF16(k, n)].Float32())
					sum, magnitude, k = sum+p, magnitude+math.Abs(p), k+1
				}
			}
			scale := math.Abs(float64(a.Scale[n]))
			terms := []float64{sum * float64(a.Scale[n])}
			if a.Bias != nil {
				terms = append(terms, float64(a.Bias[n]))
			}
			if a.Residual != nil {
				terms = append(terms, float64(a.Residual[i*a.Ldr+n].Float32()))
			}
			if a.ResidualF != nil {
				terms = append(terms, float64(a.ResidualF[i*a.Ldr+n]))
			}
			y, all := 0.0, magnitude*scale
			for j, v := range terms {
				y += v
				if j > 0 {
					all += math.Abs(v)
				}
			}
			at := i*a.Ldc + n
			if a.Lower != nil {
				y = max(y, float64(a.Lower[n]))
			}
			if a.Upper != nil {
				y = min(y, float64(a.Upper[n]))
			}
			want[at] = y
			bound[at] = float64(k+4)*(0x1p-24*all+0x1p-125*max(scale, 1)) + 1e-44
		}
	}
	return want, bound
}

// wantTile fails t unless out or outF are within bound of want, where row has
// a number, and unchanged between rows.
func wantTile(t *testing.T, what string, a, before *TileBF16Args, want, bound []float64) {
	t.Helper()
	for at := range want {
		inside := at%max(a.Ldc, 1) < a.N
		switch {
		case a.OutF != nil && !inside && !same(a.OutF[at], before.OutF[at]), a.Out != nil && !inside && a.Out[at] != before.Out[at]:
			t.Fatalf("%s: [%d] between rows changed", what, at)
		case a.OutF != nil && inside && !(math.Abs(float64(a.OutF[at])-want[at]) <= bound[at]):
			t.Fatalf("%s: [%d] = %v, want %v within %v", what, at, a.OutF[at], want[at], bound[at])
		case a.Out != nil && inside:
			rounding := (math.Abs(want[at])+bound[at])*0x1p-8 + 0x1p-126
			if got := float64(a.Out[at].Float32()); !(math.Abs(got-want[at]) <= bound[at]+rounding) {
				t.Fatalf("%s: [%d] = %v, want %v within %v", what, at, got, want[at], bound[at]+rounding)
			}
		}
	}
}

// clone is a with results of its own, and residuals in place again.
func (a *TileBF16Args) clone() *TileBF16Args {
	c := *a
	c.Out, c.OutF = slices.Clone(a.Out), slices.Clone(a.OutF)
	if unsafe.SliceData(a.Residual) == unsafe.SliceData(a.Out) {
		c.Residual = c.Out
	}
	if unsafe.SliceData(a.ResidualF) == unsafe.SliceData(a.OutF) {
		c.ResidualF = c.OutF
	}
	return &c
}

// randomTile16 is a tile of m x n with segments of multiples of align.
func randomTile16(t testing.TB, rng *rand.Rand, m, n, align int) *TileBF16Args {
	a := &TileBF16Args{M: m, N: n}
	reach, depth := 0, 0
	for range rng.IntN(4) {
		s := Segment{Off: reach + rng.IntN(5), Len: align * rng.IntN(6)}
		a.Segs = append(a.Segs, s)
		depth += s.Len
		reach = s.Off + s.Len
	}
	rng.Shuffle(len(a.Segs), func(i, j int) { a.Segs[i], a.Segs[j] = a.Segs[j], a.Segs[i] })
	a.Lda = rng.IntN(reach + 9)
	a.Ldc, a.Ldr = n+rng.IntN(3), n+rng.IntN(3)
	a.A = random16(t, rng, max(0, (m-1)*a.Lda+reach))
	a.B = random16(t, rng, depth*cols8)
	a.Scale = random(t, rng, n+rng.IntN(2)*(cols8-n))
	if rng.IntN(3) > 0 {
		a.Bias = random(t, rng, n+rng.IntN(2)*(cols8-n))
	}
	size, sizeR := max(0, (m-1)*a.Ldc+n), max(0, (m-1)*a.Ldr+n)
	if rng.IntN(2) == 0 {
		a.Out = random16(t, rng, max(size, 1))
	} else {
		a.OutF = random(t, rng, max(size, 1))
	}
	switch rng.IntN(4) {
	case 0: // in place
		a.Residual, a.ResidualF, a.Ldr = a.Out, a.OutF, a.Ldc
	case 1:
		a.Residual = random16(t, rng, sizeR)
	case 2:
		a.ResidualF = random(t, rng, sizeR)
	}
	if rng.IntN(2) > 0 {
		a.Lower = random(t, rng, n+rng.IntN(2)*(cols8-n))
	}
	if rng.IntN(2) > 0 {
		a.Upper = above(random(t, rng, n+rng.IntN(2)*(cols8-n)), a.Lower)
	}
	return a
}

// above makes x at least y.
func above(x, y []float32) []float32 {
	for i := range min(len(x), len(y)) {
		x[i] = max(x[i], y[i])
	}
	return x
}

// TestTileBF16 compares every shape of tile with the definition. Slices end at
// guard pages.
func TestTileBF16(t *testing.T) {
	eachLevel(t, func(t *testing.T, l Level) {
		rng := rand.New(rand.NewPCG(32, uint64(l)))
		for m := range 34 {
			for n := 1; n <= cols8; n += 1 + rng.IntN(3) {
				a := randomTile16(t, rng, m, n, 2)
				before := a.clone()
				want, bound := tile16Reference(a)
				l.TileBF16(a)
				wantTile(t, fmt.Sprintf("m=%d n=%d", m, n), a, before, want, bound)
			}
		}
	})
}

// TestTileBF16Specials: NaN and infinities pass, and clamp like those of float32.
func TestTileBF16Specials(t *testing.T) {
	eachLevel(t, func(t *testing.T, l Level) {
		for _, x := range []float32{nan, posInf, negInf, -1, 3} {
			for _, y := range []struct {
				min, max, want float32
			}{{negInf, posInf, x}, {0, 2, clamp(x, 0, 2)}} {
				a := &TileBF16Args{
					A: []BF16{ToBF16(x), 0}, Segs: []Segment{{0, 2}}, B: slices.Repeat([]BF16{ToBF16(1)}, 2*cols8), M: 1, N: 1,
					Scale: []float32{1}, Lower: []float32{y.min}, Upper: []float32{y.max}, Out: make([]BF16, 1),
				}
				l.TileBF16(a)
				b := *a
				b.Out, b.OutF = nil, make([]float32, 1)
				l.TileBF16(&b)
				if !same(a.Out[0].Float32(), y.want) && y.want == y.want || !same(b.OutF[0], y.want) {
					t.Errorf("%v in [%v, %v] became %v, %v", x, y.min, y.max, a.Out[0].Float32(), b.OutF[0])
				}
			}
		}
	})
}

// TestTileBF16Checks: slices that are too short panic in Go, not in assembly.
func TestTileBF16Checks(t *testing.T) {
	eachLevel(t, func(t *testing.T, l Level) {
		for name, breakIt := range map[string]func(*TileBF16Args){
			"short A":        func(a *TileBF16Args) { a.A = a.A[:len(a.A)-1] },
			"short B":        func(a *TileBF16Args) { a.B = a.B[:len(a.B)-1] },
			"short out":      func(a *TileBF16Args) { a.Out = a.Out[:len(a.Out)-1] },
			"short float":    func(a *TileBF16Args) { a.Out, a.OutF = nil, make([]float32, 80+39) },
			"two results":    func(a *TileBF16Args) { a.OutF = make([]float32, 200) },
			"no result":      func(a *TileBF16Args) { a.Out = nil },
			"short residual": func(a *TileBF16Args) { a.Residual = a.Residual[:len(a.Residual)-1] },
			"two residuals":  func(a *TileBF16Args) { a.ResidualF = make([]float32, 200) },
			"short scale":    func(a *TileBF16Args) { a.Scale = a.Scale[:31] },
			"short bias":     func(a *TileBF16Args) { a.Bias = a.Bias[:31] },
			"short bound":    func(a *TileBF16Args) { a.Upper = a.Upper[:31] },
			"odd segment":    func(a *TileBF16Args) { a.Segs = []Segment{{0, 3}} },
			"columns":        func(a *TileBF16Args) { a.N = cols8 + 1 },
			"no columns":     func(a *TileBF16Args) { a.N = 0 },
			"rows overlap":   func(a *TileBF16Args) { a.Ldc = 31 },
		} {
			a := &TileBF16Args{
				A: make([]BF16, 2*8+8), Lda: 8, Segs: []Segment{{0, 8}}, B: make([]BF16, 8*cols8), M: 3, N: cols8,
				Scale: make([]float32, cols8), Bias: make([]float32, cols8), Upper: make([]float32, cols8),
				Out: make([]BF16, 2*44+cols8), Ldc: 44, Residual: make([]BF16, 2*50+cols8), Ldr: 50,
			}
			l.TileBF16(a)
			if breakIt(a); !panics(func() { l.TileBF16(a) }) {
				t.Errorf("%s: no panic", name)
			}
		}
	})
}

// TestTilesBF16 compares grids of all kinds of runs with the definition.
// Slices end at guard pages.
func TestTilesBF16(t *testing.T) {
	eachLevel(t, func(t *testing.T, l Level) {
		rng := rand.New(rand.NewPCG(33, uint64(l)))
		for width := 1; width <= 50; width++ {
			for _, rows := range []int{1, 2, 3, 7} {
				n, pitch, images, align := 1+rng.IntN(100), width+rng.IntN(4), 1+rng.IntN(2), 2
				if rng.IntN(4) > 0 {
					align = l.AlignBF16()
				}
				g, a := randomGrid16(t, rng, l, n, width, pitch, rows, images, align)
				want := a.clone()
				what := fmt.Sprintf("%d x %d rows of %d, pitch %d, %d outputs", images, rows, width, pitch, n)
				l.TilesBF16(g, a)
				wantGrid16(t, what, g, a, want)
			}
		}
	})
}

// wantGrid16 fails t unless the results of a, that was before, are those of g.
func wantGrid16(t *testing.T, what string, g *GridBF16, a, before *TileBF16Args) {
	t.Helper()
	inside := make([]bool, max(len(a.Out), len(a.OutF)))
	for p := 0; p < a.N; p += cols8 {
		for _, r := range g.runs {
			c, was := *a, *before
			for _, x := range []*TileBF16Args{&c, &was} {
				x.M, x.N, x.Segs, x.Lda, x.Ldc, x.Ldr = r.M, min(cols8, a.N-p), g.segs, g.lda, g.ldc, g.ldr
				x.A, x.B, x.Scale, x.Bias = a.A[r.A:], a.B[p*g.depth:], a.Scale[p:], tail(a.Bias, p)
				x.Lower, x.Upper = tail(a.Lower, p), tail(a.Upper, p)
				x.Out, x.OutF = tail(x.Out, p+r.C), tail(x.OutF, p+r.C)
				x.Residual, x.ResidualF = tail(x.Residual, p+r.R), tail(x.ResidualF, p+r.R)
			}
			want, bound := tile16Reference(&was)
			for i := range c.M {
				row, rowWas := c, was
				row.M, rowWas.M, row.Ldc = 1, 1, 0
				from := i * g.ldc
				row.Out, row.OutF = tail(c.Out, from), tail(c.OutF, from)
				rowWas.Out, rowWas.OutF = tail(was.Out, from), tail(was.OutF, from)
				row.Ldc = c.N
				wantTile(t, what, &row, &rowWas, want[from:from+c.N], bound[from:from+c.N])
				for n := range c.N {
					inside[p+r.C+from+n] = true
				}
			}
		}
	}
	for i, in := range inside {
		if !in && (a.Out != nil && a.Out[i] != before.Out[i] || a.OutF != nil && !same(a.OutF[i], before.OutF[i])) {
			t.Fatalf("%s: [%d] between rows changed", what, i)
		}
	}
}

// randomGrid16 is randomGrid of bfloat16.
func randomGrid16(t testing.TB, rng *rand.Rand, l Level, n, width, pitch, rows, images, align int) (*GridBF16, *TileBF16Args) {
	a := &TileBF16Args{N: n}
	reach, depth := 0, 0
	for range 1 + rng.IntN(3) {
		s := Segment{Off: reach + rng.IntN(5), Len: align * (1 + rng.IntN(4))}
		a.Segs = append(a.Segs, s)
		depth += s.Len
		reach = s.Off + s.Len
	}
	lda, ldc, ldr := 1+rng.IntN(70), n+rng.IntN(3), n+rng.IntN(3)
	var runs []RunI8
	var r RunI8
	for range images {
		for range rows {
			r.M = width
			runs = append(runs, r)
			r.A, r.C, r.R = r.A+pitch*lda, r.C+width*ldc+rng.IntN(2)*7, r.R+width*ldr
		}
		r.A += rng.IntN(100)
	}
	last := runs[len(runs)-1]
	panels := (n + cols8 - 1) / cols8
	a.A = random16(t, rng, last.A+(width-1)*lda+reach)
	a.B = random16(t, rng, panels*depth*cols8)
	a.Scale, a.Bias = random(t, rng, panels*cols8), random(t, rng, panels*cols8)
	size, sizeR := last.C+(width-1)*ldc+n, last.R+(width-1)*ldr+n
	switch rng.IntN(3) {
	case 0:
		a.OutF = random(t, rng, size)
	default:
		a.Out = random16(t, rng, size)
	}
	switch rng.IntN(4) {
	case 0:
		a.Residual = random16(t, rng, sizeR)
	case 1: // in place
		ldr = ldc
		for i := range runs {
			runs[i].R = runs[i].C
		}
		a.Residual, a.ResidualF = a.Out, a.OutF
	case 2:
		a.ResidualF = random(t, rng, sizeR)
	}
	if rng.IntN(4) > 0 {
		a.Lower = random(t, rng, panels*cols8)
		a.Upper = above(random(t, rng, panels*cols8), a.Lower)
	}
	return NewGridBF16(l, a.Segs, lda, ldc, ldr, runs, a.OutF != nil), a
}

func BenchmarkTilesBF16(b *testing.B) {
	for l := VNNI; l < levels; l++ {
		if !l.Supported() || !l.HasBF16() {
			continue
		}
		for _, s := range []struct{ width, rows, n, segs, length, pitch int }{
			{56, 56, 64, 3, 192, 58}, {3136, 1, 256, 1, 64, 3136}, {28, 28, 128, 3, 384, 30}, {14, 14, 256, 3, 768, 16}, {7, 7, 512, 3, 1536, 9}, {49, 1, 2048, 1, 512, 49},
		} {
			b.Run(fmt.Sprintf("%v/%dx%d_n%d_k%dx%d", l, s.width, s.rows, s.n, s.segs, s.length), func(b *testing.B) {
				lda := s.length / s.segs
				var segs []Segment
				for i := range s.segs {
					segs = append(segs, Segment{Off: i * s.pitch * lda, Len: s.length})
				}
				var runs []RunI8
				for y := range s.rows {
					runs = append(runs, RunI8{A: y * s.pitch * lda, C: y * s.width * s.n, M: s.width})
				}
				g := NewGridBF16(l, segs, lda, s.n, s.n, runs, false)
				a := &TileBF16Args{N: s.n, Lower: make([]float32, s.n), Upper: make([]float32, s.n), A: make([]BF16, g.bytes.reach.A/2), B: make([]BF16, s.n*s.segs*s.length),
					Scale: make([]float32, s.n), Bias: make([]float32, s.n), Out: make([]BF16, s.rows*s.width*s.n)}
				benchmark(b, s.rows*s.width*s.n*s.segs*s.length, "MAC", func() { l.TilesBF16(g, a) })
			})
		}
	}
}
