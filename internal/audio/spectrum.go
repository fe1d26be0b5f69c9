package audio

import (
	"fmt"
	"math"
	"math/bits"

	"lutra/internal/safe"
)

// The shape of a spectrum: Frames of 32 ms, one every 16 ms (1.04 s in all),
// of Bands from 100 to 4000 Hz.
const (
	Frames = 64
	Bands  = 20
	Bins   = 128 // of a transform, 0 to 4000 Hz, of which bands are made
)

const (
	binHertz   = 31.25 // width of a bin: 8000 Hz by 256 points, 16000 Hz by 512
	lowHertz   = 100
	highHertz  = 4000
	twiddleLog = 9 // twiddles and window in units of 2^-9
	sampleLog  = 13
)

// Spectrum is the log-mel spectrum of a recording of 8 or 16 kHz: Frames x
// Bands bytes, by integer arithmetic alone. Every product has a factor that is
// a constant of at most 10 bits known in advance, so that a program without a
// multiplier computes it by shifts and additions, bit for bit. The steps:
//
//  1. The samples are shifted by whole bits until the largest magnitude has 13.
//  2. Pre-emphasis: p[n] = (x[n] - x[n-1] + (x[n-1]>>5)) >> 1.
//  3. The Frames frames in the middle are taken, silence around shorter
//     recordings. A frame has N = 32 ms of samples, at a hop of N/2.
//  4. Hann window: (p*w[n])>>9, w[n] = round(512*(0.5-0.5cos(2*pi*(n+0.5)/N))).
//  5. N-point Fourier transform: radix 2, decimation in time, twiddles
//     round(512*cos), round(512*sin), each complex product shifted right by 9
//     once; nothing else is scaled. All intermediate values fit 32 bits.
//  6. Magnitude of bins 0...127: max(a, a-(a>>3)+(b>>1)) for a >= b >= 0 the
//     magnitudes of real and imaginary part (within 3 % of the true one).
//  7. Bands: sums of magnitudes times 0...8 eighths of a triangle whose corners
//     are equally spaced in mel (2595*log10(1+f/700)), at whole bins.
//  8. Logarithm: f = 16*e + m for a sum of 2^e*(1+m/16), m rounded down; 0 for 0.
//  9. Loudness: the byte is max(0, 255-(F-f)), where F is the largest f of the
//     recording: 16 steps an octave, 96 dB in all, independent of the volume.
func Spectrum(r *Recording) ([]uint8, error) {
	size, err := frameSize(r.Rate)
	if err != nil {
		return nil, err
	}
	t := newTransform(size)
	p := emphasise(level(r.Samples))
	start := (len(p) - (Frames+1)*size/2) / 2 // negative for short recordings
	logs := make([]int32, Frames*Bands)
	for f := range Frames {
		for i := range t.re {
			t.re[t.reversed[i]], t.im[i] = 0, 0
			if n := start + f*size/2 + i; n >= 0 && n < len(p) {
				t.re[t.reversed[i]] = (p[n] * t.Window[i]) >> twiddleLog
			}
		}
		t.run()
		t.bands(logs[f*Bands:][:Bands])
	}
	return relative(logs), nil
}

// frameSize is the samples of a frame.
func frameSize(rate int) (int, error) {
	if rate != 8000 && rate != 16000 {
		return 0, &safe.FormatError{Field: "sample rate", Expected: "8000 or 16000 Hz", Found: fmt.Sprint(rate), Hint: "resample the recording first"}
	}
	return rate * 32 / 1000, nil
}

// TablesOf is the tables of a rate of 8000 or 16000 samples a second.
func TablesOf(rate int) (*Tables, error) {
	size, err := frameSize(rate)
	if err != nil {
		return nil, err
	}
	return &newTransform(size).Tables, nil
}

// level is step 1.
func level(samples []int16) []int32 {
	peak := int32(0)
	for _, s := range samples {
		peak = max(peak, int32(s), -int32(s))
	}
	x := make([]int32, len(samples))
	if peak == 0 {
		return x
	}
	shift := sampleLog - bits.Len32(uint32(peak))
	for i, s := range samples {
		if shift >= 0 {
			x[i] = int32(s) << shift
		} else {
			x[i] = int32(s) >> -shift
		}
	}
	return x
}

// emphasise is step 2.
func emphasise(x []int32) []int32 {
	p := make([]int32, len(x))
	before := int32(0)
	for n, v := range x {
		p[n] = (v - before + before>>5) >> 1
		before = v
	}
	return p
}

// Tables are the constants of Spectrum for a frame of N samples.
type Tables struct {
	Window   []int32            // N, of step 4
	Cos, Sin []int32            // of step 5: of k/N turns, for the first half turn
	Weights  [Bands][Bins]int32 // of step 7, in eighths
}

// transform holds the tables of a frame size and one frame.
type transform struct {
	Tables
	reversed []int // bit-reversed order
	re, im   []int32
}

func newTransform(size int) *transform {
	t := &transform{
		Tables:   Tables{Window: make([]int32, size), Cos: make([]int32, size/2), Sin: make([]int32, size/2)},
		reversed: make([]int, size), re: make([]int32, size), im: make([]int32, size),
	}
	const one = 1 << twiddleLog
	width := bits.Len(uint(size)) - 1
	for i := range size {
		t.Window[i] = int32(math.Round(one * (0.5 - 0.5*math.Cos(2*math.Pi*(float64(i)+0.5)/float64(size)))))
		t.reversed[i] = int(bits.Reverse32(uint32(i)) >> (32 - width))
	}
	for i := range size / 2 {
		sin, cos := math.Sincos(2 * math.Pi * float64(i) / float64(size))
		t.Cos[i], t.Sin[i] = int32(math.Round(one*cos)), int32(math.Round(one*sin))
	}
	t.triangles()
	return t
}

// run transforms re, in bit-reversed order, and im in place (step 5). With
// samples below 2^13 a value after k of the log2 N <= 9 stages is below
// 2^(13+k) in magnitude, and a product with a twiddle below 2^(13+8+9) = 2^30.
func (t *transform) run() {
	n := len(t.re)
	for half := 1; half < n; half *= 2 {
		step := n / (2 * half)
		for first := 0; first < n; first += 2 * half {
			for k := range half {
				c, s := t.Cos[k*step], t.Sin[k*step]
				i, j := first+k, first+k+half
				re := (t.re[j]*c + t.im[j]*s) >> twiddleLog
				im := (t.im[j]*c - t.re[j]*s) >> twiddleLog
				t.re[j], t.im[j] = t.re[i]-re, t.im[i]-im
				t.re[i], t.im[i] = t.re[i]+re, t.im[i]+im
			}
		}
	}
}

// triangles makes the weights of step 7.
func (t *transform) triangles() {
	mel := func(hertz float64) float64 { return 2595 * math.Log10(1+hertz/700) }
	var corner [Bands + 2]int
	low, high := mel(lowHertz), mel(highHertz)
	for i := range corner {
		m := low + (high-low)*float64(i)/(Bands+1)
		hertz := 700 * (math.Pow(10, m/2595) - 1)
		corner[i] = int(math.Round(hertz / binHertz))
		if i > 0 {
			corner[i] = max(corner[i], corner[i-1]+1)
		}
	}
	for b := range t.Weights {
		left, top, right := corner[b], corner[b+1], corner[b+2]
		for k := left + 1; k < min(right, Bins); k++ {
			part := float64(k-left) / float64(top-left)
			if k > top {
				part = float64(right-k) / float64(right-top)
			}
			t.Weights[b][k] = int32(math.Round(8 * part))
		}
	}
}

// bands is steps 6 to 8 for the transformed frame.
func (t *transform) bands(logs []int32) {
	var magnitude [Bins]int32
	for k := range magnitude {
		magnitude[k] = length(t.re[k], t.im[k])
	}
	for b := range logs {
		sum := int32(0)
		for k, w := range t.Weights[b] {
			sum += (magnitude[k] * w) >> 3
		}
		logs[b] = logarithm(sum)
	}
}

// length approximates the magnitude of a complex number.
func length(re, im int32) int32 {
	a, b := max(re, -re), max(im, -im)
	if a < b {
		a, b = b, a
	}
	return max(a, a-a>>3+b>>1)
}

// logarithm is 16 times the logarithm to base 2 of x, linear between powers of two; 0 for x < 1.
func logarithm(x int32) int32 {
	if x < 1 {
		return 0
	}
	e := int32(bits.Len32(uint32(x))) - 1
	if e >= 4 {
		return 16*e + (x>>(e-4))&15
	}
	return 16*e + (x<<(4-e))&15
}

// relative is step 9.
func relative(logs []int32) []uint8 {
	loudest := int32(0)
	for _, f := range logs {
		loudest = max(loudest, f)
	}
	out := make([]uint8, len(logs))
	if loudest == 0 { // silence
		return out
	}
	for i, f := range logs {
		out[i] = uint8(max(0, 255-(loudest-f)))
	}
	return out
}
