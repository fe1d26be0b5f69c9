//go:build !purego

package kernel

import "unsafe"

// tall8 is a block of up to four tiles of rows; those behind them are the last.
type tall8 struct {
	a     [4]int // where their first rows start in A
	tiles int
	spans int // bytes in front of the first of its spans
	count int // spans, >= 1
}

// stream8Call is what the assembly of a stream reads, and its state. The grid
// comes first: both kernels finish results in the same way.
type stream8Call struct {
	grid       grid8Call
	blocks     *tall8
	form       int
	planes     *uint8
	planesEnd  uintptr
	half       int     // bytes from component j to j+D/2
	places     *uint32 // see stream8
	chunks     int     // of a half
	chunkSteps int     // in bytes
	chunkBytes int     // of weights
	vectors    int     // of codes in a chunk
	rate       int     // vectors to decode for each step
	ring       *int8
	ringEnd    uintptr
	chunksLeft int // to decode; the first is decoded before anything else

	codes       *uint8 // from here on, state
	place       *uint32
	decodeAt    *int8
	vectorsLeft int
	halfLeft    int // chunks to decode of these 16 outputs
	otherHalf   int // from the end of their codes to those of the other ones
	otherFlip   int
	//lint:ignore U1000 no Go code looks at them
	todo, column, blocksLeft int
	//lint:ignore U1000 no Go code looks at them
	block, panelAt, chunkEnd uintptr
}

// codes8 computes t for g from codes if l has assembly for it.
func codes8(l Level, g *GridI8, t *TileI8Args, w *CodedI8) bool {
	d := w.Decoder
	if d.stream.steps == 0 || g.tiling.level != AMX {
		return false
	}
	var room [65 * cols8]int32
	grid, ok := newGrid8Call(l, g, t)
	if !ok {
		return false
	}
	grid.sums = aligned64(room[:])
	tiling := &g.tiling
	grid.config, grid.nblocks, grid.spans = &tiling.tallConfig, len(tiling.tall), &tiling.tallSpans[0]
	s := &d.stream
	c := stream8Call{
		grid: grid, blocks: &tiling.tall[0], form: int(d.form), planes: &d.planes[0], half: d.d / 2 * 256,
		places: &s.places[0], chunks: s.chunks, chunkSteps: s.steps * int(unsafe.Sizeof(0)), chunkBytes: s.steps * 1024,
		vectors: s.quads, rate: (s.quads + 2*s.steps - 1) / (2 * s.steps), chunksLeft: 2*s.chunks*w.Codes.panels - 1,
		codes: &w.Codes.vectors[0], vectorsLeft: s.quads, halfLeft: s.chunks, otherHalf: 64 - 128*d.quads,
	}
	tables := d.d
	if d.form == byPairs {
		tables /= 2
	}
	c.planesEnd = uintptr(unsafe.Pointer(c.planes)) + uintptr(256*tables)
	c.place, c.otherFlip = c.places, c.otherHalf^-64
	ring := 2 * s.steps * 1024
	if len(tiling.tall) > 1 {
		ring = 2 * d.depth * cols8
	}
	c.ring = &w.Room[0]
	c.decodeAt, c.ringEnd = c.ring, uintptr(unsafe.Pointer(c.ring))+uintptr(ring)
	stream8AMX(&c)
	return true
}
