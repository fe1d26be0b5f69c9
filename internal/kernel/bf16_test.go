package kernel

import (
	"math"
	"math/rand/v2"
	"testing"
	"unsafe"
)

// random16 is n guarded numbers, mostly of magnitude 1, with zeros and denormals.
func random16(t testing.TB, rng *rand.Rand, n int) []BF16 {
	words := guarded(t, (n+1)/2)
	if n == 0 {
		return nil
	}
	all := unsafe.Slice((*BF16)(unsafe.Pointer(&words[0])), 2*len(words))
	x := all[len(all)-n:]
	for i := range x {
		switch rng.IntN(20) {
		case 0:
			x[i] = BF16(rng.IntN(2) << 15)
		case 1:
			x[i] = BF16(1 + rng.IntN(100)) // denormal
		default:
			x[i] = ToBF16(float32(rng.NormFloat64()))
		}
	}
	return x
}

// TestToBF16: the nearest number, in the middle the even one.
func TestToBF16(t *testing.T) {
	for h := range 1 << 16 {
		x := BF16(h).Float32()
		denormal := x != 0 && math.Abs(float64(x)) < 0x1p-126
		switch back := ToBF16(x); {
		case x != x:
			if back.Float32() == back.Float32() {
				t.Fatalf("%#x: NaN became %#x", h, back)
			}
			continue
		case denormal && back != BF16(h)&0x8000 || !denormal && back != BF16(h):
			t.Fatalf("%#x became %#x", h, back)
		}
		next := BF16(h + 1)
		if h&0x7fff >= 0x7f7f || denormal || x == 0 { // to infinity: below
			continue
		}
		even, odd := BF16(h), next
		if h&1 == 1 {
			even, odd = odd, even
		}
		middle := float32((float64(x) + float64(next.Float32())) / 2)
		if got := ToBF16(middle); got != even {
			t.Fatalf("between %#x and %#x: %#x", h, next, got)
		}
		if got := ToBF16(math.Nextafter32(middle, odd.Float32())); got != odd {
			t.Fatalf("nearer to %#x: %#x", odd, got)
		}
	}
	if got := ToBF16(math.MaxFloat32); got.Float32() != posInf {
		t.Errorf("the largest float32 became %v", got.Float32())
	}
	if got := ToBF16(negInf); got.Float32() != negInf {
		t.Errorf("-Inf became %v", got.Float32())
	}
}

// TestMaxRowsBF16: special values included, at guard pages.
func TestMaxRowsBF16(t *testing.T) {
	eachLevel(t, func(t *testing.T, l Level) {
		rng := rand.New(rand.NewPCG(36, uint64(l)))
		for n := range 40 {
			for rows := range 5 {
				row := n + rng.IntN(3)
				src, dst := random16(t, rng, max(0, (rows-1)*row+n)), random(t, rng, n)
				for i := range src {
					if rng.IntN(3) == 0 {
						src[i] = []BF16{0x7f80, 0xff80, 0x7fc0, 0xffc0}[rng.IntN(4)] // infinities, NaN
					}
				}
				l.MaxRowsBF16(dst, src, row, rows)
				for i, got := range dst {
					want := negInf
					for r := range rows {
						if v := src[r*row+i].Float32(); v > want {
							want = v
						}
					}
					if got != want {
						t.Fatalf("%d rows of %d: [%d] = %v, want %v", rows, n, i, got, want)
					}
				}
			}
		}
		if !panics(func() { l.MaxRowsBF16(make([]float32, 2), make([]BF16, 4), 3, 2) }) {
			t.Error("short source: no panic")
		}
	})
}

// TestRoundPlanesBF16: all widths and numbers of channels, at guard pages.
func TestRoundPlanesBF16(t *testing.T) {
	eachLevel(t, func(t *testing.T, l Level) {
		rng := rand.New(rand.NewPCG(35, uint64(l)))
		for width := range 70 {
			for channels := 1; channels <= 4; channels++ {
				plane := width + rng.IntN(5)
				src, dst := random(t, rng, (channels-1)*plane+width), random16(t, rng, 4*width)
				l.RoundPlanesBF16(dst, src, width, channels, plane)
				for i, got := range dst {
					want := BF16(0)
					if x, c := i/4, i%4; c < channels {
						want = ToBF16(src[c*plane+x])
					}
					if got != want {
						t.Fatalf("width %d, %d channels: [%d] = %#x, want %#x", width, channels, i, got, want)
					}
				}
			}
		}
		for _, f := range []func(){
			func() { l.RoundPlanesBF16(make([]BF16, 7), make([]float32, 99), 2, 1, 2) },
			func() { l.RoundPlanesBF16(make([]BF16, 8), make([]float32, 3), 2, 2, 2) },
			func() { l.RoundPlanesBF16(make([]BF16, 8), make([]float32, 99), 2, 5, 2) },
		} {
			if !panics(f) {
				t.Error("no panic")
			}
		}
	})
}

// TestRoundBF16: all levels have the bits of ToBF16, tails included.
func TestRoundBF16(t *testing.T) {
	eachLevel(t, func(t *testing.T, l Level) {
		rng := rand.New(rand.NewPCG(31, uint64(l)))
		for n := range 70 {
			x := random(t, rng, n)
			for i := range x {
				if rng.IntN(3) == 0 { // any bits: NaN, infinities, middles
					x[i] = math.Float32frombits(rng.Uint32() &^ (0x7fff * uint32(rng.IntN(2))))
				}
			}
			dst, wide := random16(t, rng, n), random(t, rng, n)
			l.RoundBF16(dst, x)
			l.WidenBF16(wide, dst)
			for i, v := range x {
				if dst[i] != ToBF16(v) || math.Float32bits(wide[i]) != uint32(dst[i])<<16 {
					t.Fatalf("n = %d: %v (%#x) became %#x, %#x, want %#x", n, v, math.Float32bits(v), dst[i], math.Float32bits(wide[i]), ToBF16(v))
				}
			}
		}
		if !panics(func() { l.RoundBF16(make([]BF16, 2), make([]float32, 1)) }) || !panics(func() { l.WidenBF16(make([]float32, 2), make([]BF16, 1)) }) {
			t.Error("short source: no panic")
		}
	})
}
