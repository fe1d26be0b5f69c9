package kernel

// DepthwiseArgs describes one output row of a convolution with one filter per
// channel:
//
//	for x := range Width {
//		for c := range Channels {
//			sum := 0
//			for ky := range KH {
//				for kx := range KW {
//					sum += In[ky*Row+x*Step+kx*Tap+c] * Weights[(ky*KW+kx)*Channels+c]
//				}
//			}
//			Out[x*OutStep+c] = clamp(sum*Scale[c]+Bias[c], Min, Max)
//		}
//	}
//
// Padding must be present in In, as zeros. Out does not overlap In.
type DepthwiseArgs struct {
	In              []float32 // starts at the first tap of the first output pixel
	Row             int       // floats between rows of taps: dilation included
	Tap             int       // floats between taps of a row: dilation included
	Step            int       // floats between first taps of neighbouring output pixels
	KH, KW          int
	Weights         []float32 // [KH*KW][Channels]
	Scale, Bias     []float32 // [Channels]; nil: 1 and 0
	Out             []float32
	OutStep         int // floats between output pixels, >= Channels if Width > 1
	Width, Channels int
	Min, Max        float32 // infinite: none
}

// Depthwise computes d.
func (l Level) Depthwise(d *DepthwiseArgs) {
	if d.Width <= 0 || d.Channels <= 0 {
		return
	}
	d.check()
	depthwise(l, d)
}

func (d *DepthwiseArgs) check() {
	if d.KH < 1 || d.KW < 1 || d.Row < 0 || d.Tap < 0 || d.Step < 0 {
		panic("kernel: depthwise: size out of range")
	}
	if d.Width > 1 && d.OutStep < d.Channels {
		panic("kernel: depthwise: output pixels overlap")
	}
	need(d.In, (d.KH-1)*d.Row+(d.KW-1)*d.Tap+(d.Width-1)*d.Step+d.Channels)
	need(d.Weights, d.KH*d.KW*d.Channels)
	need(d.Out, (d.Width-1)*d.OutStep+d.Channels)
	if d.Scale != nil {
		need(d.Scale, d.Channels)
	}
	if d.Bias != nil {
		need(d.Bias, d.Channels)
	}
}

// depthwiseLanes is the fewest channels that vectors do. With less, all levels
// round products before they add them.
const depthwiseLanes = 8

// depthwisePlain computes d without vectors.
func depthwisePlain(l Level, d *DepthwiseArgs) {
	if l == Fused && d.Channels >= depthwiseLanes {
		depthwiseFused(d)
	} else {
		depthwiseGeneric(d)
	}
}

func depthwiseGeneric(d *DepthwiseArgs) {
	for x := range d.Width {
		out := d.Out[x*d.OutStep:][:d.Channels]
		clear(out)
		for ky := range d.KH {
			for kx := range d.KW {
				in := d.In[ky*d.Row+x*d.Step+kx*d.Tap:][:len(out)]
				w := d.Weights[(ky*d.KW+kx)*d.Channels:][:len(out)]
				for c := range out {
					out[c] += float32(in[c] * w[c])
				}
			}
		}
		for c, v := range out {
			v = float32(v*element(d.Scale, c, 1)) + element(d.Bias, c, 0)
			out[c] = clamp(v, d.Min, d.Max)
		}
	}
}
