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
	if len(g.runs) == 0 {
		return
	}
	panels := (t.N + cols8 - 1) / cols8
	if t.N < 1 {
		panic("kernel: int8 grid: size out of range")
	}
	need(t.A, g.reach.A)
	need(t.B, panels*g.depth*cols8)
	need(t.Scale, panels*cols8)
	if t.Bias != nil {
		need(t.Bias, panels*cols8)
	}
	if !tiles8(l, g, t) {
		l.eachTile(g, t, panels)
	}
}

// eachTile is the definition of TilesI8.
func (l Level) eachTile(g *GridI8, t *TileI8Args, panels int) {
	for p := range panels {
		at := p * cols8
		c := *t
		c.Segs, c.Lda, c.Ldc, c.Ldr, c.N = g.segs, g.lda, g.ldc, g.ldr, min(cols8, t.N-at)
		c.B, c.Scale, c.Bias = t.B[p*g.depth*cols8:], t.Scale[at:], tail(t.Bias, at)
		for _, r := range g.runs {
			c.A, c.M = t.A[r.A:], r.M
			c.Out, c.OutF = tail(t.Out, at+r.C), tail(t.OutF, at+r.C)
			c.Residual, c.ResidualF = tail(t.Residual, at+r.R), tail(t.ResidualF, at+r.R)
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
