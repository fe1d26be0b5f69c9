package kernel

// DepthwiseGradArgs describes the gradient of one row of the filters of a
// convolution with one filter per channel:
//
//	for y := range Rows {
//		for x := range Width {
//			for k := range KW {
//				for c := range Channels {
//					Weights[k*Channels+c] += In[y*RowIn+x*Step+k*Tap+c] * Grad[y*RowGrad+x*Channels+c]
//				}
//			}
//		}
//	}
//
// by fused multiply-add: the same bits on all levels.
type DepthwiseGradArgs struct {
	In               []float32
	RowIn, Step, Tap int // floats between rows, first taps of neighbouring pixels, taps; >= 0
	Grad             []float32
	RowGrad          int // floats between rows, >= 0
	Weights          []float32
	Rows, Width, KW  int // any >= 0
	Channels         int
}

// DepthwiseGrad computes d. Weights may overlap neither In nor Grad.
func (l Level) DepthwiseGrad(d *DepthwiseGradArgs) {
	if d.Rows <= 0 || d.Width <= 0 || d.KW <= 0 || d.Channels <= 0 {
		return
	}
	if d.RowIn < 0 || d.Step < 0 || d.Tap < 0 || d.RowGrad < 0 {
		panic("kernel: depthwise gradient: size out of range")
	}
	need(d.In, (d.Rows-1)*d.RowIn+(d.Width-1)*d.Step+(d.KW-1)*d.Tap+d.Channels)
	need(d.Grad, (d.Rows-1)*d.RowGrad+d.Width*d.Channels)
	need(d.Weights, d.KW*d.Channels)
	depthwiseGrad(l, d)
}

// depthwiseGradGeneric does the channels from first on.
func depthwiseGradGeneric(d *DepthwiseGradArgs, first int) {
	for y := range d.Rows {
		for x := range d.Width {
			grad := d.Grad[y*d.RowGrad+x*d.Channels:][first:d.Channels]
			for k := range d.KW {
				fmaEach(d.Weights[k*d.Channels:][first:d.Channels], d.In[y*d.RowIn+x*d.Step+k*d.Tap:][first:d.Channels], grad)
			}
		}
	}
}
