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
	const magnitude = 1<<31 - 1 // numbers without sign are in the order of their bits
	m := uint32(0)
	for i, v := range w {
		if count == nil || count[i] > 0 {
			m = max(m, math.Float32bits(v)&magnitude)
		}
	}
	return math.Float32frombits(m)
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
	q := math.RoundToEven(float64(v) / float64(scale))
	if q > planeMax {
		return planeMax
	}
	if q < -planeMax {
		return -planeMax
	}
	return int8(q)
}

// widest is the plane whose scale reaches the largest number.
func widest(w []float32, count []int) planes {
	return newPlane(w, count, largest(w, count)/planeMax)
}

// clipped is the plane of least noise among scales that reach a part of the
// largest number: a few outliers must not cost everyone else their resolution.
func clipped(w []float32, count []int) planes {
	const parts = 64
	full := largest(w, count) / planeMax
	m := newMagnitudes(w, count, full)
	best, least := full, m.noise(full, math.Inf(1))
	for i := parts - 1; i >= 4; i-- {
		scale := full * float32(i) / parts
		if m.clipping(scale) > least { // grows with every smaller scale
			break
		}
		if noise := m.noise(scale, least); noise < least {
			best, least = scale, noise
		}
	}
	return newPlane(w, count, best)
}

// magnitudes are numbers without their sign and how often each is used, those
// of more than half the range first.
type magnitudes struct {
	value, count []float64
	large        int
}

func newMagnitudes(w []float32, count []int, full float32) *magnitudes {
	m := &magnitudes{value: make([]float64, 0, len(w)), count: make([]float64, 0, len(w))}
	half := full * (planeMax / 2)
	for _, large := range []bool{true, false} {
		for i, v := range w {
			n := 1
			if count != nil {
				n = count[i]
			}
			if v = max(v, -v); n > 0 && v > half == large {
				m.value, m.count = append(m.value, float64(v)), append(m.count, float64(n))
			}
		}
		if large {
			m.large = len(m.value)
		}
	}
	return m
}

// noise is the sum of squares of the errors of a plane of that scale, or
// anything above limit if it exceeds limit.
func (m *magnitudes) noise(scale float32, limit float64) float64 {
	const part = 256
	step, sum := float64(scale), 0.0
	inverse := 1 / step
	for from := 0; from < len(m.value) && sum <= limit; from += part {
		values := m.value[from:min(from+part, len(m.value))]
		counts := m.count[from:][:len(values)]
		for i, v := range values {
			q := math.RoundToEven(v * inverse)
			if q > planeMax {
				q = planeMax
			}
			e := v - step*q
			sum += counts[i] * e * e
		}
	}
	return sum
}

// clipping is what the large numbers that a plane of that scale does not reach
// contribute to its noise.
func (m *magnitudes) clipping(scale float32) (sum float64) {
	most := float64(scale) * planeMax
	for i, v := range m.value[:m.large] {
		if v > most {
			sum += m.count[i] * (v - most) * (v - most)
		}
	}
	return sum
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
