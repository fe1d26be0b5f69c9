package engine

import "strconv"

// sample is the measured time of some work, in nanoseconds.
type sample struct {
	work work
	time float64
}

// fit finds the unit costs, none negative, that predict samples with the least
// sum of squared errors relative to their times: coordinate descent on the
// normal equations.
func fit(samples []sample) UnitCosts {
	var scale, u [counts]float64 // counts differ by many orders of magnitude
	for _, s := range samples {
		for i, v := range s.work.vector() {
			scale[i] = max(scale[i], v/s.time)
		}
	}
	var normal [counts][counts]float64
	var right [counts]float64
	for _, s := range samples {
		x := s.work.vector()
		for i := range x {
			if scale[i] > 0 {
				x[i] /= s.time * scale[i]
			}
		}
		for i, v := range x {
			right[i] += v
			for j, w := range x {
				normal[i][j] += v * w
			}
		}
	}
	const sweeps = 4000
	for range sweeps {
		for i := range u {
			if normal[i][i] > 0 {
				u[i] = max(0, u[i]+(right[i]-dot(normal[i], u))/normal[i][i])
			}
		}
	}
	for i := range u {
		if scale[i] > 0 {
			u[i] = threeDigits(u[i] / scale[i])
		}
	}
	return unitCosts(u)
}

// threeDigits rounds v, which is not negative, to three significant digits: a
// measurement knows no more.
func threeDigits(v float64) float64 {
	const least = 1e-6 // nanoseconds
	if v < least {
		return 0
	}
	rounded, _ := strconv.ParseFloat(strconv.FormatFloat(v, 'g', 3, 64), 64)
	return rounded
}
