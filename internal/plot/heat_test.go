package plot

import (
	"math"
	"strings"
	"testing"
)

func TestHeat(t *testing.T) {
	h := Heat{Title: "a < b", X: "weights", Y: "levels", Columns: []string{"2", "10"}, Rows: []string{"2", "32"}}
	for _, test := range []struct {
		name   string
		values [][]float64
		want   []string
		cells  int
	}{
		{"full", [][]float64{{1, 2}, {3, 4}}, []string{"a &lt; b", ">4<", "#f7f4e4", "#08214a"}, 4},
		{"holes", [][]float64{{1, math.NaN()}, {math.Inf(1), 3}}, []string{">1<", "#08214a"}, 2},
		{"short", [][]float64{{5}}, []string{">5<"}, 1},
		{"empty", nil, []string{">weights<", ">levels<"}, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			h.Values = test.values
			got := draw(t, h)
			for _, want := range test.want {
				if !strings.Contains(got, want) {
					t.Errorf("no %q in\n%s", want, got)
				}
			}
			if n := strings.Count(got, "<rect"); n != test.cells {
				t.Errorf("%d cells, want %d", n, test.cells)
			}
		})
	}
	h.Values, h.Place = [][]float64{{1, 10}, {100, 0}}, math.Log
	if got := draw(t, h); !strings.Contains(got, ">100<") || strings.Count(got, "<rect") != 3 {
		t.Errorf("on a logarithmic scale:\n%s", got)
	}
}

// TestShadeContrast: letters can be read on every shade, and shades darken.
func TestShadeContrast(t *testing.T) {
	last := 2.
	for i := range 101 {
		fill, ink := shade(float64(i) / 100)
		var c [3]float64
		for k := range c {
			for _, digit := range fill[1+2*k : 3+2*k] {
				c[k] = 16*c[k] + float64(strings.IndexRune("0123456789abcdef", digit))
			}
		}
		l := luminance(c)
		contrast := (l + 0.05) / (luminance([3]float64{17, 17, 17}) + 0.05)
		if ink == "#fff" {
			contrast = 1.05 / (l + 0.05)
		}
		if contrast < 4.2 || l >= last {
			t.Errorf("share %d %%: %s on %s, contrast %.2f, luminance %.3f after %.3f", i, ink, fill, contrast, l, last)
		}
		last = l
	}
}
