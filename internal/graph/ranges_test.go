package graph

import "testing"

func TestRangesRoundTrip(t *testing.T) {
	g := &Graph{}
	if r, err := g.Ranges(); r != nil || err != nil {
		t.Errorf("%v, %v", r, err)
	}
	want := map[string]Range{"a": {-1.5, 2, 0.25}, "b": {0, 1e-20, 0}}
	if err := g.SetRanges(want); err != nil {
		t.Fatal(err)
	}
	got, err := g.Ranges()
	if err != nil || got["a"] != want["a"] || got["b"] != want["b"] {
		t.Errorf("%v, %v", got, err)
	}
}

func TestRangesRefuses(t *testing.T) {
	for _, text := range []string{`{"a":[1,2]}`, `{"a":[-2,-1]}`, `{"a":[0,1e999]}`, `{"a":3}`, `{"a":[0,1,-1]}`, `[]`, `{`} {
		g := &Graph{Meta: map[string]string{RangesKey: text}}
		if _, err := g.Ranges(); err == nil {
			t.Errorf("%s accepted", text)
		}
	}
}

func TestAffine(t *testing.T) {
	for _, c := range []struct {
		r     Range
		scale float32
		zero  uint8
	}{
		{Range{Hi: 255}, 1, 0}, {Range{Lo: -128, Hi: 127}, 1, 128}, {Range{}, 1, 0}, {Range{Lo: -255}, 1, 255},
	} {
		if s, z := c.r.Affine(); s != c.scale || z != c.zero {
			t.Errorf("%v: scale %g zero %d", c.r, s, z)
		}
	}
}
