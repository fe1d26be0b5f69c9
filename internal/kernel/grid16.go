package kernel

// GridBF16 is GridI8 for numbers of bfloat16: segments, strides and runs count
// numbers. It is read-only and may be shared.
type GridBF16 struct {
	segs          []Segment
	lda, ldc, ldr int
	runs          []RunI8
	depth         int
	floats        bool    // results are float32
	bytes         *GridI8 // the same geometry in bytes, which level AMX cuts into tiles
}

// NewGridBF16 arranges runs for l, whose results are bfloat16 (TileBF16Args.Out)
// or floats (OutF). segs, lda, ldc and ldr are as in TileBF16Args.
func NewGridBF16(l Level, segs []Segment, lda, ldc, ldr int, runs []RunI8, floats bool) *GridBF16 {
	g := &GridBF16{segs: segs, lda: lda, ldc: ldc, ldr: ldr, runs: runs, floats: floats}
	size := 2 // of a result
	if floats {
		size = 4
	}
	g.depth, _ = extent16(segs)
	wideSegs := make([]Segment, len(segs))
	for i, s := range segs {
		wideSegs[i] = Segment{Off: 2 * s.Off, Len: 2 * s.Len}
	}
	wideRuns := make([]RunI8, len(runs))
	for i, r := range runs {
		wideRuns[i] = RunI8{A: 2 * r.A, C: size * r.C, R: 2 * r.R, M: r.M}
	}
	if !l.tilesBF16() {
		l = Generic
	}
	g.bytes = NewGridI8(l, wideSegs, 2*lda, size*ldc, 2*ldr, wideRuns)
	return g
}

// TilesBF16 computes the tile t for every run of g: Lda, Segs, Ldc, Ldr and M
// of t are ignored. N may be any number >= 1: B is that many panels one after
// the other, and Scale, Bias and bounds have as many numbers as the panels have columns.
func (l Level) TilesBF16(g *GridBF16, t *TileBF16Args) {
	if len(g.runs) == 0 {
		return
	}
	panels := (t.N + cols8 - 1) / cols8
	if t.N < 1 {
		panic("kernel: bf16 grid: size out of range")
	}
	if (t.OutF != nil) != g.floats || (t.Out != nil) == g.floats {
		panic("kernel: bf16 grid: result of the other type")
	}
	need(t.A, g.bytes.reach.A/2)
	need(t.B, panels*g.depth*cols8)
	need(t.Scale, panels*cols8)
	for _, x := range [][]float32{t.Bias, t.Lower, t.Upper} {
		if x != nil {
			need(x, panels*cols8)
		}
	}
	if !tiles16(l, g, t) {
		l.eachTile16(g, t, panels)
	}
}

// eachTile16 is the definition of TilesBF16.
func (l Level) eachTile16(g *GridBF16, t *TileBF16Args, panels int) {
	for p := range panels {
		at := p * cols8
		c := *t
		c.Segs, c.Lda, c.Ldc, c.Ldr, c.N = g.segs, g.lda, g.ldc, g.ldr, min(cols8, t.N-at)
		c.B, c.Scale, c.Bias = t.B[p*g.depth*cols8:], t.Scale[at:], tail(t.Bias, at)
		c.Lower, c.Upper = tail(t.Lower, at), tail(t.Upper, at)
		for _, r := range g.runs {
			c.A, c.M = t.A[r.A:], r.M
			c.Out, c.OutF = tail(t.Out, at+r.C), tail(t.OutF, at+r.C)
			c.Residual, c.ResidualF = tail(t.Residual, at+r.R), tail(t.ResidualF, at+r.R)
			l.TileBF16(&c)
		}
	}
}
