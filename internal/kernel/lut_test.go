package kernel

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// lutCase is a layer of lookups: taps into a plane, runs of places, a table, codes.
type lutCase struct {
	src     []uint8
	taps    []int32
	runs    []LUTRun
	places  int
	entries []int16 // [rows][cols]
	rows    int
	cols    int
	codes   []uint16 // [taps][outputs]
	outputs int
	block   int
}

func drawLUT(rng *rand.Rand, places, taps, outputs, rows, cols, block int) *lutCase {
	c := &lutCase{outputs: outputs, rows: rows, cols: cols, block: block}
	c.src = make([]uint8, 700+LUTSlack)
	for i := range c.src {
		c.src[i] = uint8(rng.IntN(rows))
	}
	for range taps {
		c.taps = append(c.taps, int32(rng.IntN(100)))
	}
	for c.places < places {
		n := min(1+rng.IntN(20), places-c.places)
		c.runs = append(c.runs, LUTRun{Src: int32(rng.IntN(500)), Dst: int32(c.places), N: int32(n)})
		c.places += n
	}
	most := 32767 / block // sums of a block fit 16 bits
	for range rows * cols {
		c.entries = append(c.entries, int16(rng.IntN(2*most+1)-most))
	}
	for range taps * outputs {
		c.codes = append(c.codes, uint16(rng.IntN(cols)))
	}
	return c
}

// sum is the definition: output o at place p.
func (c *lutCase) sum(o, p int) (z int32) {
	for k, t := range c.taps {
		for _, r := range c.runs {
			if p >= int(r.Dst) && p < int(r.Dst+r.N) {
				a := int(c.src[int(t)+int(r.Src)+p-int(r.Dst)])
				z += int32(c.entries[a*c.cols+int(c.codes[k*c.outputs+o])])
			}
		}
	}
	return z
}

// run computes c at level l, in memory that ends at guard pages. Indices have
// a form of their own for each set of kernels: results are right only if
// assembly made and read them.
func (c *lutCase) run(t *testing.T, l Level) func(o, p int) int32 {
	index, src := guardedOf[uint8](t, len(c.taps)*l.LUTRow()), guardedOf[uint8](t, len(c.src))
	copy(src, c.src)
	l.IndexLUT(index, src, c.taps, c.runs)
	table := l.NewLUTTable(c.entries, c.rows, c.cols)
	codes := l.NewLUTCodes(c.codes, len(c.taps), c.outputs, c.block)
	all := make([][]int32, c.outputs)
	for g := range codes.Groups() {
		sums := guardedOf[int32](t, MaxLUTGroup*l.LUTPlaces())
		l.SumLUT(sums, index, table, codes, g)
		first, n := codes.Group(g)
		for o := range n {
			all[first+o] = sums[o*l.LUTPlaces():]
		}
	}
	return func(o, p int) int32 { return all[o][p] }
}

// TestLUT compares every level with the definition.
func TestLUT(t *testing.T) {
	eachLevel(t, func(t *testing.T, l Level) {
		rng := rand.New(rand.NewPCG(1, 1))
		for i := range 80 {
			rows := 1 + rng.IntN(LUTLevels)
			if i >= 60 { // the largest table of one register of AVX2, and one more
				rows = 16 + i%2
			}
			places := 1 + rng.IntN(l.LUTPlaces())
			taps := []int{1, 2, 31, 32, 33, 64, 65, 100, 150}[rng.IntN(9)]
			cols := []int{1, 2, 256, 512, 1000, 5000}[rng.IntN(6)]
			c := drawLUT(rng, places, taps, 1+rng.IntN(30), rows, cols, []int{1, 16, 33, taps, 1000}[rng.IntN(5)])
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

// TestLUTManyColumns uses the last column of the largest table.
func TestLUTManyColumns(t *testing.T) {
	eachLevel(t, func(t *testing.T, l Level) {
		c := drawLUT(rand.New(rand.NewPCG(3, 3)), 8, 4, 5, 2, MaxLUTColumns, 4)
		for i := range c.codes {
			c.codes[i] = uint16(MaxLUTColumns - 1 - i)
		}
		got := c.run(t, l)
		for o := range 5 {
			if want := c.sum(o, 7); got(o, 7) != want {
				t.Errorf("output %d is %d, want %d", o, got(o, 7), want)
			}
		}
	})
}

// TestLevelsLUT compares activations with the scalar definition.
func TestLevelsLUT(t *testing.T) {
	eachLevel(t, func(t *testing.T, l Level) {
		rng := rand.New(rand.NewPCG(2, 2))
		for n := range 40 {
			for _, bins := range []int{1, 2, 32, 256, 1000} {
				var levels []uint8
				if bins > 256 || rng.IntN(2) == 0 {
					levels = make([]uint8, bins)
					for i := range levels {
						levels[i] = uint8(rng.IntN(256))
					}
				}
				a := NewLUTActivation(uint(rng.IntN(14)), bins, levels)
				sums, bias := make([]int32, n), int32(rng.IntN(1<<20)-1<<19)
				for i := range sums {
					sums[i] = int32(rng.Uint32()) >> rng.IntN(24) / 2
				}
				dst, guard := make([]uint8, n+1), guardedOf[int32](t, n)
				dst[n] = 99
				copy(guard, sums)
				if did := levelsLUT(l, dst[:n], guard, bias, a); l.LUTKernels() != Generic && did != n&^15 {
					t.Fatalf("%d of %d levels by assembly", did, n)
				}
				l.LevelsLUT(dst[:n], guard, bias, a)
				for i, z := range sums {
					if want := a.level(z + bias); dst[i] != want {
						t.Fatalf("%d sums, %d bins: level of %d is %d, want %d", n, bins, z, dst[i], want)
					}
				}
				if dst[n] != 99 {
					t.Fatalf("%d sums: wrote behind the end", n)
				}
			}
		}
	})
}

func BenchmarkLUT(b *testing.B) {
	for _, cols := range []int{256, 1000} {
		for l := range levels {
			if !l.Supported() || l > AVX512 {
				continue
			}
			b.Run(fmt.Sprintf("W%d/%v", cols, l), func(b *testing.B) {
				const taps, outputs = 576, 12
				c := drawLUT(rand.New(rand.NewPCG(1, 1)), l.LUTPlaces(), taps, outputs, 32, cols, 64)
				index := make([]uint8, taps*l.LUTRow())
				l.IndexLUT(index, c.src, c.taps, c.runs)
				table := l.NewLUTTable(c.entries, c.rows, c.cols)
				codes := l.NewLUTCodes(c.codes, taps, outputs, c.block)
				sums := make([]int32, MaxLUTGroup*l.LUTPlaces())
				for b.Loop() {
					for g := range codes.Groups() {
						l.SumLUT(sums, index, table, codes, g)
					}
				}
				b.ReportMetric(float64(taps*outputs*l.LUTPlaces())*float64(b.N)/float64(b.Elapsed().Nanoseconds()), "GMAC/s")
			})
		}
	}
}

// TestLUTRefuses: what would read or write outside panics in Go.
func TestLUTRefuses(t *testing.T) {
	l := Best()
	index, src := make([]uint8, 2*l.LUTRow()), make([]uint8, 100+LUTSlack)
	table := l.NewLUTTable(make([]int16, 64), 32, 2)
	codes := l.NewLUTCodes(make([]uint16, 8), 2, 4, 2)
	for name, f := range map[string]func(){
		"short index":     func() { l.IndexLUT(index[:1], src, []int32{0, 1}, []LUTRun{{0, 0, 4}}) },
		"short source":    func() { l.IndexLUT(index, src, []int32{0, 97}, []LUTRun{{0, 0, 4}}) },
		"negative source": func() { l.IndexLUT(index, src, []int32{-1}, []LUTRun{{0, 0, 4}}) },
		"gap":             func() { l.IndexLUT(index, src, []int32{0}, []LUTRun{{0, 0, 4}, {0, 5, 1}}) },
		"too many places": func() { l.IndexLUT(index, src, []int32{0}, []LUTRun{{0, 0, 65}}) },
		"rows":            func() { l.NewLUTTable(make([]int16, 33), 33, 1) },
		"short entries":   func() { l.NewLUTTable(make([]int16, 63), 32, 2) },
		"short codes":     func() { l.NewLUTCodes(make([]uint16, 7), 2, 4, 2) },
		"short sums":      func() { l.SumLUT(make([]int32, 64), index, table, codes, 0) },
		"other level":     func() { l.SumLUT(make([]int32, 4096), index, Level(99).NewLUTTable(make([]int16, 1), 1, 1), codes, 0) },
		"no bins":         func() { NewLUTActivation(1, 0, nil) },
		"too many bins":   func() { NewLUTActivation(1, 257, nil) },
		"short levels":    func() { l.LevelsLUT(make([]uint8, 5), make([]int32, 4), 0, NewLUTActivation(1, 2, nil)) },
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
