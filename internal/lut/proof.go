package lut

import "math"

// noShift is below all shifts: weights are too large for any.
const noShift = -64

// fit is the largest shift, at most most, with which all sums fit, or noShift.
func (p *product) fit(most int) int {
	for shift := most; shift > noShift; shift-- {
		if p.fits(shift) {
			return shift
		}
	}
	return noShift
}

// fits proves, for one shift, that products fit 16 or 8 bits and sums of Block
// products 16, unless products are exact, and that sums of everything fit 32
// bits, for every input.
func (p *product) fits(shift int) bool {
	l, d := p.linear, p.book.D
	f := p.factors(shift)
	residual := p.scale(shift).of(p.residual) + 1
	if !f.fits(p.levels) || residual > maxSum/4 {
		return false
	}
	lo, hi := make([]int64, len(p.words)), make([]int64, len(p.words)) // over all levels and 0
	for i, w := range f.weights {
		for _, a := range []int{0, p.levels - 1} { // products are monotone in a
			e := int64(max(min(f.product(a, i), 1<<40), -1<<40))
			lo[i], hi[i] = min(lo[i], e), max(hi[i], e)
		}
		if !(math.Abs(w) <= maxLane) { // nor is it a number
			lo[i] = -1 << 40
		}
	}
	cols := l.Outputs / d
	for o := range l.Outputs {
		var least, most, lane0, lane1 int64
		for k := range l.K {
			if k%l.Block == 0 {
				lane0, lane1 = 0, 0
			}
			c := int(l.Codes[k*cols+o/d])*d + o%d
			lane0, lane1 = lane0+lo[c], lane1+hi[c]
			least, most = least+lo[c], most+hi[c]
			if lo[c] < -p.key.most || hi[c] > p.key.most || !p.exact && (lane0 < -maxLane || lane1 > maxLane) {
				return false
			}
		}
		bias := p.scale(shift).bias(p.biases[o], p.bins)
		if math.Abs(bias) > maxSum/4 || least+int64(bias)-int64(residual) < -maxSum/2 || most+int64(bias)+int64(residual) > maxSum/2 {
			return false
		}
	}
	return true
}
