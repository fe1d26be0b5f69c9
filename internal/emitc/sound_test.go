package emitc

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"lutra/internal/audio"
	"lutra/internal/lut"
	"lutra/internal/realdata"
)

// spotter is a small random network on spectra.
func spotter() *lut.Network {
	d := newDrawing(1, 1, audio.Frames, audio.Bands)
	x := d.linear(0, 8, 64, 1, window(3, 2), 1, -1, false)
	x = d.pool(x, lut.Window{KH: 32, KW: 10, StrideY: 1, StrideX: 1, DilationY: 1, DilationX: 1}, true)
	return d.output(d.dense(x, 10, 64, 1, true))
}

// TestDigits: the digits are those of the constants, for all angles.
func TestDigits(t *testing.T) {
	for _, rate := range []int{8000, 16000} {
		tables, err := audio.TablesOf(rate)
		if err != nil {
			t.Fatal(err)
		}
		n := len(tables.Window)
		for i, w := range tables.Window {
			if c, s := constants(t, digits(w, 0)); c != w || s != 0 || w != tables.Window[n-1-i] {
				t.Fatalf("window %d: %d and %d, want %d, 0 and symmetry", i, c, s, w)
			}
		}
		for k := range n / 2 {
			c, s := constants(t, digits(tables.Cos[k%(n/4)], tables.Sin[k%(n/4)]))
			if k >= n/4 { // as butterflies() turns them
				c, s = -s, c
			}
			if c != tables.Cos[k] || s != tables.Sin[k] {
				t.Fatalf("angle %d: %d and %d, want %d and %d", k, c, s, tables.Cos[k], tables.Sin[k])
			}
		}
	}
}

// constants reads digits.
func constants(t *testing.T, code []uint8) (c, s int32) {
	t.Helper()
	parts := []func(int32){func(v int32) { c += v }, func(v int32) { s += v }, func(v int32) { c -= v }, func(v int32) { s -= v }}
	shift := uint8(0)
	for i, d := range code {
		switch {
		case d < quarterTurn:
			shift += d
			parts[0](1 << shift)
		case d == quarterTurn:
			parts, shift = parts[1:], 0
		case i != len(code)-1:
			t.Fatalf("the end is digit %d of %d", i, len(code))
		}
	}
	return c, s
}

// sounds are recordings of all lengths and volumes, and some of people.
func sounds(t *testing.T, rate int) []*audio.Recording {
	rng := rand.New(rand.NewPCG(uint64(rate), 5))
	var list []*audio.Recording
	add := func(n int, f func(i int) int) {
		r := &audio.Recording{Rate: rate, Samples: make([]int16, n)}
		for i := range r.Samples {
			r.Samples[i] = int16(max(math.MinInt16, min(math.MaxInt16, f(i))))
		}
		list = append(list, r)
	}
	whole := 65 * rate * 16 / 1000 // samples of all frames
	for _, n := range []int{1, 2, 255, 1000, whole - 1, whole, whole + 1, whole + 2, 3 * whole} {
		add(n, func(int) int { return rng.IntN(65536) - 32768 })
	}
	add(5000, func(int) int { return 0 })
	for _, size := range []int{1, 2, 100, 4095, 8191, 8192, 32767, 32768} {
		add(9000, func(int) int { return size })  // direct current
		add(3000, func(int) int { return -size }) // and the other sign
		period := 2 + rng.IntN(60)
		add(whole, func(i int) int { // square
			if i%period < period/2 {
				return -size
			}
			return size
		})
		add(7000, func(i int) int { return int(float64(size) * math.Sin(float64(i)*float64(i)/9000)) })
	}
	add(4000, func(i int) int { return 32767 * (1 - min(i, 1)) }) // a click
	if rate == 8000 {
		list = append(list, spoken(t, 23)...)
	}
	return list
}

// spoken is n of the recordings of spoken digits, of all digits and speakers;
// none without the data.
func spoken(t *testing.T, n int) []*audio.Recording {
	t.Helper()
	var list []*audio.Recording
	t.Run("recordings", func(t *testing.T) {
		files, err := filepath.Glob(filepath.Join(realdata.Path(t, "fsdd/recordings"), "*.wav"))
		if err != nil || len(files) == 0 {
			t.Skip("no recordings")
		}
		for i := range n {
			list = append(list, recording(t, files[i*len(files)/n]))
		}
	})
	return list
}

func recording(t testing.TB, file string) *audio.Recording {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	r, err := audio.DecodeWAV(b)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestSpectrum compares the levels of sounds of all kinds, and the word that
// is heard, with the engine in Go: on the host and on emulated cores.
func TestSpectrum(t *testing.T) {
	n := spotter()
	for _, rate := range []int{8000, 16000} {
		all := sounds(t, rate)
		for i, c := range []*core{nil, &cores[0], &cores[3]} {
			name := "host"
			list := all
			if c != nil { // emulation takes longer
				name, list = c.name, nil
				for j := i; j < len(all); j += 4 {
					list = append(list, all[j])
				}
			}
			t.Run(fmt.Sprint(rate, name), func(t *testing.T) {
				t.Parallel()
				o := Options{Bytes: someBytes(n), Rate: rate, Vectors: inputs(n, 1, 2)}
				got := listen(t, listener(t, c, n, o), list)
				s := n.NewSession()
				for i, r := range list {
					want := hear(t, n, s, &o.Bytes[0], r)
					if len(got) < len(want) || !bytes.Equal(got[:len(want)], want) {
						t.Fatalf("sound %d of %d samples differs", i, len(r.Samples))
					}
					got = got[len(want):]
				}
			})
		}
	}
}

// TestSoundBudget counts the instructions for the spectrum of 1.04 s of sound
// at -O2: an increase above 3 % fails.
func TestSoundBudget(t *testing.T) {
	plugin := counter(t)
	d := newDrawing(1, 1, audio.Frames, audio.Bands) // hardly any network
	mean := d.pool(0, lut.Window{KH: audio.Frames, KW: audio.Bands, StrideY: 1, StrideX: 1, DilationY: 1, DilationX: 1}, true)
	n := d.output(d.dense(mean, 2, 2, 1, true))
	for rate, budget := range map[int][4]float64{8000: {9.802, 8.568, 8.560, 8.869}, 16000: {20.700, 18.288, 18.272, 18.597}} {
		for i, c := range cores {
			t.Run(fmt.Sprint(rate, c.name), func(t *testing.T) {
				t.Parallel()
				program := listener(t, &c, n, Options{Bytes: someBytes(n), Rate: rate})
				loud := &audio.Recording{Rate: rate, Samples: make([]int16, (audio.Frames+1)*rate*16/1000)}
				for i := range loud.Samples {
					loud.Samples[i] = int16(i * i)
				}
				more := counted(t, plugin, program, []*audio.Recording{loud, loud}) - counted(t, plugin, program, []*audio.Recording{loud})
				got, want := float64(more)/1e6, budget[i]
				t.Logf("%s, %d samples a second: %.3f M instructions, budget %.3f", c.name, rate, got, want)
				if got > 1.03*want {
					t.Errorf("%.3f M instructions, budget %.3f", got, want)
				}
			})
		}
	}
}
