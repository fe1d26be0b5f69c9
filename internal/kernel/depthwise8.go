package kernel

// DepthwiseI8Args describes one output row of an 8-bit convolution with one
// filter per channel: the sums of DepthwiseArgs in int32, In bytes, then the
// epilogue of TileI8Args with a column per channel. Padding must be present in
// In, as zero points.
type DepthwiseI8Args struct {
	In      []uint8 // starts at the first tap of the first output pixel
	Row     int     // bytes between rows of taps: dilation included
	Tap     int     // bytes between taps of a row: dilation included
	Step    int     // bytes between first taps of neighbouring output pixels
	KH, KW  int
	Weights []int8 // [KH*KW][Stride]
	Stride  int    // bytes between taps of Weights, >= Channels

	Width, Channels int
	Scale, Bias     []float32 // [Channels]; Bias nil: 0
	Min, Max        float32   // infinite: none
	Out             []uint8   // pixel x starts at x*OutStep
	OutScale        float32   // 1/scale of the result
	OutZero         uint8
	OutF            []float32 // instead of Out
	OutStep         int       // elements between output pixels, >= Channels if Width > 1
}

// DepthwiseI8 computes d.
func (l Level) DepthwiseI8(d *DepthwiseI8Args) {
	if d.Width <= 0 || d.Channels <= 0 {
		return
	}
	if d.KH < 1 || d.KW < 1 || d.Row < 0 || d.Tap < 0 || d.Step < 0 || d.Stride < d.Channels {
		panic("kernel: int8 depthwise: size out of range")
	}
	need(d.In, (d.KH-1)*d.Row+(d.KW-1)*d.Tap+(d.Width-1)*d.Step+d.Channels)
	need(d.Weights, (d.KH*d.KW-1)*d.Stride+d.Channels)
	e := epilogue8{
		n: d.Channels, scale: d.Scale, bias: d.Bias, min: d.Min, max: d.Max,
		out: d.Out, outScale: d.OutScale, outZero: d.OutZero, outF: d.OutF, ldc: d.OutStep,
	}
	e.check(d.Width)
	w := window8{in: d.In, row: d.Row, tap: d.Tap, step: d.Step, kh: d.KH, kw: d.KW, weights: d.Weights, stride: d.Stride}
	var sums sums8
	for c := 0; c < d.Channels; c += cols8 {
		part := e.columns(c, min(cols8, d.Channels-c))
		for x := 0; x < d.Width; x += maxRows8 {
			rows := sums[:min(maxRows8, d.Width-x)]
			sum8(l, rows, &w, x, c, part.n)
			finish8(l, &part, x, rows)
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

// sum8Generic sums the windows of pixels x and following, channels c to c+n.
func sum8Generic(sums [][cols8]int32, w *window8, x, c, n int) {
	for i := range sums {
		sum := sums[i][:n]
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
