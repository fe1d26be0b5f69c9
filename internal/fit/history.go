package fit

import (
	"encoding/json"
	"fmt"
	"io"
	"math"

	"lutra/internal/plot"
)

// History is the course of a training.
type History struct {
	Start  *EpochRecord  `json:"start,omitempty"`  // the test before the training; nil: there was none
	Pieces *EpochRecord  `json:"pieces,omitempty"` // the test after the reconstruction of pieces; nil: there was none
	Steps  []StepRecord  `json:"steps"`
	Epochs []EpochRecord `json:"epochs"`
}

// StepRecord is a point of the loss curve: the mean over the steps since the point before.
type StepRecord struct {
	Epoch        float64 `json:"epoch"` // with its fraction
	Step         int     `json:"step"`
	Loss         float64 `json:"loss"`
	LearningRate float64 `json:"learning_rate"`
}

// EpochRecord is an epoch. Accuracies are fractions of 1; those of the training
// are of the augmented images while the network was changing.
type EpochRecord struct {
	Epoch        int      `json:"epoch"` // from 1
	Step         int      `json:"step"`
	Loss         float64  `json:"loss"`
	Top1         float64  `json:"top1,omitempty"`
	TestLoss     *float64 `json:"test_loss,omitempty"` // nil: not tested
	TestTop1     *float64 `json:"test_top1,omitempty"`
	LearningRate float64  `json:"learning_rate"`   // of the last step
	Seconds      float64  `json:"seconds"`         // with the test
	Codes        int      `json:"codes,omitempty"` // that were changed
}

// better says whether the test of r went better than that of s.
func (r *EpochRecord) better(s EpochRecord) bool {
	if r.TestTop1 != nil && *r.TestTop1 != *s.TestTop1 {
		return *r.TestTop1 > *s.TestTop1
	}
	return *r.TestLoss < *s.TestLoss
}

// fault finds a record whose tests contradict the others, as (*job).fault does.
func (h *History) fault(classes bool) (field, want, got string) {
	for _, r := range []*EpochRecord{h.Start, h.Pieces} {
		if r != nil && (r.TestLoss == nil || h.Start == nil) {
			return "history", "tests before the first epoch", "none"
		}
	}
	for i := range h.Epochs {
		if r := &h.Epochs[i]; r.TestLoss != nil && (r.TestTop1 != nil) != classes || r.TestLoss == nil && r.TestTop1 != nil {
			return fmt.Sprintf("history: epoch %d", i+1), "the test of this task", "another"
		}
	}
	return "", "", ""
}

// before is the best test before the first epoch; nil if there was none.
func (h *History) before() *EpochRecord {
	if h.Pieces != nil && *h.Pieces.TestLoss < *h.Start.TestLoss {
		return h.Pieces
	}
	return h.Start
}

// Kept is the test of the state with the least test loss, the beginning
// included; nil if nothing was tested.
func (h *History) Kept() *EpochRecord {
	best := h.before()
	for i := range h.Epochs {
		if e := &h.Epochs[i]; e.TestLoss != nil && (best == nil || *e.TestLoss < *best.TestLoss) {
			best = e
		}
	}
	return best
}

// Best is the epoch with the best test; nil if none was tested.
func (h *History) Best() *EpochRecord {
	var best *EpochRecord
	for i := range h.Epochs {
		if r := &h.Epochs[i]; r.TestLoss != nil && (best == nil || r.better(*best)) {
			best = r
		}
	}
	return best
}

// Lines writes the history as JSON lines: {"step": ...} and {"epoch": ...} objects in order of time.
func (h *History) Lines(w io.Writer) error {
	enc := json.NewEncoder(w)
	next := 0
	for _, r := range []*EpochRecord{h.Start, h.Pieces} {
		if r == nil {
			continue
		}
		if err := enc.Encode(map[string]EpochRecord{"epoch": *r}); err != nil {
			return err
		}
	}
	for _, e := range h.Epochs {
		for ; next < len(h.Steps) && h.Steps[next].Step <= e.Step; next++ {
			if err := enc.Encode(map[string]StepRecord{"point": h.Steps[next]}); err != nil {
				return err
			}
		}
		if err := enc.Encode(map[string]EpochRecord{"epoch": e}); err != nil {
			return err
		}
	}
	return nil
}

// decades is the range of the positive values of v, as a power of ten.
func decades(v []float64) float64 {
	low, high := math.Inf(1), 0.
	for _, x := range v {
		if x > 0 {
			low, high = min(low, x), max(high, x)
		}
	}
	return math.Log10(high / low)
}

// Curves draws losses and accuracies over the epochs as SVG.
func (h *History) Curves(w io.Writer, title string) error { return plot.Write(w, h.Charts(title)...) }

// Charts are the losses and, where there are classes, the accuracies over the epochs.
func (h *History) Charts(title string) []plot.Drawing {
	loss := plot.Chart{Title: title, X: "epoch", Y: "loss"}
	training, test := plot.Series{Name: "training"}, plot.Series{Name: "test", Marked: true}
	for _, s := range h.Steps {
		training.X, training.Y = append(training.X, s.Epoch), append(training.Y, s.Loss)
	}
	right := plot.Chart{Title: "accuracy", X: "epoch", Y: "top-1, %"}
	trainingTop1, testTop1 := plot.Series{Name: "training (augmented)", Marked: true}, plot.Series{Name: "test", Marked: true}
	for _, e := range h.Epochs {
		x := float64(e.Epoch)
		if e.TestLoss != nil {
			test.X, test.Y = append(test.X, x), append(test.Y, *e.TestLoss)
		}
		if e.TestTop1 != nil {
			testTop1.X, testTop1.Y = append(testTop1.X, x), append(testTop1.Y, 100**e.TestTop1)
			trainingTop1.X, trainingTop1.Y = append(trainingTop1.X, x), append(trainingTop1.Y, 100*e.Top1)
		}
	}
	loss.Series = []plot.Series{training, test}
	loss.Logarithmic = decades(training.Y) > 1.3
	if len(testTop1.X) == 0 {
		return []plot.Drawing{loss}
	}
	right.Series = []plot.Series{trainingTop1, testTop1}
	return []plot.Drawing{loss, right}
}
