package lut

import "math"

// factors are the numbers of 16 bits of which a table is made: level a is
// first + a*step, a weight is a multiple of step/2^15 products, and a product is
//
//	(level*weight + 2^14) >> 15
//
// which processors compute in one instruction. docs/lut.md tells the error. Of
// exact products a weight is a multiple of step products, and has lower bits.
type factors struct {
	first, step float64
	weights     []float64 // [K*D], whole numbers; those of no use may be too large
	low         []float64 // of exact products
}

const (
	half = 1 << 14 // of a product
	unit = 1 << 15
)

// factors chooses the numbers for the products of p at a shift.
func (p *product) factors(shift int) factors {
	weights := make([]float64, len(p.words))
	for i, w := range p.words {
		weights[i] = math.Ldexp(w*p.key.factor, p.exponent+shift)
	}
	if p.exact {
		return p.exactFactors(weights)
	}
	f := factors{step: p.step(weights), weights: weights}
	f.first = math.Floor(float64(p.in.offset*f.step) + 0.5)
	for i, v := range weights {
		weights[i] = math.Floor(v*unit/f.step + 0.5)
	}
	return f
}

// step is the least even number with which the largest weight whose rounded
// products fit has 16 bits.
func (p *product) step(weights []float64) float64 {
	farthest := math.Max(math.Abs(p.in.offset), math.Abs(p.in.offset+float64(p.levels-1)))
	least := 2.
	for _, w := range weights {
		slope := math.Abs(w)
		step := 2 * math.Ceil(slope*unit/maxLane/2)
		if slope*farthest < float64(p.key.most)+0.5 && step*farthest < maxLane {
			least = max(least, step)
		}
	}
	return least
}

// level is the number of level a.
func (f *factors) level(a int) float64 { return f.first + float64(float64(a)*f.step) }

// product is that of level a and weight i, not bounded to 16 bits, without the
// lower bits of exact ones.
func (f *factors) product(a, i int) float64 {
	if f.low != nil {
		return f.level(a) * f.weights[i]
	}
	return math.Floor((float64(f.level(a)*f.weights[i]) + half) / unit)
}

// fits reports whether all levels have 16 bits.
func (f *factors) fits(levels int) bool {
	return f.level(0) >= -maxLane && f.level(levels-1) <= maxLane
}

// table computes the products of p. Codewords that p does not use may be too
// large: their products are 0.
func (p *product) table() *Table {
	f := p.factors(p.shift)
	t := &Table{Codebook: p.sum.words, Levels: p.levels, Words: p.book.K, D: p.book.D, First: int16(f.first), Step: int16(f.step)}
	most := float64(p.key.most)
	for i, w := range f.weights {
		used := math.Abs(w) <= maxLane && math.Abs(f.product(0, i)) <= most && math.Abs(f.product(p.levels-1, i)) <= most
		if !used {
			f.weights[i] = 0
		}
		t.Weights = append(t.Weights, int16(f.weights[i]))
		if p.exact {
			t.Low = append(t.Low, int16(f.low[i]))
		}
	}
	if p.exact {
		t.LowBits = p.key.lowBits
		return t
	}
	t.Entries = make([]int16, (p.levels+1)*len(p.words))
	for a := range p.levels {
		for i := range p.words {
			t.Entries[a*len(p.words)+i] = int16(f.product(a, i))
		}
	}
	return t
}
