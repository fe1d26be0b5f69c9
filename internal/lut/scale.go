package lut

import (
	"math"

	"lutra/internal/graph"
)

// spacing is the affine form of a quantiser's levels: index i stands for
// (i+offset)*step.
type spacing struct{ step, offset float64 }

func spacingOf(q graph.Quantiser) spacing {
	n := float64(q.Levels - 1)
	if q.Tanh {
		return spacing{2 / n, -n / 2}
	}
	low, high := float64(q.Low), float64(q.High)
	span := high - low
	return spacing{span / n, low * n / span}
}

// zero is the index of the level that is the number 0, or -1.
func (s spacing) zero(levels int) int {
	if i := -s.offset; i >= 0 && i < float64(levels) && i == math.Floor(i) {
		return int(i)
	}
	return -1
}

// value is the number that index i stands for.
func (s spacing) value(i int) float64 { return (float64(i) + s.offset) * s.step }

// farthest is the largest magnitude of levels.
func (s spacing) farthest(levels int) float64 {
	return math.Max(math.Abs(s.offset), math.Abs(s.offset+float64(levels-1))) * s.step
}

// binning cuts the sums in front of an activation into bins of equal width;
// bin 0 begins at origin, in bins. The first and the last bin have no end.
type binning struct {
	width  float64
	origin float64
	bins   int
	levels []uint8 // of each bin; nil: its number
	detail int     // bins of the narrowest plateau
}

// resolution bounds how finely sums are computed.
type resolution struct {
	shift  int // bits below a bin, or below a plateau of tanh
	detail int // bins of the narrowest plateau of tanh
	bins   int // of the activation table of tanh
}

var (
	coarse = resolution{12, 16, 2048}
	fine   = resolution{20, 256, 1 << 14} // of exact products
)

// binningOf is the binning of q: one bin for each level if its plateaus are
// equal, else detail bins for the narrowest plateau, or as many of them as make
// less than most in all, with the ends of all plateaus moved to the nearest end
// of a bin.
func binningOf(q graph.Quantiser, detail, most int) binning {
	if !q.Tanh {
		s := spacingOf(q)
		return binning{width: s.step, origin: s.offset - 0.5, bins: q.Levels, detail: 1}
	}
	ends := make([]float64, q.Levels-1) // between level i and i+1
	narrow := math.Inf(1)
	for i := range ends {
		ends[i] = math.Atanh((2*float64(i) + 1 - float64(q.Levels-1)) / float64(q.Levels-1))
		if i > 0 {
			narrow = min(narrow, ends[i]-ends[i-1])
		}
	}
	if len(ends) == 1 {
		narrow = 1
	}
	b := binning{detail: detail}
	last := func(width float64) int { return int(math.Round(ends[len(ends)-1]/width)-math.Round(ends[0]/width)) + 1 }
	for b.detail > 1 && last(narrow/float64(b.detail)) >= most {
		b.detail /= 2
	}
	b.width = narrow / float64(b.detail)
	b.bins = last(b.width) + 1
	b.origin = math.Round(ends[0]/b.width) - 1
	b.levels = make([]uint8, b.bins)
	level := 0
	for i := range b.levels {
		for level < len(ends) && math.Round(ends[level]/b.width) <= b.origin+float64(i) {
			level++
		}
		b.levels[i] = uint8(level)
	}
	return b
}

// scale is a power of two, in units of a binning: real numbers times
// 2^shift / width are the integers of tables, biases and sums.
type scale struct {
	width float64
	shift int
}

// of is the integer for v.
func (s scale) of(v float64) float64 {
	return math.Floor(float64(math.Ldexp(v/s.width, s.shift)) + 0.5)
}

// bias is the integer for a bias v in front of b: bin 0 begins at 0.
func (s scale) bias(v float64, b binning) float64 {
	return math.Floor(math.Ldexp(v/s.width-b.origin, s.shift) + 0.5)
}
