package plot

import (
	"fmt"
	"html"
	"math"
	"strconv"
	"strings"
)

// Heat is a table of numbers as coloured cells: the darker, the larger.
type Heat struct {
	Title, X, Y   string // of the whole, and of the axes
	Columns, Rows []string
	Values        [][]float64 // by row; cells that are not finite are left empty
	// Place is a growing function, on whose scale colours are even; nil: the value itself.
	Place  func(float64) float64
	Format func(float64) string // of a value, in its cell; nil: three digits
}

// The measures of a heat map, in pixels.
const (
	cellWidth, cellHeight = 52, 30
	heatLeft, heatTop     = 74, 40
	heatRight, heatBottom = 16, 50
)

func (h Heat) size() (int, int) {
	wide := heatLeft + cellWidth*len(h.Columns) + heatRight
	return max(wide, heatLeft+int(letter*1.25*float64(len([]rune(h.Title))))), heatTop + cellHeight*len(h.Rows) + heatBottom
}

func (h Heat) write(b *strings.Builder) {
	place, format := h.Place, h.Format
	if place == nil {
		place = func(v float64) float64 { return v }
	}
	if format == nil {
		format = func(v float64) string { return strconv.FormatFloat(v, 'g', 3, 64) }
	}
	low, high := h.extent(place)
	wide, tall := cellWidth*len(h.Columns), cellHeight*len(h.Rows)
	fmt.Fprintf(b, `<text class="title" x="%d" y="18">%s</text>`+"\n", heatLeft, html.EscapeString(h.Title))
	for r, name := range h.Rows {
		y := heatTop + r*cellHeight
		fmt.Fprintf(b, `<text x="%d" y="%d" text-anchor="end">%s</text>`+"\n", heatLeft-8, y+cellHeight/2+4, html.EscapeString(name))
		for c := range h.Columns {
			if r >= len(h.Values) || c >= len(h.Values[r]) || !finite(place(h.Values[r][c])) {
				continue
			}
			v := h.Values[r][c]
			share := 1.
			if high > low {
				share = (place(v) - low) / (high - low)
			}
			fill, ink := shade(share)
			x := heatLeft + c*cellWidth
			fmt.Fprintf(b, `<rect x="%d" y="%d" width="%d" height="%d" style="fill:%s"/><text x="%d" y="%d" text-anchor="middle" style="fill:%s">%s</text>`+"\n",
				x, y, cellWidth-1, cellHeight-1, fill, x+cellWidth/2, y+cellHeight/2+4, ink, html.EscapeString(format(v)))
		}
	}
	for c, name := range h.Columns {
		fmt.Fprintf(b, `<text x="%d" y="%d" text-anchor="middle">%s</text>`+"\n", heatLeft+c*cellWidth+cellWidth/2, heatTop+tall+16, html.EscapeString(name))
	}
	fmt.Fprintf(b, `<text x="%d" y="%d" text-anchor="middle">%s</text>`+"\n", heatLeft+wide/2, heatTop+tall+38, html.EscapeString(h.X))
	fmt.Fprintf(b, `<text transform="translate(16 %d) rotate(-90)" text-anchor="middle">%s</text>`+"\n", heatTop+tall/2, html.EscapeString(h.Y))
}

// extent is the least and the largest place of all values.
func (h Heat) extent(place func(float64) float64) (low, high float64) {
	low, high = math.Inf(1), math.Inf(-1)
	for _, row := range h.Values {
		for _, v := range row {
			if p := place(v); finite(p) {
				low, high = min(low, p), max(high, p)
			}
		}
	}
	return low, high
}

// shades are the colours from 0 to 1: light to dark blue, told apart by
// lightness alone.
var shades = [][3]float64{{0xf7, 0xf4, 0xe4}, {0xc6, 0xdd, 0xd8}, {0x74, 0xb0, 0xc6}, {0x2d, 0x79, 0xab}, {0x0b, 0x42, 0x79}, {0x08, 0x21, 0x4a}}

// shade is the colour of a cell, and of letters in it with a contrast of at
// least 4.2:1.
func shade(share float64) (fill, ink string) {
	at := max(0, min(share, 1)) * float64(len(shades)-1)
	i := min(int(at), len(shades)-2)
	var c [3]float64
	for k := range c {
		c[k] = math.Round(shades[i][k] + (at-float64(i))*(shades[i+1][k]-shades[i][k]))
	}
	ink = "#111"
	if luminance(c) < 0.19 {
		ink = "#fff"
	}
	return fmt.Sprintf("#%02x%02x%02x", int(c[0]), int(c[1]), int(c[2])), ink
}

// luminance is the relative luminance of WCAG 2, from bytes of sRGB.
func luminance(c [3]float64) float64 {
	sum := 0.
	for k, weight := range [3]float64{0.2126, 0.7152, 0.0722} {
		v := c[k] / 255
		if v <= 0.04045 {
			v /= 12.92
		} else {
			v = math.Pow((v+0.055)/1.055, 2.4)
		}
		sum += weight * v
	}
	return sum
}
