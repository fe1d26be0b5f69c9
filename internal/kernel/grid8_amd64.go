//go:build !purego

package kernel

import (
	"math"
	"unsafe"
)

// tiling8 is how a grid is cut: for AMX into blocks of two tiles of equally many
// rows, for VNNI into blocks of one.
type tiling8 struct {
	level  Level // AMX or VNNI; Generic: not cut
	rows   int   // of a tile
	config tileConfig
	blocks []block8
	spans  []span8
	steps  []int // where each 64 bytes of the sums start in A

	tallConfig tileConfig // the same for stream8AMX
	tall       []tall8
	tallSpans  []span8
}

// block8 is two tiles, which may be the same one.
type block8 struct {
	a     [2]int // where their first rows start in A
	spans int    // bytes in front of the first of its spans
	count int    // spans, >= 1
}

// span8 is rows of a block that are results: some may be between runs, or in
// the tile before.
type span8 struct {
	c, r  int // where the result and the residual of the first start
	from  int // where its sums start in those of the block, in bytes
	count int // rows, >= 1
}

const tileRows, tileRowsVNNI = 16, 14

// cut8 is a tile under construction.
type cut8 struct {
	a     int
	spans []span8 // from counts rows
}

// tile cuts g for l.
func (g *GridI8) tile(l Level) {
	if l < VNNI || len(g.runs) == 0 || g.depth == 0 {
		return
	}
	t := &g.tiling
	var cuts []cut8
	if l == VNNI || !aligned(g.segs) {
		t.level = VNNI
		t.rows, cuts = g.cut(tileRowsVNNI)
		g.blocks(cuts, 1)
		return
	}
	t.level = AMX
	for _, s := range g.segs {
		for i := 0; i < s.Len; i += 64 {
			t.steps = append(t.steps, s.Off+i)
		}
	}
	t.rows, cuts = g.cut(tileRows)
	t.config.set(t.rows, t.rows)
	t.tallConfig.setTall(t.rows)
	g.blocks(cuts, 2)
	for i := 0; i < len(cuts); i += 4 {
		b := tall8{tiles: min(4, len(cuts)-i), spans: len(t.tallSpans) * int(unsafe.Sizeof(span8{}))}
		t.tallSpans, b.count = g.block(t.tallSpans, b.a[:], cuts[i:i+b.tiles])
		t.tall = append(t.tall, b)
	}
}

// blocks makes blocks of n tiles each.
func (g *GridI8) blocks(cuts []cut8, n int) {
	t := &g.tiling
	for i := 0; i < len(cuts); i += n {
		b := block8{spans: len(t.spans) * int(unsafe.Sizeof(span8{}))}
		t.spans, b.count = g.block(t.spans, b.a[:], cuts[i:min(i+n, len(cuts))])
		t.blocks = append(t.blocks, b)
	}
}

// block sets where the tiles of a block start and appends its spans.
func (g *GridI8) block(spans []span8, a []int, cuts []cut8) (all []span8, count int) {
	for i := range a {
		a[i] = cuts[min(i, len(cuts)-1)].a
	}
	for i, c := range cuts {
		for _, s := range c.spans {
			s.from = (s.from + i*tileRows) * (4 * cols8)
			spans = append(spans, s)
			count++
		}
	}
	return spans, count
}

// cut covers the runs with tiles of equally many rows, at most tileRows.
func (g *GridI8) cut(tileRows int) (rows int, cuts []cut8) {
	runs := g.joined()
	least, most := runs[0].M, runs[0].M
	for _, r := range runs {
		least, most = min(least, r.M), max(most, r.M)
	}
	n := (least + tileRows - 1) / tileRows
	if n > 1 && len(runs) == 1 {
		n += n % 2
	}
	switch rows = (least + n - 1) / n; {
	case least != most && least >= tileRows:
		rows = tileRows
	case least != most:
		rows = least
	case n == 1:
		if rows, cuts = g.chains(runs, tileRows); cuts != nil {
			return rows, cuts
		}
	}
	for _, r := range runs {
		for i := 0; i < r.M; i += rows {
			at := min(i, r.M-rows)
			cuts = append(cuts, cut8{a: r.A + at*g.lda, spans: []span8{{
				c: r.C + i*g.ldc, r: r.R + i*g.ldr, from: i - at, count: min(rows, r.M-i),
			}}})
		}
	}
	return rows, cuts
}

// joined are the runs, those that continue each other made one.
func (g *GridI8) joined() (runs []RunI8) {
	for _, r := range g.runs {
		if len(runs) > 0 {
			if p := &runs[len(runs)-1]; r.A == p.A+p.M*g.lda && r.C == p.C+p.M*g.ldc && r.R == p.R+p.M*g.ldr {
				p.M += r.M
				continue
			}
		}
		runs = append(runs, r)
	}
	return runs
}

// chains puts several runs of equal length into each tile, with the rows
// between them, where they are short and evenly apart: the rows of small
// images. It returns nil where that is not so.
func (g *GridI8) chains(runs []RunI8, tileRows int) (rows int, cuts []cut8) {
	width := runs[0].M
	if len(runs) < 2 || g.lda == 0 {
		return width, nil
	}
	step := runs[1].A - runs[0].A
	pitch := step / g.lda
	if step <= 0 || step%g.lda != 0 || pitch < width || pitch+width > tileRows {
		return width, nil
	}
	per := (tileRows-width)/pitch + 1
	for len(runs) > 0 {
		length := 1
		for length < len(runs) && runs[length].A-runs[length-1].A == step {
			length++
		}
		if length < per {
			return width, nil
		}
		for i := 0; i < length; i += per {
			first := min(i, length-per)
			c := cut8{a: runs[first].A}
			for j := i; j < min(i+per, length); j++ {
				c.spans = append(c.spans, span8{c: runs[j].C, r: runs[j].R, from: (j - first) * pitch, count: width})
			}
			cuts = append(cuts, c)
		}
		runs = runs[length:]
	}
	return (per-1)*pitch + width, cuts
}

// grid8Call is what the assembly of a grid reads, and its state.
type grid8Call struct {
	config        *tileConfig
	tile          tile8Call // of VNNI
	panelBytes    int       // of weights
	a             *uint8
	lda           int
	blocks        *block8
	nblocks       int // >= 1
	spans         *span8
	steps         *int
	lastStep      uintptr // behind them
	b             *int8
	panels        int // >= 1
	scale, bias   *float32
	out, residual *uint8
	ldc, ldr      int
	rate          int    // pairs of rows to finish after each two products
	sums          *int32 // [2][32][32]; of a stream [64][32]
	last          uint32 // columns of the last panel
	outScale      float32
	high          float32 // the largest result, without zero point
	outZero       int32
	residualScale float32
	residualZero  int32
	flags         int

	//lint:ignore U1000 no Go code looks at it
	state grid8State
}

// Bits of grid8Call.flags: what cannot be left out.
const (
	gridZero         = 1 << iota // zero point of the result
	gridHigh                     // bound of the result: less than a byte, or of 32 bits
	gridResidualZero             // zero point of the residual
)

// grid8State is of the assembly: the panel to sum, and the rows to finish.
//
//lint:ignore U1000 no Go code looks at it
type grid8State struct {
	panel, span, spansLeft, left int
	stored                       uintptr // the block whose sums are finished next
	storedPanel, blocksLeft      int
	flip, sumsAt                 uintptr // where the next sums go, and those to finish are
	outAt, residualAt            uintptr // where the results of the panel begin
}

// newGrid8Call is all but the sums; not ok if the assembly cannot compute t.
func newGrid8Call(l Level, g *GridI8, t *TileI8Args) (c grid8Call, ok bool) {
	inverse, zero := t.OutScale, float32(t.OutZero)
	high := t.Max * inverse
	if g.tiling.level == Generic || g.tiling.level > l || t.Bias == nil || t.Out == nil || t.OutF != nil || t.ResidualF != nil ||
		!(inverse > 0 && t.Min*inverse <= -zero && high == high) { // results never end at Min
		return c, false
	}
	need(t.Out, g.reach.C+t.N)
	c = grid8Call{
		config: &g.tiling.config, a: &t.A[0], lda: g.lda,
		blocks: &g.tiling.blocks[0], nblocks: len(g.tiling.blocks), spans: &g.tiling.spans[0],
		panels: (t.N + cols8 - 1) / cols8,
		scale:  &t.Scale[0], bias: &t.Bias[0], out: &t.Out[0], ldc: g.ldc,
		last:     ^uint32(0) >> (-t.N & (cols8 - 1)),
		outScale: inverse, high: min(high, 255-zero), outZero: int32(t.OutZero),
	}
	if t.Residual != nil {
		need(t.Residual, g.reach.R+t.N)
		c.residual, c.ldr, c.residualScale, c.residualZero = &t.Residual[0], g.ldr, t.ResidualScale, int32(t.ResidualZero)
	}
	c.flags = c.needed(g.depth, t)
	if g.tiling.level == AMX {
		c.steps = &g.tiling.steps[0]
		c.lastStep = uintptr(unsafe.Pointer(c.steps)) + unsafe.Sizeof(*c.steps)*uintptr(len(g.tiling.steps))
	}
	return c, true
}

// needed are the flags of c, with sums of depth products.
func (c *grid8Call) needed(depth int, t *TileI8Args) (flags int) {
	if c.outZero != 0 {
		flags |= gridZero
	}
	if c.residualZero != 0 {
		flags |= gridResidualZero
	}
	n := c.panels * cols8
	scale, bias := magnitude(t.Scale[:n]), magnitude(t.Bias[:n])
	most := float64(depth)*(255*128)*scale + bias + 255*math.Abs(float64(t.ResidualScale))
	if c.high < float32(255-c.outZero) || !(most*float64(c.outScale) < 1<<30) {
		flags |= gridHigh
	}
	return flags
}

// magnitude is the largest magnitude in x; NaN if that is in x.
func magnitude(x []float32) float64 {
	most := uint32(0) // of the bits without sign, which are in the order of the numbers
	for _, v := range x {
		most = max(most, math.Float32bits(v)&^(1<<31))
	}
	return float64(math.Float32frombits(most))
}

// tiles8 computes t for g if l has assembly for it.
func tiles8(l Level, g *GridI8, t *TileI8Args) bool {
	c, ok := newGrid8Call(l, g, t)
	if !ok {
		return false
	}
	var room [65 * cols8]int32
	c.sums = aligned64(room[:])
	if g.tiling.level == VNNI {
		c.tile = tile8Call{lda: g.lda, segs: &g.segs[0], nsegs: len(g.segs), m: g.tiling.rows, b: &t.B[0], sums: c.sums}
		c.panelBytes = g.depth * cols8
		grid8VNNI(&c)
		return true
	}
	c.b = &t.B[0]
	c.rate = (tileRows + 2*len(g.tiling.steps) - 1) / (2 * len(g.tiling.steps))
	grid8AMX(&c)
	return true
}

// aligned64 is where a cache line starts in room, which is 64 bytes too long.
func aligned64(room []int32) *int32 {
	return &room[-uintptr(unsafe.Pointer(&room[0]))%64/4]
}
