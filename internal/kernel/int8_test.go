package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"unsafe"
)

// randomBytes is n guarded random bytes.
func randomBytes[T int8 | uint8](t testing.TB, rng *rand.Rand, n int) []T {
	words := guarded(t, (n+3)/4)
	if n == 0 {
		return nil
	}
	all := unsafe.Slice((*T)(unsafe.Pointer(&words[0])), 4*len(words))
	x := all[len(all)-n:]
	for i := range x {
		x[i] = T(rng.IntN(256))
	}
	if rng.IntN(4) == 0 { // extremes: where 16 bits would overflow
		for i := range x {
			x[i] = T([]int{127, 128, 255}[rng.IntN(3)])
		}
	}
	return x
}

// randomTile8 is a tile of m x n with segments of multiples of align.
func randomTile8(t testing.TB, rng *rand.Rand, m, n, align int) *TileI8Args {
	a := &TileI8Args{M: m, N: n, Min: negInf, Max: posInf, OutScale: 1, OutZero: uint8(rng.IntN(256))}
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
	a.A = randomBytes[uint8](t, rng, max(0, (m-1)*a.Lda+reach))
	a.B = randomBytes[int8](t, rng, depth*cols8)
	a.Scale = random(t, rng, n+rng.IntN(2)*(cols8-n))
	for i := range a.Scale {
		a.Scale[i] *= 0.002
	}
	if rng.IntN(3) > 0 {
		a.Bias = random(t, rng, n+rng.IntN(2)*(cols8-n))
	}
	size := max(0, (m-1)*a.Ldc+n)
	if rng.IntN(2) == 0 {
		a.Out, a.OutScale = randomBytes[uint8](t, rng, size), 10
	} else {
		a.OutF = random(t, rng, size)
	}
	if m == 0 {
		return a
	}
	switch rng.IntN(5) {
	case 0:
		a.Residual, a.ResidualScale, a.ResidualZero = randomBytes[uint8](t, rng, (m-1)*a.Ldr+n), 0.3, uint8(rng.IntN(256))
	case 1:
		a.ResidualF = random(t, rng, (m-1)*a.Ldr+n)
	case 2: // in place
		a.Residual, a.ResidualF, a.ResidualScale, a.Ldr = a.Out, a.OutF, 0.1, a.Ldc
	}
	if rng.IntN(2) > 0 {
		a.Min, a.Max = 0, 6
	}
	return a
}

// tile8Reference is the text of TileI8Args, number by number.
func tile8Reference(a *TileI8Args) (out []uint8, outF []float32) {
	out, outF = slices.Clone(a.Out), slices.Clone(a.OutF)
	for i := range a.M {
		for n := range a.N {
			acc, k := int64(0), 0
			for _, s := range a.Segs {
				for j := range s.Len {
					acc += int64(a.A[i*a.Lda+s.Off+j]) * int64(a.B[PanelI8(k, n)])
					k++
				}
			}
			// A product of two floats is exact in float64, and the sum of two
			// is rounded like in float32 after it was rounded in float64.
			y := float32(float64(float32(acc)) * float64(a.Scale[n]))
			bias := float32(0)
			if a.Bias != nil {
				bias = a.Bias[n]
			}
			y = float32(float64(y) + float64(bias))
			if a.Residual != nil {
				r := float32(float64(int(a.Residual[i*a.Ldr+n])-int(a.ResidualZero)) * float64(a.ResidualScale))
				y = float32(float64(y) + float64(r))
			}
			if a.ResidualF != nil {
				y = float32(float64(y) + float64(a.ResidualF[i*a.Ldr+n]))
			}
			y = clamp(y, a.Min, a.Max)
			if a.OutF != nil {
				outF[i*a.Ldc+n] = y
				continue
			}
			q := math.RoundToEven(float64(float32(float64(y)*float64(a.OutScale)))) + float64(a.OutZero)
			out[i*a.Ldc+n] = uint8(min(max(q, 0), 255))
		}
	}
	return out, outF
}

// TestTileI8 compares every shape of tile with the definition, byte by byte.
// Slices end at guard pages; columns of the result between rows must not change.
func TestTileI8(t *testing.T) {
	eachLevel(t, func(t *testing.T, l Level) {
		rng := rand.New(rand.NewPCG(21, uint64(l)))
		for m := range 2*l.RowsI8() + 2 {
			for n := 1; n <= cols8; n++ {
				align := 4
				if n%2 == 0 {
					align = l.AlignI8()
				}
				a := randomTile8(t, rng, m, n, align)
				want, wantF := tile8Reference(a)
				l.TileI8(a)
				what := fmt.Sprintf("m=%d n=%d", m, n)
				if !slices.Equal(a.Out, want) {
					t.Fatalf("%s: %v, want %v", what, a.Out, want)
				}
				wantSame(t, what, a.OutF, wantF)
			}
		}
	})
}

// TestTileI8Specials: NaN, infinities and -0 become the same numbers and bytes
// on every level.
func TestTileI8Specials(t *testing.T) {
	eachLevel(t, func(t *testing.T, l Level) {
		rng := rand.New(rand.NewPCG(22, uint64(l)))
		for range 100 {
			a := randomTile8(t, rng, 1+rng.IntN(16), 1+rng.IntN(cols8), 4)
			for _, x := range [][]float32{a.Scale, a.Bias, a.ResidualF} {
				sprinkle(rng, x)
			}
			want := *a
			want.Out, want.OutF = slices.Clone(a.Out), slices.Clone(a.OutF)
			want.Residual, want.ResidualF = slices.Clone(a.Residual), slices.Clone(a.ResidualF)
			Generic.TileI8(&want)
			l.TileI8(a)
			if !slices.Equal(a.Out, want.Out) {
				t.Fatalf("%v, want %v", a.Out, want.Out)
			}
			wantSame(t, "floats", a.OutF, want.OutF)
		}
	})
}

// TestTileI8Checks: slices that are too short panic in Go, not in assembly.
func TestTileI8Checks(t *testing.T) {
	eachLevel(t, func(t *testing.T, l Level) {
		for name, breakIt := range map[string]func(*TileI8Args){
			"short A":          func(a *TileI8Args) { a.A = a.A[:len(a.A)-1] },
			"short B":          func(a *TileI8Args) { a.B = a.B[:len(a.B)-1] },
			"short out":        func(a *TileI8Args) { a.Out = a.Out[:len(a.Out)-1] },
			"two results":      func(a *TileI8Args) { a.OutF = make([]float32, 99) },
			"no result":        func(a *TileI8Args) { a.Out = nil },
			"short scale":      func(a *TileI8Args) { a.Scale = a.Scale[:31] },
			"short bias":       func(a *TileI8Args) { a.Bias = a.Scale[:31] },
			"short residual":   func(a *TileI8Args) { a.Residual, a.Ldr = make([]uint8, 95), 32 },
			"two residuals":    func(a *TileI8Args) { a.Residual, a.ResidualF, a.Ldr = make([]uint8, 32), make([]float32, 32), 0 },
			"too many columns": func(a *TileI8Args) { a.N = 33 },
			"no columns":       func(a *TileI8Args) { a.N = 0 },
			"negative rows":    func(a *TileI8Args) { a.M = -1 },
			"odd segment":      func(a *TileI8Args) { a.Segs = []Segment{{0, 6}} },
			"negative segment": func(a *TileI8Args) { a.Segs = []Segment{{-4, 8}} },
			"rows overlap":     func(a *TileI8Args) { a.Ldc = 31 },
		} {
			a := &TileI8Args{M: 3, N: 32, A: make([]uint8, 24), Lda: 8, Segs: []Segment{{0, 8}}, B: make([]int8, 256),
				Scale: make([]float32, 32), Out: make([]uint8, 96), Ldc: 32}
			l.TileI8(a)
			if breakIt(a); !panics(func() { l.TileI8(a) }) {
				t.Errorf("%s: no panic", name)
			}
		}
	})
}

// rows8 numbers the inputs of blocks of d like a convolution of the kind.
func rows8(kind string, d, channels, taps int) (rows []int32) {
	for e := range channels * taps {
		switch kind {
		case "tap-major": // [tap][channel]
			rows = append(rows, int32(e%taps*channels+e/taps))
		case "padded": // channels to a multiple of 4
			rows = append(rows, int32(e%taps*((channels+3)/4*4)+e/taps))
		case "blocked": // [channel/64][tap][channel%64]
			rows = append(rows, int32((e/taps/64*taps+e%taps)*64+e/taps%64))
		case "in order":
			rows = append(rows, int32(e))
		case "reversed":
			rows = append(rows, int32(channels*taps-1-e))
		}
	}
	return rows[:len(rows)/d*d]
}

func TestDecodeI8(t *testing.T) {
	cases := []struct {
		kind           string
		k, d           int
		channels, taps int
		form           form8
	}{
		{"tap-major", 256, 9, 16, 9, byTaps},
		{"tap-major", 200, 9, 20, 9, byTaps},
		{"padded", 256, 9, 6, 9, byTaps}, // a quad, two blocks more, and padding
		{"tap-major", 256, 9, 6, 9, scattered},
		{"tap-major", 256, 18, 16, 9, byPairs},
		{"tap-major", 256, 18, 32, 9, byPairs},
		{"in order", 256, 4, 64, 1, byChannels},
		{"in order", 100, 8, 64, 1, byChannels},
		{"in order", 256, 16, 64, 1, byChannels},
		{"in order", 256, 4, 20, 1, byChannels},
		{"in order", 256, 1, 16, 1, byTaps},
		{"in order", 256, 2, 16, 1, byPairs},
		{"in order", 256, 5, 60, 1, scattered},
		{"reversed", 256, 4, 64, 1, scattered},
		{"in order", 1000, 4, 64, 1, byWords},
		{"in order", 2048, 8, 72, 1, byWords},
		{"in order", 300, 20, 60, 1, byWords},
		{"reversed", 1000, 4, 64, 1, scattered},
		{"in order", 1000, 2, 64, 1, scattered},
		{"in order", 7, 64, 64, 1, scattered}, // less than a quad
	}
	eachLevel(t, func(t *testing.T, l Level) {
		rng := rand.New(rand.NewPCG(23, uint64(l)))
		for _, c := range cases {
			depth := (c.channels + 3) / 4 * 4 * c.taps
			rows := rows8(c.kind, c.d, c.channels, c.taps)
			words := randomBytes[int8](t, rng, c.k*c.d)
			dec := NewDecoderI8(words, c.d, rows, depth)
			if dec.form != c.form {
				t.Errorf("%+v: form %d", c, dec.form)
			}
			n, stride := 1+rng.IntN(100), 110
			codes := make([]uint16, len(rows)/c.d*stride)
			for i := range codes {
				codes[i] = uint16(rng.IntN(c.k))
			}
			packed, size := dec.Pack(codes, stride, n), depth*cols8
			dst := randomBytes[int8](t, rng, packed.Panels()*size)
			l.DecodeI8(dst, dec, packed)
			want := make([]int8, len(dst))
			for e, k := range rows {
				for i := range n {
					want[i/cols8*size+PanelI8(int(k), i%cols8)] = words[int(codes[e/c.d*stride+i])*c.d+e%c.d]
				}
			}
			for k := range depth {
				for i := range n {
					if at := i/cols8*size + PanelI8(k, i%cols8); dst[at] != want[at] {
						t.Fatalf("%+v: input %d output %d is %d, want %d", c, k, i, dst[at], want[at])
					}
				}
			}
		}
	})
}

func BenchmarkTileI8(b *testing.B) {
	shapes := []struct{ m, segs, length, stride int }{
		{14, 1, 256, 256}, {28, 3, 192, 64}, {56, 3, 384, 128}, {56, 1, 64, 64}, {196, 1, 256, 256}, {7, 3, 1536, 512}, {1, 1, 512, 512},
	}
	for l := Generic; l < levels; l++ {
		if !l.Supported() {
			continue
		}
		for _, s := range shapes {
			b.Run(fmt.Sprintf("%v/m%d_k%dx%d", l, s.m, s.segs, s.length), func(b *testing.B) {
				a := &TileI8Args{M: s.m, N: cols8, Lda: s.stride, Ldc: 64, Max: posInf, OutScale: 1}
				for i := range s.segs {
					a.Segs = append(a.Segs, Segment{Off: i * 4096, Len: s.length})
				}
				a.A = make([]uint8, s.m*s.stride+s.segs*4096)
				a.B = make([]int8, s.segs*s.length*cols8)
				a.Out = make([]uint8, s.m*64)
				a.Scale, a.Bias = make([]float32, cols8), make([]float32, cols8)
				benchmark(b, s.m*cols8*s.segs*s.length, "MAC", func() { l.TileI8(a) })
			})
		}
	}
}

func BenchmarkDecodeI8(b *testing.B) {
	for l := Generic; l < levels; l++ {
		if !l.Supported() {
			continue
		}
		for _, c := range []struct {
			kind              string
			d, channels, taps int
		}{{"tap-major", 9, 128, 9}, {"tap-major", 18, 128, 9}, {"in order", 4, 512, 1}, {"in order", 8, 512, 1}} {
			b.Run(fmt.Sprintf("%v/d%d", l, c.d), func(b *testing.B) {
				rows := rows8(c.kind, c.d, c.channels, c.taps)
				dec := NewDecoderI8(make([]int8, 256*c.d), c.d, rows, len(rows))
				codes := dec.Pack(make([]uint16, len(rows)/c.d*cols8), cols8, cols8)
				dst := make([]int8, len(rows)*cols8)
				benchmark(b, len(dst), "weight", func() { l.DecodeI8(dst, dec, codes) })
			})
		}
	}
}
