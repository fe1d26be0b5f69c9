package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// lutCase is a layer of rounded products: numbers, taps into them, runs of
// places, weights.
type lutCase struct {
	src     []int16
	taps    []int32
	runs    []LUTRun
	places  int
	weights []int16 // [taps][outputs]
	outputs int
	block   int // 0: products are exact
}

func drawLUT(rng *rand.Rand, places, taps, outputs, block int) *lutCase {
	c := &lutCase{outputs: outputs, block: block}
	// Every tap has weights, or every other one. Products are at most most, so
	// that sums of a block fit 16 bits.
	every := 1 + rng.IntN(2)
	limit := min(int(math.Sqrt(math.MaxInt32/float64(taps))), 32767)
	if block > 0 {
		most := 32767 / ((min(block, taps) + every - 1) / every)
		limit = min(int(math.Sqrt(float64(most)*32768)), 32767)
	}
	number := func() int16 { return int16(rng.IntN(2*limit+1) - limit) }
	if rng.IntN(4) == 0 { // as large as they may be
		number = func() int16 { return int16(limit) }
	}
	for range 700 + LUTSlack {
		c.src = append(c.src, number())
	}
	for range taps {
		c.taps = append(c.taps, int32(rng.IntN(100)))
	}
	for c.places < places {
		n := min(1+rng.IntN(20), places-c.places)
		c.runs = append(c.runs, LUTRun{Src: int32(rng.IntN(500)), Dst: int32(c.places), N: int32(n)})
		c.places += n
	}
	for i := range taps * outputs {
		if c.weights = append(c.weights, number()); i/outputs%every > 0 {
			c.weights[i] = 0
		}
	}
	return c
}

// sum is the definition: output o at place p.
func (c *lutCase) sum(o, p int) (z int32) {
	for _, r := range c.runs {
		if p < int(r.Dst) || p >= int(r.Dst+r.N) {
			continue
		}
		for k, t := range c.taps {
			x, w := float64(c.src[int(t)+int(r.Src)+p-int(r.Dst)]), float64(c.weights[k*c.outputs+o])
			if c.block == 0 {
				z += int32(x * w)
			} else {
				z += int32(math.Floor(x*w/32768 + 0.5))
			}
		}
	}
	return z
}

// run computes c at level l, in memory that ends at guard pages.
func (c *lutCase) run(t *testing.T, l Level) func(o, p int) int32 {
	src, scratch := guardedOf[int16](t, len(c.src)), guardedOf[int16](t, l.LUTScratch())
	copy(src, c.src)
	w := l.NewLUTWeights(c.weights, c.taps, c.outputs, c.block)
	sums := guardedOf[int32](t, w.Width()*l.LUTPlaces())
	for i := range sums {
		sums[i] = 77
	}
	for chunk := range w.Chunks() {
		l.SumLUT(sums, src, c.runs, w, chunk, scratch)
	}
	return func(o, p int) int32 { return sums[o*l.LUTPlaces()+p] }
}

// TestLUT compares every level with the definition.
func TestLUT(t *testing.T) {
	eachLevel(t, func(t *testing.T, l Level) {
		rng := rand.New(rand.NewPCG(1, 1))
		for i := range 160 {
			places := 1 + rng.IntN(l.LUTPlaces())
			taps := []int{1, 2, 31, 32, 33, 64, 65, 100, 150, 511, 513, 1200}[rng.IntN(12)]
			c := drawLUT(rng, places, taps, 1+rng.IntN(30), []int{1, 2, 16, 33, taps, 5000, 0, 0}[rng.IntN(8)])
			got := c.run(t, l)
			for o := range c.outputs {
				for p := range places {
					if z := c.sum(o, p); got(o, p) != z {
						t.Fatalf("case %d (%d taps, %d outputs, block %d): output %d place %d is %d, want %d", i, taps, c.outputs, c.block, o, p, got(o, p), z)
					}
				}
			}
		}
	})
}

func BenchmarkLUT(b *testing.B) {
	for l := range levels {
		if !l.Supported() || l > AVX512 {
			continue
		}
		b.Run(fmt.Sprint(l), func(b *testing.B) {
			const taps, outputs = 576, 48
			c := drawLUT(rand.New(rand.NewPCG(1, 1)), l.LUTPlaces(), taps, outputs, 64)
			w := l.NewLUTWeights(c.weights, c.taps, outputs, 64)
			sums, scratch := make([]int32, w.Width()*l.LUTPlaces()), make([]int16, l.LUTScratch())
			for b.Loop() {
				for chunk := range w.Chunks() {
					l.SumLUT(sums, c.src, c.runs, w, chunk, scratch)
				}
			}
			b.ReportMetric(float64(taps*outputs*l.LUTPlaces())*float64(b.N)/float64(b.Elapsed().Nanoseconds()), "GMAC/s")
		})
	}
}

// TestDotLUT compares every level with the definition.
func TestDotLUT(t *testing.T) {
	eachLevel(t, func(t *testing.T, l Level) {
		rng := rand.New(rand.NewPCG(5, 5))
		for i := range 80 {
			taps := []int{1, 2, 31, 33, 64, 100, 513, 1200}[rng.IntN(8)]
			c := drawLUT(rng, 1, taps, 1+rng.IntN(150), []int{1, 2, 16, 33, taps, 5000, 0, 0}[rng.IntN(8)])
			w := l.NewLUTRows(c.weights, c.taps, c.outputs, c.block)
			sums, scratch, src := guardedOf[int32](t, w.Width()), guardedOf[int16](t, w.Taps()), c.src[c.runs[0].Src:]
			l.DotLUT(sums, src, w, scratch)
			for o := range c.outputs {
				if z := c.sum(o, 0); sums[o] != z {
					t.Fatalf("case %d (%d taps, %d outputs, block %d): output %d is %d, want %d", i, taps, c.outputs, c.block, o, sums[o], z)
				}
			}
		}
	})
}

// TestNumbersLUT compares every level with the definition.
func TestNumbersLUT(t *testing.T) {
	eachLevel(t, func(t *testing.T, l Level) {
		rng := rand.New(rand.NewPCG(3, 3))
		for n := range 80 {
			src, dst := guardedOf[uint8](t, n), guardedOf[int16](t, n)
			first, step := int16(rng.IntN(1<<16)), int16(2*rng.IntN(100))
			for i := range src {
				src[i] = uint8(rng.IntN(256))
			}
			l.NumbersLUT(dst, src, first, step)
			for i, a := range src {
				if want := first + step*int16(a); dst[i] != want {
					t.Fatalf("%d numbers: level %d is %d, want %d", n, a, dst[i], want)
				}
			}
		}
	})
}

// TestQuantizeLUT compares every level with the definition.
func TestQuantizeLUT(t *testing.T) {
	eachLevel(t, func(t *testing.T, l Level) {
		rng := rand.New(rand.NewPCG(9, 9))
		for n := range 80 {
			src, dst := guarded(t, n), guardedOf[uint8](t, n)
			low, last := float32(rng.NormFloat64()), float32(1+rng.IntN(255))
			scale := last / (0.1 + 3*rng.Float32())
			for i := range src {
				src[i] = low + (last*rng.Float32()*2-last/2)/scale
				if rng.IntN(3) == 0 { // between two levels
					src[i] = low + (float32(rng.IntN(256))+0.5)/scale
				}
				if rng.IntN(9) == 0 {
					src[i] = []float32{0, float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.NaN()), 1e38, -1e38, low}[rng.IntN(7)]
				}
			}
			l.QuantizeLUT(dst, src, low, scale, last)
			for i, x := range src {
				bounded := math.Max(0, math.Min(float64(float32(float32(x-low)*scale)), float64(last)))
				want := uint8(0)
				if x == x {
					want = uint8(math.Floor(float64(float32(bounded) + 0.5)))
				}
				if dst[i] != want {
					t.Fatalf("%d numbers: level of %v (from %v on, times %v, %v) is %d, want %d", n, x, low, scale, last, dst[i], want)
				}
			}
		}
	})
}

// TestAddLUT compares every level with the definition.
func TestAddLUT(t *testing.T) {
	eachLevel(t, func(t *testing.T, l Level) {
		rng := rand.New(rand.NewPCG(10, 10))
		var table [256]int32
		for i := range table {
			table[i] = int32(rng.Uint32())
		}
		for places := 1; places <= l.LUTPlaces(); places++ {
			n, pitch := 1+rng.IntN(9), places+rng.IntN(5)
			sums, src := guardedOf[int32](t, n*l.LUTPlaces()), guardedOf[uint8](t, (n-1)*pitch+places+LUTRoom)
			for i := range src {
				src[i] = uint8(rng.IntN(256))
			}
			for i := range sums {
				sums[i] = int32(rng.Uint32())
			}
			before := slices.Clone(sums)
			l.AddLUT(sums, src, pitch, places, n, &table)
			for i := range n * places {
				o, p := i/places, i%places
				if got, want := sums[o*l.LUTPlaces()+p], before[o*l.LUTPlaces()+p]+table[src[o*pitch+p]]; got != want {
					t.Fatalf("%d places: sum %d of row %d is %d, want %d", places, p, o, got, want)
				}
			}
		}
	})
}

// TestLevelsLUT compares activations with the scalar definition.
func TestLevelsLUT(t *testing.T) {
	eachLevel(t, func(t *testing.T, l Level) {
		rng := rand.New(rand.NewPCG(2, 2))
		for n := 1; n <= l.LUTPlaces(); n++ {
			for _, bins := range []int{1, 2, 32, 256, 1000} {
				levelsCase(t, l, rng, n, bins)
			}
		}
	})
}

func levelsCase(t *testing.T, l Level, rng *rand.Rand, n, bins int) {
	var levels []uint8
	if bins > 256 || rng.IntN(2) == 0 {
		levels = make([]uint8, bins)
		for i := range levels {
			levels[i] = uint8(rng.IntN(256))
		}
	}
	a := NewLUTActivation(uint(rng.IntN(14)), bins, levels)
	rows, pitch := 1+rng.IntN(9), n+rng.IntN(5)
	room := rng.IntN(2) * LUTRoom
	sums, bias := guardedOf[int32](t, (rows-1)*l.LUTPlaces()+max(n, min(room, l.lutLanes()))), guardedOf[int32](t, rows)
	dst := guardedOf[uint8](t, (rows-1)*pitch+n+room)
	for i := range sums {
		sums[i] = int32(rng.Uint32()) >> rng.IntN(24) / 2
	}
	for i := range bias {
		bias[i] = int32(rng.IntN(1<<20) - 1<<19)
	}
	for i := range dst {
		dst[i] = 99
	}
	if did := levelsLUT(l, dst, pitch, sums, n, bias, a); did != (l.LUTKernels() != Generic && (n >= l.lutLanes() || n == pitch && room > 0)) {
		t.Fatalf("%d levels by assembly: %v", n, did)
	}
	l.LevelsLUT(dst, pitch, sums, n, bias, a)
	for i, got := range dst {
		if n == pitch && i >= rows*pitch {
			break
		}
		want := uint8(99) // between rows
		if o := i / pitch; o < rows && i%pitch < n {
			want = a.level(sums[o*l.LUTPlaces()+i%pitch] + bias[o])
		}
		if got != want {
			t.Fatalf("%d places, %d bins, level %d is %d, want %d", n, bins, i, got, want)
		}
	}
}

// TestLUTRefuses: what would read or write outside panics in Go.
func TestLUTRefuses(t *testing.T) {
	l := Best()
	src, sums, scratch := make([]int16, 100+LUTSlack), make([]int32, 8*l.LUTPlaces()), make([]int16, l.LUTScratch())
	weights := func(l Level) *LUTWeights { return l.NewLUTWeights(make([]int16, 8), []int32{0, 1}, 4, 2) }
	far, before := l.NewLUTWeights(make([]int16, 2), []int32{0, 97}, 1, 2), l.NewLUTWeights(make([]int16, 2), []int32{-1, 0}, 1, 2)
	a := NewLUTActivation(1, 2, nil)
	for name, f := range map[string]func(){
		"short source":    func() { l.SumLUT(sums, src, []LUTRun{{0, 0, 4}}, far, 0, scratch) },
		"negative source": func() { l.SumLUT(sums, src, []LUTRun{{0, 0, 4}}, before, 0, scratch) },
		"gap":             func() { l.SumLUT(sums, src, []LUTRun{{0, 0, 4}, {0, 5, 1}}, weights(l), 0, scratch) },
		"empty run":       func() { l.SumLUT(sums, src, []LUTRun{{0, 0, 0}}, weights(l), 0, scratch) },
		"too many places": func() { l.SumLUT(sums, src, []LUTRun{{0, 0, 65}}, weights(l), 0, scratch) },
		"short sums":      func() { l.SumLUT(sums[:l.LUTPlaces()], src, []LUTRun{{0, 0, 4}}, weights(l), 0, scratch) },
		"short scratch":   func() { l.SumLUT(sums, src, []LUTRun{{0, 0, 4}}, weights(l), 0, scratch[1:]) },
		"other level":     func() { l.SumLUT(sums, src, []LUTRun{{0, 0, 4}}, weights(Level(99)), 0, scratch) },
		"short row sums":  func() { l.DotLUT(sums[:1], src, l.NewLUTRows(make([]int16, 8), []int32{0, 1}, 4, 2), scratch) },
		"short row":       func() { l.DotLUT(sums, src[:1], l.NewLUTRows(make([]int16, 8), []int32{0, 1}, 4, 2), scratch) },
		"short carry":     func() { l.CarryLUT(sums, 1, make([]int32, 5), 1) },
		"no carry":        func() { l.CarryLUT(sums, 1, nil, 1) },
		"far carry":       func() { l.CarryLUT(sums, l.LUTPlaces()+1, make([]int32, 1), 1) },
		"carried bits":    func() { l.CarryLUT(sums, 1, make([]int32, 1), 32) },
		"block":           func() { l.NewLUTWeights(make([]int16, 8), []int32{0, 1}, 4, -1) },
		"no taps":         func() { l.NewLUTWeights(nil, nil, 1, 1) },
		"short weights":   func() { l.NewLUTWeights(make([]int16, 7), []int32{0, 1}, 4, 2) },
		"-32768":          func() { l.NewLUTWeights([]int16{math.MinInt16}, []int32{0}, 1, 1) },
		"short numbers":   func() { l.NumbersLUT(make([]int16, 4), make([]uint8, 5), 0, 1) },
		"short quantised": func() { l.QuantizeLUT(make([]uint8, 4), make([]float32, 5), 0, 1, 31) },
		"add to few sums": func() { l.AddLUT(sums[:1], make([]uint8, 99), 5, 5, 1, new([256]int32)) },
		"add few levels":  func() { l.AddLUT(sums, make([]uint8, LUTRoom), 5, 5, 1, new([256]int32)) },
		"no bins":         func() { NewLUTActivation(1, 0, nil) },
		"too many bins":   func() { NewLUTActivation(1, 257, nil) },
		"short levels":    func() { l.LevelsLUT(make([]uint8, 4), 5, sums, 5, make([]int32, 1), a) },
		"levels overlap":  func() { l.LevelsLUT(make([]uint8, 9), 4, sums, 5, make([]int32, 2), a) },
		"sums of levels":  func() { l.LevelsLUT(make([]uint8, 9), 4, sums[:4], 4, make([]int32, 2), a) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			f()
		}()
	}
}

// TestLUTAllocates: sums and levels take no memory.
func TestLUTAllocates(t *testing.T) {
	l := Best()
	c := drawLUT(rand.New(rand.NewPCG(4, 4)), l.LUTPlaces(), 40, 13, 32)
	w, a := l.NewLUTWeights(c.weights, c.taps, c.outputs, c.block), NewLUTActivation(3, 32, nil)
	sums, scratch := make([]int32, w.Width()*l.LUTPlaces()), make([]int16, l.LUTScratch())
	dst, bias := make([]uint8, c.outputs*c.places), make([]int32, c.outputs)
	if n := testing.AllocsPerRun(20, func() {
		l.SumLUT(sums, c.src, c.runs, w, 0, scratch)
		l.LevelsLUT(dst, c.places, sums, c.places, bias, a)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
