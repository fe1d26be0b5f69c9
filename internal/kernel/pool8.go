package kernel

// PoolU8Args describes one output row of an 8-bit pooling; the windows are
// those of PoolArgs. MaxPoolU8 keeps scale and zero point and writes Out.
// AvgPoolU8 writes real numbers to OutF, or bytes of another scale to Out.
type PoolU8Args struct {
	In                 []uint8 // starts at pixel 0 of the first row of taps
	Row                int     // bytes between rows of taps: dilation included
	Pixel              int     // bytes between neighbouring pixels
	InW                int
	KH, KW             int
	StrideW, DilationW int
	Left               int // columns of padding before the row
	OutStep            int // elements between output pixels
	Width, Channels    int
	Out                []uint8

	Divisor  int    // AvgPoolU8: what sums are divided by; 0: the number of taps inside
	Q        Affine // AvgPoolU8: of In
	OutF     []float32
	OutScale float32 // 1/scale of Out
	OutZero  uint8
}

// MaxPoolU8 writes the largest tap; 0 where no tap is inside.
func (l Level) MaxPoolU8(p *PoolU8Args) {
	if p.Width <= 0 || p.Channels <= 0 {
		return
	}
	p.check()
	need(p.Out, (p.Width-1)*p.OutStep+p.Channels)
	for x := 0; x < p.Width; {
		w, pixels := p.run(x)
		max8(l, p.Out[x*p.OutStep:], p.OutStep, p.Channels, pixels, &w)
		x += pixels
	}
}

// AvgPoolU8 writes float32(sum of (tap - Q.Zero)) * (Q.Scale/Divisor), like the
// epilogue of TileI8Args; zero where no tap is inside.
func (l Level) AvgPoolU8(p *PoolU8Args) {
	if p.Width <= 0 || p.Channels <= 0 {
		return
	}
	p.check()
	if (p.Out == nil) == (p.OutF == nil) {
		panic("kernel: int8 pool: one result")
	}
	if p.Out != nil {
		need(p.Out, (p.Width-1)*p.OutStep+p.Channels)
	} else {
		need(p.OutF, (p.Width-1)*p.OutStep+p.Channels)
	}
	for x := 0; x < p.Width; {
		w, pixels := p.run(x)
		p.average(l, x, pixels, &w)
		x += pixels
	}
}

// average writes pixels from x, whose windows are w.
func (p *PoolU8Args) average(l Level, x, pixels int, w *window8) {
	taps := w.kh * w.kw
	divisor := p.Divisor
	if divisor == 0 {
		divisor = max(taps, 1)
	}
	var scale [cols8]float32
	for i := range scale {
		scale[i] = p.Q.Scale / float32(divisor)
	}
	e := epilogue8{scale: scale[:], min: negInf, max: -negInf, outScale: p.OutScale, outZero: p.OutZero, ldc: p.OutStep}
	var sums sums8
	for c := 0; c < p.Channels; c += cols8 {
		e.n = min(cols8, p.Channels-c)
		if p.Out != nil {
			e.out = p.Out[c:]
		} else {
			e.outF = p.OutF[c:]
		}
		for i := 0; i < pixels; i += maxRows8 {
			rows := sums[:min(maxRows8, pixels-i)]
			sum8(l, rows, w, i, c, e.n)
			for r := range rows {
				for n := range rows[r] {
					rows[r][n] -= int32(taps) * int32(p.Q.Zero)
				}
			}
			finish8(l, &e, x+i, rows)
		}
	}
}

// run is the number of pixels from x whose windows have the same taps inside,
// and their windows.
func (p *PoolU8Args) run(x int) (w window8, pixels int) {
	first := x*p.StrideW - p.Left
	from := 0
	if first < 0 {
		from = (-first + p.DilationW - 1) / p.DilationW
	}
	to := min(p.KW, (p.InW-first+p.DilationW-1)/p.DilationW)
	w = window8{row: p.Row, tap: p.DilationW * p.Pixel, step: p.StrideW * p.Pixel, kh: p.KH, kw: max(to-from, 0)}
	if w.kh*w.kw > 0 {
		w.in = p.In[(first+from*p.DilationW)*p.Pixel:]
	}
	if from > 0 || to < p.KW {
		return w, 1
	}
	last := p.InW - 1 - first - (p.KW-1)*p.DilationW // columns to move before the window leaves the row
	return w, min(p.Width-x, last/p.StrideW+1)
}

func (p *PoolU8Args) check() {
	if p.KH < 0 || p.KW < 1 || p.InW < 1 || p.Row < 0 || p.Pixel < 0 || p.StrideW < 1 || p.DilationW < 1 || p.Left < 0 || p.Divisor < 0 {
		panic("kernel: int8 pool: size out of range")
	}
	if p.KH > 0 {
		need(p.In, (p.KH-1)*p.Row+(p.InW-1)*p.Pixel+p.Channels)
	}
	if p.Width > 1 && p.OutStep < p.Channels {
		panic("kernel: int8 pool: output pixels overlap")
	}
}

// max8Generic writes the largest bytes of the windows of some pixels, which
// start step bytes apart in out.
func max8Generic(out []uint8, step, channels, pixels int, w *window8) {
	for x := range pixels {
		most := out[x*step:][:channels]
		clear(most)
		for ky := range w.kh {
			for kx := range w.kw {
				for c, v := range w.in[ky*w.row+kx*w.tap+x*w.step:][:channels] {
					most[c] = max(most[c], v)
				}
			}
		}
	}
}
