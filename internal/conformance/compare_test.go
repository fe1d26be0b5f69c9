package conformance

import (
	"bytes"
	"fmt"
	"math"
	"testing"

	"lutra/internal/tensor"
)

// Tolerances of the official test runner.
const (
	relativeTolerance = 1e-3
	absoluteTolerance = 1e-7
)

// same compares a result with what is expected: floating-point numbers within
// the tolerances, everything else exactly.
func same(got, want *tensor.Tensor) error {
	if got == nil {
		return fmt.Errorf("no value")
	}
	if got.DType != want.DType || !got.Shape.Equal(want.Shape) {
		return fmt.Errorf("%v %v, want %v %v", got.DType, got.Shape, want.DType, want.Shape)
	}
	if !want.DType.IsFloat() {
		if !bytes.Equal(got.Bytes(), want.Bytes()) {
			return fmt.Errorf("%v elements differ: % x, want % x", want.DType, head(got), head(want))
		}
		return nil
	}
	x, y := floats(got), floats(want)
	for i, w := range y {
		if !near(x[i], w) {
			return fmt.Errorf("element %d of %v: %v, want %v", i, want.Shape, x[i], w)
		}
	}
	return nil
}

func head(t *tensor.Tensor) []byte { return t.Bytes()[:min(64, len(t.Bytes()))] }

func floats(t *tensor.Tensor) []float64 {
	if t.DType == tensor.Float64 {
		return tensor.Slice[float64](t)
	}
	v := make([]float64, t.Elems())
	for i, x := range t.AsFloat32().Float32s() {
		v[i] = float64(x)
	}
	return v
}

func near(got, want float64) bool {
	if got == want || math.IsNaN(got) && math.IsNaN(want) {
		return true
	}
	return math.Abs(got-want) <= absoluteTolerance+relativeTolerance*math.Abs(want) && !math.IsInf(want, 0)
}

func TestNear(t *testing.T) {
	inf, nan := math.Inf(1), math.NaN()
	for _, c := range []struct {
		got, want float64
		ok        bool
	}{
		{1, 1.0009, true}, {1, 1.002, false}, {0, 9e-8, true}, {0, 1e-6, false},
		{nan, nan, true}, {nan, 0, false}, {0, nan, false},
		{inf, inf, true}, {-inf, inf, false}, {1, inf, false}, {inf, 1, false},
	} {
		if near(c.got, c.want) != c.ok {
			t.Errorf("near(%g, %g) is not %v", c.got, c.want, c.ok)
		}
	}
}
