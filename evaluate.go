package lutra

import (
	"context"
	"fmt"
	"slices"
	"time"

	"lutra/internal/fit"
	"lutra/internal/network"
	"lutra/internal/safe"
)

// Evaluation is the score of a model on labelled images, or on numbers that it
// is to reproduce.
type Evaluation struct {
	Model   string  `json:"model"`
	N       int     `json:"n"`
	Top1    float64 `json:"top1"` // fraction of images whose best class is the label
	Top5    float64 `json:"top5"` // ... whose label is among the best five
	Seconds float64 `json:"seconds"`
	// MSE is the mean square error of an auto-encoder or a regression, which have no classes; else nil.
	MSE *float64 `json:"mse,omitempty"`
	// Confusion counts images by [label][best class], for up to 100 classes; else nil.
	Confusion [][]int `json:"confusion,omitempty"`
}

// maxConfusion is the number of classes up to which a confusion matrix is readable.
const maxConfusion = 100

// EvalOptions say how Evaluate runs.
type EvalOptions struct {
	Batch    int                   // images per inference; 0: 8. A batch size that the model fixes has precedence
	Progress func(done, total int) // may be nil
}

// Evaluate scores the model on a labelled data set, an auto-encoder on images.
func (m *Model) Evaluate(ctx context.Context, set *DataSet, p Preprocess, o EvalOptions) (*Evaluation, error) {
	if task, _, err := fit.TaskOf(m.graph); err == nil && task == network.Reconstruct {
		return m.reconstruction(ctx, set, p, o)
	}
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
	return m.predictions(ctx, set, p, o, func(i int, _, scores []float32) error { return visit(i, scores) })
}

// predictions hands out the inputs, too.
func (m *Model) predictions(ctx context.Context, set *DataSet, p Preprocess, o EvalOptions, visit func(i int, x, scores []float32) error) error {
	in, err := m.samples(set, p)
	if err != nil {
		return err
	}
	session, err := m.NewSession()
	if err != nil {
		return err
	}
	batch := in.batch(o.Batch)
	for first := 0; first < set.Len(); first += batch {
		n := min(batch, set.Len()-first)
		x, err := in.gather(ctx, first, n)
		if err != nil {
			return err
		}
		y, err := session.Predict(ctx, x)
		if err != nil {
			return err
		}
		rows := x.Shape[0]
		if !y.DType.IsFloat() || y.Elems()%rows != 0 || y.Elems() == 0 {
			return &safe.FormatError{File: m.path, Field: "output", Expected: fmt.Sprintf("%d rows of scores", rows), Found: fmt.Sprintf("%s %v", y.DType, y.Shape)}
		}
		scores := y.AsFloat32().Float32s()
		classes, size := len(scores)/rows, x.Elems()/rows
		for i := range n {
			if err := visit(first+i, x.Float32s()[i*size:][:size], scores[i*classes:][:classes]); err != nil {
				return err
			}
		}
		if o.Progress != nil {
			o.Progress(first+n, set.Len())
		}
	}
	return nil
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
