package plot

import (
	"fmt"
	"html"
	"math"
	"strconv"
	"strings"
)

// Bars is a chart of horizontal bars from 0: a row for every name, in it a bar
// for every group.
type Bars struct {
	Title  string
	Names  []string
	Groups []Group
	Format func(float64) string // of a value, beside its bar; nil: three digits
}

// Group is one number for every name; numbers below 0 and those that are not finite have no bar.
type Group struct {
	Name   string
	Values []float64
	Labels []string // beside the bars, instead of what Format says; nil: that
}

// The measures of a chart of bars, in pixels.
const (
	barThickness = 11
	rowGap       = 7
	nameWidth    = 160
	valueWidth   = 92
	nameLetters  = 19
)

// threeDigits is v as people write it: three digits, or all before the point.
func threeDigits(v float64) string {
	if v >= 1000 && v < 1e7 {
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}

func (c Bars) row() int { return len(c.Groups)*barThickness + rowGap }

func (c Bars) head() int {
	if len(c.Groups) > 1 {
		return top
	}
	return top - 14
}

func (c Bars) size() (int, int) { return width, c.head() + c.row()*len(c.Names) + 8 }

func (c Bars) write(b *strings.Builder) {
	fmt.Fprintf(b, `<text class="title" x="0" y="18">%s</text>`+"\n", html.EscapeString(c.Title))
	if len(c.Groups) > 1 {
		at := 0
		for i, g := range c.Groups {
			fmt.Fprintf(b, `<rect class="d%d" x="%d" y="28" width="10" height="10"/><text x="%d" y="37">%s</text>`+"\n", i%colours, at, at+15, html.EscapeString(g.Name))
			at += 15 + 7*len([]rune(g.Name)) + 14
		}
	}
	format := c.Format
	if format == nil {
		format = threeDigits
	}
	scale := (width - nameWidth - valueWidth) / c.largest()
	for r, name := range c.Names {
		y := c.head() + r*c.row()
		fmt.Fprintf(b, `<text x="%d" y="%.1f" text-anchor="end">%s</text>`+"\n",
			nameWidth-6, float64(y)+float64(c.row()-rowGap)/2+4, html.EscapeString(shorten(name, nameLetters)))
		for i, g := range c.Groups {
			if r >= len(g.Values) || !finite(g.Values[r]) || g.Values[r] < 0 {
				continue
			}
			long, label := g.Values[r]*scale, format(g.Values[r])
			if r < len(g.Labels) {
				label = g.Labels[r]
			}
			fmt.Fprintf(b, `<rect class="d%d" x="%d" y="%d" width="%.1f" height="%d"/><text class="small" x="%.1f" y="%d">%s</text>`+"\n",
				i%colours, nameWidth, y+i*barThickness, long, barThickness-1, nameWidth+long+4, y+i*barThickness+barThickness-1, html.EscapeString(label))
		}
	}
}

func (c Bars) largest() float64 {
	largest := 0.
	for _, g := range c.Groups {
		for _, v := range g.Values {
			if finite(v) {
				largest = max(largest, v)
			}
		}
	}
	if largest < 1e-300 {
		return 1
	}
	return largest
}

// shorten leaves out the middle of a name of more than n letters: names of layers differ at both ends.
func shorten(name string, n int) string {
	r := []rune(name)
	if len(r) <= n {
		return name
	}
	return string(r[:n/2-1]) + "…" + string(r[len(r)-n+n/2:])
}

// Spark is a histogram without axes, of bars that touch: the shape of counts at a glance.
type Spark struct{ Counts []int }

const sparkWidth, sparkHeight = 128, 28

func (s Spark) size() (int, int) { return sparkWidth, sparkHeight }

func (s Spark) write(b *strings.Builder) {
	most := 1
	for _, n := range s.Counts {
		most = max(most, n)
	}
	step := float64(sparkWidth) / float64(max(1, len(s.Counts)))
	b.WriteString(`<path class="d0" d="`)
	fmt.Fprintf(b, "M0 %d", sparkHeight)
	for i, n := range s.Counts {
		h := float64(sparkHeight) * (1 - math.Max(0, float64(n))/float64(most))
		fmt.Fprintf(b, "L%.1f %.1fL%.1f %.1f", step*float64(i), h, step*float64(i+1), h)
	}
	fmt.Fprintf(b, `L%d %dZ"/>`+"\n", sparkWidth, sparkHeight)
}
