package graph

import "math"

const (
	// mostSteps is the largest magnitude of an int8 codeword.
	mostSteps = 127
	// scaleSteps is the number of scales in an octave. Their 4-bit significands
	// times the 7 bits of a codeword are exact in float16.
	scaleSteps = 8
)

// RoundWords is the int8 form of words, scale*q, of the least squared error;
// weight, if not nil, says how much the error of each number counts. noise is
// the error's energy relative to that of the words. Scales have significands
// of 4 bits, so that scale*q is exact in float16 unless it underflows there.
// Rounding what was rounded changes nothing.
func RoundWords(words []float32, weight []float64) (q []int8, scale float32, noise float64) {
	most := 0.0
	for i, v := range words {
		if weight == nil || weight[i] > 0 {
			most = max(most, math.Abs(float64(v)))
		}
	}
	if most == 0 {
		return make([]int8, len(words)), 1, 0
	}
	best, least := 0.0, math.Inf(1)
	// From twice the scale that reaches the largest number, so that words that
	// are bytes already are found to be, down to where large numbers that hardly
	// count leave the others their resolution.
	first := scaleAbove(2 * most / mostSteps)
	for i := range 12 * scaleSteps {
		s := scaleBelow(first, i)
		if s > mostScale {
			continue
		}
		if e := roundingError(words, weight, s); e < least {
			best, least = s, e
		}
	}
	q = make([]int8, len(words))
	for i, v := range words {
		q[i] = int8(steps(v, best))
	}
	return q, float32(best), least / roundingError(words, weight, math.Inf(1))
}

// steps is v in steps of scale, limited to mostSteps; 0 for an infinite scale.
func steps(v float32, scale float64) float64 {
	return min(max(math.RoundToEven(float64(v)/scale), -mostSteps), mostSteps)
}

// roundingError is the weighted squared error of words in steps of scale.
func roundingError(words []float32, weight []float64, scale float64) float64 {
	sum := 0.0
	for i, v := range words {
		e := float64(v)
		if n := steps(v, scale); n != 0 {
			e -= scale * n
		}
		if weight != nil {
			e *= weight[i] * e
		} else {
			e *= e
		}
		sum += e
	}
	return sum
}

const (
	// leastScale keeps scales normal float32 numbers.
	leastScale = 0x1p-120
	// mostScale keeps codewords finite.
	mostScale = 0x1p120
)

// scaleAbove is the least scale that is not below v.
func scaleAbove(v float64) float64 {
	f, e := math.Frexp(max(v, leastScale)) // f in [1/2, 1)
	return math.Ldexp(math.Ceil(f*2*scaleSteps), e-4)
}

// scaleBelow is the scale i places below s.
func scaleBelow(s float64, i int) float64 {
	f, e := math.Frexp(s)
	n := int(f*2*scaleSteps) - i // significands are scaleSteps...2*scaleSteps-1
	for n < scaleSteps {
		n, e = n+scaleSteps, e-1
	}
	return math.Ldexp(float64(n), e-4)
}
