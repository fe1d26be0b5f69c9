package plot

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

func drawGrid(t *testing.T, g *Grid) string {
	t.Helper()
	var b bytes.Buffer
	if err := g.Write(&b); err != nil {
		t.Fatal(err)
	}
	d := xml.NewDecoder(bytes.NewReader(b.Bytes()))
	for {
		if _, err := d.Token(); err == io.EOF {
			break
		} else if err != nil {
			t.Fatalf("not XML: %v\n%s", err, b.String())
		}
	}
	if strings.Contains(b.String(), "NaN") || strings.Contains(b.String(), "Inf") {
		t.Errorf("not numbers in the drawing:\n%s", b.String())
	}
	return b.String()
}

// TestGrid: 21 panels in rows of five, marks at the edges only, all within the
// drawing, values below the floor on it.
func TestGrid(t *testing.T) {
	g := &Grid{Title: "a < b", X: "bytes", Y: "damage", Styles: []string{"conv", "unused", "linear"}, Floor: 1e-6}
	for i := range 21 {
		s := Series{X: []float64{100, 1000, 1e5}, Y: []float64{1, 0.01, 0}}
		g.Panels = append(g.Panels, Panel{Title: fmt.Sprintf("a/very/long/name/of/layer%d.conv2", i), Line: s, Dots: s, Style: 2 * (i % 2)})
	}
	got := drawGrid(t, g)
	for _, want := range []string{"a &lt; b", ">conv<", ">linear<", ">…", "layer20.conv2<", ">100k<", ">1e-6<", "prefers-color-scheme:dark"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q", want)
		}
	}
	if strings.Contains(got, ">unused<") {
		t.Error("a style that no panel has is explained")
	}
	for what, want := range map[string]int{`<use href`: 21, "<circle": 21*3 + 2, ">1e-6<": 5, ">100k<": 5} {
		if n := strings.Count(got, what); n != want {
			t.Errorf("%d times %q, want %d", n, what, want)
		}
	}
	wide, high := size(t, got)
	for _, m := range regexp.MustCompile(`translate\((\d+) (\d+)\)">`).FindAllStringSubmatch(got, -1) {
		x, _ := strconv.Atoi(m[1])
		y, _ := strconv.Atoi(m[2])
		if x+panelWidth > wide || y+panelHeight+20 > high {
			t.Errorf("a panel at %d, %d in a drawing of %d x %d", x, y, wide, high)
		}
	}
}

// TestGridDrawings: the panels one by one, each with its own marks, all
// referring to lines that the first has.
func TestGridDrawings(t *testing.T) {
	g := &Grid{Floor: 1e-6}
	for i := range 3 {
		s := Series{X: []float64{10, 1e5}, Y: []float64{1, 0}}
		g.Panels = append(g.Panels, Panel{Title: fmt.Sprintf("layer%d", i), Line: s, Dots: s})
	}
	for i, d := range g.Drawings() {
		got := draw(t, d)
		if strings.Contains(got, ">10k<") { // it would lie on 100k
			t.Errorf("panel %d: marks overlap", i)
		}
		if w, _ := d.size(); 2*w+12 > 358 {
			t.Errorf("panel %d is %d wide: two do not fit beside each other on a phone", i, w)
		}
		for what, want := range map[string]int{`id="all"`: max(0, 1-i), `<use href="#all"`: 1, ">1e-6<": 1, ">1k<": 1, ">100k<": 1, "<circle": 2, fmt.Sprintf(">layer%d<", i): 2} {
			if n := strings.Count(got, what); n != want {
				t.Errorf("panel %d: %d times %q, want %d", i, n, what, want)
			}
		}
	}
	g.Styles = []string{"conv", "unused"}
	if got := draw(t, g.Key()); !strings.Contains(got, ">conv<") || strings.Contains(got, "unused") {
		t.Errorf("the key is\n%s", got)
	}
	if n := len((&Grid{}).Drawings()); n != 0 {
		t.Errorf("a grid without panels has %d drawings", n)
	}
}

func size(t *testing.T, svg string) (wide, high int) {
	t.Helper()
	if _, err := fmt.Sscanf(svg[strings.Index(svg, "viewBox"):], `viewBox="0 0 %d %d"`, &wide, &high); err != nil {
		t.Fatal(err)
	}
	return wide, high
}

func TestOddGrids(t *testing.T) {
	nan := math.NaN()
	for name, panels := range map[string][]Panel{
		"none":      nil,
		"empty":     {{Title: "a"}},
		"one point": {{Dots: Series{X: []float64{3}, Y: []float64{7}}}},
		"nothing":   {{Line: Series{X: []float64{0, -1, nan}, Y: []float64{nan, 0, 1}}}},
		"far apart": {{Line: Series{X: []float64{1e-20, 1e20}, Y: []float64{1e-25, math.Inf(1)}}}},
	} {
		t.Run(name, func(t *testing.T) { drawGrid(t, &Grid{Panels: panels, Floor: 1e-6}) })
	}
}

func TestPowerOfTen(t *testing.T) {
	for v, want := range map[float64]string{-6: "1e-6", -2: "0.01", 0: "1", 2: "100", 3: "1k", 5: "100k", 7: "10M", 11: "100G", 12: "1e12"} {
		if got := powerOfTen(v); got != want {
			t.Errorf("10^%g is %s, want %s", v, got, want)
		}
	}
}
