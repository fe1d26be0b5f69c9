package plot

import (
	"math"
	"strings"
	"testing"
)

func TestBars(t *testing.T) {
	names := []string{"conv1", "a <long> name of a weight: layer4.1.conv2.weight"}
	for _, test := range []struct {
		name   string
		groups []Group
		want   []string
		bars   int
	}{
		{"one group", []Group{{Values: []float64{10, 5}}}, []string{`width="148.0"`, `width="74.0"`, ">10<", ">5<", "a &lt;long&gt;…nv2.weight"}, 2},
		{"two groups", []Group{{Name: "dense", Values: []float64{1, 2}}, {Name: "codebook", Values: []float64{4, 1}}}, []string{">dense<", ">codebook<", `width="37.0"`}, 6},
		{"labels", []Group{{Values: []float64{10, 5}, Labels: []string{"ten & more"}}}, []string{">ten &amp; more<", ">5<"}, 2},
		{"holes", []Group{{Values: []float64{math.NaN(), -1}}}, nil, 0},
		{"infinite", []Group{{Values: []float64{math.Inf(1)}}}, nil, 0},
		{"zeros", []Group{{Values: []float64{0, 0}}}, []string{`width="0.0"`}, 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := draw(t, Bars{Title: "bytes", Names: names, Groups: test.groups})
			for _, want := range test.want {
				if !strings.Contains(got, want) {
					t.Errorf("no %q in\n%s", want, got)
				}
			}
			if n := strings.Count(got, "<rect"); n != test.bars {
				t.Errorf("%d rectangles, want %d", n, test.bars)
			}
		})
	}
}

func TestSpark(t *testing.T) {
	got := draw(t, Spark{Counts: []int{4, 0, 2, 1}})
	if want := `d="M0 28L0.0 0.0L32.0 0.0L32.0 28.0L64.0 28.0L64.0 14.0`; !strings.Contains(got, want) {
		t.Errorf("no %q in\n%s", want, got)
	}
	draw(t, Spark{}, Chart{}) // nothing to draw, side by side
}

func TestThreeDigits(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 0.01234: "0.0123", 1.5: "1.5", 99.96: "100", 999.4: "999", 1250.4: "1250", 54321: "54321", 2.5e9: "2.5e+09"} {
		if got := threeDigits(v); got != want {
			t.Errorf("%g is %s, want %s", v, got, want)
		}
	}
}
