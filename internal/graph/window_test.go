package graph

import "testing"

// TestWindow compares the ranges of taps and outputs with a search, for all
// small windows.
func TestWindow(t *testing.T) {
	n := 0
	for i := range 5 * 4 * 3 * 3 * 4 * 4 {
		w := window{in: 1 + i%5, kernel: 1 + i/5%4, stride: 1 + i/20%3, dilation: 1 + i/60%3, begin: i / 180 % 4, end: i / 720 % 4}
		room := w.in + w.begin + w.end - w.extent()
		if room < 0 {
			continue
		}
		w.out = room/w.stride + 1
		n += checkWindow(t, w)
	}
	if n < 5000 {
		t.Errorf("only %d pairs of taps and outputs were seen", n)
	}
}

func checkWindow(t *testing.T, w window) (pairs int) {
	t.Helper()
	want := map[[3]int]bool{} // tap, output, input
	blind := false
	for o := range w.out {
		count := 0
		for k := range w.kernel {
			if in := o*w.stride + k*w.dilation - w.begin; in >= 0 && in < w.in {
				want[[3]int{k, o, in}] = true
				count++
			}
		}
		blind = blind || count == 0
		if got := w.inside(o); got != count {
			t.Errorf("%+v: output %d has %d taps inside, want %d", w, o, got, count)
		}
	}
	if got := w.seesNothing(); got != blind {
		t.Errorf("%+v: seesNothing is %v", w, got)
	}
	unit := window{in: 1, out: 1, kernel: 1, stride: 1, dilation: 1}
	for axis := range 3 {
		g := grid{unit, unit, unit}
		g[axis] = w
		seen := 0
		g.each(func(tap, out, in, n, step int) {
			for j := range n {
				if !want[[3]int{tap, out + j, in + j*step}] {
					t.Errorf("%+v on axis %d: tap %d of output %d reads %d", w, axis, tap, out+j, in+j*step)
				}
				seen++
			}
		})
		if seen != len(want) {
			t.Errorf("%+v on axis %d: %d pairs, want %d", w, axis, seen, len(want))
		}
	}
	return len(want)
}
