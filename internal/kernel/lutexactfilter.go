package kernel

import (
	"math"
	"slices"
)

// exactFilters are the weights of a LUTDepthwise of exact products.
type exactFilters struct {
	pairs   []uint32 // [outputs][pairs of taps][2]: two weights of 16 bits, and their lower bits
	offsets []int32  // of taps, made even
	bias    []int32  // [outputs][2], the second of lower bits
	bits    uint
}

// ExactWeights are those of filters whose products are exact, sums of numbers
// times weight<<Bits + low. Biases have lower bits, too.
type ExactWeights struct {
	Low     []int16 // as the weights
	BiasLow []int32 // as the biases
	Bits    uint
}

// NewExactLUTDepthwise is NewLUTDepthwise for exact products: a sum is
//
//	bias[o] + sum over taps of number*weights[o][tap] + (BiasLow[o] + sum over taps of number*Low[o][tap]) >> Bits
//
// of which both parts fit 32 bits.
func (l Level) NewExactLUTDepthwise(p *LUTPlanes, weights []int16, bias []int32, e ExactWeights, a *LUTActivation) *LUTDepthwise {
	d := l.NewLUTDepthwise(p, weights, bias, 1, a)
	need(e.Low, len(weights))
	need(e.BiasLow, len(bias))
	if e.Bits > 31 || slices.Contains(e.Low, math.MinInt16) {
		panic("kernel: lut depthwise: lower bits out of range")
	}
	d.exact = &exactFilters{offsets: slices.Clone(p.taps), bits: e.Bits}
	taps := len(p.taps)
	if taps%2 > 0 {
		d.exact.offsets = append(d.exact.offsets, p.taps[0]) // of weight 0
	}
	word := func(w []int16, o, k int) uint32 {
		if k >= taps {
			return 0
		}
		return uint32(uint16(w[o*taps+k]))
	}
	for o, b := range bias {
		for k := 0; k < taps; k += 2 {
			d.exact.pairs = append(d.exact.pairs, word(weights, o, k)|word(weights, o, k+1)<<16, word(e.Low, o, k)|word(e.Low, o, k+1)<<16)
		}
		d.exact.bias = append(d.exact.bias, b, e.BiasLow[o])
	}
	return d
}

// sum is the sum of output o whose taps are at numbers.
func (e *exactFilters) sum(numbers []int16, o int) int32 {
	z, low := e.bias[2*o], e.bias[2*o+1]
	pairs := e.pairs[o*len(e.offsets):]
	for k, t := range e.offsets {
		x, shift := int32(numbers[t]), k%2*16
		z += x * int32(int16(pairs[k/2*2]>>shift))
		low += x * int32(int16(pairs[k/2*2+1]>>shift))
	}
	return z + low>>(e.bits&31)
}
