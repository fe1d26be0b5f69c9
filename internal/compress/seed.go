package compress

import (
	"context"
	"math/rand/v2"
	"slices"
)

// seed chooses k sub-vectors as the first codewords by k-means++ (Arthur and
// Vassilvitskii, 2007) under the metric, on a random sample: each is drawn with
// a probability proportional to its error with the codewords drawn before.
func (c *clustering) seed(ctx context.Context, rng *rand.Rand) ([]float32, error) {
	pick := c.sample(rng, max(8*c.k, 4096))
	left := make([]float64, len(pick))
	words := make([]float32, 0, c.k*c.d)
	next := rng.IntN(len(pick))
	for {
		word := c.x[pick[next]*c.d:][:c.d]
		first := len(words) == 0
		words = append(words, word...)
		if len(words) == c.k*c.d {
			return words, nil
		}
		err := each(ctx, c.threads, chunks, func(i int) error {
			c.lower(left, pick, word, first, i)
			return nil
		})
		if err != nil {
			return nil, err
		}
		next = draw(rng, left)
	}
}

// lower reduces the errors of chunk i of the sample to those of the new
// codeword.
func (c *clustering) lower(left []float64, pick []int, word []float32, first bool, i int) {
	from, to := i*len(pick)/chunks, (i+1)*len(pick)/chunks
	e := make([]float64, c.d)
	for j := from; j < to; j++ {
		for t, v := range c.x[pick[j]*c.d:][:c.d] {
			e[t] = float64(v) - float64(word[t])
		}
		q := c.weightOf(pick[j]) * quadratic(c.metric.cell(pick[j]/c.per), e)
		if first || q < left[j] {
			left[j] = q
		}
	}
}

// draw picks an index with a probability proportional to weight, or any index
// if all weights are zero.
func draw(rng *rand.Rand, weight []float64) int {
	var all float64
	for _, w := range weight {
		all += w
	}
	if !(all > 0) {
		return rng.IntN(len(weight))
	}
	u := rng.Float64() * all
	last := 0
	for i, w := range weight {
		if w > 0 {
			last = i
			if u -= w; u < 0 {
				break
			}
		}
	}
	return last
}

// sample is n different sub-vectors in ascending order, or all if there are
// no more.
func (c *clustering) sample(rng *rand.Rand, n int) []int {
	all := make([]int, c.n)
	for i := range all {
		all[i] = i
	}
	if n >= c.n {
		return all
	}
	for i := range n {
		j := i + rng.IntN(c.n-i)
		all[i], all[j] = all[j], all[i]
	}
	slices.Sort(all[:n])
	return all[:n]
}
