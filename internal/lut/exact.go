package lut

import (
	"math"

	"lutra/internal/graph"
)

const (
	maxParts   = 1024 // of a step, of which levels are made where there is padding
	maxLowBits = 15   // of weights, and of sums of levels
)

// fitExact finds the largest shift, at most bits, for exact products. Where
// nothing is padded a level is its index and a whole number, and the rest of
// its offset goes into the biases, where it is exact; padding has no such rest,
// so that levels then are made of parts of a step.
func (p *product) fitExact(bits int) {
	l, w := p.linear, p.linear.Window
	farthest, most := p.in.farthest(p.levels)/p.in.step, 1
	if w.Top+w.Left+w.Bottom+w.Right > 0 {
		most = max(min(maxParts, int(maxLane/farthest)), 1)
	}
	p.first, p.key.parts = fraction(p.in.offset, most)
	rest := (p.in.offset - p.first/float64(p.key.parts)) * p.in.step
	p.biases = make([]float64, l.Outputs)
	for o := range p.biases {
		var weights float64
		for k := range l.K {
			weights += p.words[l.Codes[k*l.Outputs+o]]
		}
		p.biases[o] = p.bias[o] + float64(rest*weights)
	}
	l.Block, p.key.most, p.key.lowBits = l.K, maxSum, maxLowBits
	for p.key.lowBits > 0 && (farthest+1)*float64(p.key.parts)*float64(l.K) > math.Ldexp(1, 31-int(p.key.lowBits)) {
		p.key.lowBits--
	}
	p.shift = p.fit(bits)
	p.least = p.shift
}

// exactFactors are those of exact products of these weights.
func (p *product) exactFactors(weights []float64) factors {
	f, bits := factors{first: p.first, step: float64(p.key.parts), weights: weights, low: make([]float64, len(weights))}, int(p.key.lowBits)
	for i, v := range weights {
		all := math.Floor(math.Ldexp(v/f.step, bits) + 0.5)
		weights[i] = math.Floor(math.Ldexp(all, -bits) + 0.5)
		f.low[i] = all - math.Ldexp(weights[i], bits)
	}
	return f
}

// refine gives the biases of p, and its residual, the lower bits of products.
func (b *builder) refine(p *product) {
	l, bits := p.linear, int(p.key.lowBits)
	s := p.scale(p.shift + bits)
	l.BiasLow = make([]int32, l.Outputs)
	round := 0.0
	if p.bins.bins == 0 { // scores are rounded
		round = math.Floor(math.Ldexp(1, bits-1))
	}
	for o, v := range p.biases {
		l.Bias[o], l.BiasLow[o] = split(s.bias(v, p.bins)+round, bits)
	}
}

// split is v, a whole number, as a number and some lower bits of it.
func split(v float64, bits int) (high, low int32) {
	h := math.Floor(math.Ldexp(v, -bits))
	return int32(h), int32(v - math.Ldexp(h, bits))
}

// joined is the number of which split has made high and low.
func joined(high, low int32, bits uint) int64 { return int64(high)<<bits + int64(low) }

// ends are the least sums, of that scale, of the levels of q from 1 on: half-way
// between the least number of float32 that has the level and the one before it.
// Sums of levels often are half-way between two of them, and float32 decides.
func ends(q graph.Quantiser, s scale) []int64 {
	list := make([]int64, q.Levels-1)
	for i := range list {
		below, at := int64(math.MinInt32), int64(math.MaxInt32) // of floats in order
		for at-below > 1 {
			if middle := (at + below) >> 1; ordered(middle) < math.Inf(1) && int(q.Index(float32(ordered(middle)))) <= i {
				below = middle
			} else {
				at = middle
			}
		}
		end := (ordered(below) + ordered(at)) / 2
		list[i] = int64(math.Ceil(math.Ldexp(end/s.width, s.shift)))
	}
	return list
}

// ordered is number i of all numbers of float32 in ascending order, of which
// number 0 is 0; beyond them, infinity.
func ordered(i int64) float64 {
	limit := int64(math.Float32bits(math.MaxFloat32))
	switch {
	case i > limit:
		return math.Inf(1)
	case i < -limit:
		return math.Inf(-1)
	case i < 0:
		return -float64(math.Float32frombits(uint32(-i)))
	}
	return float64(math.Float32frombits(uint32(i)))
}

// fraction is the fraction that is nearest to x of those whose denominator is
// at most most; the one of the least denominator if there are several.
func fraction(x float64, most int) (numerator float64, denominator int) {
	nearest := math.Inf(1)
	for d := 1; d <= most; d++ {
		n := math.Floor(float64(x*float64(d)) + 0.5)
		if off := math.Abs(x - n/float64(d)); off < nearest {
			nearest, numerator, denominator = off, n, d
		}
	}
	return numerator, denominator
}
