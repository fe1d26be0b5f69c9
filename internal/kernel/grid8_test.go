package kernel

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"unsafe"
)

// randomGrid is a product of n outputs with runs that lie like the rows of an
// image: width pixels, pitch between rows, rows per image, images.
func randomGrid(t testing.TB, rng *rand.Rand, l Level, n, width, pitch, rows, images, align int) (*GridI8, *TileI8Args) {
	a := &TileI8Args{N: n, Min: negInf, Max: posInf, OutScale: 10, OutZero: uint8(rng.IntN(256))}
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
	a.A = randomBytes[uint8](t, rng, last.A+(width-1)*lda+reach)
	a.B = randomBytes[int8](t, rng, panels*depth*cols8)
	a.Scale, a.Bias = random(t, rng, panels*cols8), random(t, rng, panels*cols8)
	for i := range a.Scale {
		a.Scale[i] *= 0.002
	}
	size, sizeR := last.C+(width-1)*ldc+n, last.R+(width-1)*ldr+n
	switch rng.IntN(6) {
	case 0:
		a.OutF = random(t, rng, size)
	default:
		a.Out = randomBytes[uint8](t, rng, size)
	}
	switch rng.IntN(4) {
	case 0:
		a.Residual, a.ResidualScale, a.ResidualZero = randomBytes[uint8](t, rng, sizeR), 0.3, uint8(rng.IntN(256))
	case 1: // in place
		ldr = ldc
		for i := range runs {
			runs[i].R = runs[i].C
		}
		a.Residual, a.ResidualF, a.ResidualScale = a.Out, a.OutF, 0.1
	case 2:
		a.ResidualF = random(t, rng, sizeR)
	}
	if rng.IntN(2) > 0 {
		a.Min, a.Max = 0, 6
		a.OutZero *= uint8(rng.IntN(2))
	}
	return NewGridI8(l, a.Segs, lda, ldc, ldr, runs), a
}

// TestTilesI8 compares grids of all kinds of runs with tile after tile by the
// definition, byte by byte. Slices end at guard pages.
func TestTilesI8(t *testing.T) {
	eachLevel(t, func(t *testing.T, l Level) {
		rng := rand.New(rand.NewPCG(29, uint64(l)))
		for width := 1; width <= 50; width++ {
			for _, rows := range []int{1, 2, 3, 7} {
				n, pitch, images, align := 1+rng.IntN(100), width+rng.IntN(4), 1+rng.IntN(2), 4
				if rng.IntN(4) > 0 {
					align = l.AlignI8()
				}
				g, a := randomGrid(t, rng, l, n, width, pitch, rows, images, align)
				want := *a
				want.Out, want.OutF = slices.Clone(a.Out), slices.Clone(a.OutF)
				if unsafe.SliceData(a.Residual) == unsafe.SliceData(a.Out) {
					want.Residual = want.Out
				}
				if unsafe.SliceData(a.ResidualF) == unsafe.SliceData(a.OutF) {
					want.ResidualF = want.OutF
				}
				Generic.eachTile(g, &want, (n+cols8-1)/cols8)
				l.TilesI8(g, a)
				what := fmt.Sprintf("%d x %d rows of %d, pitch %d, %d outputs", images, rows, width, pitch, n)
				if !slices.Equal(a.Out, want.Out) {
					t.Fatalf("%s: %v, want %v", what, a.Out, want.Out)
				}
				wantSame(t, what, a.OutF, want.OutF)
			}
		}
	})
}

// TestCodesI8 compares weights decoded on the way with weights decoded before,
// for all forms of codes, sizes of maps and chunks.
func TestCodesI8(t *testing.T) {
	eachLevel(t, func(t *testing.T, l Level) {
		rng := rand.New(rand.NewPCG(31, uint64(l)))
		for _, c := range []struct {
			kind           string
			k, d           int
			channels, taps int
			steps, chunks  int // of the stream
		}{
			{"blocked", 256, 9, 64, 9, 9, 1},
			{"blocked", 256, 9, 192, 9, 9, 3},
			{"blocked", 200, 18, 128, 9, 9, 2},
			{"in order", 256, 4, 64, 1, 1, 1},
			{"in order", 256, 4, 192, 1, 3, 1},
			{"in order", 256, 8, 1024, 1, 8, 2},
			{"in order", 256, 16, 704, 1, 1, 11},
			{"in order", 256, 1, 128, 1, 2, 1},
			{"in order", 256, 2, 640, 1, 5, 2},
			{"tap-major", 256, 9, 64, 9, 9, 1},
			{"tap-major", 256, 9, 128, 9, 0, 0}, // its codes go from tap to tap
			{"in order", 1000, 4, 64, 1, 0, 0},
			{"in order", 256, 20, 320, 1, 5, 1},
			{"reversed", 256, 4, 64, 1, 0, 0},
		} {
			depth := c.channels * c.taps
			dec := NewDecoderI8(randomBytes[int8](t, rng, c.k*c.d), c.d, rows8(c.kind, c.d, c.channels, c.taps), depth)
			if got := dec.stream; got.steps != c.steps || got.chunks != c.chunks {
				t.Errorf("%+v: chunks of %d, %d", c, got.steps, got.chunks)
			}
			for _, width := range []int{1, 7, 16, 33, 49, 70, 130} {
				n := 1 + rng.IntN(100)
				codes := make([]uint16, depth/c.d*n)
				for i := range codes {
					codes[i] = uint16(rng.IntN(c.k))
				}
				w := &CodedI8{Decoder: dec, Codes: dec.Pack(codes, n, n), Room: randomBytes[int8](t, rng, 2*depth*cols8)}
				a := &TileI8Args{A: randomBytes[uint8](t, rng, 2*width*40+depth), N: n, Scale: random(t, rng, w.Codes.Panels()*cols8),
					Bias: random(t, rng, w.Codes.Panels()*cols8), Max: 4, OutScale: 60, Out: make([]uint8, 2*width*n)}
				for i := range a.Scale {
					a.Scale[i] *= 0.0005
				}
				if rng.IntN(2) > 0 {
					a.Residual, a.ResidualScale = randomBytes[uint8](t, rng, len(a.Out)), 0.01
				}
				g := NewGridI8(l, []Segment{{0, depth}}, 40, n, n, []RunI8{{M: width}, {A: width*40 + 3, C: width * n, R: width * n, M: width}})
				l.CodesI8(g, a, w)
				want := *a
				want.Out, want.B = make([]uint8, len(a.Out)), make([]int8, w.Codes.Panels()*depth*cols8)
				Generic.DecodeI8(want.B, dec, w.Codes)
				Generic.eachTile(g, &want, w.Codes.Panels())
				if !slices.Equal(a.Out, want.Out) {
					t.Fatalf("%+v, %d rows, %d outputs: differs", c, width, n)
				}
				if l == AMX && c.steps > 0 && !codes8(l, g, a, w) {
					t.Errorf("%+v: not by assembly", c)
				}
			}
		}
	})
}

// TestTilesI8Checks: slices that are too short panic in Go, not in assembly.
func TestTilesI8Checks(t *testing.T) {
	eachLevel(t, func(t *testing.T, l Level) {
		g := NewGridI8(l, []Segment{{0, 64}}, 64, 40, 50, []RunI8{{M: 3}, {A: 200, C: 130, R: 170, M: 3}})
		for name, breakIt := range map[string]func(*TileI8Args){
			"short A":        func(a *TileI8Args) { a.A = a.A[:len(a.A)-1] },
			"short B":        func(a *TileI8Args) { a.B = a.B[:len(a.B)-1] },
			"short out":      func(a *TileI8Args) { a.Out = a.Out[:len(a.Out)-1] },
			"short residual": func(a *TileI8Args) { a.Residual = a.Residual[:len(a.Residual)-1] },
			"short scale":    func(a *TileI8Args) { a.Scale = a.Scale[:63] },
			"short bias":     func(a *TileI8Args) { a.Bias = a.Bias[:63] },
			"no columns":     func(a *TileI8Args) { a.N = 0 },
		} {
			a := &TileI8Args{
				A: make([]uint8, 200+2*64+64), B: make([]int8, 2*64*cols8), N: 40, Scale: make([]float32, 64), Bias: make([]float32, 64),
				Out: make([]uint8, 130+2*40+40), Residual: make([]uint8, 170+2*50+40), Max: 1, OutScale: 1,
			}
			l.TilesI8(g, a)
			if breakIt(a); !panics(func() { l.TilesI8(g, a) }) {
				t.Errorf("%s: no panic", name)
			}
		}
		for name, make := range map[string]func(){
			"odd segment":  func() { NewGridI8(l, []Segment{{0, 6}}, 8, 8, 8, nil) },
			"negative run": func() { NewGridI8(l, []Segment{{0, 64}}, 8, 8, 8, []RunI8{{A: -1, M: 1}}) },
			"empty run":    func() { NewGridI8(l, []Segment{{0, 64}}, 8, 8, 8, []RunI8{{}}) },
			"stride":       func() { NewGridI8(l, []Segment{{0, 64}}, -8, 8, 8, nil) },
		} {
			if !panics(make) {
				t.Errorf("%s: no panic", name)
			}
		}
	})
}

// BenchmarkTilesI8 multiplies maps of ResNets by some panels, from weights and from
// codes.
func BenchmarkTilesI8(b *testing.B) {
	shapes := []struct{ width, channels, kernel, d, panels int }{
		{56, 64, 3, 9, 2}, {56, 64, 1, 8, 8}, {56, 256, 1, 8, 2}, {28, 128, 3, 9, 4}, {14, 256, 3, 9, 4}, {14, 256, 1, 8, 32}, {7, 512, 3, 9, 2}, {7, 512, 1, 8, 16}, {7, 2048, 1, 8, 4},
	}
	for l := VNNI; l < levels; l++ {
		if !l.Supported() {
			continue
		}
		for _, s := range shapes {
			pad := s.kernel - 1
			row := (s.width + pad) * s.channels
			var segs []Segment
			for c := 0; c < s.channels; c += 64 {
				for tap := range s.kernel * s.kernel {
					segs = append(segs, Segment{Off: tap/s.kernel*row + tap%s.kernel*s.channels + c, Len: 64})
				}
			}
			var runs []RunI8
			for y := range s.width {
				runs = append(runs, RunI8{A: y * row, C: y * s.width * s.panels * cols8, R: y * s.width * s.panels * cols8, M: s.width})
			}
			n, depth, taps := s.panels*cols8, s.kernel*s.kernel*s.channels, s.kernel*s.kernel
			kind := "in order"
			if s.kernel > 1 {
				kind = "blocked"
			}
			dec := NewDecoderI8(make([]int8, 256*s.d), s.d, rows8(kind, s.d, s.channels, taps), depth)
			codes := make([]uint16, depth/s.d*n)
			for i := range codes {
				codes[i] = uint16(i * 31 % 251)
			}
			weights := alignedRoom(n * depth)
			coded := &CodedI8{Room: alignedRoom(2 * cols8 * depth), Decoder: dec, Codes: dec.Pack(codes, n, n)}
			g := NewGridI8(l, segs, s.channels, n, n, runs)
			a := &TileI8Args{A: make([]uint8, (s.width+pad)*row), B: weights[:n*depth], N: n, Scale: make([]float32, n), Bias: make([]float32, n),
				Out: make([]uint8, s.width*s.width*n), Max: posInf, OutScale: 1}
			for i := range a.A {
				a.A[i] = uint8(rand.Uint32())
			}
			for i := range weights {
				weights[i] = int8(rand.Uint32())
			}
			name := fmt.Sprintf("%v/%dx%d_k%d_n%d", l, s.width, s.width, depth, n)
			b.Run(name+"/weights", func(b *testing.B) {
				benchmark(b, s.width*s.width*n*depth, "MAC", func() { l.TilesI8(g, a) })
			})
			b.Run(name+"/codes", func(b *testing.B) {
				benchmark(b, s.width*s.width*n*depth, "MAC", func() { l.CodesI8(g, a, coded) })
			})
			b.Run(name+"/decode", func(b *testing.B) {
				benchmark(b, n*depth, "weight", func() { l.DecodeI8(weights, dec, coded.Codes) })
			})
		}
	}
}

// alignedRoom is n bytes that start on a cache line.
func alignedRoom(n int) []int8 {
	room := make([]int8, n+63)
	return room[-uintptr(unsafe.Pointer(&room[0]))%64:][:n]
}
