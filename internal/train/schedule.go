package train

import "math"

// Schedule is the learning rate over the steps of a training.
type Schedule struct {
	Base   float64
	Warmup int // steps over which the rate rises linearly to Base
	// Cosine lets the rate fall to Final at step Steps; otherwise it is
	// multiplied by Factor at each of the steps Milestones.
	Cosine     bool
	Steps      int
	Final      float64
	Milestones []int
	Factor     float64
}

// Rate is the learning rate of step i, counted from 0.
func (s Schedule) Rate(i int) float64 {
	if i < s.Warmup {
		return s.Base * float64(i+1) / float64(s.Warmup)
	}
	if s.Cosine {
		done := min(1, float64(i-s.Warmup)/float64(max(1, s.Steps-s.Warmup)))
		return s.Final + (s.Base-s.Final)*(1+math.Cos(math.Pi*done))/2
	}
	rate := s.Base
	for _, m := range s.Milestones {
		if i >= m {
			rate *= s.Factor
		}
	}
	return rate
}
