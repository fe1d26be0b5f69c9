package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestDepthwiseGrad(t *testing.T) {
	eachLevel(t, func(t *testing.T, l Level) {
		rng := rand.New(rand.NewPCG(18, uint64(l)))
		for channels := 1; channels < 70; channels += 1 + rng.IntN(3) {
			d := DepthwiseGradArgs{Rows: rng.IntN(4), Width: rng.IntN(6), KW: rng.IntN(17), Channels: channels}
			d.RowIn, d.Step, d.Tap, d.RowGrad = rng.IntN(200), rng.IntN(100), rng.IntN(100), rng.IntN(200)
			t.Run(fmt.Sprintf("%dx%dx%d_%d", d.Rows, d.Width, channels, d.KW), func(t *testing.T) {
				d.In = normal(t, rng, max(0, d.Rows-1)*d.RowIn+max(0, d.Width-1)*d.Step+max(0, d.KW-1)*d.Tap+channels)
				d.Grad = normal(t, rng, max(0, d.Rows-1)*d.RowGrad+d.Width*channels)
				d.Weights = normal(t, rng, d.KW*channels)
				checkDepthwiseGrad(t, l, &d)
			})
		}
		x := make([]float32, 8)
		if !panics(func() {
			l.DepthwiseGrad(&DepthwiseGradArgs{In: x, Grad: x, Weights: x[:7], Rows: 1, Width: 1, KW: 2, Channels: 4})
		}) {
			t.Error("short Weights: no panic")
		}
	})
}

// checkDepthwiseGrad compares with the definition in float64.
func checkDepthwiseGrad(t *testing.T, l Level, d *DepthwiseGradArgs) {
	t.Helper()
	before := slices.Clone(d.Weights)
	l.DepthwiseGrad(d)
	again := *d
	again.Weights = slices.Clone(before)
	Generic.DepthwiseGrad(&again)
	sameBits(t, "DepthwiseGrad", d.Weights, again.Weights)
	for k := range d.KW {
		for c := range d.Channels {
			sum := float64(before[k*d.Channels+c])
			size := math.Abs(sum)
			for y := range d.Rows {
				for x := range d.Width {
					p := float64(d.In[y*d.RowIn+x*d.Step+k*d.Tap+c]) * float64(d.Grad[y*d.RowGrad+x*d.Channels+c])
					sum, size = sum+p, size+math.Abs(p)
				}
			}
			closeSum(t, fmt.Sprintf("[%d][%d]", k, c), d.Weights[k*d.Channels+c], sum, size)
		}
	}
}
