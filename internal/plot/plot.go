// Package plot writes charts of lines and of bars as SVG: text that any browser shows, on light
// and on dark pages. The same data give the same bytes.
package plot

import (
	"fmt"
	"html"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Series is a line through points in the order given.
type Series struct {
	Name   string
	X, Y   []float64 // of the same length; points that are not finite, or beyond 1e30, break the line
	Marked bool      // with a dot at every point
}

// Chart is a pair of axes with lines. Charts of a Figure lie side by side.
type Chart struct {
	Title, X, Y string // of the axes
	Logarithmic bool   // the axis of Y, whose values that are not above 1e-30 then break the line
	Series      []Series
}

// The measures of a chart, in pixels: narrow enough that a phone shows letters
// at their size.
const (
	width, height         = 400, 300
	left, right           = 58, 16
	top, bottom           = 44, 46
	plotWidth, plotHeight = width - left - right, height - top - bottom
)

// Style is the style sheet of all drawings; an SVG document of Write has it. Its
// colours keep a contrast of 3:1 on white as on black, told apart with colour
// blindness too (Okabe and Ito, 2008, darkened and lightened).
const Style = `<style>
svg text{font:12px system-ui,sans-serif;fill:#333}svg .title{font-size:14px;font-weight:600}svg .small{font-size:11px}
.grid{stroke:#ddd;stroke-width:1}.axis{stroke:#888;stroke-width:1}
path{stroke-width:1.8;stroke-linejoin:round}
.all{fill:none;stroke:#ccc;stroke-width:0.8}
.s0,.s1,.s2,.s3{fill:none}.s0{stroke:#0072b2}.s1{stroke:#c55a00}.s2{stroke:#00805c}.s3{stroke:#a0528c}
.d0{fill:#0072b2}.d1{fill:#c55a00}.d2{fill:#00805c}.d3{fill:#a0528c}
@media(prefers-color-scheme:dark){svg text{fill:#ddd}.grid{stroke:#3a3a3a}.axis{stroke:#888}.all{stroke:#555}
.s0{stroke:#56b4e9}.s1{stroke:#f0913a}.s2{stroke:#2fc79c}.s3{stroke:#d98cc6}
.d0{fill:#56b4e9}.d1{fill:#f0913a}.d2{fill:#2fc79c}.d3{fill:#d98cc6}}
</style>
`

// letter is the width of one, about, in pixels.
const letter = 6.5

// colours is the number of styles of lines; more lines repeat them.
const colours = 4

// Drawing is what Write lays side by side: a Chart, Bars.
type Drawing interface {
	size() (width, height int)
	write(b *strings.Builder) // into its own system of coordinates, from 0 0
}

// Write writes the drawings side by side as one SVG document.
func Write(w io.Writer, drawings ...Drawing) error {
	return write(w, Style, drawings)
}

// WriteInline is Write for a place in an HTML page that has Style already.
func WriteInline(w io.Writer, drawings ...Drawing) error { return write(w, "", drawings) }

func write(w io.Writer, style string, drawings []Drawing) error {
	x, height := 0, 0
	var body strings.Builder
	for _, d := range drawings {
		dw, dh := d.size()
		fmt.Fprintf(&body, `<g transform="translate(%d 0)">`+"\n", x)
		d.write(&body)
		body.WriteString("</g>\n")
		x, height = x+dw, max(height, dh)
	}
	_, err := fmt.Fprintf(w, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img">`+"\n%s%s</svg>\n",
		x, height, x, height, style, body.String())
	return err
}

func (c Chart) size() (int, int) { return width, height }

func (c Chart) write(b *strings.Builder) {
	if c.Logarithmic {
		c.Series = logarithms(c.Series)
	}
	x, y := newAxis(c.Series, func(s Series) []float64 { return s.X }), newAxis(c.Series, func(s Series) []float64 { return s.Y })
	name := y.label
	if c.Logarithmic {
		name = func(v float64) string { return strconv.FormatFloat(math.Pow(10, v), 'g', 2, 64) }
	}
	fmt.Fprintf(b, `<text class="title" x="%d" y="18">%s</text>`+"\n", left, html.EscapeString(c.Title))
	for _, v := range y.ticks() {
		p := top + plotHeight*(1-y.place(v))
		fmt.Fprintf(b, `<line class="grid" x1="%d" y1="%.1f" x2="%d" y2="%.1f"/><text x="%d" y="%.1f" text-anchor="end">%s</text>`+"\n",
			left, p, width-right, p, left-6, p+4, name(v))
	}
	for _, v := range x.ticks() {
		p := left + plotWidth*x.place(v)
		fmt.Fprintf(b, `<text x="%.1f" y="%d" text-anchor="middle">%s</text>`+"\n", p, height-bottom+17, x.label(v))
	}
	fmt.Fprintf(b, `<line class="axis" x1="%d" y1="%d" x2="%d" y2="%d"/>`+"\n", left, height-bottom, width-right, height-bottom)
	fmt.Fprintf(b, `<text x="%d" y="%d" text-anchor="middle">%s</text>`+"\n", left+plotWidth/2, height-10, html.EscapeString(c.X))
	fmt.Fprintf(b, `<text transform="translate(14 %d) rotate(-90)" text-anchor="middle">%s</text>`+"\n", top+plotHeight/2, html.EscapeString(c.Y))
	for i, s := range c.Series {
		s.write(b, i%colours, chartBox, x, y)
	}
	c.legend(b)
}

// logarithms is a copy of the series with the logarithm of Y; what has none is not finite.
func logarithms(series []Series) []Series {
	out := slices.Clone(series)
	for i := range out {
		out[i].Y = make([]float64, len(series[i].Y))
		for k, v := range series[i].Y {
			if out[i].Y[k] = math.NaN(); finite(v) && v > 1e-30 {
				out[i].Y[k] = math.Log10(v)
			}
		}
	}
	return out
}

// box is where the plot lies, in pixels.
type box struct{ left, top, width, height float64 }

var chartBox = box{left, top, plotWidth, plotHeight}

func (s *Series) write(b *strings.Builder, colour int, in box, x, y axis) {
	if line, dots := s.path(colour, in, x, y); line != "" {
		fmt.Fprintf(b, `<path class="s%d" d="%s"/>%s`+"\n", colour, line, dots)
	}
}

// path is the line as SVG's commands, and dots where it is marked.
func (s *Series) path(colour int, in box, x, y axis) (string, string) {
	var line, dots strings.Builder
	command := "M"
	for i := range min(len(s.X), len(s.Y)) {
		if !finite(s.X[i]) || !finite(s.Y[i]) {
			command = "M"
			continue
		}
		px, py := in.left+in.width*x.place(s.X[i]), in.top+in.height*(1-y.place(s.Y[i]))
		fmt.Fprintf(&line, "%s%.1f %.1f", command, px, py)
		command = "L"
		if s.Marked {
			fmt.Fprintf(&dots, `<circle class="d%d" cx="%.1f" cy="%.1f" r="2.5"/>`, colour, px, py)
		}
	}
	return line.String(), dots.String()
}

// legend names the lines above the plot, if there are several.
func (c Chart) legend(b *strings.Builder) {
	if len(c.Series) < 2 {
		return
	}
	at := float64(left)
	for i, s := range c.Series {
		fmt.Fprintf(b, `<path class="s%d" d="M%.1f 32h16"/><text x="%.1f" y="36">%s</text>`+"\n", i%colours, at, at+21, html.EscapeString(s.Name))
		at += 21 + letter*float64(len([]rune(s.Name))) + 14
	}
}

// finite says whether v can be drawn: a number that is not absurdly large.
func finite(v float64) bool { return math.Abs(v) < 1e30 }

// axis maps values from low...high to 0...1; marks lie at multiples of step.
type axis struct{ low, high, step float64 }

// newAxis covers the finite values of all series, rounded outwards to marks.
func newAxis(series []Series, of func(Series) []float64) axis {
	low, high := extent(series, of)
	switch {
	case low > high:
		low, high = 0, 1
	case high-low <= 1e-9*max(math.Abs(low), math.Abs(high)) || high-low < 1e-30:
		low, high = low-max(math.Abs(low)/2, 0.5), high+max(math.Abs(high)/2, 0.5)
	}
	a := axis{step: niceStep((high - low) / 4)}
	a.low, a.high = math.Floor(low/a.step)*a.step, math.Ceil(high/a.step)*a.step
	return a
}

// extent is the least and the largest finite value of all series; the least is
// the larger if there are none.
func extent(series []Series, of func(Series) []float64) (low, high float64) {
	low, high = math.Inf(1), math.Inf(-1)
	for _, s := range series {
		for _, v := range of(s) {
			if finite(v) {
				low, high = min(low, v), max(high, v)
			}
		}
	}
	return low, high
}

// niceStep is the smallest of 1, 2, 5 times a power of ten that is not below v.
func niceStep(v float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(v)))
	for _, f := range []float64{1, 2, 5} {
		if f*power >= v*(1-1e-9) {
			return f * power
		}
	}
	return 10 * power
}

func (a axis) place(v float64) float64 { return (v - a.low) / (a.high - a.low) }

func (a axis) ticks() []float64 {
	n := int(math.Round((a.high - a.low) / a.step))
	t := make([]float64, 0, n+1)
	for i := range n + 1 {
		t = append(t, a.low+float64(i)*a.step)
	}
	return t
}

// label is v with as many digits as the step has.
func (a axis) label(v float64) string {
	if math.Abs(v) < a.step/2 {
		return "0"
	}
	if m := max(math.Abs(a.low), math.Abs(a.high)); m >= 1e6 || a.step < 1e-4 {
		return strconv.FormatFloat(v, 'g', 4, 64)
	}
	return strconv.FormatFloat(v, 'f', max(0, -int(math.Floor(math.Log10(a.step)*(1+1e-12)))), 64)
}
