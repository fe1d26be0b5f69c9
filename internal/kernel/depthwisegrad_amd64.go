//go:build !purego

package kernel

// gradTaps is the most taps that the assembly sums at once.
const gradTaps = 7

// depthwiseGradCall is what the assembly reads; steps are in bytes.
type depthwiseGradCall struct {
	in, grad, weights    *float32
	rowIn, step, tap     int
	rowGrad, stepGrad    int
	rows, width, vectors int // >= 1; vectors is counted down
	taps                 int // 1...gradTaps
	mask                 uint32
}

func depthwiseGrad(l Level, d *DepthwiseGradArgs) {
	n, first := newNormCall(l, d.Channels, d.Channels)
	c := depthwiseGradCall{
		rowIn: 4 * d.RowIn, step: 4 * d.Step, tap: 4 * d.Tap, rowGrad: 4 * d.RowGrad, stepGrad: 4 * d.Channels,
		rows: d.Rows, width: d.Width, mask: n.mask, grad: &d.Grad[0],
	}
	for k := 0; k < d.KW && n.vectors > 0; k += gradTaps {
		c.taps, c.vectors = min(gradTaps, d.KW-k), n.vectors
		c.in, c.weights = &d.In[k*d.Tap], &d.Weights[k*d.Channels]
		if l >= AVX512 {
			depthwiseGradAVX512(&c)
		} else {
			depthwiseGradAVX2(&c)
		}
	}
	depthwiseGradGeneric(d, first)
}
