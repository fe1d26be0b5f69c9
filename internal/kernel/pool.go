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

// MaxPool writes the largest tap; -Inf where no tap is inside. NaN is never
// the largest.
func (l Level) MaxPool(p *PoolArgs) { p.pool(l, true) }

// AvgPool writes the sum of the taps divided by p.Divisor or their number;
// 0 where no tap is inside.
func (l Level) AvgPool(p *PoolArgs) { p.pool(l, false) }

// pool cuts the row into runs of pixels whose windows have the same taps inside.
func (p *PoolArgs) pool(l Level, largest bool) {
	if p.Width <= 0 || p.Channels <= 0 {
		return
	}
	p.check()
	for x := 0; x < p.Width; {
		first := x*p.StrideW - p.Left
		from := 0 // first tap inside
		if first < 0 {
			from = (-first + p.DilationW - 1) / p.DilationW
		}
		to := min(p.KW, (p.InW-first+p.DilationW-1)/p.DilationW)
		w := window{
			row: p.Row, tap: p.DilationW * p.Pixel, step: p.StrideW * p.Pixel,
			kh: p.KH, kw: max(to-from, 0), pixels: 1,
			out: p.Out[x*p.OutStep:], outStep: p.OutStep, channels: p.Channels,
		}
		if from == 0 && to == p.KW {
			last := p.InW - 1 - first - (p.KW-1)*p.DilationW // columns to move before the window leaves the row
			w.pixels = min(p.Width-x, last/p.StrideW+1)
		}
		if w.divisor = float32(p.Divisor); p.Divisor == 0 {
			w.divisor = float32(w.kh * w.kw)
		}
		if w.kh*w.kw > 0 {
			w.in = p.In[(first+from*p.DilationW)*p.Pixel:]
		} else {
			w.divisor = 1
		}
		if largest {
			maxPool(l, &w)
		} else {
			avgPool(l, &w)
		}
		x += w.pixels
	}
}

func (p *PoolArgs) check() {
	if p.KH < 0 || p.KW < 1 || p.InW < 1 || p.Row < 0 || p.Pixel < 0 || p.StrideW < 1 || p.DilationW < 1 || p.Left < 0 || p.Divisor < 0 {
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

// window is a run of pixels whose windows have the same taps, all inside the image.
type window struct {
	in             []float32 // first tap of the first pixel
	row, tap, step int       // floats between rows of taps, taps, pixels
	kh, kw         int
	out            []float32
	outStep        int
	pixels         int // >= 1
	channels       int // >= 1
	divisor        float32
}

func maxPoolGeneric(w *window) {
	for x := range w.pixels {
		out := w.out[x*w.outStep:][:w.channels]
		for c := range out {
			out[c] = negInf
		}
		for ky := range w.kh {
			for kx := range w.kw {
				for c, v := range w.in[ky*w.row+kx*w.tap+x*w.step:][:w.channels] {
					if v > out[c] {
						out[c] = v
					}
				}
			}
		}
	}
}

func avgPoolGeneric(w *window) {
	for x := range w.pixels {
		out := w.out[x*w.outStep:][:w.channels]
		clear(out)
		for ky := range w.kh {
			for kx := range w.kw {
				for c, v := range w.in[ky*w.row+kx*w.tap+x*w.step:][:w.channels] {
					out[c] += v
				}
			}
		}
		for c := range out {
			out[c] /= w.divisor
		}
	}
}
