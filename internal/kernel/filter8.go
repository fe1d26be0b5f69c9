package kernel

import (
	"encoding/binary"
	"math"
)

// FilterI8 holds the weights of a DepthwiseI8Args, and what follows its sums,
// in the order in which the fast form of DepthwiseI8 reads them.
type FilterI8 struct {
	form    filterForm
	chunks  int // after which the weights repeat
	records []byte
	size    int // of the filter, a square
	places  [16]uint32
}

// filterForm says which bytes the 64 outputs of a chunk belong to.
type filterForm uint8

const (
	perPixel filterForm = iota // channels of one pixel
	flat                       // channels of pixels in a row, stride 1
	halved                     // channels of every other pixel in a row
)

const (
	chunk8      = 64      // outputs of a chunk
	quad8       = 4       // taps that are summed at a time
	mostPeriod  = 9       // most chunks after which the weights of a flat row repeat
	largestSum8 = 1 << 30 // in steps of the result, so that sums fit 32 bits
)

// A record of a chunk holds the weights, for every four taps [chunk8][4], then
// scales and shifts in float32 and the bounds of the bytes, per output.
// Outputs are in the order of summed, bounds in their own.
func recordBytes(size int) int { return (size*size+quad8-1)/quad8*quad8*chunk8 + 10*chunk8 }

// summed is the place of output i among the sums of a chunk: interleaving
// bytes works within 16 of them.
func summed(i int) int { return i%16/4*16 + i/16*4 + i%4 }

// PackDepthwiseI8 prepares weights, scales, bounds and the geometry of d for
// DepthwiseI8; what may change from call to call is where In and Out start, and Height. It is nil where
// no faster form than without it exists: on levels without a dot product of
// bytes, for filters other than 3x3 and 5x5, for channels in other numbers than
// multiples of 4, and residuals (ResidualStep is set). The result is in float32
// if OutScale is 0.
func (l Level) PackDepthwiseI8(d *DepthwiseI8Args) *FilterI8 {
	if !dotsBytes(l) || d.KH != d.KW || d.KH != 3 && d.KH != 5 || d.Channels%quad8 != 0 || d.Channels <= 0 || d.ResidualStep != 0 || !d.bounded() {
		return nil
	}
	f := &FilterI8{form: d.filterForm(), size: d.KH}
	period := d.Channels
	if f.form != perPixel {
		period = lcm(d.Channels, chunk8)
	}
	f.chunks = (period + chunk8 - 1) / chunk8
	f.records = make([]byte, f.chunks*recordBytes(f.size))
	for i := range period {
		f.set(i, i%d.Channels, d)
	}
	for i := range f.places {
		f.places[i] = uint32(source8(i, d.Channels/4))
	}
	return f
}

// source8 is the place of item i of every other of the groups of n.
func source8(i, n int) int { return i/n*2*n + i%n }

func lcm(a, b int) int {
	x, y := a, b
	for y != 0 {
		x, y = y, x%y
	}
	return a / x * b
}

// filterForm is the form that takes fewest chunks.
func (d *DepthwiseI8Args) filterForm() filterForm {
	if d.OutStep != d.Channels || d.Tap != d.Channels || d.Channels%chunk8 == 0 {
		return perPixel
	}
	switch {
	case d.Step == d.Channels && lcm(d.Channels, chunk8) <= mostPeriod*chunk8:
		return flat
	case d.Step == 2*d.Channels && chunk8%d.Channels == 0 && d.KH == 3 && d.OutScale != 0:
		return halved
	}
	return perPixel
}

// bounded reports whether no result can exceed 32 bits before it is clamped.
func (d *DepthwiseI8Args) bounded() bool {
	for c := range d.Channels {
		sum := 0.0
		for t := range d.KH * d.KW {
			sum += math.Abs(float64(d.Weights[t*d.Stride+c]))
		}
		y := sum * 255 * math.Abs(float64(d.Scale[c]))
		if d.Bias != nil {
			y += math.Abs(float64(d.Bias[c]))
		}
		if !(y*math.Abs(float64(d.OutScale)) < largestSum8) {
			return false
		}
	}
	return true
}

// set fills output i of the period, which belongs to channel c of d.
func (f *FilterI8) set(i, c int, d *DepthwiseI8Args) {
	record := f.records[i/chunk8*recordBytes(f.size):][:recordBytes(f.size)]
	i %= chunk8
	for t := range d.KH * d.KW {
		record[t/quad8*quad8*chunk8+summed(i)*quad8+t%quad8] = byte(d.Weights[t*d.Stride+c])
	}
	rest := record[len(record)-10*chunk8:]
	binary.LittleEndian.PutUint32(rest[4*summed(i):], math.Float32bits(d.Scale[c]))
	if d.Bias != nil {
		binary.LittleEndian.PutUint32(rest[4*(chunk8+summed(i)):], math.Float32bits(d.Bias[c]))
	}
	lo, hi := toByte(d.Min, d.OutScale, d.OutZero), toByte(d.Max, d.OutScale, d.OutZero)
	if d.Lower != nil {
		lo, hi = clampByte(lo, d.Lower[c], d.Upper[c]), clampByte(hi, d.Lower[c], d.Upper[c])
	}
	rest[8*chunk8+i], rest[9*chunk8+i] = lo, hi
}

func clampByte(v, lo, hi uint8) uint8 { return min(max(v, lo), hi) }
