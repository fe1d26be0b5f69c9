package kernel

// RunI8 is consecutive rows of a product: row i reads A at A+i*lda, and has its
// result at C+i*ldc, its residual at R+i*ldr.
type RunI8 struct{ A, C, R, M int }

// GridI8 is the geometry of a product of many rows: which bytes of A each row
// reads and where its result goes. It is read-only and may be shared.
type GridI8 struct {
	segs          []Segment
	lda, ldc, ldr int
	runs          []RunI8
	reach         RunI8   // ends of the rows: in A, in the result, in the residual
	depth         int     // bytes of the sums
	tiling        tiling8 // of level AMX
}

// NewGridI8 arranges runs for l. segs, lda, ldc and ldr are as in TileI8Args.
func NewGridI8(l Level, segs []Segment, lda, ldc, ldr int, runs []RunI8) *GridI8 {
	g := &GridI8{segs: segs, lda: lda, ldc: ldc, ldr: ldr, runs: runs}
	if lda < 0 || ldc < 0 || ldr < 0 {
		panic("kernel: int8 grid: negative stride")
	}
	end := 0
	for _, s := range segs {
		if s.Off < 0 || s.Len < 0 || s.Len%4 != 0 {
			panic("kernel: int8 grid: bad segment")
		}
		g.depth += s.Len
		end = max(end, s.Off+s.Len)
	}
	for _, r := range runs {
		if r.A < 0 || r.C < 0 || r.R < 0 || r.M < 1 {
			panic("kernel: int8 grid: bad run")
		}
		g.reach.A = max(g.reach.A, r.A+(r.M-1)*lda+end)
		g.reach.C = max(g.reach.C, r.C+(r.M-1)*ldc)
		g.reach.R = max(g.reach.R, r.R+(r.M-1)*ldr)
	}
	g.tile(l)
	return g
}

// TilesI8 computes the tile t for every run of g: Lda, Segs, Ldc, Ldr and M of
// t are ignored. N may be any number >= 1: B is that many panels one after the
// other, and Scale, Bias have as many numbers as the panels have columns.
func (l Level) TilesI8(g *GridI8, t *TileI8Args) {
	panels := g.check(t)
	need(t.B, panels*g.depth*cols8)
	if !tiles8(l, g, t) {
		l.eachTile(g, t, panels)
	}
}

// check panics if t reads outside A, Scale and Bias; it returns the panels of t.
func (g *GridI8) check(t *TileI8Args) int {
	if t.N < 1 {
		panic("kernel: int8 grid: size out of range")
	}
	panels := (t.N + cols8 - 1) / cols8
	need(t.A, g.reach.A)
	need(t.Scale, panels*cols8)
	if t.Bias != nil {
		need(t.Bias, panels*cols8)
	}
	return panels
}

// CodedI8 is weights as the codes of some panels, and room to decode two of
// them: 2*depth*32 bytes, best on a cache line.
type CodedI8 struct {
	Decoder *DecoderI8
	Codes   PanelCodes
	Room    []int8
}

// CodesI8 is TilesI8 with the weights w, which are decoded on the way; B of t
// is ignored. It is the faster one where there are few rows.
func (l Level) CodesI8(g *GridI8, t *TileI8Args, w *CodedI8) {
	panels := g.check(t)
	if w.Codes.panels != panels || w.Decoder.depth != g.depth {
		panic("kernel: int8 grid: weights of another size")
	}
	w.Decoder.check(w.Codes)
	need(w.Room, 2*g.depth*cols8)
	if codes8(l, g, t, w) {
		return
	}
	for p := range panels {
		c := t.panel(g, p)
		c.B = w.Room
		l.DecodeI8(w.Room, w.Decoder, w.Codes.Slice(p, p+1))
		l.TilesI8(g, &c)
	}
}

// panel is t for panel p alone.
func (t *TileI8Args) panel(g *GridI8, p int) TileI8Args {
	c, at := *t, p*cols8
	c.N = min(cols8, t.N-at)
	c.B, c.Scale, c.Bias = tail(t.B, p*g.depth*cols8), t.Scale[at:], tail(t.Bias, at)
	c.Out, c.OutF = tail(t.Out, at), tail(t.OutF, at)
	c.Residual, c.ResidualF = tail(t.Residual, at), tail(t.ResidualF, at)
	return c
}

// eachTile is the definition of TilesI8.
func (l Level) eachTile(g *GridI8, t *TileI8Args, panels int) {
	for p := range panels {
		c := t.panel(g, p)
		c.Segs, c.Lda, c.Ldc, c.Ldr = g.segs, g.lda, g.ldc, g.ldr
		out, outF, residual, residualF := c.Out, c.OutF, c.Residual, c.ResidualF
		for _, r := range g.runs {
			c.A, c.M = t.A[r.A:], r.M
			c.Out, c.OutF = tail(out, r.C), tail(outF, r.C)
			c.Residual, c.ResidualF = tail(residual, r.R), tail(residualF, r.R)
			l.TileI8(&c)
		}
	}
}

// tail is x without its first n elements; nil stays nil.
func tail[T any](x []T, n int) []T {
	if x == nil {
		return nil
	}
	return x[n:]
}
