package cluster

import (
	"context"
	"math/rand/v2"
	"slices"
)

// Batches of mini-batch k-means, and what is drawn for each.
const (
	batches   = 200
	batchSize = 1024
)

// minibatchPairs is k-means on random batches from centres drawn by k-means++.
func minibatchPairs(ctx context.Context, values []Pair, k int) []Pair {
	centres := draw(ctx, spread(values, max(batchSize, 4*k)), k)
	learn(ctx, values, centres)
	return centres
}

// minibatch is k-means on random batches of sorted numbers, from their quantiles.
func minibatch(ctx context.Context, values []float32, k int) []float32 {
	pairs, centres := make([]Pair, len(values)), make([]Pair, k)
	for i, v := range values {
		pairs[i][0] = v
	}
	for i := range centres {
		centres[i] = pairs[(2*i+1)*len(values)/(2*k)]
	}
	learn(ctx, pairs, centres)
	numbers := make([]float32, k)
	for i, c := range centres {
		numbers[i] = c[0]
	}
	return numbers
}

// learn moves every centre towards the values of random batches that it is
// nearest to, each time by the inverse of how many it has had (Sculley,
// Web-Scale K-Means Clustering, 2010). Its time does not depend on the number
// of values. The centres are in ascending order behind it.
func learn(ctx context.Context, values, centres []Pair) {
	rng := rand.New(rand.NewPCG(2, uint64(len(centres))))
	count := make([]float64, len(centres))
	batch, nearest := make([]Pair, batchSize), make([]int, batchSize)
	order(centres, count)
	for range batches {
		if ctx.Err() != nil {
			return
		}
		for i := range batch {
			batch[i] = values[rng.IntN(len(values))]
			nearest[i] = NearestPair(centres, batch[i])
		}
		for i, c := range nearest {
			count[c]++
			for j, v := range batch[i] {
				centres[c][j] += float32((float64(v) - float64(centres[c][j])) / count[c])
			}
		}
		order(centres, count)
	}
}

// order sorts the centres, each with its count.
func order(centres []Pair, count []float64) {
	type both struct {
		centre Pair
		count  float64
	}
	all := make([]both, len(centres))
	for i, c := range centres {
		all[i] = both{c, count[i]}
	}
	slices.SortStableFunc(all, func(a, b both) int { return comparePairs(a.centre, b.centre) })
	for i, b := range all {
		centres[i], count[i] = b.centre, b.count
	}
}
