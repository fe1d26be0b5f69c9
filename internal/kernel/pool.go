package kernel

// PoolArgs describes one output row of a pooling. The window of output pixel x
// has KH rows and the taps
//
//	ix := x*StrideW - Left + kx*DilationW, kx < KW, 0 <= ix < InW
//
// In[ky*Row+ix*Pixel+c] is channel c of such a tap. The caller cuts rows that
// lie outside the image off KH. A global pooling is one pixel of a window as
// large as the image.
type PoolArgs struct {
	In                 []float32 // starts at pixel 0 of the first row of taps
	Row                int       // floats between rows of taps: dilation included
	Pixel              int       // floats between neighbouring pixels
	InW                int
	KH, KW             int
	StrideW, DilationW int
	Left               int // columns of padding before the row
	Out                []float32
	OutStep            int // floats between output pixels
	Width, Channels    int
	Divisor            int // AvgPool: what sums are divided by; 0: the number of taps inside
}

// MaxPool writes the largest tap; -Inf where no tap is inside. A NaN is the
// result only if it is the first tap.
func (l Level) MaxPool(p *PoolArgs) { p.row(l, true) }

// AvgPool writes the sum of the taps divided by p.Divisor or their number;
// 0 where no tap is inside.
func (l Level) AvgPool(p *PoolArgs) { p.row(l, false) }

// row cuts the windows to the row, pixel by pixel.
func (p *PoolArgs) row(l Level, largest bool) {
	if p.Width <= 0 || p.Channels <= 0 {
		return
	}
	p.check()
	for x := range p.Width {
		first := x*p.StrideW - p.Left
		from := 0 // first tap inside
		if first < 0 {
			from = (-first + p.DilationW - 1) / p.DilationW
		}
		to := min(p.KW, (p.InW-first+p.DilationW-1)/p.DilationW)
		w := poolWindow{
			out: p.Out[x*p.OutStep:][:p.Channels],
			row: p.Row, tap: p.DilationW * p.Pixel,
			kh: p.KH, kw: to - from,
		}
		if w.kw <= 0 || w.kh <= 0 {
			w.empty(largest)
			continue
		}
		w.in = p.In[(first+from*p.DilationW)*p.Pixel:]
		if largest {
			maxPool(l, &w)
			continue
		}
		divisor := p.Divisor
		if divisor == 0 {
			divisor = w.kh * w.kw
		}
		avgPool(l, &w, float32(divisor))
	}
}

func (p *PoolArgs) check() {
	if p.KH < 0 || p.KW < 1 || p.InW < 1 || p.Row < 0 || p.Pixel < 0 || p.StrideW < 0 || p.DilationW < 1 || p.Left < 0 || p.Divisor < 0 {
		panic("kernel: pool: size out of range")
	}
	if p.KH > 0 {
		need(p.In, (p.KH-1)*p.Row+(p.InW-1)*p.Pixel+p.Channels)
	}
	if p.Width > 1 && p.OutStep < p.Channels {
		panic("kernel: pool: output pixels overlap")
	}
	need(p.Out, (p.Width-1)*p.OutStep+p.Channels)
}

// poolWindow is the part of a window inside the image: kh*kw taps, at least one.
type poolWindow struct {
	in       []float32
	row, tap int
	kh, kw   int
	out      []float32 // one pixel
}

func (w *poolWindow) empty(largest bool) {
	clear(w.out)
	if largest {
		for c := range w.out {
			w.out[c] = negInf
		}
	}
}

func maxPoolGeneric(w *poolWindow) {
	copy(w.out, w.in)
	for ky := range w.kh {
		for kx := range w.kw {
			in := w.in[ky*w.row+kx*w.tap:][:len(w.out)]
			for c, v := range in {
				if v > w.out[c] {
					w.out[c] = v
				}
			}
		}
	}
}

func avgPoolGeneric(w *poolWindow, divisor float32) {
	clear(w.out)
	for ky := range w.kh {
		for kx := range w.kw {
			in := w.in[ky*w.row+kx*w.tap:][:len(w.out)]
			for c, v := range in {
				w.out[c] += v
			}
		}
	}
	for c := range w.out {
		w.out[c] /= divisor
	}
}
