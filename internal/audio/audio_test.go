package audio

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"math"
	"math/cmplx"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// wav is a file of 16-bit samples at 8 kHz.
func wav(samples ...int16) []byte {
	var b bytes.Buffer
	put := func(v any) { binary.Write(&b, binary.LittleEndian, v) }
	b.WriteString("RIFF")
	put(uint32(36 + 2*len(samples)))
	b.WriteString("WAVEfmt ")
	put(uint32(16))
	put([]uint16{1, 1})
	put([]uint32{8000, 16000})
	put([]uint16{2, 16})
	b.WriteString("data")
	put(uint32(2 * len(samples)))
	put(samples)
	return b.Bytes()
}

func TestDecodeWAV(t *testing.T) {
	samples := []int16{0, 1, -1, math.MaxInt16, math.MinInt16}
	// An odd chunk between header and data has a byte of padding behind it.
	odd := slices.Concat(wav(samples...)[:36], []byte("LIST\x03\x00\x00\x00abc\x00"), wav(samples...)[36:])
	for name, b := range map[string][]byte{"plain": wav(samples...), "odd chunk": odd} {
		r, err := DecodeWAV(b)
		if err != nil || r.Rate != 8000 || !slices.Equal(r.Samples, samples) {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
}

func TestDecodeWAVRefuses(t *testing.T) {
	changed := func(at int, v ...byte) []byte {
		b := wav(1, 2, 3)
		copy(b[at:], v)
		return b
	}
	for _, c := range []struct {
		name string
		b    []byte
		want string
	}{
		{"empty", nil, "expected a WAV file"},
		{"other", []byte("RIFF\x00\x00\x00\x00AVI fmt "), "expected a WAV file"},
		{"no chunks", wav()[:12], "expected data, found the end of the file"},
		{"no data", wav()[:36], "expected data, found the end of the file"},
		{"long chunk", changed(40, 0xff, 0xff, 0xff, 0xff), "expected at most 6 bytes"},
		{"short header", changed(16, 4), "expected"},
		{"float", changed(20, 3), "format: expected 1 (PCM), found 3"},
		{"stereo", changed(22, 2), "channels: expected 1, found 2"},
		{"8 bit", changed(34, 8), "bits per sample: expected 16, found 8"},
		{"rate", changed(24, 0, 0, 0, 0), "sample rate: expected"},
		{"half a sample", changed(40, 5), "samples of two bytes"},
		{"no samples", wav(), "samples of two bytes"},
		{"data first", slices.Concat(wav()[:12], wav(7)[36:]), "expected fmt before data"},
	} {
		if _, err := DecodeWAV(c.b); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", c.name, err, c.want)
		}
	}
}

func FuzzDecodeWAV(f *testing.F) {
	f.Add(wav(1, 2, 3))
	f.Add(wav(1)[:30])
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, err := DecodeWAV(b); err == nil {
			if r.Rate != 8000 {
				return
			}
			if _, err := Spectrum(r); err != nil {
				t.Error(err)
			}
		}
	})
}

// tone is a sine of the given frequency and amplitude.
func tone(rate, n int, hertz, amplitude float64) *Recording {
	r := &Recording{Rate: rate}
	for i := range n {
		r.Samples = append(r.Samples, int16(amplitude*math.Sin(2*math.Pi*hertz*float64(i)/float64(rate))))
	}
	return r
}

func spectrum(t *testing.T, r *Recording) []uint8 {
	t.Helper()
	s, err := Spectrum(r)
	if err != nil {
		t.Fatal(err)
	}
	if len(s) != Frames*Bands {
		t.Fatalf("%d values, want %d", len(s), Frames*Bands)
	}
	return s
}

// TestTones: a tone is loudest in the band around its frequency, at either rate.
func TestTones(t *testing.T) {
	for _, c := range []struct {
		hertz float64
		band  int
	}{{160, 0}, {500, 4}, {1000, 8}, {2000, 13}, {3600, 19}} {
		for _, rate := range []int{8000, 16000} {
			frame := spectrum(t, tone(rate, 2*rate, c.hertz, 10000))[Frames/2*Bands:][:Bands]
			best := slices.Index(frame, slices.Max(frame))
			if best < c.band-1 || best > c.band+1 || frame[best] < 240 {
				t.Errorf("%g Hz at %d samples a second: loudest band %d (%d), want about %d", c.hertz, rate, best, frame[best], c.band)
			}
		}
	}
}

func TestVolumeDoesNotMatter(t *testing.T) {
	a, b := tone(8000, 9000, 700, 900), tone(8000, 9000, 700, 900)
	for i := range b.Samples {
		b.Samples[i] *= 8
	}
	if !bytes.Equal(spectrum(t, a), spectrum(t, b)) {
		t.Error("eight times the volume gives another spectrum")
	}
}

func TestSilenceAndPadding(t *testing.T) {
	if s := spectrum(t, &Recording{Rate: 8000, Samples: make([]int16, 3000)}); slices.Max(s) != 0 {
		t.Error("silence is not all zero")
	}
	// A short recording lies in the middle.
	s := spectrum(t, tone(8000, 1024, 1000, 10000))
	if slices.Max(s[:20*Bands]) != 0 || slices.Max(s[44*Bands:]) != 0 || slices.Max(s[30*Bands:][:4*Bands]) < 240 {
		t.Error("a recording of 128 ms does not lie in the middle of silence")
	}
	if _, err := Spectrum(&Recording{Rate: 44100, Samples: make([]int16, 100)}); err == nil || !strings.Contains(err.Error(), "expected 8000 or 16000 Hz") {
		t.Errorf("44.1 kHz: %v", err)
	}
}

// TestAgainstFloat compares with the same steps in floating point, by a
// transform from its definition. What is more than 45 dB below the loudest
// band of its frame is left to the rounding of the tables.
func TestAgainstFloat(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, size := range []int{256, 512} {
		tr := newTransform(size)
		worst := 0.
		for range 8 {
			frame := make([]float64, size)
			f1, f2 := random.Float64()*3000+200, random.Float64()*3000+200
			for i := range frame {
				v := int32(3000*math.Sin(2*math.Pi*f1*float64(i)/(binHertz*float64(size)))+1000*math.Sin(2*math.Pi*f2*float64(i)/(binHertz*float64(size)))) + int32(random.IntN(200))
				frame[i] = float64(v) * (0.5 - 0.5*math.Cos(2*math.Pi*(float64(i)+0.5)/float64(size)))
				tr.re[tr.reversed[i]], tr.im[i] = (v*tr.Window[i])>>twiddleLog, 0
			}
			tr.run()
			got := make([]int32, Bands)
			tr.bands(got)
			want := floatBands(frame, &tr.Weights)
			loudest := slices.Max(want)
			for b := range want {
				if want[b] > loudest-7.5*16 {
					worst = max(worst, math.Abs(float64(got[b])-want[b]))
				}
			}
		}
		t.Logf("%d points: off by up to %.1f sixteenths of an octave", size, worst)
		if worst > 4 {
			t.Errorf("%d points: off by %.1f sixteenths of an octave, want at most 4", size, worst)
		}
	}
}

func floatBands(frame []float64, weights *[Bands][Bins]int32) []float64 {
	var magnitude [Bins]float64
	for k := range magnitude {
		var z complex128
		for n, v := range frame {
			z += complex(v, 0) * cmplx.Exp(complex(0, -2*math.Pi*float64(k*n)/float64(len(frame))))
		}
		magnitude[k] = cmplx.Abs(z)
	}
	out := make([]float64, Bands)
	for b := range out {
		sum := 0.
		for k, w := range weights[b] {
			sum += magnitude[k] * float64(w) / 8
		}
		out[b] = 16 * math.Log2(max(sum, 1))
	}
	return out
}

// TestLargestInput: with the loudest square waves no intermediate value leaves
// 32 bits, so the spectrum equals that of 64-bit arithmetic.
func TestLargestInput(t *testing.T) {
	for _, period := range []int{2, 3, 4, 8, 16, 100} {
		r := &Recording{Rate: 16000}
		for i := range 20000 {
			v := int16(math.MaxInt16)
			if i%period < period/2 {
				v = math.MinInt16
			}
			r.Samples = append(r.Samples, v)
		}
		tr := newTransform(512)
		p := emphasise(level(r.Samples))
		re, im := make([]int64, 512), make([]int64, 512)
		for i := range 512 {
			v := (p[i] * tr.Window[i]) >> twiddleLog
			tr.re[tr.reversed[i]], tr.im[i] = v, 0
			re[tr.reversed[i]] = int64(v)
		}
		tr.run()
		wide(re, im, tr)
		for k := range re {
			if re[k] != int64(tr.re[k]) || im[k] != int64(tr.im[k]) {
				t.Fatalf("period %d, bin %d: %d%+di, in 64 bits %d%+di", period, k, tr.re[k], tr.im[k], re[k], im[k])
			}
		}
	}
}

// wide is transform.run in 64 bits.
func wide(re, im []int64, t *transform) {
	n := len(re)
	for half := 1; half < n; half *= 2 {
		for i := range n {
			if i&half != 0 {
				continue
			}
			k := i % half * (n / (2 * half))
			c, s, j := int64(t.Cos[k]), int64(t.Sin[k]), i+half
			x, y := (re[j]*c+im[j]*s)>>twiddleLog, (im[j]*c-re[j]*s)>>twiddleLog
			re[i], im[i], re[j], im[j] = re[i]+x, im[i]+y, re[i]-x, im[i]-y
		}
	}
}

func TestLogarithm(t *testing.T) {
	for x, want := range map[int32]int32{-5: 0, 0: 0, 1: 0, 2: 16, 3: 24, 4: 32, 5: 36, 17: 65, 1 << 20: 320, 3 << 19: 328, math.MaxInt32: 30*16 + 15} {
		if got := logarithm(x); got != want {
			t.Errorf("logarithm(%d) = %d, want %d", x, got, want)
		}
	}
}

// TestDefinitionIsPinned: models are trained on these bytes, so they must never change.
func TestDefinitionIsPinned(t *testing.T) {
	r := &Recording{Rate: 8000}
	phase := 0
	for i := range 7000 { // a rising triangular tone
		phase += 100 + i
		r.Samples = append(r.Samples, int16(max(phase%32768, 32767-phase%32768)-16384))
	}
	if got := crc32.ChecksumIEEE(spectrum(t, r)); got != 0x4d3455c9 {
		t.Errorf("checksum %#x, want 0x4d3455c9", got)
	}
}

func streamed(t *testing.T, rate int, samples []int16) [][]uint8 {
	t.Helper()
	s, err := NewStream(rate)
	if err != nil {
		t.Fatal(err)
	}
	var rows [][]uint8
	for ; len(samples) >= s.Hop(); samples = samples[s.Hop():] {
		rows = append(rows, s.Push(samples))
	}
	return rows
}

// TestStreamAgainstSpectrum: while the reference is that of the loudest frame,
// a stream has the bytes of the recording's spectrum, Delay frames later, but
// for the rounding of samples that are shifted otherwise.
func TestStreamAgainstSpectrum(t *testing.T) {
	r := &Recording{Rate: 8000}
	for i := range (Frames + 1) * 128 {
		angle := 2 * math.Pi * float64(i) / 8000
		r.Samples = append(r.Samples, int16(6000*math.Sin(500*angle)+3000*math.Sin(1700*angle)))
	}
	rows := streamed(t, r.Rate, r.Samples)
	want := spectrum(t, r)
	for f := 1; f < Frames-Delay; f++ {
		for b, v := range rows[f+1+Delay] {
			if w := want[f*Bands+b]; w > 150 && max(v, w)-min(v, w) > 2 {
				t.Fatalf("frame %d, band %d: %d, in the spectrum %d", f, b, v, w)
			}
		}
	}
}

// TestStreamReference: loudness falls by a sixteenth of an octave a frame, volume does not matter
// above Quiet, silence is zero.
func TestStreamReference(t *testing.T) {
	loud, soft := tone(8000, 40*128, 1000, 8000), tone(8000, 40*128, 1000, 8000)
	for i := range soft.Samples {
		soft.Samples[i] /= 4
	}
	for i, row := range streamed(t, 8000, make([]int16, 40*128)) {
		if slices.Max(row) != 0 {
			t.Fatalf("silence is %d in frame %d", slices.Max(row), i)
		}
	}
	rows := streamed(t, 8000, append(loud.Samples, soft.Samples...))
	if at := 30 + Delay; slices.Max(rows[at]) < 250 {
		t.Errorf("the loudest band is %d, want about 255", slices.Max(rows[at]))
	}
	early, late := slices.Max(rows[43+Delay]), slices.Max(rows[51+Delay])
	if want := uint8(255 - 32 + 3 + Delay); early < want-3 || early > want+3 || late < early+7 || late > early+9 {
		t.Errorf("two octaves softer, %d and then %d, want about %d, then 8 more", early, late, want)
	}
}
