package main

import (
	"fmt"
	"math"

	"lutra"
	"lutra/internal/plot"
	"lutra/internal/report"
)

// trainPage shows how a training went, and what it made.
func trainPage(m *lutra.Model, path string, r *lutra.TrainReport) (*report.Page, error) {
	bytes, err := fileBytes(path)
	if err != nil {
		return nil, err
	}
	page, err := savedPage(m, nil, path, bytes)
	if err != nil {
		return nil, err
	}
	page.Lead = fmt.Sprintf("%s%d epochs of %d samples in %.1f s, epoch %d kept.", networkTitle(r.Network, ": "), len(r.History.Epochs), r.Samples, r.Seconds, r.Epoch)
	switch {
	case r.TestTop1 != nil:
		page.Facts = append([]report.Fact{{Value: percent(*r.TestTop1), Name: fmt.Sprintf("test top-1 of %d samples", r.Tested)}}, page.Facts...)
	case r.TestLoss != nil:
		page.Facts = append([]report.Fact{{Value: fmt.Sprintf("%.4g", *r.TestLoss), Name: fmt.Sprintf("test loss of %d samples", r.Tested)}}, page.Facts...)
	}
	course := report.Section{Title: "Course"}
	for _, c := range r.History.Charts("loss") {
		course.Figures = append(course.Figures, report.Drawing("", c))
	}
	page.Sections = append([]report.Section{course}, page.Sections...)
	return page, nil
}

// mostCurves is the number of lines that colours tell apart.
const mostCurves = 4

// curves draws the result over the bits of a weight: a line for some numbers of
// levels, the least and the most among them.
func (w *sweep) curves() plot.Chart {
	chart := plot.Chart{Title: w.Network, X: "bits of a weight", Y: "test loss"}
	n := min(mostCurves, len(w.Levels))
	for i := range n {
		levels := w.Levels[i*(len(w.Levels)-1)/max(1, n-1)]
		s := plot.Series{Name: fmt.Sprintf("%d levels", levels), Marked: true}
		for _, weights := range w.Weights {
			c := w.find(levels, weights)
			if c == nil {
				continue
			}
			y := c.Loss
			if c.Top1 != nil {
				chart.Y, y = "test top-1, %", 100**c.Top1
			}
			s.X, s.Y = append(s.X, math.Log2(float64(weights))), append(s.Y, y)
		}
		chart.Series = append(chart.Series, s)
	}
	return chart
}

// sweepPage shows what levels and weights cost.
func sweepPage(w *sweep) *report.Page {
	rows := w.table()
	return &report.Page{
		Title: "Levels and weights of " + w.Network,
		Facts: []report.Fact{{Value: w.format(w.find(0, 0)), Name: w.measure() + " in floating point"}},
		Sections: []report.Section{
			{Title: "Map", Figures: []report.Figure{report.Drawing("", w.heat())}},
			{Title: "By size", Figures: []report.Figure{report.Drawing("", w.curves())}, Text: "Across: the bits that tell one of so many different weights."},
			{Title: "Table", Table: &report.Table{Columns: rows[0], Rows: rows[1:]}},
		},
	}
}
