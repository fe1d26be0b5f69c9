package emitc

import (
	"fmt"

	"lutra/internal/audio"
	"lutra/internal/lut"
	"lutra/internal/safe"
)

// soundPage is what templates read about sound as input.
type soundPage struct {
	Rate, Points, Frames, Bands, At int
	Samples                         int    // of the self-test
	Sum                             string // checksum of their levels

	Window, Twiddles, Angles, Triangles string // names of arrays
}

// testSamples is the length of the sound of the self-test.
const testSamples = 600

// checkSound refuses sound for an input that is no spectrum.
func checkSound(n *lut.Network, rate int) error {
	if rate == 0 {
		return nil
	}
	if in := &n.Tensors[n.Inputs[0].Tensor]; in.C != 1 || in.H != audio.Frames || in.W != audio.Bands {
		return &safe.FormatError{File: n.Name, Field: "input", Expected: fmt.Sprintf("a spectrum, 1x%dx%d", audio.Frames, audio.Bands), Found: fmt.Sprintf("%dx%dx%d", in.C, in.H, in.W)}
	}
	_, err := audio.TablesOf(rate)
	return err
}

// points is the samples of a frame.
func (g *generator) points() int { return g.o.Rate * 32 / 1000 }

// soundBytes is what the arena holds while a spectrum is made: a frame of
// complex numbers, and the logarithms of all bands.
func (g *generator) soundBytes() int { return 8*g.points() + 2*audio.Frames*audio.Bands }

// sound writes the tables of spectra, if the input is one.
func (g *generator) sound() error {
	if g.o.Rate == 0 {
		return nil
	}
	t, err := audio.TablesOf(g.o.Rate)
	if err != nil {
		return err
	}
	g.use("spectrum")
	var window, twiddles []uint8
	for _, w := range t.Window[:len(t.Window)/2] {
		window = append(window, digits(w, 0)...)
	}
	var angles []uint16
	for k := range len(t.Window) / 4 {
		angles = append(angles, uint16(len(twiddles)))
		twiddles = append(append(twiddles, quarterTurn), digits(t.Cos[k], t.Sin[k])...)
	}
	sum, err := g.soundSum()
	if err != nil {
		return err
	}
	g.soundPage = &soundPage{
		Rate: g.o.Rate, Points: g.points(), Frames: audio.Frames, Bands: audio.Bands, At: g.scratch.at,
		Samples: testSamples, Sum: fmt.Sprintf("0x%08xu", sum),
		Window: g.bytesOf("digits", window), Twiddles: g.bytesOf("digits", twiddles),
		Angles: integers(&g.arrays, "uint16_t", "angles", 2, angles), Triangles: g.bytesOf("bands", triangles(t)),
	}
	return nil
}

// What digits are besides shifts.
const (
	quarterTurn = 16
	endOfDigits = 17
)

// digits says how z*(c-is) is added up of shifted z: by the signed powers of
// two of c and s of which no two are neighbours. A digit is a shift beyond the
// one before, or a quarter of a turn, which makes z to -iz and undoes shifts.
func digits(c, s int32) []uint8 {
	var runs [4][]uint8 // of c, of s, of -c, of -s
	for part, v := range []int32{c, s} {
		for shift := uint8(0); v != 0; shift++ {
			switch {
			case v&3 == 3: // 4-1
				runs[2+part] = append(runs[2+part], shift)
				v++
			case v&1 == 1:
				runs[part] = append(runs[part], shift)
				v--
			}
			v /= 2
		}
	}
	var code []uint8
	used := 0
	for _, shifts := range runs {
		code = append(code, quarterTurn)
		last := uint8(0)
		for _, shift := range shifts {
			code = append(code, shift-last)
			last, used = shift, len(code)
		}
	}
	return append(code[1:max(used, 1)], endOfDigits)
}

// triangles is, of every band, its first bin, a count, and as many weights.
func triangles(t *audio.Tables) []uint8 {
	var code []uint8
	for _, weights := range t.Weights {
		first, end := 0, len(weights)
		for weights[first] == 0 {
			first++
		}
		for weights[end-1] == 0 {
			end--
		}
		code = append(code, uint8(first), uint8(end-first))
		for _, w := range weights[first:end] {
			code = append(code, uint8(w))
		}
	}
	return code
}

// soundSum is the checksum of the levels of noise, as the self-test makes it.
func (g *generator) soundSum() (uint32, error) {
	r := &audio.Recording{Rate: g.o.Rate, Samples: make([]int16, testSamples)}
	state := noise(1)
	for i := range r.Samples {
		r.Samples[i] = int16(state.next() >> 16)
	}
	s, err := audio.Spectrum(r)
	if err != nil {
		return 0, err
	}
	var sum checksum
	for _, v := range s {
		sum.add(uint32(g.o.Bytes[0][v]))
	}
	return uint32(sum), nil
}
