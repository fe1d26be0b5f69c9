package fit

import (
	"math"
	"testing"

	"lutra/internal/train"
)

func TestScaleRates(t *testing.T) {
	params := []*train.Param{
		{Value: []float32{0.03, -0.04}}, {Value: []float32{3, 4}}, {Value: []float32{0, 0}}, {Value: []float32{1, -1, 1}},
	}
	scaleRates(params)
	for i, want := range []float64{math.Sqrt(0.0025 / 2), 1, smallest, 1} {
		if got := params[i].Rate; math.Abs(got-want) > 1e-6 {
			t.Errorf("parameter %d: %g, want %g", i, got, want)
		}
	}
}
