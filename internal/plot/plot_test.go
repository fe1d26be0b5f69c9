package plot

import (
	"bytes"
	"encoding/xml"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
)

func draw(t *testing.T, drawings ...Drawing) string {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, drawings...); err != nil {
		t.Fatal(err)
	}
	d := xml.NewDecoder(strings.NewReader(b.String()))
	for {
		if _, err := d.Token(); err == io.EOF {
			break
		} else if err != nil {
			t.Fatalf("not XML: %v\n%s", err, b.String())
		}
	}
	for _, bad := range []string{"NaN", "Inf"} {
		if strings.Contains(b.String(), bad) {
			t.Errorf("%s in the drawing", bad)
		}
	}
	return b.String()
}

func TestWrite(t *testing.T) {
	got := draw(t, Chart{Title: "loss < 1 & \"more\"", X: "epoch", Y: "loss", Series: []Series{
		{Name: "training", X: []float64{0, 1, 2}, Y: []float64{4, 2, 1}},
		{Name: "test", X: []float64{1, 2}, Y: []float64{3, 2}, Marked: true},
	}})
	for _, want := range []string{
		"loss &lt; 1 &amp; &#34;more&#34;", ">training<", ">test<", "prefers-color-scheme:dark",
		`d="M58.0 44.0L221.0 184.0L384.0 254.0"`, // from 1...4: top left to bottom right
		`<circle class="d1" cx="221.0" cy="114.0"`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}

func TestLogarithmic(t *testing.T) {
	y := []float64{1000, 10, 0.1, 0}
	got := draw(t, Chart{Logarithmic: true, Series: []Series{{X: []float64{0, 1, 2, 3}, Y: y}}})
	for _, want := range []string{`d="M58.0 44.0L166.7 149.0L275.3 254.0"`, ">1e+03<", ">10<", ">0.1<"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if y[0] != 1000 {
		t.Error("the data were changed")
	}
}

func TestOddData(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for name, s := range map[string][]Series{
		"none":      nil,
		"empty":     {{Name: "a"}},
		"one point": {{Name: "a", X: []float64{3}, Y: []float64{7}, Marked: true}},
		"zeros":     {{Name: "a", X: []float64{0, 0}, Y: []float64{0, 0}}},
		"gaps":      {{Name: "a", X: []float64{0, 1, 2, 3}, Y: []float64{1, nan, inf, 2}}},
		"only nan":  {{Name: "a", X: []float64{0}, Y: []float64{nan}}},
		"large":     {{Name: "a", X: []float64{-math.MaxFloat64, math.MaxFloat64}, Y: []float64{-1e300, 1e300}}},
		"small":     {{Name: "a", X: []float64{0, 1e-300}, Y: []float64{1e-12, 2e-12}}},
		"uneven":    {{Name: "a", X: []float64{0, 1, 2}, Y: []float64{1}}},
		"many":      slices.Repeat([]Series{{Name: "a", X: []float64{0, 1}, Y: []float64{0, 1}}}, 9),
	} {
		t.Run(name, func(t *testing.T) { draw(t, Chart{Series: s}, Chart{Series: s, Logarithmic: true}) })
	}
}

func TestAxis(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   []string
	}{
		{[]float64{0, 10}, []string{"0", "5", "10"}},
		{[]float64{0.91, 0.952}, []string{"0.90", "0.92", "0.94", "0.96"}},
		{[]float64{-1, 1}, []string{"-1.0", "-0.5", "0", "0.5", "1.0"}},
		{[]float64{0, 4e6}, []string{"0", "1e+06", "2e+06", "3e+06", "4e+06"}},
		{[]float64{5}, []string{"2", "4", "6", "8"}},
	} {
		a := newAxis([]Series{{Y: c.values}}, func(s Series) []float64 { return s.Y })
		var got []string
		for _, v := range a.ticks() {
			got = append(got, a.label(v))
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%v: %q, want %q", c.values, got, c.want)
		}
	}
}
