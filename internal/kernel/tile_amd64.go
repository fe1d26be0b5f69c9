//go:build !purego

package kernel

// tileCall is what the assembly of one tile reads; strides are in bytes.
type tileCall struct {
	a, b, c       *float32
	lda, ldc, ldr int
	segs          *Segment
	nsegs, m      int // nsegs >= 1; 1 <= m <= mr
	mask          uint32
	min, max      float32
	flags         int
	scale, bias   *float32 // nr each
	residual      *float32
}

// Bits of tileCall.flags.
const (
	tileAdd      = 1 << iota // sums start from C
	tileLast                 // epilogue
	tileResidual             // epilogue with residual
)

var noSegment = Segment{}

func tile(l Level, t *TileArgs) {
	if l <= Fused {
		tilePlain(l, t)
		return
	}
	mr, nr := l.TileSize()
	var room [2]wideRow
	c := newTileCall(t)
	c.scale = padded(t.Scale, &room[0], nr, 1)
	c.bias = padded(t.Bias, &room[1], nr, 0)
	i := 0
	for n := (t.M + mr - 1) / mr; n > 0; n-- {
		c.m = (t.M - i + n - 1) / n
		switch {
		case l >= AVX512 && t.N <= nr/2:
			c.at(t, i)
			tileNarrowAVX512(&c)
		case l >= AVX512:
			c.at(t, i)
			tileAVX512(&c)
		case t.N == nr:
			c.at(t, i)
			tileAVX2(&c)
		default:
			tileTail(c, t, i)
		}
		i += c.m
	}
}

// newTileCall fills what all tiles of t have in common.
func newTileCall(t *TileArgs) tileCall {
	c := tileCall{
		lda: 4 * t.Lda, ldc: 4 * t.Ldc, ldr: 4 * t.Ldr,
		segs: &noSegment, nsegs: 1,
		b:    place(t.B, 0),
		mask: uint32(1<<t.N - 1),
		min:  t.Min, max: t.Max,
	}
	if len(t.Segs) > 0 {
		c.segs, c.nsegs = &t.Segs[0], len(t.Segs)
	}
	if !t.First {
		c.flags |= tileAdd
	}
	if t.Last {
		c.flags |= tileLast
		if t.Residual != nil {
			c.flags |= tileResidual
		}
	}
	return c
}

// at moves c to row i of t.
func (c *tileCall) at(t *TileArgs, i int) {
	c.a, c.c = place(t.A, i*t.Lda), place(t.C, i*t.Ldc)
	if c.flags&tileResidual != 0 {
		c.residual = place(t.Residual, i*t.Ldr)
	}
}

// place is the address of x[i]; nil if x ends there, as A does in a sum
// without terms.
func place(x []float32, i int) *float32 {
	if i >= len(x) {
		return nil
	}
	return &x[i]
}

// wideRow is room for a row of a tile.
type wideRow [maxNR]float32

// padded is x, copied to room if it has less than nr numbers; v if x is nil.
func padded(x []float32, room *wideRow, nr int, v float32) *float32 {
	if len(x) >= nr {
		return &x[0]
	}
	copy(room[:], x)
	if x == nil {
		for i := range room {
			room[i] = v
		}
	}
	return &room[0]
}

// tileTail runs the tile c of less than nr columns, which starts at row i of
// t, in memory of full width: AVX2 has no cheap masks.
func tileTail(c tileCall, t *TileArgs, i int) {
	const nr = 16
	var sums, residual [6 * nr]float32
	for r := range c.m {
		copy(sums[r*nr:], t.C[(i+r)*t.Ldc:][:t.N])
		if c.flags&tileResidual != 0 {
			copy(residual[r*nr:], t.Residual[(i+r)*t.Ldr:][:t.N])
		}
	}
	c.at(t, i)
	c.c, c.ldc = &sums[0], 4*nr
	c.residual, c.ldr = &residual[0], 4*nr
	tileAVX2(&c)
	for r := range c.m {
		copy(t.C[(i+r)*t.Ldc:][:t.N], sums[r*nr:])
	}
}
