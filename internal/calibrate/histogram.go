package calibrate

import (
	"errors"
	"math"

	"lutra/internal/graph"
)

// bounds are the smallest and the largest number of x and zero.
func bounds(x []float32) (lo, hi float32, err error) {
	for _, v := range x {
		lo, hi = min(lo, v), max(hi, v)
	}
	// min and max pass NaN on.
	if d := float64(hi) - float64(lo); math.IsNaN(d) || d > math.MaxFloat32 {
		return 0, 0, errors.New("values that are not finite, or too large")
	}
	return lo, hi, nil
}

// bins is the resolution of a histogram: 16 bins for each of the 256 levels
// that a value can be quantised to.
const bins = 4096

// outside is the fraction of values that a percentile range leaves out.
const outside = 1e-4

// histogram counts values in equal bins over a range. Values that are exactly
// zero are counted apart: they are most of what a ReLU leaves and are always
// quantised without error.
type histogram struct {
	bound graph.Range
	count [bins]int64
	zeros int64
}

func newHistogram(bound graph.Range) *histogram { return &histogram{bound: bound} }

func (h *histogram) width() float64 { return (float64(h.bound.Hi) - float64(h.bound.Lo)) / bins }

// add counts x, whose numbers lie within the bound.
func (h *histogram) add(x []float32) {
	w := h.width()
	if w == 0 {
		h.zeros += int64(len(x))
		return
	}
	lo, inverse := float64(h.bound.Lo), 1/w
	for _, v := range x {
		if v == 0 {
			h.zeros++
			continue
		}
		h.count[min(max(int((float64(v)-lo)*inverse), 0), bins-1)]++
	}
}

// percentile is the range that leaves a fraction of the values outside, half
// of it at either end; all of it above where there is nothing below zero.
func (h *histogram) percentile(fraction float64) graph.Range {
	total := h.zeros
	for _, n := range h.count {
		total += n
	}
	if h.bound.Lo < 0 && h.bound.Hi > 0 {
		fraction /= 2
	}
	allowed := int64(fraction * float64(total))
	w := h.width()
	first, last := 0, bins
	for left := allowed; first < bins && h.count[first] <= left; first++ {
		left -= h.count[first]
	}
	for left := allowed; last > first && h.count[last-1] <= left; last-- {
		left -= h.count[last-1]
	}
	lo, hi := float64(h.bound.Lo)+float64(first)*w, float64(h.bound.Lo)+float64(last)*w
	return graph.Range{
		Lo: min(max(float32(lo), h.bound.Lo), 0),
		Hi: max(min(float32(hi), h.bound.Hi), 0),
	}
}

// candidates is the number of fractions of a bound that leastError tries.
const candidates = 100

// leastError is the range of least mean squared error of the quantised values:
// one twelfth of the squared step inside, the squared distance to the range
// outside. It is found by trying fractions of the upper bound, then of the lower.
func (h *histogram) leastError() graph.Range {
	best := h.bound
	least := h.squaredError(best)
	for _, end := range []func(r *graph.Range, part float32){
		func(r *graph.Range, part float32) { r.Hi = h.bound.Hi * part },
		func(r *graph.Range, part float32) { r.Lo = h.bound.Lo * part },
	} {
		start := best
		for i := 1; i < candidates; i++ {
			r := start
			end(&r, float32(i)/candidates)
			if e := h.squaredError(r); e < least {
				least, best = e, r
			}
		}
	}
	return best
}

// noise is the squared error of the values quantised to r, relative to the sum
// of their squares.
func (h *histogram) noise(r graph.Range) float32 {
	w, signal := h.width(), 0.0
	for i, n := range h.count {
		x := float64(h.bound.Lo) + (float64(i)+0.5)*w
		signal += float64(n) * x * x
	}
	if signal == 0 {
		return 0
	}
	return float32(h.squaredError(r) / signal)
}

func (h *histogram) squaredError(r graph.Range) float64 {
	w := h.width()
	step := (float64(r.Hi) - float64(r.Lo)) / 255
	sum := 0.0
	for i, n := range h.count {
		if n == 0 {
			continue
		}
		x := float64(h.bound.Lo) + (float64(i)+0.5)*w
		d := max(float64(r.Lo)-x, x-float64(r.Hi))
		if d > 0 {
			sum += float64(n) * d * d
		} else {
			sum += float64(n) * step * step / 12
		}
	}
	return sum
}
