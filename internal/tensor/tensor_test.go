package tensor

import (
	"math"
	"testing"
)

func TestHalfRoundTrip(t *testing.T) {
	for i := range 1 << 16 {
		h := uint16(i)
		f := FromHalf(h)
		got := ToHalf(f)
		if f != f {
			if got&0x7c00 != 0x7c00 || got&0x3ff == 0 {
				t.Fatalf("NaN %#04x became %#04x", h, got)
			}
			continue
		}
		if got != h {
			t.Fatalf("%#04x -> %g -> %#04x", h, f, got)
		}
	}
}

func TestToHalfRoundsToNearestEven(t *testing.T) {
	for i := range 0x7bff { // every pair of neighbouring finite halves
		lo, hi := FromHalf(uint16(i)), FromHalf(uint16(i+1))
		mid := lo + (hi-lo)/2
		even := uint16(i)
		if even&1 == 1 {
			even++
		}
		if got := ToHalf(mid); got != even {
			t.Fatalf("midpoint of %#04x and %#04x rounds to %#04x", i, i+1, got)
		}
		if got := ToHalf(math.Nextafter32(mid, 0)); got != uint16(i) {
			t.Fatalf("below the midpoint above %#04x: %#04x", i, got)
		}
		if got := ToHalf(math.Nextafter32(mid, 1e9)); got != uint16(i+1) {
			t.Fatalf("above the midpoint above %#04x: %#04x", i, got)
		}
	}
	if ToHalf(65519) != 0x7bff || ToHalf(65520) != 0x7c00 || ToHalf(-1e10) != 0xfc00 {
		t.Fatal("overflow boundary")
	}
}

func TestBFloat16(t *testing.T) {
	for i := range 1 << 16 {
		f := FromBFloat16(uint16(i))
		if f == f && ToBFloat16(f) != uint16(i) {
			t.Fatalf("%#04x -> %g -> %#04x", i, f, ToBFloat16(f))
		}
	}
	if ToBFloat16(math.Float32frombits(0x3f808000)) != 0x3f80 || ToBFloat16(math.Float32frombits(0x3f818000)) != 0x3f82 {
		t.Fatal("ties do not go to even")
	}
}

func TestCheckedElems(t *testing.T) {
	for _, c := range []struct {
		s    Shape
		n    int
		fail bool
	}{
		{Shape{}, 1, false},
		{Shape{2, 3}, 6, false},
		{Shape{0, 1 << 40}, 0, false},
		{Shape{1 << 40, 1 << 40}, 0, true},
		{Shape{-1, 2}, 0, true},
		{Shape{1, 1, 1, 1, 1, 1, 1, 1, 1}, 0, true},
		{Shape{1001}, 0, true},
	} {
		n, err := c.s.CheckedElems(1000)
		if (err != nil) != c.fail || (err == nil && n != c.n) {
			t.Errorf("%v: %d, %v", c.s, n, err)
		}
	}
}

func TestViews(t *testing.T) {
	a := Of([]float32{1, 2, 3, 4, 5, 6}, 2, 3)
	b := a.Reshape(3, 2)
	b.Float32s()[5] = 7
	if a.Float32s()[5] != 7 {
		t.Error("Reshape copied")
	}
	c := a.Clone()
	c.Float32s()[0] = 9
	if a.Float32s()[0] != 1 {
		t.Error("Clone did not copy")
	}
	if got := Half([]uint16{0x3c00, 0x0001}, 2).AsFloat32().Float32s(); got[0] != 1 || got[1] != 1.0/(1<<24) {
		t.Errorf("AsFloat32: %v", got)
	}
	defer func() {
		if recover() == nil {
			t.Error("float32 viewed as int32 without a panic")
		}
	}()
	Slice[int32](a)
}
