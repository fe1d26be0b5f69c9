package plot

import (
	"fmt"
	"html"
	"io"
	"math"
	"slices"
	"strings"
)

// Panel is one chart of a Grid: points, and a line through some of them. Numbers
// are positive; what is not breaks the line.
type Panel struct {
	Title string
	Line  Series
	Dots  Series
	Style int // index of Grid.Styles
}

// Grid is many small charts with the same two logarithmic axes. Each shows its
// points and line over the lines of all in grey.
type Grid struct {
	Title, X, Y string   // of the whole, and of the axes
	Styles      []string // what the colours mean; at most four
	// Floor is the least Y drawn: smaller ones lie on it.
	Floor  float64
	Panels []Panel
}

// The measures of a grid, in pixels.
const (
	panelWidth, panelHeight = 188, 118
	panelGap, titleRoom     = 14, 22
	aloneWidth, aloneHeight = 126, 96 // of a panel that stands alone: two beside each other on a phone
	aloneLeft, aloneFoot    = 40, 22  // room for its marks
	aloneRight              = 4
	gridLeft, gridTop       = 74, 54
	gridBottom, gridRight   = 52, 18
	gridColumns             = 5
)

// Write writes the grid as an SVG document.
func (g *Grid) Write(w io.Writer) error {
	columns := max(1, min(gridColumns, len(g.Panels)))
	rows := max(1, (len(g.Panels)+columns-1)/columns)
	wide := gridLeft + columns*(panelWidth+panelGap) + gridRight
	high := gridTop + rows*(panelHeight+titleRoom+panelGap) + gridBottom
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img">`+"\n", wide, high, wide, high)
	b.WriteString(Style)
	fmt.Fprintf(&b, `<text class="title" x="%d" y="20">%s</text>`+"\n", gridLeft, html.EscapeString(g.Title))
	g.legend(&b, gridLeft, 36)
	for i, p := range g.panels(panelWidth, panelHeight) {
		left, top := gridLeft+i%columns*(panelWidth+panelGap), gridTop+titleRoom+i/columns*(panelHeight+titleRoom+panelGap)
		p.draw(&b, left, top, 0, i%columns == 0, i+columns >= len(g.Panels))
	}
	fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="middle">%s</text>`+"\n", (gridLeft+wide-gridRight)/2, high-12, html.EscapeString(g.X))
	fmt.Fprintf(&b, `<text transform="translate(18 %d) rotate(-90)" text-anchor="middle">%s</text>`+"\n</svg>\n", (gridTop+high-gridBottom)/2, html.EscapeString(g.Y))
	_, err := io.WriteString(w, b.String())
	return err
}

// Drawings are the panels one by one, each with its marks, for a page that lays
// them out by its width. They belong into one page: the first has what the
// others refer to.
func (g *Grid) Drawings() []Drawing {
	var all []Drawing
	for _, p := range g.panels(aloneWidth, aloneHeight) {
		all = append(all, p)
	}
	return all
}

// Key is the legend of Drawings.
func (g *Grid) Key() Drawing { return key{g} }

type key struct{ grid *Grid }

func (k key) size() (int, int)         { return width, titleRoom }
func (k key) write(b *strings.Builder) { k.grid.legend(b, 0, titleRoom/2) }

// panel is a Panel on the axes of its grid.
type panel struct {
	grid       *Grid
	at         int // of Grid.Panels
	box        box
	line, dots Series
	x, y       axis
	grey       string // path of the lines of all panels; only the first has it
}

// panels scales the panels of g to a size.
func (g *Grid) panels(width, height float64) []*panel {
	var all []*panel
	var lines, both []Series
	for i, p := range g.Panels {
		all = append(all, &panel{grid: g, at: i, box: box{width: width, height: height}, line: g.scaled(p.Line, false), dots: g.scaled(p.Dots, true)})
		lines, both = append(lines, all[i].line), append(both, all[i].line, all[i].dots)
	}
	x, y := decades(both, func(s Series) []float64 { return s.X }), decades(both, func(s Series) []float64 { return s.Y })
	for i, p := range all {
		if p.x, p.y = x, y; i == 0 {
			p.grey = context(lines, p.box, x, y)
		}
	}
	return all
}

func (p *panel) size() (int, int) {
	return aloneLeft + aloneWidth + aloneRight, titleRoom + aloneHeight + aloneFoot
}

func (p *panel) write(b *strings.Builder) { p.draw(b, aloneLeft, titleRoom, aloneLeft, true, true) }

// draw draws p at a place, with the marks of its axes or without; its title may
// begin so far to the left of it.
func (p *panel) draw(b *strings.Builder, left, top, before int, leftmost, lowest bool) {
	if p.grey != "" {
		fmt.Fprintf(b, `<defs><path id="all" class="all" d="%s"/></defs>`+"\n", p.grey)
	}
	style := p.grid.Panels[p.at].Style % colours
	fmt.Fprintf(b, `<g transform="translate(%d %d)">`+"\n", left, top)
	p.frame(b, before, leftmost, lowest)
	p.line.write(b, style, p.box, p.x, p.y)
	_, marks := p.dots.path(style, p.box, p.x, p.y)
	b.WriteString(marks + "</g>\n")
}

// scaled is s on the axes of g.
func (g *Grid) scaled(s Series, marked bool) Series {
	y := slices.Clone(s.Y)
	for i, v := range y {
		if v < g.Floor {
			y[i] = g.Floor
		}
	}
	return Series{X: logarithms([]Series{{Y: s.X}})[0].Y, Y: logarithms([]Series{{Y: y}})[0].Y, Marked: marked}
}

// legend says what the colours that occur mean, in a line around y.
func (g *Grid) legend(b *strings.Builder, left, y int) {
	at := float64(left)
	for i, name := range g.Styles {
		for _, p := range g.Panels {
			if p.Style == i {
				fmt.Fprintf(b, `<path class="s%d" d="M%.1f %dh16"/><circle class="d%d" cx="%.1f" cy="%d" r="2.5"/><text x="%.1f" y="%d">%s</text>`+"\n",
					i%colours, at, y, i%colours, at+8, y, at+21, y+4, html.EscapeString(name))
				at += 21 + letter*float64(len([]rune(name))) + 14
				break
			}
		}
	}
}

// frame draws what lies behind the line of p, and names marks at the edges of the grid.
func (p *panel) frame(b *strings.Builder, before int, leftmost, lowest bool) {
	title, right, foot := p.grid.Panels[p.at].Title, p.box.width, p.box.height
	name := []rune(title)
	if fit := int((right + float64(before)) / letter); len(name) > fit { // ends tell more than beginnings
		name = append([]rune("…"), name[len(name)-fit+1:]...)
	}
	fmt.Fprintf(b, `<text x="%d" y="-8">%s<title>%s</title></text>`+"\n", -before, html.EscapeString(string(name)), html.EscapeString(title))
	for _, v := range p.y.ticks() {
		at := foot * (1 - p.y.place(v))
		fmt.Fprintf(b, `<line class="grid" x1="0" y1="%.1f" x2="%.0f" y2="%.1f"/>`+"\n", at, right, at)
		if leftmost {
			fmt.Fprintf(b, `<text x="-6" y="%.1f" text-anchor="end">%s</text>`+"\n", at+4, powerOfTen(v))
		}
	}
	ticks := p.x.ticks()
	for k, v := range ticks {
		at := right * p.x.place(v)
		fmt.Fprintf(b, `<line class="grid" x1="%.1f" y1="0" x2="%.1f" y2="%.0f"/>`+"\n", at, at, foot)
		if lowest && p.fits(ticks, k) {
			anchor := "middle"
			if k == 0 {
				anchor = "start"
			} else if k == len(ticks)-1 {
				anchor = "end"
			}
			fmt.Fprintf(b, `<text x="%.1f" y="%.0f" text-anchor="%s">%s</text>`+"\n", at, foot+16, anchor, powerOfTen(v))
		}
	}
	b.WriteString(`<use href="#all"/>`)
}

// fits says whether mark k, centred below its tick, leaves room for the first
// and the last, which stand within the panel.
func (p *panel) fits(ticks []float64, k int) bool {
	last := len(ticks) - 1
	if k == 0 || k == last {
		return true
	}
	wide := func(k int) float64 { return letter * float64(len(powerOfTen(ticks[k]))) }
	at, half := p.box.width*p.x.place(ticks[k]), wide(k)/2
	return at-half > wide(0) && at+half < p.box.width-wide(last)
}

// context is the path of all lines.
func context(series []Series, in box, x, y axis) string {
	var d strings.Builder
	for _, s := range series {
		line, _ := s.path(0, in, x, y)
		d.WriteString(line)
	}
	return d.String()
}

// decades is an axis of logarithms with marks at powers of ten, five at most.
func decades(series []Series, of func(Series) []float64) axis {
	low, high := extent(series, of)
	if low > high {
		low, high = 0, 1
	}
	low, high = math.Floor(low+1e-9), math.Ceil(high-1e-9)
	high = max(high, low+1)
	step := math.Ceil((high - low) / 4)
	return axis{low: low, high: low + step*math.Ceil((high-low)/step), step: step}
}

// powerOfTen is 10 to the power of v, as people write it.
func powerOfTen(v float64) string {
	n := int(math.Round(v))
	switch {
	case n >= -2 && n <= 2:
		return fmt.Sprint([]string{"0.01", "0.1", "1", "10", "100"}[n+2])
	case n >= 3 && n < 12:
		return []string{"1", "10", "100"}[n%3] + []string{"k", "M", "G"}[n/3-1]
	}
	return fmt.Sprintf("1e%d", n)
}
