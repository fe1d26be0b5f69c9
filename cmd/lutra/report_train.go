package main

import (
	"fmt"

	"lutra"
	"lutra/internal/report"
)

// trainPage shows how a training went, and what it made.
func trainPage(m *lutra.Model, path string, r *lutra.TrainReport) (*report.Page, error) {
	bytes, err := fileBytes(path)
	if err != nil {
		return nil, err
	}
	page, err := savedPage(m, path, bytes)
	if err != nil {
		return nil, err
	}
	page.Lead = fmt.Sprintf("%s: %d epochs of %d samples in %.1f s, epoch %d kept.", r.Network, len(r.History.Epochs), r.Samples, r.Seconds, r.Epoch)
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

// sweepPage shows what levels and weights cost.
func sweepPage(w *sweep) *report.Page {
	rows := w.table()
	return &report.Page{
		Title: "Levels and weights of " + w.Network,
		Facts: []report.Fact{{Value: w.format(w.find(0, 0)), Name: "in floating point"}},
		Sections: []report.Section{
			{Title: "Map", Figures: []report.Figure{report.Drawing("", w.heat())}},
			{Title: "Table", Table: &report.Table{Columns: rows[0], Rows: rows[1:]}},
		},
	}
}
