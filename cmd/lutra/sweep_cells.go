package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"reflect"
	"slices"
	"strconv"

	"lutra"
	"lutra/internal/plot"
	"lutra/internal/safe"
)

// sweep is the file of lutra sweep.
type sweep struct {
	Network  string         `json:"network"`
	Settings map[string]any `json:"settings"` // that all cells have in common
	Pairs    bool           `json:"pairs,omitempty"`
	Tested   int            `json:"tested"` // samples
	Levels   []int          `json:"levels"`
	Weights  []int          `json:"weights"`
	Cells    []sweepCell    `json:"cells"` // by levels, then weights; the first is the floating-point twin
}

// sweepCell is the test of one network.
type sweepCell struct {
	Levels  int      `json:"levels"`  // 0: floating-point
	Weights int      `json:"weights"` // or pairs
	Top1    *float64 `json:"top1,omitempty"`
	Loss    float64  `json:"loss"`
	Seconds float64  `json:"seconds"` // of its training
}

func (c sweepCell) name(pairs bool) string {
	kind := "weights"
	if pairs {
		kind = "pairs"
	}
	if c.Levels == 0 {
		return "floating point"
	}
	return fmt.Sprintf("%d levels, %d %s", c.Levels, c.Weights, kind)
}

// resume takes over the cells of an earlier file, which must have the same settings.
func (w *sweep) resume(file string, b []byte) error {
	var old sweep
	if err := json.Unmarshal(b, &old); err != nil {
		return &safe.FormatError{File: file, Expected: "the JSON of a sweep", Found: err.Error()}
	}
	now, err := json.Marshal(w.Settings)
	if err != nil {
		return err
	}
	var settings map[string]any
	if err := json.Unmarshal(now, &settings); err != nil {
		return err
	}
	if old.Network != w.Network || old.Pairs != w.Pairs {
		return &safe.FormatError{File: file, Field: "sweep", Expected: fmt.Sprintf("%s, pairs: %v", w.Network, w.Pairs), Found: fmt.Sprintf("%s, pairs: %v", old.Network, old.Pairs), Hint: "write to another file"}
	}
	for name, v := range settings {
		if !reflect.DeepEqual(v, old.Settings[name]) {
			return &safe.FormatError{File: file, Field: name, Expected: fmt.Sprint(v), Found: fmt.Sprint(old.Settings[name]), Hint: "give the flags of the first run, or write to another file"}
		}
	}
	for _, c := range old.Cells {
		if c.Top1 != nil && !(*c.Top1 >= 0 && *c.Top1 <= 1) {
			return &safe.FormatError{File: file, Field: c.name(w.Pairs), Expected: "an accuracy from 0 to 1", Found: fmt.Sprint(*c.Top1)}
		}
	}
	w.Cells, w.Tested = old.Cells, old.Tested
	return nil
}

// find is the cell of that many levels and weights, or nil.
func (w *sweep) find(levels, weights int) *sweepCell {
	for i, c := range w.Cells {
		if c.Levels == levels && c.Weights == weights {
			return &w.Cells[i]
		}
	}
	return nil
}

// missing lists the cells that are still to be trained, the twin first.
func (w *sweep) missing() []sweepCell {
	all := []sweepCell{{}}
	for _, a := range w.Levels {
		for _, b := range w.Weights {
			all = append(all, sweepCell{Levels: a, Weights: b})
		}
	}
	return slices.DeleteFunc(all, func(c sweepCell) bool { return w.find(c.Levels, c.Weights) != nil })
}

// add adds the cell c with its test.
func (w *sweep) add(c sweepCell, r *lutra.TrainReport) error {
	if r.TestLoss == nil {
		return fmt.Errorf("sweep: expected data to test on, found none")
	}
	c.Top1, c.Loss, c.Seconds, w.Tested = r.TestTop1, *r.TestLoss, r.Seconds, r.Tested
	w.Cells = append(w.Cells, c)
	slices.SortFunc(w.Cells, func(a, b sweepCell) int {
		return cmp.Or(cmp.Compare(a.Levels, b.Levels), cmp.Compare(a.Weights, b.Weights))
	})
	return nil
}

// format is the accuracy in per cent, or the loss where there are no classes.
func (w *sweep) format(c *sweepCell) string {
	switch {
	case c == nil:
		return "-"
	case c.Top1 != nil:
		return strconv.FormatFloat(100**c.Top1, 'f', 2, 64) + " %"
	}
	return strconv.FormatFloat(c.Loss, 'g', 3, 64)
}

// table is a row for every number of levels, a column for every number of weights.
func (w *sweep) table() [][]string {
	head := []string{"levels"}
	for _, b := range w.Weights {
		head = append(head, sweepCell{Levels: 1, Weights: b}.name(w.Pairs)[len("1 levels, "):])
	}
	rows := [][]string{head}
	for _, a := range w.Levels {
		row := []string{strconv.Itoa(a)}
		for _, b := range w.Weights {
			row = append(row, w.format(w.find(a, b)))
		}
		rows = append(rows, row)
	}
	last := make([]string, len(head))
	last[0], last[1] = "floating point", w.format(w.find(0, 0))
	return append(rows, last)
}

// write writes the JSON file and the heat map.
func (s *sweepFlags) write(w *sweep) error {
	if err := safe.WriteFile(s.out, func(out io.Writer) error { return printJSON(out, w) }); err != nil || s.picture == "" {
		return err
	}
	return safe.WriteFile(s.picture, func(out io.Writer) error { return plot.Write(out, w.heat()) })
}

// measure is what the numbers of w count.
func (w *sweep) measure() string {
	if twin := w.find(0, 0); twin != nil && twin.Top1 != nil {
		return "test top-1"
	}
	return "test loss"
}

// heat is the heat map: even colours on the logarithm of the error, or of the loss.
func (w *sweep) heat() plot.Heat {
	h := plot.Heat{X: "different weights", Y: "activation levels", Title: w.Network + ", test loss; floating point: " + w.format(w.find(0, 0))}
	if w.Pairs {
		h.X = "different pairs of weights"
	}
	h.Place = func(v float64) float64 { return -math.Log(v) }
	h.Format = func(v float64) string { return strconv.FormatFloat(v, 'g', 2, 64) }
	if twin := w.find(0, 0); twin != nil && twin.Top1 != nil {
		least := 0.5 / float64(max(w.Tested, 1)) // no error counts as half a sample
		h.Title = w.Network + ", test top-1 in %; floating point: " + w.format(twin)
		h.Place = func(v float64) float64 { return -math.Log(max(1-v/100, least)) }
		h.Format = func(v float64) string { return strconv.FormatFloat(v, 'f', 1, 64) }
	}
	for _, b := range w.Weights {
		h.Columns = append(h.Columns, strconv.Itoa(b))
	}
	for _, a := range slices.Backward(w.Levels) {
		h.Rows = append(h.Rows, strconv.Itoa(a))
		row := make([]float64, len(w.Weights))
		for i, b := range w.Weights {
			row[i] = math.NaN()
			if c := w.find(a, b); c != nil && c.Top1 != nil {
				row[i] = 100 * *c.Top1
			} else if c != nil {
				row[i] = c.Loss
			}
		}
		h.Values = append(h.Values, row)
	}
	return h
}
