package lutra

import (
	"context"
	"fmt"
	"time"

	"lutra/internal/safe"
)

// reconstruction is the score of an auto-encoder.
func (m *Model) reconstruction(ctx context.Context, set *DataSet, p Preprocess, o EvalOptions) (*Evaluation, error) {
	e := &Evaluation{Model: m.path, N: set.Len(), MSE: new(float64)}
	start := time.Now()
	err := m.predictions(ctx, set, p, o, func(_ int, x, y []float32) error {
		if len(x) != len(y) {
			return &safe.FormatError{File: m.path, Field: "output", Expected: fmt.Sprintf("%d numbers, as the input", len(x)), Found: fmt.Sprint(len(y))}
		}
		*e.MSE += meanSquare(x, y) / float64(e.N)
		return nil
	})
	e.Seconds = time.Since(start).Seconds()
	return e, err
}

// EvaluateVectors is the mean square error of the model on rows of numbers: to
// what is to be learned from them, or to themselves.
func (m *Model) EvaluateVectors(ctx context.Context, v *Vectors) (*Evaluation, error) {
	session, err := m.NewSession()
	if err != nil {
		return nil, err
	}
	in := m.Inputs()
	if len(in) != 1 || len(in[0].Shape) != 2 || in[0].DType != "float32" {
		return nil, &safe.FormatError{File: m.path, Field: "inputs", Expected: "one of float32, a row of numbers a sample", Found: fmt.Sprint(in)}
	}
	e := &Evaluation{Model: m.path, N: v.Len(), MSE: new(float64)}
	start := time.Now()
	x := NewTensor(make([]float32, v.Features()), 1, v.Features())
	for i := range v.Len() {
		if err := v.Input(i, x.Float32s()); err != nil {
			return nil, err
		}
		y, err := session.Predict(ctx, x)
		if err != nil {
			return nil, err
		}
		want := v.Target(i)
		if len(want) == 0 {
			want = x.Float32s()
		}
		if y.Elems() != len(want) {
			return nil, &safe.FormatError{File: m.path, Field: "output", Expected: fmt.Sprintf("%d numbers", len(want)), Found: fmt.Sprint(y.Elems())}
		}
		*e.MSE += meanSquare(want, y.AsFloat32().Float32s()) / float64(e.N)
	}
	e.Seconds = time.Since(start).Seconds()
	return e, nil
}

func meanSquare(a, b []float32) float64 {
	sum := 0.
	for i, v := range a {
		d := float64(v) - float64(b[i])
		sum += d * d
	}
	return sum / float64(len(a))
}
