package main

import (
	"cmp"
	"context"
	"fmt"
	"html/template"
	"image"
	"slices"

	"lutra"
	"lutra/internal/data"
	"lutra/internal/plot"
	"lutra/internal/report"
)

// mostExamples bounds the images of a contact sheet, shownExamples those of a comparison.
const (
	mostExamples  = 240
	shownExamples = 48
)

// thumbnailSide is the short side of pictures of larger images, in pixels.
const thumbnailSide = 112

// thumbnail is image i of the set as the network sees it, small.
func thumbnail(set *lutra.DataSet, i int, p lutra.Preprocess) (template.HTML, error) {
	m, err := set.Image(i)
	if err != nil {
		return "", err
	}
	if m, err = p.Geometry(m); err != nil {
		return "", err
	}
	if min(m.W, m.H) > thumbnailSide {
		if m, err = m.ResizeShort(thumbnailSide, data.Box); err != nil {
			return "", err
		}
	}
	img := image.NewNRGBA(image.Rect(0, 0, m.W, m.H))
	for at := range m.W * m.H {
		copy(img.Pix[4*at:], m.Pix[3*at:][:3])
		img.Pix[4*at+3] = 255
	}
	return report.Picture(img, 1, set.Name(i))
}

// className is a class by its label, if there is one.
func className(labels []string, class int) string {
	return cmp.Or(labelOf(labels, class), fmt.Sprintf("class %d", class))
}

// comparePage shows where two models differ, and what each costs.
func comparePage(ctx context.Context, a, b *lutra.Model, set *lutra.DataSet, p lutra.Preprocess, c *lutra.Comparison, aMillis, bMillis float64) (*report.Page, error) {
	page := &report.Page{
		Title: "A and B: same best class on " + percent(c.Agreement),
		Lead:  fmt.Sprintf("A is %s (%s), B is %s (%s); %d images of %s.", c.A, bytesText(c.ABytes), c.B, bytesText(c.BBytes), c.N, set.Path()),
		Facts: []report.Fact{
			{Value: percent(c.Agreement), Name: "same best class"},
			{Value: fmt.Sprintf("%.3g", c.MeanRelError), Name: "difference of scores relative to A, mean"},
			{Value: fmt.Sprintf("%.1fx", float64(c.ABytes)/float64(c.BBytes)), Name: "bytes of A over B"},
			{Value: fmt.Sprintf("%.2fx", aMillis/bMillis), Name: fmt.Sprintf("time of A over B: %.3g and %.3g ms, batch 1", aMillis, bMillis)},
		},
	}
	times, err := latencySection(ctx, 1, a, b)
	if err != nil {
		return nil, err
	}
	if times != nil {
		page.Sections = append(page.Sections, *times)
	}
	examples, err := exampleSection(set, p, c, cmpLabels(a, b, set))
	if err != nil {
		return nil, err
	}
	page.Sections = append(page.Sections, *examples)
	return page, nil
}

// cmpLabels are the class names that any of them knows.
func cmpLabels(a, b *lutra.Model, set *lutra.DataSet) []string {
	for _, labels := range [][]string{a.Labels(), b.Labels(), set.Classes()} {
		if labels != nil {
			return labels
		}
	}
	return nil
}

func percent(share float64) string { return fmt.Sprintf("%.1f %%", 100*share) }

// exampleSection shows images with the best class of both models, those on
// which they differ first.
func exampleSection(set *lutra.DataSet, p lutra.Preprocess, c *lutra.Comparison, labels []string) (*report.Section, error) {
	order := make([]int, c.N)
	for i := range order {
		order[i] = i
	}
	same := func(i int) int {
		if c.ABest[i] == c.BBest[i] {
			return 1
		}
		return 0
	}
	slices.SortStableFunc(order, func(i, j int) int { return same(i) - same(j) })
	order = order[:min(len(order), shownExamples)]
	s := &report.Section{Title: "Images", Text: fmt.Sprintf("%d of %d images, those on which A and B differ first.", len(order), c.N)}
	for _, i := range order {
		picture, err := thumbnail(set, i, p)
		if err != nil {
			return nil, err
		}
		card := report.Card{Image: picture, Marked: same(i) == 0, Lines: []string{className(labels, c.ABest[i])}}
		if card.Marked {
			card.Lines = []string{"A: " + className(labels, c.ABest[i]), "B: " + className(labels, c.BBest[i])}
		}
		if label := set.Label(i); label != data.Unlabelled {
			card.Lines = append(card.Lines, "label: "+className(labels, label))
		}
		s.Cards = append(s.Cards, card)
	}
	return s, nil
}

// contactSheet shows images with their best classes; labelled ones that are wrong are marked.
func contactSheet(m *lutra.Model, sets []predictions, p lutra.Preprocess) (*report.Page, error) {
	page := &report.Page{Title: "What " + m.Path() + " sees"}
	for _, s := range sets {
		section := report.Section{Title: s.set.Path()}
		if n := len(s.Image); n > mostExamples {
			section.Text = fmt.Sprintf("The first %d of %d images.", mostExamples, n)
		}
		for i, x := range s.Image[:min(len(s.Image), mostExamples)] {
			picture, err := thumbnail(s.set, i, p)
			if err != nil {
				return nil, err
			}
			card := report.Card{Image: picture, Lines: []string{x.Image}}
			for _, c := range x.Best[:min(len(x.Best), 3)] {
				card.Lines = append(card.Lines, fmt.Sprintf("%.3g %s", c.Score, cmp.Or(c.Label, fmt.Sprintf("class %d", c.Class))))
			}
			if label := s.set.Label(i); label != data.Unlabelled && label != x.Best[0].Class {
				card.Marked = true
				card.Lines = append(card.Lines, "label: "+className(s.set.Classes(), label))
			}
			section.Cards = append(section.Cards, card)
		}
		page.Sections = append(page.Sections, section)
	}
	return page, nil
}

// latencySection draws the time of every layer of the models, measured by
// itself: side by side where they have layers of the same names; nil if the mode
// has no steps to measure.
func latencySection(ctx context.Context, batch int, models ...*lutra.Model) (*report.Section, error) {
	s := &report.Section{Title: "Time by layer", Text: "The least of several runs of every step of the plan, named after its first node."}
	var both plot.Bars
	shared := len(models) == 1
	for i, m := range models {
		plan, err := m.MeasuredPlan(ctx, batch)
		if err != nil {
			return nil, err
		}
		if plan.MeasuredUS == 0 {
			return nil, nil
		}
		var bars plot.Bars
		shared = addTimes(&both, plan, i) || shared
		addTimes(&bars, plan, 0)
		bars.Title = fmt.Sprintf("microseconds by step, %s", modelName(models, i))
		both.Groups[i].Name = modelName(models, i)
		s.Figures = append(s.Figures, report.Drawing("", bars))
	}
	if shared && len(models) > 1 {
		both.Title = "microseconds by step"
		s.Figures = []report.Figure{report.Drawing("", both)}
	}
	return s, nil
}

// modelName is A or B where there are two models.
func modelName(models []*lutra.Model, i int) string {
	if len(models) == 1 {
		return models[i].Path()
	}
	return string(rune('A' + i))
}

// addTimes adds the times of a plan as group i and reports whether most of its steps have a row already.
func addTimes(bars *plot.Bars, plan *lutra.Plan, i int) (known bool) {
	bars.Groups = append(bars.Groups, plot.Group{Values: make([]float64, len(bars.Names))})
	values := &bars.Groups[i].Values
	for row := range *values {
		(*values)[row] = -1 // no bar
	}
	old := 0
	for _, step := range plan.Steps {
		name := step.Kernel // of conversions, which belong to no node: all in one bar
		if len(step.Nodes) > 0 {
			name = cmp.Or(step.Nodes[0], step.Ops)
		}
		row := slices.Index(bars.Names, name)
		if row < 0 {
			row = len(bars.Names)
			bars.Names, *values = append(bars.Names, name), append(*values, -1)
		} else {
			old++
		}
		(*values)[row] = max((*values)[row], 0) + step.MeasuredUS
	}
	return 2*old > len(plan.Steps)
}

// benchPage shows one or two measured models; times are sorted.
func benchPage(ctx context.Context, models []*lutra.Model, results []*benchResult, times [][]float64) (*report.Page, error) {
	r := results[0]
	page := &report.Page{
		Title: fmt.Sprintf("%.3g ms: %s", r.MedianMS, r.Model),
		Lead:  fmt.Sprintf("Medians of %d repeats, batch %d, threads %d, mode %s.", r.Repeats, r.Batch, r.Threads, r.Mode),
	}
	chart := plot.Chart{Title: "milliseconds, sorted", X: "share of the repeats, %", Y: "ms"}
	for i, r := range results {
		name := modelName(models, i)
		if len(models) == 2 {
			page.Lead += fmt.Sprintf(" %s is %s.", name, r.Model)
		}
		page.Facts = append(page.Facts,
			report.Fact{Value: fmt.Sprintf("%.3g ms", r.MedianMS), Name: "median of " + name},
			report.Fact{Value: fmt.Sprintf("%.1f", float64(r.MACs)/r.MedianMS/1e6), Name: "GMAC/s of " + name})
		s := plot.Series{Name: name, Y: times[i]}
		for k := range times[i] {
			s.X = append(s.X, 100*(float64(k)+0.5)/float64(len(times[i])))
		}
		chart.Series = append(chart.Series, s)
	}
	if r.Versus != nil {
		page.Facts = append(page.Facts, report.Fact{Value: fmt.Sprintf("%.2fx", r.Speedup), Name: "time of B over A"})
	}
	page.Sections = []report.Section{{Title: "Repeats", Figures: []report.Figure{report.Drawing("", chart)}}}
	layers, err := latencySection(ctx, r.Batch, models...)
	if err != nil {
		return nil, err
	}
	if layers != nil {
		page.Sections = append(page.Sections, *layers)
	}
	return page, nil
}
