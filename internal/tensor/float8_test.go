package tensor

import (
	"math"
	"testing"
)

var float8Types = []DType{Float8E4M3FN, Float8E4M3FNUZ, Float8E5M2, Float8E5M2FNUZ}

func TestFloat8RoundTrip(t *testing.T) {
	for _, d := range float8Types {
		for b := range 256 {
			v := FromFloat8(d, uint8(b))
			if got := FromFloat8(d, ToFloat8(d, v, false)); got != v && (got == got || v == v) {
				t.Errorf("%v 0x%02x = %g comes back as %g", d, b, v, got)
			}
		}
	}
}

// TestFloat8Nearest compares rounding with a search over all codes.
func TestFloat8Nearest(t *testing.T) {
	for _, d := range float8Types {
		for i := range 4000 {
			v := float32(math.Ldexp(1+float64(i%97)/97, i/97-20))
			if v > FromFloat8(d, float8s[d].max) {
				break
			}
			best := math.Inf(1)
			for b := range 128 {
				if f := float64(FromFloat8(d, uint8(b))); math.Abs(f-float64(v)) < best {
					best = math.Abs(f - float64(v))
				}
			}
			got := ToFloat8(d, v, true)
			if err := math.Abs(float64(FromFloat8(d, got)) - float64(v)); err != best {
				t.Fatalf("%v: %g became 0x%02x, error %g, best %g", d, v, got, err, best)
			}
			if neg := ToFloat8(d, -v, true); got != 0 && neg != got|0x80 {
				t.Errorf("%v: -%g became 0x%02x, %g 0x%02x", d, v, neg, v, got)
			}
		}
	}
}

func TestToFloat8Special(t *testing.T) {
	inf, nan, negZero := float32(math.Inf(1)), float32(math.NaN()), float32(math.Copysign(0, -1))
	for _, c := range []struct {
		d        DType
		v        float32
		saturate bool
		want     uint8
	}{
		{Float8E4M3FN, inf, true, 0x7e}, {Float8E4M3FN, -1e6, true, 0xfe}, {Float8E4M3FN, 1e6, false, 0x7f},
		{Float8E4M3FN, nan, true, 0x7f}, {Float8E4M3FN, negZero, true, 0x80}, {Float8E4M3FN, 448, false, 0x7e},
		{Float8E4M3FNUZ, inf, false, 0x80}, {Float8E4M3FNUZ, -inf, true, 0xff}, {Float8E4M3FNUZ, negZero, true, 0},
		{Float8E4M3FNUZ, nan, true, 0x80}, {Float8E4M3FNUZ, 240, false, 0x7f},
		{Float8E5M2, inf, false, 0x7c}, {Float8E5M2, -1e6, false, 0xfc}, {Float8E5M2, 1e6, true, 0x7b},
		{Float8E5M2, nan, false, 0x7e}, {Float8E5M2, 57344, false, 0x7b},
		{Float8E5M2FNUZ, inf, false, 0x80}, {Float8E5M2FNUZ, 57344, false, 0x7f}, {Float8E5M2FNUZ, -1e-7, true, 0},
	} {
		if got := ToFloat8(c.d, c.v, c.saturate); got != c.want {
			t.Errorf("%v %g saturate %v: 0x%02x, want 0x%02x", c.d, c.v, c.saturate, got, c.want)
		}
	}
}

func TestFloat8E8M0(t *testing.T) {
	inf := float32(math.Inf(1))
	for _, c := range []struct {
		v            float32
		up, saturate bool
		want         uint8
	}{
		{0, true, true, 0}, {0.124, true, true, 124}, {1.1, true, true, 128}, {1.1, false, true, 127},
		{1.5, false, true, 128}, {-8, true, true, 130}, {inf, true, true, 0xfe}, {inf, true, false, 0xff},
		{math.MaxFloat32, true, false, 0xff}, {math.MaxFloat32, true, true, 0xfe},
		{float32(math.NaN()), true, true, 0xff}, {math.SmallestNonzeroFloat32, false, true, 0},
	} {
		if got := ToFloat8E8M0(c.v, c.up, c.saturate); got != c.want {
			t.Errorf("%g up %v saturate %v: %d, want %d", c.v, c.up, c.saturate, got, c.want)
		}
	}
	for b := range 255 {
		if got := ToFloat8E8M0(FromFloat8(Float8E8M0, uint8(b)), false, false); got != uint8(b) {
			t.Errorf("code %d comes back as %d", b, got)
		}
	}
}
