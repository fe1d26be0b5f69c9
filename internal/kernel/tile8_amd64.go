//go:build !purego

package kernel

import "unsafe"

// tile8Call is what the assembly that sums a tile reads.
type tile8Call struct {
	a        *uint8
	lda      int
	segs     *Segment
	nsegs, m int // >= 1
	b        *int8
	sums     *int32      // [m][32]
	config   *tileConfig // AMX
}

func tile8(l Level, t *TileI8Args, e *epilogue8) {
	c := tile8Call{lda: t.Lda, segs: &noSegment, nsegs: len(t.Segs)}
	if len(t.Segs) > 0 {
		c.segs = &t.Segs[0]
	}
	switch {
	case l <= Fused:
		tile8Generic(t, e)
	case l == AVXVNNI:
		c.sumAVXVNNI(l, t, e)
	case l < VNNI:
		c.sumAVX2(l, t, e)
	case l == AMX && aligned(t.Segs):
		c.sumAMX(t, e)
	default:
		c.sumVNNI(t, e)
	}
}

// at moves c to row i of t, the first of the m rows of the next of n tiles.
func (c *tile8Call) at(t *TileI8Args, i, n int) {
	c.m = (t.M - i + n - 1) / n
	c.a = &t.A[i*t.Lda]
}

// tiles is the number of tiles of at most rows rows.
func (t *TileI8Args) tiles(rows int) int { return (t.M + rows - 1) / rows }

// sumAVX2 sums both halves of the columns of each tile.
func (c tile8Call) sumAVX2(l Level, t *TileI8Args, e *epilogue8) {
	const rows = 2
	var sums [rows][cols8]int32
	i := 0
	for n := t.tiles(rows); n > 0; n-- {
		c.at(t, i, n)
		for half := 0; half < t.N; half += cols8 / 2 {
			c.b, c.sums = &t.B[4*half], &sums[0][half]
			tile8AVX2(&c)
		}
		finish8(l, e, i, sums[:c.m])
		i += c.m
	}
}

// sumAVXVNNI finishes several tiles at a time.
func (c tile8Call) sumAVXVNNI(l Level, t *TileI8Args, e *epilogue8) {
	const rows, some = 3, 8
	var sums [rows * some][cols8]int32
	c.b = &t.B[0]
	done := 0 // rows that are finished
	i := 0
	for n := t.tiles(rows); n > 0; n-- {
		c.at(t, i, n)
		c.sums = &sums[i-done][0]
		tile8AVXVNNI(&c)
		if i += c.m; i+rows > done+len(sums) || n == 1 {
			finish8(l, e, done, sums[:i-done])
			done = i
		}
	}
}

func (c tile8Call) sumVNNI(t *TileI8Args, e *epilogue8) {
	const rows = 14
	var sums [rows][cols8]int32
	var room [2]wideRow
	f := newFinish8Call(e, &room)
	c.b, c.sums = &t.B[0], &sums[0][0]
	i := 0
	for n := t.tiles(rows); n > 0; n-- {
		c.at(t, i, n)
		tile8VNNI(&c)
		f.run(e, i, sums[:c.m])
		i += c.m
	}
}

func (c tile8Call) sumAMX(t *TileI8Args, e *epilogue8) {
	const rows = 32
	var sums [rows][cols8]int32
	var config tileConfig
	var room [2]wideRow
	f := newFinish8Call(e, &room)
	c.b, c.sums, c.config = &t.B[0], &sums[0][0], &config
	i := 0
	for n := t.tiles(rows); n > 0; n-- {
		c.at(t, i, n)
		config.set(min(c.m, 16), max(c.m-16, 0))
		tile8AMX(&c)
		f.run(e, i, sums[:c.m])
		i += c.m
	}
}

// aligned reports whether segments are made of whole tiles.
func aligned(segs []Segment) bool {
	for _, s := range segs {
		if s.Len%64 != 0 {
			return false
		}
	}
	return true
}

// tileConfig is the operand of LDTILECFG: the shapes of eight tiles.
type tileConfig struct {
	palette  uint8
	_        [15]uint8
	rowBytes [16]uint16
	rows     [16]uint8
}

// set shapes the tiles: 0, 1 and 4 hold sums and bytes of the first rows, 1 to
// 16, 2, 3 and 5 of up to 16 others; 6 and 7 hold weights.
func (c *tileConfig) set(first, others int) {
	low, high := uint8(first), uint8(others)
	*c = tileConfig{palette: 1, rows: [16]uint8{low, low, high, high, low, high, 16, 16}}
	for i, rows := range c.rows {
		if rows > 0 {
			c.rowBytes[i] = 64
		}
	}
}

// setTall shapes the tiles for stream8AMX: 4 holds weights, the others rows.
func (c *tileConfig) setTall(rows int) {
	c.set(rows, rows)
	for i := range 8 {
		c.rows[i] = uint8(rows)
	}
	c.rows[4] = 16
}

// finish8Call is what the assembly of the epilogue reads.
type finish8Call struct {
	sums                  *[cols8]int32
	m                     int // >= 1
	out, residual         unsafe.Pointer
	ldc, ldr              int // bytes
	scale, bias           *float32
	flags                 int
	mask                  uint32 // columns
	min, max              float32
	outScale, low, high   float32
	residualScale         float32
	outZero, residualZero int32
	whole                 int // columns that the assembly for 256 bits does: a multiple of 8
}

// Bits of finish8Call.flags.
const (
	finishBytes  = 1 << iota // residual of bytes
	finishFloats             // residual of floats
	finishOutF               // result of floats
)

// newFinish8Call fills what all rows of e have in common; room is for scale
// and bias. (Calls are passed by value, so that what they point to does not
// escape.)
func newFinish8Call(e *epilogue8, room *[2]wideRow) finish8Call {
	c := finish8Call{
		scale: padded(e.scale, &room[0], cols8, 1), bias: padded(e.bias, &room[1], cols8, 0),
		ldc: e.ldc, ldr: e.ldr, mask: uint32(1<<e.n - 1), min: e.min, max: e.max,
		outScale: e.outScale, low: -float32(e.outZero), high: float32(255 - e.outZero), outZero: int32(e.outZero),
		residualScale: e.residualQ.Scale, residualZero: int32(e.residualQ.Zero),
	}
	if e.outF != nil {
		c.flags |= finishOutF
		c.ldc *= 4
	}
	if e.residual != nil {
		c.flags |= finishBytes
	}
	if e.residualF != nil {
		c.flags |= finishFloats
		c.ldr *= 4
	}
	return c
}

// run finishes rows i and following from their sums.
func (c finish8Call) run(e *epilogue8, i int, sums [][cols8]int32) {
	c = c.at(e, i, sums)
	finish8AVX512(&c)
}

// at is c for rows i and following.
func (c finish8Call) at(e *epilogue8, i int, sums [][cols8]int32) finish8Call {
	c.sums, c.m = &sums[0], len(sums)
	if e.out != nil {
		c.out = unsafe.Pointer(&e.out[i*e.ldc])
	} else {
		c.out = unsafe.Pointer(&e.outF[i*e.ldc])
	}
	switch {
	case e.residual != nil:
		c.residual = unsafe.Pointer(&e.residual[i*e.ldr])
	case e.residualF != nil:
		c.residual = unsafe.Pointer(&e.residualF[i*e.ldr])
	}
	return c
}

func finish8(l Level, e *epilogue8, i int, sums [][cols8]int32) {
	if l <= Fused {
		e.finishGeneric(i, sums)
		return
	}
	var room [2]wideRow
	c := newFinish8Call(e, &room)
	if l >= AVX512 {
		c.run(e, i, sums)
		return
	}
	if c.whole = e.n &^ 7; c.whole > 0 {
		c = c.at(e, i, sums)
		finish8AVX2(&c)
	}
	for r := range sums {
		e.row(i+r, c.whole, &sums[r])
	}
}
