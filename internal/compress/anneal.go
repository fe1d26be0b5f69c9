package compress

import (
	"math"
	"math/rand/v2"
)

// annealing shakes codewords while k-means begins, less and less, so that it
// leaves poor local minima: stochastic relaxation (Zeger, Vaisey, Gersho, 1992),
// which Martinez et al. (PQF, CVPR 2021, section 3.3) apply to weights. In update
// t of T every sub-vector of a cluster has noise of variance (1 - t/T)^½ times the
// variance of all sub-vectors, each number by itself. Of the n members of a cluster
// the codeword sees the mean, whose noise is smaller by √n, and is drawn directly.
type annealing struct {
	rng    *rand.Rand
	spread []float64 // [d] standard deviations of the sub-vectors
	rounds int       // T
}

// annealRounds bounds the updates with noise; half of the iterations, if these are fewer.
const annealRounds = 40

func (c *clustering) newAnnealing(rng *rand.Rand) *annealing {
	a := &annealing{rng: rng, spread: make([]float64, c.d), rounds: min(annealRounds, c.iterations/2)}
	mean := make([]float64, c.d)
	for i, v := range c.x {
		mean[i%c.d] += float64(v)
		a.spread[i%c.d] += float64(v) * float64(v)
	}
	for i, sq := range a.spread {
		m := mean[i] / float64(c.n)
		a.spread[i] = math.Sqrt(max(sq/float64(c.n)-m*m, 0))
	}
	return a
}

// shake adds the noise of update t, counted from 1, to words, whose clusters
// have count members. It reports false when there is none any more.
func (a *annealing) shake(words []float32, count []int, t int) bool {
	if a == nil || t >= a.rounds {
		return false
	}
	heat := math.Pow(1-float64(t)/float64(a.rounds), 0.25) // of the standard deviation
	d := len(a.spread)
	for k, n := range count {
		if n == 0 {
			continue // refilled, or without use
		}
		for i, s := range a.spread {
			words[k*d+i] += float32(heat * s / math.Sqrt(float64(n)) * a.rng.NormFloat64())
		}
	}
	return true
}
