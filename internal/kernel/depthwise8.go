package kernel

// DepthwiseI8Args describes some output rows of an 8-bit convolution with one
// filter per channel: the sums of DepthwiseArgs in int32, In bytes, then the
// epilogue of TileI8Args with a column per channel, then, for bytes,
// max(Lower[c], min(Upper[c], byte)). Padding must be present in In, as zero
// points.
type DepthwiseI8Args struct {
	In      []uint8 // starts at the first tap of the first output pixel
	Row     int     // bytes between rows of taps: dilation included
	Tap     int     // bytes between taps of a row: dilation included
	Step    int     // bytes between first taps of neighbouring output pixels
	Next    int     // bytes between first taps of neighbouring output rows
	KH, KW  int
	Weights []int8 // [KH*KW][Stride]
	Stride  int    // bytes between taps of Weights, >= Channels

	Width, Height, Channels int
	Scale, Bias             []float32 // [Channels]; Bias nil: 0
	Residual                []uint8   // laid out as the result; nil: none
	ResidualQ               Affine
	ResidualF               []float32 // instead of Residual
	ResidualStep            int       // elements between pixels
	ResidualNext            int       // elements between rows
	Min, Max                float32   // infinite: none
	Lower, Upper            []uint8   // [Channels], Lower[c] <= Upper[c]; nil: none
	Out                     []uint8   // pixel x of row y starts at y*OutNext + x*OutStep
	OutScale                float32   // 1/scale of the result
	OutZero                 uint8
	OutF                    []float32 // instead of Out
	OutStep                 int       // elements between output pixels, >= Channels if Width > 1
	OutNext                 int       // elements between output rows

	// Filter, if not nil, comes from PackDepthwiseI8 of the same arguments, and
	// makes the kernel faster. Its rows are written in whole words of four bytes.
	Filter *FilterI8
}

// DepthwiseI8 computes d.
func (l Level) DepthwiseI8(d *DepthwiseI8Args) {
	if d.Width <= 0 || d.Height <= 0 || d.Channels <= 0 {
		return
	}
	if d.KH < 1 || d.KW < 1 || d.Row < 0 || d.Tap < 0 || d.Step < 0 || d.Next < 0 || d.OutNext < 0 || d.ResidualNext < 0 || d.Stride < d.Channels {
		panic("kernel: int8 depthwise: size out of range")
	}
	need(d.In, (d.KH-1)*d.Row+(d.KW-1)*d.Tap+(d.Width-1)*d.Step+(d.Height-1)*d.Next+d.Channels)
	need(d.Weights, (d.KH*d.KW-1)*d.Stride+d.Channels)
	if d.Filter != nil {
		if size := (d.Height-1)*d.OutNext + (d.Width-1)*d.OutStep + d.Channels; d.OutF != nil {
			need(d.OutF, size)
		} else {
			need(d.Out, size)
		}
		depthwise8(d)
		return
	}
	for y := range d.Height {
		d.row(l, y)
	}
}

// row computes row y.
func (d *DepthwiseI8Args) row(l Level, y int) {
	e := epilogue8{
		n: d.Channels, scale: d.Scale, bias: d.Bias, min: d.Min, max: d.Max,
		residualQ: d.ResidualQ, ldr: d.ResidualStep,
		outScale: d.OutScale, outZero: d.OutZero, ldc: d.OutStep,
	}
	if d.Residual != nil {
		e.residual = d.Residual[y*d.ResidualNext:]
	}
	if d.ResidualF != nil {
		e.residualF = d.ResidualF[y*d.ResidualNext:]
	}
	if d.Out != nil {
		e.out = d.Out[y*d.OutNext:]
	}
	if d.OutF != nil {
		e.outF = d.OutF[y*d.OutNext:]
	}
	e.check(d.Width)
	w := window8{in: d.In[y*d.Next:], row: d.Row, tap: d.Tap, step: d.Step, kh: d.KH, kw: d.KW, weights: d.Weights, stride: d.Stride}
	var sums sums8
	for c := 0; c < d.Channels; c += cols8 {
		part := e.columns(c, min(cols8, d.Channels-c))
		for x := 0; x < d.Width; x += maxRows8 {
			rows := sums[:min(maxRows8, d.Width-x)]
			sum8(l, rows, &w, x, c, part.n)
			finish8(l, &part, x, rows)
		}
	}
	if d.Lower != nil && d.Out != nil {
		for x := range d.Width {
			l.ClampU8(e.out[x*d.OutStep:][:d.Channels], d.Lower, d.Upper)
		}
	}
}

// columns is e for n columns from c.
func (e *epilogue8) columns(c, n int) epilogue8 {
	part := *e
	part.n, part.scale = n, e.scale[c:]
	if e.bias != nil {
		part.bias = e.bias[c:]
	}
	if e.residual != nil {
		part.residual = e.residual[c:]
	}
	if e.residualF != nil {
		part.residualF = e.residualF[c:]
	}
	if e.out != nil {
		part.out = e.out[c:]
	}
	if e.outF != nil {
		part.outF = e.outF[c:]
	}
	return part
}

// window8 is a row of windows of bytes that all have the same taps.
type window8 struct {
	in             []uint8
	row, tap, step int
	kh, kw         int
	weights        []int8 // nil: sums of the bytes
	stride         int
}

// sum8Generic sums the windows of pixels x and following, channels c+from to
// c+n, into columns from to n.
func sum8Generic(sums [][cols8]int32, w *window8, x, c, from, n int) {
	c, n = c+from, n-from
	for i := range sums {
		sum := sums[i][from:][:n]
		clear(sum)
		for ky := range w.kh {
			for kx := range w.kw {
				in := w.in[ky*w.row+kx*w.tap+(x+i)*w.step+c:][:n]
				if w.weights == nil {
					for j, v := range in {
						sum[j] += int32(v)
					}
					continue
				}
				f := w.weights[(ky*w.kw+kx)*w.stride+c:][:n]
				for j, v := range in {
					sum[j] += int32(v) * int32(f[j])
				}
			}
		}
	}
}
