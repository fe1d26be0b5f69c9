//go:build !purego

package kernel

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"unsafe"
)

// TestVectorsTileI8 proves that assembly of the level sums the tile: the
// result is written over A, where rows of a later tile read it.
func TestVectorsTileI8(t *testing.T) {
	vectorLevels(t, func(t *testing.T, l Level) {
		const m = 64
		length := l.AlignI8()
		buf := make([]uint8, 4*m+length)
		l.TileI8(&TileI8Args{
			A: buf, Segs: []Segment{{0, length}}, B: slices.Repeat([]int8{1}, length*cols8), M: m, N: 4,
			Scale: slices.Repeat([]float32{1}, 4), Bias: slices.Repeat([]float32{1}, 4), Max: 255, OutScale: 1, Out: buf, Ldc: 4,
		})
		tiles := (m + l.RowsI8() - 1) / l.RowsI8()
		want := (m + tiles - 1) / tiles
		if l == AVXVNNI {
			want = 8 * l.RowsI8() // finishes that many tiles at a time
		}
		got := 0
		for got < m && buf[4*got] == 1 {
			got++
		}
		if got != want {
			t.Errorf("%d rows at a time, want %d", got, want)
		}
	})
}

// TestVectorsDecodeI8: only assembly reads the planes.
func TestVectorsDecodeI8(t *testing.T) {
	vectorLevels(t, func(t *testing.T, l Level) {
		if l < AVX512 {
			t.Skip("assembly reads the codewords, like Go")
		}
		for _, d := range []int{1, 2, 4} {
			dec := NewDecoderI8(slices.Repeat([]int8{1}, 256*d), d, rows8("in order", d, 16, 1), 16)
			clear(dec.planes)
			dst := make([]int8, 16*cols8)
			l.DecodeI8(dst, dec, dec.Pack(make([]uint16, 16*cols8), cols8, cols8))
			if slices.Contains(dst, 1) {
				t.Errorf("d = %d: not by assembly", d)
			}
		}
	})
}

// TestVectorsWindow8: only assembly reads the ones that sum bytes, and only
// assembly reads all taps of a window before it writes.
func TestVectorsWindow8(t *testing.T) {
	vectorLevels(t, func(t *testing.T, l Level) {
		if l < AVX512 {
			t.Skip("assembly reads the codewords, like Go")
		}
		ones[0] = 2
		defer func() { ones[0] = 1 }()
		for _, pixels := range []int{1, 4} {
			sums := make([][cols8]int32, pixels)
			sum8(l, sums, &window8{in: slices.Repeat([]uint8{1}, 4), step: 1, kh: 1, kw: 1}, 0, 0, 1)
			if sums[pixels-1][0] != 2 {
				t.Errorf("sum of %d pixels: not by assembly", pixels)
			}
		}
		x := []uint8{1, 2, 3}
		l.MaxPoolU8(&PoolU8Args{In: x, InW: 1, KH: 1, KW: 1, Pixel: 3, StrideW: 1, DilationW: 1, Width: 1, Channels: 3, Out: x})
		if x[2] != 3 {
			t.Error("max: not by assembly")
		}
	})
}

// TestVectorsElement8: outputs over inputs that a loop over elements would
// read later.
func TestVectorsElement8(t *testing.T) {
	vectorLevels(t, func(t *testing.T, l Level) {
		if l < AVX512 {
			t.Skip("assembly reads the codewords, like Go")
		}
		unit := Affine{Scale: 1}
		buf := make([]uint8, 33)
		l.AddU8(buf[1:], buf[:32], slices.Repeat([]uint8{1}, 32), unit, unit, unit, 0, 255)
		if buf[16] != 1 || buf[17] != 2 {
			t.Errorf("add: %v", buf)
		}
		floats := make([]float32, 16)
		bytes := unsafe.Slice((*uint8)(unsafe.Pointer(&floats[0])), 64)
		l.Quantize(bytes[20:36], floats, Affine{1, 64}) // over floats[5]
		if bytes[25] != 64 {
			t.Errorf("quantize: %v", bytes)
		}
		copy(bytes, slices.Repeat([]uint8{1}, 16))
		l.Dequantize(floats, bytes, unit)
		if floats[1] != 1 {
			t.Errorf("dequantize: %v", floats)
		}
	})
}

// TestVectorsTilesI8: grids of bytes run in one call, whatever their runs are.
func TestVectorsTilesI8(t *testing.T) {
	vectorLevels(t, func(t *testing.T, l Level) {
		if l < VNNI {
			t.Skip("no assembly")
		}
		rng := rand.New(rand.NewPCG(30, 30))
		for width := range 40 {
			g, a := randomGrid(t, rng, l, 40, width+1, width+3, 3, 2, []int{4, 64}[width%2])
			if a.Min = negInf; a.OutF == nil && a.ResidualF == nil && !tiles8(l, g, a) {
				t.Errorf("width %d: not by assembly", width)
			}
		}
	})
}

// TestTilesReleased: a function that configures the tiles gives them back on
// every way out, or each switch of threads would save 8 KiB for the rest of
// the process.
func TestTilesReleased(t *testing.T) {
	configured := 0
	for _, f := range assembly(t) {
		if !strings.Contains(f, "LDTILECFG") {
			continue
		}
		configured++
		for _, way := range strings.SplitAfter(f, "\tRET\n") {
			if strings.Contains(way, "RET\n") && !strings.Contains(way, "// TILERELEASE\n\tVZEROUPPER\n\tRET") {
				t.Errorf("tiles are not released at the end of:\n%s", way)
			}
		}
	}
	if configured == 0 {
		t.Error("no function uses tiles")
	}
}

// assembly is the text of every function.
func assembly(t *testing.T) (all []string) {
	files, err := filepath.Glob("*_amd64.s")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		source, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, strings.Split(string(source), "\nTEXT ")[1:]...)
	}
	return all
}

// TestTileConfig: LDTILECFG faults on shapes that contradict each other.
func TestTileConfig(t *testing.T) {
	var c tileConfig
	if unsafe.Sizeof(c) != 64 {
		t.Fatalf("%d bytes", unsafe.Sizeof(c))
	}
	for m := 1; m <= 32; m++ {
		c.set(min(m, 16), max(m-16, 0))
		for i, rows := range c.rows {
			if rows > 16 || (rows == 0) != (c.rowBytes[i] == 0) || c.rowBytes[i]%4 != 0 || c.rowBytes[i] > 64 {
				t.Errorf("m = %d, tile %d: %d rows of %d bytes", m, i, rows, c.rowBytes[i])
			}
		}
		if got := int(c.rows[0] + c.rows[2]); got != m {
			t.Errorf("m = %d: %d rows of sums", m, got)
		}
	}
}

// coded is a product with codes as weights.
type coded struct {
	tile    *TileI8Args
	weights *CodedI8
}

// codedGrid is a product of 49 rows with codes, and its result.
func codedGrid(t *testing.T, rng *rand.Rand, l Level) (*GridI8, coded, []uint8) {
	const depth, n, rows = 576, 40, 49
	dec := NewDecoderI8(randomBytes[int8](t, rng, 256*9), 9, rows8("blocked", 9, 64, 9), depth)
	packed := make([]uint16, depth/9*n)
	for i := range packed {
		packed[i] = uint16(rng.IntN(256))
	}
	w := &CodedI8{Decoder: dec, Codes: dec.Pack(packed, n, n), Room: make([]int8, 2*depth*cols8)}
	a := &TileI8Args{A: randomBytes[uint8](t, rng, (rows-1)*8+depth), N: n, Scale: slices.Repeat([]float32{0.001}, 2*cols8),
		Bias: make([]float32, 2*cols8), Max: posInf, OutScale: 1, Out: make([]uint8, rows*n)}
	g := NewGridI8(l, []Segment{{0, depth}}, 8, n, n, []RunI8{{M: rows}})
	a.B = make([]int8, 2*depth*cols8)
	Generic.DecodeI8(a.B, dec, w.Codes)
	Generic.eachTile(g, a, 2)
	return g, coded{a, w}, slices.Clone(a.Out)
}

// TestTilesSurvivePreemption runs tiles on more goroutines than processors
// under garbage collection: registers must come back from signals and switches.
func TestTilesSurvivePreemption(t *testing.T) {
	vectorLevels(t, func(t *testing.T, l Level) {
		stop, collector := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(collector)
			for {
				select {
				case <-stop:
					return
				default:
					runtime.GC()
				}
			}
		}()
		var all sync.WaitGroup
		for g := range 8 {
			rng := rand.New(rand.NewPCG(28, uint64(g)))
			a := randomTile8(t, rng, 100, 32, l.AlignI8())
			a.Residual, a.ResidualF = nil, nil
			want, wantF := tile8Reference(a)
			grid, b := randomGrid(t, rng, l, 70, 33, 35, 5, 1, l.AlignI8())
			b.OutF, b.Out, b.Residual, b.ResidualF = nil, make([]uint8, grid.reach.C+b.N), nil, nil
			l.eachTile(grid, b, 3)
			wantGrid := slices.Clone(b.Out)
			codes, coded, wantCoded := codedGrid(t, rng, l)
			all.Go(func() {
				for range 200 {
					clear(b.Out)
					if l.TilesI8(grid, b); !slices.Equal(b.Out, wantGrid) {
						t.Error("corrupted")
						return
					}
					if l.CodesI8(codes, coded.tile, coded.weights); !slices.Equal(coded.tile.Out, wantCoded) {
						t.Error("corrupted from codes")
						return
					}
					l.TileI8(a)
					if !slices.Equal(a.Out, want) || !slices.Equal(a.OutF, wantF) {
						t.Error("corrupted")
						return
					}
				}
			})
		}
		all.Wait()
		close(stop)
		<-collector
	})
}
