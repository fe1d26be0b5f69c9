package engine

import "math"

// planes are numbers as 8-bit integers: number i is scale*high[i], to which a
// second plane, if there is one, adds scale/lowSteps*low[i].
type planes struct {
	scale     float32
	high, low []int8 // low is nil for one plane
	// signal and noise are the sums of squares of the numbers and of the
	// errors of the high plane alone.
	signal, noise float64
}

const (
	// planeMax is the largest magnitude in a plane; -128 is not used.
	planeMax = 127
	// lowSteps is the number of steps of the low plane in one of the high
	// plane, whose rounding error is at most half a step.
	lowSteps = 2 * planeMax
)

// ratio is noise/signal; 0 without noise.
func ratio(noise, signal float64) float64 {
	if noise == 0 {
		return 0
	}
	return noise / signal
}

// decibels is the ratio of signal to noise in dB, at most 99.
func decibels(noise float64) float64 {
	return min(-10*math.Log10(noise), 99)
}

// largest is the largest magnitude in w whose count is not zero; nil counts are 1.
func largest(w []float32, count []int) float32 {
	m := float32(0)
	for i, v := range w {
		if count == nil || count[i] > 0 {
			m = max(m, v, -v)
		}
	}
	return m
}

// newPlane rounds w to multiples of scale, limited to 127 steps. count, if not
// nil, weighs the errors.
func newPlane(w []float32, count []int, scale float32) planes {
	p := planes{scale: scale, high: make([]int8, len(w))}
	for i, v := range w {
		q := nearestStep(v, scale)
		p.high[i] = q
		n := 1.0
		if count != nil {
			n = float64(count[i])
		}
		e := float64(v) - float64(scale)*float64(q)
		p.signal += n * float64(v) * float64(v)
		p.noise += n * e * e
	}
	return p
}

func nearestStep(v, scale float32) int8 {
	if scale == 0 {
		return 0
	}
	return int8(min(max(math.RoundToEven(float64(v)/float64(scale)), -planeMax), planeMax))
}

// widest is the plane whose scale reaches the largest number.
func widest(w []float32, count []int) planes {
	return newPlane(w, count, largest(w, count)/planeMax)
}

// clipped is the plane of least noise among scales that reach a part of the
// largest number: a few outliers must not cost everyone else their resolution.
func clipped(w []float32, count []int) planes {
	best := widest(w, count)
	full := best.scale
	const parts = 64
	for i := 4; i < parts; i++ {
		p := newPlane(w, count, full*float32(i)/parts)
		if p.noise < best.noise {
			best = p
		}
	}
	return best
}

// twoPlanes is w in two planes.
func twoPlanes(w []float32, count []int) planes {
	p := widest(w, count)
	p.low = make([]int8, len(w))
	fine := p.lowScale()
	for i, v := range w {
		p.low[i] = nearestStep(v-p.scale*float32(p.high[i]), fine)
	}
	return p
}

// lowScale is the scale of the low plane.
func (p *planes) lowScale() float32 { return p.scale / lowSteps }
