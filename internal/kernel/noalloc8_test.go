package kernel

import (
	"math/rand/v2"
	"testing"
)

// TestNoAllocationsI8: kernels of bytes run in the inner loops of a plan, too.
func TestNoAllocationsI8(t *testing.T) {
	eachLevel(t, func(t *testing.T, l Level) {
		rng := rand.New(rand.NewPCG(27, 27))
		tile, depthwise := randomTile8(t, rng, 40, 31, l.AlignI8()), randomDepthwise8(t, rng, 40)
		pool := &PoolU8Args{In: make([]uint8, 160), InW: 4, Pixel: 40, KH: 1, KW: 2, StrideW: 1, DilationW: 1, Left: 1,
			Out: make([]uint8, 160), OutStep: 40, Width: 4, Channels: 40, Q: Affine{1, 2}, OutScale: 1}
		dec := NewDecoderI8(make([]int8, 256*4), 4, rows8("in order", 4, 32, 1), 32)
		codes, panel := dec.Pack(make([]uint16, 8*cols8), cols8, cols8), make([]int8, 32*cols8)
		grid, tiles := randomGrid(t, rng, l, 40, 20, 22, 3, 1, l.AlignI8())
		x, y, q := make([]float32, 40), make([]uint8, 40), Affine{1, 3}
		for name, f := range map[string]func(){
			"tile":      func() { l.TileI8(tile) },
			"tiles":     func() { l.TilesI8(grid, tiles) },
			"decode":    func() { l.DecodeI8(panel, dec, codes) },
			"depthwise": func() { l.DepthwiseI8(depthwise) },
			"pool":      func() { l.MaxPoolU8(pool); l.AvgPoolU8(pool) },
			"elements":  func() { l.Quantize(y, x, q); l.Dequantize(x, y, q); l.AddU8(y, y, y, q, q, q, 0, 1) },
		} {
			if n := testing.AllocsPerRun(10, f); n != 0 {
				t.Errorf("%s: %v allocations", name, n)
			}
		}
	})
}
