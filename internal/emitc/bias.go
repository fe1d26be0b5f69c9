package emitc

import (
	"math"

	"lutra/internal/lut"
)

// less is what the sums of l are too large: 1<<15 less the bias.
func (g *generator) less(l *lut.Linear, kind string) string {
	less := make([]uint32, len(l.Bias))
	short := make([]uint16, len(l.Bias))
	for i, b := range l.Bias {
		less[i] = uint32(1<<15 - b)
		short[i] = uint16(less[i])
	}
	if g.biasType(kind) == "u32" {
		return integers(&g.arrays, "uint32_t", "less", 4, less)
	}
	return integers(&g.arrays, "uint16_t", "less", 2, short)
}

// filterBiases are the biases of l, a filter per channel.
func (g *generator) filterBiases(l *lut.Linear) string {
	if g.biasType("filter") == "i32" {
		return g.words("bias", l.Bias)
	}
	short := make([]int16, len(l.Bias))
	for i, b := range l.Bias {
		short[i] = int16(b)
	}
	return integers(&g.arrays, "int16_t", "bias", 2, short)
}

// biasType is the type of the biases of linear layers of a kind, or of filters
// per channel: that of 16 bits if all of them fit.
func (g *generator) biasType(kind string) string {
	short, long := "u16", "u32"
	if kind == "filter" {
		short, long = "i16", "i32"
	}
	for _, l := range g.net.Layers {
		l, ok := l.(*lut.Linear)
		if !ok || (l.Groups > 1) != (kind == "filter") || l.Groups == 1 && kindOf(l.Table) != kind {
			continue
		}
		for _, b := range l.Bias {
			if b <= math.MinInt16 || b > math.MaxInt16 {
				return long
			}
		}
	}
	return short
}
