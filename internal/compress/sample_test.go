package compress

import (
	"context"
	"math"
	"testing"
)

// TestRunOnSample: all sub-vectors get the nearest codewords, which are nearly
// as good as those found on all.
func TestRunOnSample(t *testing.T) {
	for _, cells := range []int{1, 7} {
		const d, k, n = 4, 16, 8400
		rng := newRNG(2)
		m := identityMetric(d)
		if cells > 1 {
			m = randomMetric(rng, cells, d, d)
		}
		x := gaussian(rng, n*d)
		var objective [2]float64
		for i, most := range []int{0, 1000} {
			c := newClustering(x, d, k, n/cells, m)
			c.most = most
			c.weight = make([]float64, n/cells)
			for j := range c.weight {
				c.weight[j] = 1 + float64(j%3)/10
			}
			s, err := c.run(context.Background(), newRNG(3), exactly)
			if err != nil {
				t.Fatal(err)
			}
			objective[i] = s.objective
			for j := 0; j < n; j += 97 {
				e := make([]float64, d)
				least, got := math.Inf(1), 0.0
				for w := range k {
					for a := range e {
						e[a] = float64(x[j*d+a]) - float64(s.words[w*d+a])
					}
					q := quadratic(c.metric.cell(j/c.per), e)
					if least = min(least, q); w == int(s.codes[j]) {
						got = q
					}
				}
				if got > least*(1+1e-5)+1e-9 {
					t.Fatalf("sub-vector %d has error %g, a nearer codeword %g", j, got, least)
				}
			}
		}
		if objective[1] < 0.95*objective[0] || objective[1] > 1.1*objective[0] {
			t.Errorf("%d cells: objective %g on a sample, %g on all", cells, objective[1], objective[0])
		}
	}
}
