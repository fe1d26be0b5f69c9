package lutra

import (
	"context"
	"math"
	"slices"
)

// Comparison says how far the outputs of two models on the same images agree.
type Comparison struct {
	A         string  `json:"a"`
	B         string  `json:"b"`
	N         int     `json:"n"`
	Agreement float64 `json:"agreement_top1"` // fraction of images with the same best class
	// MaxRelError and MeanRelError are the largest and the mean over images of
	// |b - a| / |a|, both Euclidean norms of the scores; finite also where a is zero.
	MaxRelError  float64 `json:"max_rel_error"`
	MeanRelError float64 `json:"mean_rel_error"`
	ABytes       int64   `json:"a_bytes"`
	BBytes       int64   `json:"b_bytes"`
	// ABest and BBest are the best classes of every image.
	ABest []int `json:"-"`
	BBest []int `json:"-"`
}

// Compare runs a and b on the images of set.
func Compare(ctx context.Context, a, b *Model, set *DataSet, pa, pb Preprocess, o EvalOptions) (*Comparison, error) {
	c := &Comparison{A: a.path, B: b.path, N: set.Len(), ABytes: a.bytes, BBytes: b.bytes}
	want := make([][]float32, set.Len())
	half := func(from int) EvalOptions { // each model is half of the work
		if o.Progress == nil {
			return o
		}
		return EvalOptions{Batch: o.Batch, Progress: func(done, total int) { o.Progress(from+done, 2*total) }}
	}
	for _, m := range []*Model{a, b} { // what cannot run is to be known before the work
		if _, err := m.NewSession(); err != nil {
			return nil, err
		}
	}
	err := a.Predictions(ctx, set, pa, half(0), func(i int, scores []float32) error {
		want[i] = slices.Clone(scores)
		c.ABest = append(c.ABest, Best(scores, 1)[0])
		return nil
	})
	if err != nil {
		return nil, err
	}
	same := 0
	err = b.Predictions(ctx, set, pb, half(set.Len()), func(i int, scores []float32) error {
		if len(scores) != len(want[i]) {
			return &FormatError{File: b.path, Field: "output", Expected: Shape{len(want[i])}.String() + " scores, as " + a.path, Found: Shape{len(scores)}.String()}
		}
		c.BBest = append(c.BBest, Best(scores, 1)[0])
		if c.BBest[i] == c.ABest[i] {
			same++
		}
		e := relError(scores, want[i])
		if math.IsNaN(e) || math.IsInf(e, 0) {
			return &FormatError{File: set.Path(), Where: set.Name(i), Field: "scores", Expected: "finite numbers from both models", Found: "others"}
		}
		c.MaxRelError = max(c.MaxRelError, e)
		c.MeanRelError += e / float64(set.Len())
		return nil
	})
	if err != nil {
		return nil, err
	}
	c.Agreement = float64(same) / float64(set.Len())
	return c, nil
}

// relError is |got - want| / |want|, NaN only where an operand has NaN or
// infinities.
func relError(got, want []float32) float64 {
	var diff, norm float64
	for i, w := range want {
		d := float64(got[i]) - float64(w)
		diff += d * d
		norm += float64(w) * float64(w)
	}
	return math.Sqrt(diff) / max(math.Sqrt(norm), math.SmallestNonzeroFloat32)
}
