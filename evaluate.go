package lutra

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"lutra/internal/data"
	"lutra/internal/safe"
)

// Evaluation is the score of a model on labelled images.
type Evaluation struct {
	Model   string  `json:"model"`
	N       int     `json:"n"`
	Top1    float64 `json:"top1"` // fraction of images whose best class is the label
	Top5    float64 `json:"top5"` // ... whose label is among the best five
	Seconds float64 `json:"seconds"`
	// Confusion counts images by [label][best class], for up to 100 classes; else nil.
	Confusion [][]int `json:"confusion,omitempty"`
}

// maxConfusion is the number of classes up to which a confusion matrix is readable.
const maxConfusion = 100

// EvalOptions say how Evaluate runs.
type EvalOptions struct {
	Batch    int                   // images per inference; 0: 8, or the model's fixed batch
	Progress func(done, total int) // may be nil
}

// Evaluate scores the model on a labelled data set.
func (m *Model) Evaluate(ctx context.Context, set *DataSet, p Preprocess, o EvalOptions) (*Evaluation, error) {
	if !set.Labelled() {
		return nil, &safe.FormatError{File: set.Path(), Field: "labels", Expected: "a label for every image", Found: "unlabelled images", Hint: "add a labels.csv, or give the class list"}
	}
	e := &Evaluation{Model: m.path, N: set.Len()}
	start := time.Now()
	var top1, top5 int
	err := m.Predictions(ctx, set, p, o, func(i int, scores []float32) error {
		label := set.Label(i)
		if label >= len(scores) {
			return set.CheckClasses(len(scores))
		}
		if e.Confusion == nil && len(scores) <= maxConfusion {
			e.Confusion = make([][]int, len(scores))
			for c := range e.Confusion {
				e.Confusion[c] = make([]int, len(scores))
			}
		}
		best := Best(scores, 5)
		if best[0] == label {
			top1++
		}
		if slices.Contains(best, label) {
			top5++
		}
		if e.Confusion != nil {
			e.Confusion[label][best[0]]++
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	e.Top1, e.Top5 = float64(top1)/float64(e.N), float64(top5)/float64(e.N)
	e.Seconds = time.Since(start).Seconds()
	return e, nil
}

// Predictions calls visit, in order, with the scores of every image of the set:
// the row of the model's first output. The slice is only valid during the call.
func (m *Model) Predictions(ctx context.Context, set *DataSet, p Preprocess, o EvalOptions, visit func(i int, scores []float32) error) error {
	in, err := m.samples(set, p)
	if err != nil {
		return err
	}
	session, err := m.NewSession()
	if err != nil {
		return err
	}
	batch := m.batch(o.Batch)
	for first := 0; first < set.Len(); first += batch {
		n := min(batch, set.Len()-first)
		x, err := m.gather(in, set, p, first, n)
		if err != nil {
			return err
		}
		y, err := session.Predict(ctx, x)
		if err != nil {
			return err
		}
		scores := y.AsFloat32().Float32s()
		if len(scores)%n != 0 || len(scores) == 0 {
			return &safe.FormatError{File: m.path, Field: "output", Expected: fmt.Sprintf("%d rows of scores", n), Found: y.Shape.String()}
		}
		classes := len(scores) / n
		for i := range n {
			if err := visit(first+i, scores[i*classes:][:classes]); err != nil {
				return err
			}
		}
		if o.Progress != nil {
			o.Progress(first+n, set.Len())
		}
	}
	return nil
}

// batch is the number of images per inference: what was asked for, or 8, but
// the fixed first dimension of the model's input where the file has one above 1.
func (m *Model) batch(asked int) int {
	if fixed := m.Inputs()[0].Shape[0]; fixed > 1 {
		return fixed
	}
	return cmp.Or(asked, 8)
}

// gather decodes and preprocesses images [first, first+n) into one batch.
func (m *Model) gather(in *data.Inputs, set *DataSet, p Preprocess, first, n int) (*Tensor, error) {
	shape := m.Inputs()[0].Shape
	shape[0] = n
	channels, height, width := 1, 2, 3
	if p.Layout == "NHWC" {
		channels, height, width = 3, 1, 2
	}
	shape[channels] = p.Channels()
	if shape[height] < 0 || shape[width] < 0 {
		img, err := set.Image(first)
		if err != nil {
			return nil, err
		}
		shape[width], shape[height] = p.Size(img.W, img.H)
	}
	x := NewTensor(make([]float32, shape.Elems()), shape...)
	size := shape.Elems() / n
	for i := range n {
		if err := in.Input(first+i, x.Float32s()[i*size:][:size]); err != nil {
			return nil, err
		}
	}
	return x, nil
}

// Best lists the indices of the n largest scores, best first; of equal scores
// the first. A score that is not a number is never among them before one that is.
func Best(scores []float32, n int) []int {
	order := make([]int, 0, n+1)
	for i, s := range scores {
		at, _ := slices.BinarySearchFunc(order, s, func(j int, s float32) int {
			if scores[j] >= s || s != s {
				return -1
			}
			return 1
		})
		if at < n {
			order = slices.Insert(order, at, i)
			order = order[:min(len(order), n)]
		}
	}
	return order
}
