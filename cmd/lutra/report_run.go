package main

import (
	"cmp"
	"context"
	"fmt"
	"html/template"
	"image"
	"path"
	"path/filepath"
	"slices"
	"strings"

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
	if max(m.W, m.H) < thumbnailSide/2 { // every pixel counts
		return report.Picture(img, 1, set.Name(i))
	}
	return report.Photo(img, set.Name(i))
}

// className is a class by its label, if there is one; of several synonyms the first.
func className(labels []string, class int) string { return shortLabel(labelOf(labels, class), class) }

func shortLabel(label string, class int) string {
	first, _, _ := strings.Cut(label, ",")
	return cmp.Or(first, fmt.Sprintf("class %d", class))
}

// comparePage shows where two models differ, and what each costs.
func comparePage(ctx context.Context, a, b *lutra.Model, set *lutra.DataSet, p lutra.Preprocess, c *lutra.Comparison, aMillis, bMillis float64) (*report.Page, error) {
	page := &report.Page{
		Title: "A and B: same best class on " + percent(c.Agreement),
		Lead: fmt.Sprintf("A is %s (%s), B is %s (%s); %d images of %s.",
			filepath.Base(c.A), bytesText(c.ABytes), filepath.Base(c.B), bytesText(c.BBytes), c.N, set.Path()),
		Facts: []report.Fact{
			{Value: percent(c.Agreement), Name: "same best class"},
			{Value: fmt.Sprintf("%.3g", c.MeanRelError), Name: "difference of scores relative to A, mean"},
			{Value: fmt.Sprintf("%.1fx", float64(c.ABytes)/float64(c.BBytes)), Name: "bytes of A over B"},
			{Value: fmt.Sprintf("%.2fx", aMillis/bMillis), Name: fmt.Sprintf("time of A over B: %.3g and %.3g ms, batch 1", aMillis, bMillis)},
		},
	}
	examples, err := exampleSection(set, p, c, shownExamples, [2]string{"A", "B"}, cmpLabels(a, b, set))
	if err != nil {
		return nil, err
	}
	page.Sections = append(page.Sections, *examples)
	times, err := latencySection(ctx, 1, []string{"A", "B"}, a, b)
	if err != nil {
		return nil, err
	}
	if times != nil {
		page.Sections = append(page.Sections, *times)
	}
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

// exampleSection shows at most so many images with the best class of both
// models, whose names are given; those on which they differ come first.
func exampleSection(set *lutra.DataSet, p lutra.Preprocess, c *lutra.Comparison, most int, names [2]string, labels []string) (*report.Section, error) {
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
	order = order[:min(len(order), most)]
	s := &report.Section{Title: "Images", Text: fmt.Sprintf("%d of %d images, those on which %s and %s differ first.", len(order), c.N, names[0], names[1])}
	for _, i := range order {
		picture, err := thumbnail(set, i, p)
		if err != nil {
			return nil, err
		}
		card := report.Card{Image: picture, Marked: same(i) == 0, Head: className(labels, c.ABest[i])}
		if card.Marked {
			card.Head, card.Lines = "", []string{names[0] + ": " + className(labels, c.ABest[i]), names[1] + ": " + className(labels, c.BBest[i])}
		}
		if label := set.Label(i); label != data.Unlabelled {
			card.Note = "label: " + className(labels, label)
		}
		s.Cards = append(s.Cards, card)
	}
	return s, nil
}

// contactSheet shows images with their best classes; labelled ones that are wrong are marked.
func contactSheet(m *lutra.Model, sets []predictions, p lutra.Preprocess) (*report.Page, error) {
	page := &report.Page{Title: "What " + filepath.Base(m.Path()) + " sees"}
	for _, s := range sets {
		section := report.Section{Title: s.set.Path()}
		if s.set.Labelled() {
			section.Text = "A border marks images whose best class is not their label."
		}
		if n := len(s.Image); n > mostExamples {
			section.Text = strings.TrimSpace(fmt.Sprintf("The first %d of %d images. %s", mostExamples, n, section.Text))
		}
		for i, x := range s.Image[:min(len(s.Image), mostExamples)] {
			picture, err := thumbnail(s.set, i, p)
			if err != nil {
				return nil, err
			}
			card := report.Card{Image: picture, Note: path.Base(filepath.ToSlash(x.Image))}
			for k, c := range x.Best[:min(len(x.Best), 3)] {
				if line := fmt.Sprintf("%.3g %s", c.Score, shortLabel(c.Label, c.Class)); k == 0 {
					card.Head = line
				} else {
					card.Lines = append(card.Lines, line)
				}
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
// itself: side by side where they have the same layers; nil if the mode
// has no steps to measure.
func latencySection(ctx context.Context, batch int, names []string, models ...*lutra.Model) (*report.Section, error) {
	s := &report.Section{Title: "Time by layer", Text: "The least of several runs of every step of the plan, named after its first node or its weight."}
	var both stepTimes
	shared := len(models) == 1
	for i, m := range models {
		plan, err := m.MeasuredPlan(ctx, batch)
		if err != nil {
			return nil, err
		}
		if plan.MeasuredUS == 0 {
			return nil, nil
		}
		var one stepTimes
		shared = both.add(names[i], plan) || shared
		one.add(names[i], plan)
		one.bars.Title = fmt.Sprintf("microseconds by step, %s", names[i])
		s.Figures = append(s.Figures, report.Drawing("", one.bars))
	}
	if shared && len(models) > 1 {
		both.bars.Title = "microseconds by step"
		s.Figures = []report.Figure{report.Drawing("", both.bars)}
	}
	return s, nil
}

// modelName is A or B where there are two models.
func modelName(models []*lutra.Model, i int) string {
	if len(models) == 1 {
		return filepath.Base(models[i].Path())
	}
	return string(rune('A' + i))
}

// stepTimes is a chart of the times of plans.
type stepTimes struct {
	bars plot.Bars
	keys []string // of its rows
}

// add adds the times of a plan as a group and reports whether most of its steps
// have a row already. Steps with weights are the same if the weights have one
// name, others if they are the n-th of their kind.
func (t *stepTimes) add(name string, plan *lutra.Plan) (known bool) {
	group := plot.Group{Name: name, Values: slices.Repeat([]float64{-1}, len(t.keys))} // no bars
	old, nth := 0, map[string]int{}
	for _, step := range plan.Steps {
		key, title := step.Weight, layerName(step.Weight)
		switch {
		case len(step.Nodes) == 0: // conversions belong to no node: all in one bar
			key, title = step.Kernel, step.Kernel
		case key == "":
			nth[step.Ops]++
			key, title = fmt.Sprint(step.Ops, " ", nth[step.Ops]), cmp.Or(nodeTitle(step.Nodes[0]), step.Ops)
		default:
			title = cmp.Or(nodeTitle(step.Nodes[0]), title)
		}
		row := slices.Index(t.keys, key)
		if row < 0 {
			row = len(t.keys)
			t.keys, t.bars.Names, group.Values = append(t.keys, key), append(t.bars.Names, title), append(group.Values, -1)
		} else {
			old++
			if name := &t.bars.Names[row]; !telling(*name) && title != "" {
				*name = title // compressing leaves such names out
			}
		}
		group.Values[row] = max(group.Values[row], 0) + step.MeasuredUS
	}
	t.bars.Groups = append(t.bars.Groups, group)
	return 2*old > len(plan.Steps)
}

// telling says whether a name is one that people gave, not a number of PyTorch's
// or a letter of ours.
func telling(name string) bool { return len(name) > 3 && !madeUp(name) }

// nodeTitle is the name of a node without what it says twice: PyTorch writes
// /layer1/layer1.0/conv1/Conv.
func nodeTitle(name string) string {
	var kept []string
	parts := strings.Split(strings.Trim(name, "/"), "/")
	for i, part := range parts {
		if i+1 < len(parts) && strings.HasPrefix(parts[i+1], part+".") || i > 0 && strings.HasPrefix(part, "Conv") {
			continue
		}
		kept = append(kept, part)
	}
	return strings.Join(kept, "/")
}

// benchPage shows one or two measured models; times are sorted.
func benchPage(ctx context.Context, models []*lutra.Model, results []*benchResult, times [][]float64) (*report.Page, error) {
	r := results[0]
	page := &report.Page{
		Title: fmt.Sprintf("%.3g ms: %s", r.MedianMS, filepath.Base(r.Model)),
		Lead:  fmt.Sprintf("Medians of %d repeats, batch %d, threads %d, mode %s.", r.Repeats, r.Batch, r.Threads, r.Mode),
	}
	chart := plot.Chart{Title: "milliseconds, sorted", X: "share of the repeats, %", Y: "ms"}
	for i, r := range results {
		name := modelName(models, i)
		if len(models) == 2 {
			page.Lead += fmt.Sprintf(" %s is %s.", name, filepath.Base(r.Model))
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
	var names []string
	for i := range models {
		names = append(names, modelName(models, i))
	}
	layers, err := latencySection(ctx, r.Batch, names, models...)
	if err != nil {
		return nil, err
	}
	if layers != nil {
		page.Sections = append(page.Sections, *layers)
	}
	return page, nil
}
