package kernel

import (
	"math/rand/v2"
	"testing"
)

func TestDecodeBF16(t *testing.T) {
	cases := []struct {
		kind           string
		k, d           int
		channels, taps int
		form           form16
	}{
		{"tap-major", 256, 9, 16, 9, taps16},
		{"tap-major", 200, 9, 20, 9, taps16},
		{"padded", 256, 9, 6, 9, taps16}, // a quad, two blocks more, and padding
		{"tap-major", 256, 9, 6, 9, taps16},
		{"tap-major", 256, 9, 7, 9, scattered16},
		{"tap-major", 256, 18, 16, 9, pairs16},
		{"tap-major", 256, 18, 32, 9, pairs16},
		{"in order", 256, 4, 64, 1, channels16},
		{"in order", 100, 8, 64, 1, channels16},
		{"in order", 256, 16, 64, 1, channels16},
		{"in order", 256, 4, 20, 1, channels16},
		{"in order", 256, 1, 16, 1, taps16},
		{"in order", 256, 2, 16, 1, channels16},
		{"in order", 256, 5, 60, 1, scattered16},
		{"reversed", 256, 4, 64, 1, scattered16},
		{"in order", 1000, 4, 64, 1, words16},
		{"in order", 2048, 8, 72, 1, words16},
		{"in order", 1000, 2, 64, 1, words16},
		{"reversed", 1000, 4, 64, 1, scattered16},
		{"in order", 7, 64, 64, 1, scattered16}, // less than a quad
	}
	eachLevel(t, func(t *testing.T, l Level) {
		rng := rand.New(rand.NewPCG(34, uint64(l)))
		for _, c := range cases {
			depth := (c.channels + 3) / 4 * 4 * c.taps
			rows := rows8(c.kind, c.d, c.channels, c.taps)
			words := random16(t, rng, c.k*c.d)
			dec := NewDecoderBF16(words, c.d, rows, depth)
			if dec.form != c.form {
				t.Errorf("%+v: form %d", c, dec.form)
			}
			n, stride := 1+rng.IntN(cols8), 40
			codes := make([]uint16, len(rows)/c.d*stride)
			for i := range codes {
				codes[i] = uint16(rng.IntN(c.k))
			}
			dst := random16(t, rng, depth*cols8)
			l.DecodeBF16(dst, dec, dec.Pack(codes, stride, n))
			want := make([]BF16, depth*cols8)
			for e, k := range rows {
				for i := range n {
					want[PanelBF16(int(k), i)] = words[int(codes[e/c.d*stride+i])*c.d+e%c.d]
				}
			}
			for k := range depth {
				for i := range n {
					if at := PanelBF16(k, i); dst[at] != want[at] {
						t.Fatalf("%+v: input %d output %d is %#x, want %#x", c, k, i, dst[at], want[at])
					}
				}
			}
		}
	})
}

func TestDecoderBF16Checks(t *testing.T) {
	dec := NewDecoderBF16(make([]BF16, 8), 4, []int32{0, 1, 2, 3}, 4)
	for name, f := range map[string]func(){
		"row outside": func() { NewDecoderBF16(make([]BF16, 8), 4, []int32{0, 1, 2, 4}, 4) },
		"odd depth":   func() { NewDecoderBF16(make([]BF16, 8), 1, []int32{0, 1, 2}, 3) },
		"part":        func() { NewDecoderBF16(make([]BF16, 8), 4, []int32{0, 1, 2}, 4) },
		"code":        func() { dec.Pack([]uint16{2}, 1, 1) },
		"outputs":     func() { dec.Pack(make([]uint16, 33), 33, 33) },
		"short":       func() { Generic.DecodeBF16(make([]BF16, 4*cols8-1), dec, dec.Pack([]uint16{1}, 1, 1)) },
		"codes":       func() { Generic.DecodeBF16(make([]BF16, 4*cols8), dec, PanelCodes16{}) },
	} {
		if !panics(f) {
			t.Errorf("%s: no panic", name)
		}
	}
}
