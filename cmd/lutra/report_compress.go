package main

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"lutra"
	"lutra/internal/compress"
	"lutra/internal/plot"
	"lutra/internal/report"
)

// pageImages bounds the calibration images on which the page compares both
// networks, fewExamples those that it shows.
const (
	pageImages  = 96
	fewExamples = 24
)

// compressPage shows what became of a network: what it stores, what it still
// sees, how long it takes, and how the budget was spent.
func (c *compressFlags) compressPage(cmd *cobra.Command, n *network, made *compressed, size int64) (*report.Page, error) {
	page, err := savedPage(made.model, n.model, c.out, size)
	if err != nil {
		return nil, err
	}
	before := n.model.FileBytes()
	page.Facts[1] = report.Fact{Value: fmt.Sprintf("%.1fx", float64(before)/float64(size)), Name: "smaller: " + bytesText(before) + " before"}
	books := slices.IndexFunc(page.Sections, func(s report.Section) bool { return s.Large })
	if books < 0 {
		books = len(page.Sections)
	}
	insert := func(s ...report.Section) {
		page.Sections = slices.Insert(page.Sections, books, s...)
		books += len(s)
	}
	insert(c.budget.sections()...)
	times, err := latencySection(cmd.Context(), 1, []string{"float", "compressed"}, n.model, made.model)
	if err != nil {
		return nil, err
	}
	if times != nil {
		times.Text += " Both in float32; lutra bench --vs --mode int8 --report shows other arithmetics."
		insert(*times)
	}
	if n.set == nil {
		return page, nil
	}
	images, agreement, err := c.imageSection(cmd, n, made.model)
	if err != nil {
		return nil, err
	}
	page.Facts = append(page.Facts, agreement)
	insert(*images)
	return page, nil
}

// imageSection shows what both networks say about calibration images.
func (c *compressFlags) imageSection(cmd *cobra.Command, n *network, small *lutra.Model) (*report.Section, report.Fact, error) {
	set := n.set.Subset(pageImages, 1)
	r, err := lutra.Compare(cmd.Context(), n.model, small, set, n.p, n.p, lutra.EvalOptions{})
	if err != nil {
		return nil, report.Fact{}, err
	}
	s, err := exampleSection(set, n.p, r, fewExamples, [2]string{"float", "compressed"}, cmpLabels(n.model, small, set))
	return s, report.Fact{Value: percent(r.Agreement), Name: fmt.Sprintf("same best class on %d calibration images", r.N)}, err
}

// sections show how the budget was spent; none without one.
func (b *budgetFlags) sections() []report.Section {
	var all []report.Section
	if len(b.tried) > 0 {
		all = append(all, b.curve())
	}
	if len(b.rivals) > 1 {
		t := &report.Table{Columns: []string{"blocks chosen from", "damage on images held out"}}
		for _, r := range b.rivals {
			t.Rows = append(t.Rows, []string{r.title(), fmt.Sprintf("%.4f", r.damage)})
		}
		all = append(all, report.Section{Title: "Choices that competed", Table: t})
	}
	if len(b.layers) > 0 {
		all = append(all, sensitivitySection(b.layers))
	}
	return all
}

// curve draws what was lost at the sizes that were tried.
func (b *budgetFlags) curve() report.Section {
	tried := slices.SortedFunc(slices.Values(b.tried), func(x, y tried) int { return cmp.Compare(x.bytes, y.bytes) })
	s := plot.Series{Marked: true}
	for _, t := range tried {
		s.X, s.Y = append(s.X, float64(t.bytes)/1024), append(s.Y, 100*(1-t.lost))
	}
	chart := plot.Chart{Title: "what is kept at which size", X: "KiB", Y: "calibration images kept, %", Series: []plot.Series{s}}
	return report.Section{Title: "Accuracy by size", Figures: []report.Figure{report.Drawing("", chart)},
		Text: fmt.Sprintf("Files that were tried on the way to the smallest that loses at most %s of the calibration images.", b.dropText)}
}

// sensitivitySection draws what every layer costs, a chart for each.
func sensitivitySection(layers []lutra.Sensitivity) report.Section {
	g := sensitivityGrid("", layers)
	s := report.Section{Title: "Sensitivity", Text: "Across: bytes of one layer. Up: damage, the squared error of the network's outputs over their variance when this layer alone is stored so. " +
		"Dots are ways to store it, the line joins those that budgets choose from, grey are the lines of all layers."}
	key := report.Drawing("", g.Key())
	key.Wide, s.Small = true, true
	s.Figures = append(s.Figures, key)
	for _, d := range g.Drawings() {
		s.Figures = append(s.Figures, report.Drawing("", d))
	}
	return s
}

// sensitivityGrid draws the damage of every layer over its bytes: dots for the
// ways to store it, a line along those that budgets choose from.
func sensitivityGrid(title string, layers []lutra.Sensitivity) *plot.Grid {
	const leastDamage = 1e-6 // smaller ones are as good as none
	g := &plot.Grid{Title: title, X: "bytes of the layer", Y: "damage: squared error of the outputs over their variance", Floor: leastDamage}
	for kind := range len(lutra.CompressOptions{}.Specs) {
		g.Styles = append(g.Styles, compress.Kind(kind).String())
	}
	for _, l := range layers {
		p := plot.Panel{Title: layerTitle(l.Name, l.Node), Style: int(l.Kind)}
		p.Line, p.Dots = damages(l.Hull()), damages(l.Candidates)
		g.Panels = append(g.Panels, p)
	}
	return g
}
