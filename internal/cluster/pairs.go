package cluster

import (
	"cmp"
	"context"
	"math/rand/v2"
	"slices"
)

// Pair is two numbers for which one codeword stands: product quantisation with
// blocks of 2 (Jégou, Douze and Schmid, PAMI 2011).
type Pair [2]float32

func comparePairs(a, b Pair) int {
	return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1]))
}

// distance is the squared distance, rounded alike on all processors.
func (p Pair) distance(q Pair) float32 {
	x, y := p[0]-q[0], p[1]-q[1]
	return float32(x*x) + float32(y*y)
}

// PairMethods lists what CentrePairs accepts.
func PairMethods() []string { return []string{"kmeans", "minibatch"} }

// CentrePairs are at most k pairs, in ascending order, to stand for values,
// all finite. Up to k different pairs stand for themselves. It panics for a
// method that PairMethods does not list. When ctx is done it returns its error.
func CentrePairs(ctx context.Context, method string, values []Pair, k int) ([]Pair, error) {
	sorted := slices.Clone(values)
	slices.SortFunc(sorted, comparePairs)
	all := slices.Compact(sorted)
	if len(all) <= k {
		return slices.Clip(all), ctx.Err()
	}
	centres := map[string]func(context.Context, []Pair, int) []Pair{"kmeans": kmeansPairs, "minibatch": minibatchPairs}[method](ctx, values, k)
	slices.SortFunc(centres, comparePairs)
	return slices.Compact(centres), ctx.Err()
}

// NearestPair is the index of the centre nearest to v; of several equally near,
// one of them, always the same. centres ascend.
func NearestPair(centres []Pair, v Pair) int {
	from, to := 0, len(centres)
	for from < to { // the first centre whose first number is at least v's
		if m := int(uint(from+to) >> 1); centres[m][0] < v[0] {
			from = m + 1
		} else {
			to = m
		}
	}
	best := max(from-1, 0)
	least := v.distance(centres[best])
	for i := from; i < len(centres); i++ {
		if x := centres[i][0] - v[0]; float32(x*x) >= least {
			break
		}
		if d := v.distance(centres[i]); d < least {
			best, least = i, d
		}
	}
	for i := from - 2; i >= 0; i-- {
		if x := centres[i][0] - v[0]; float32(x*x) >= least {
			break
		}
		if d := v.distance(centres[i]); d < least {
			best, least = i, d
		}
	}
	return best
}

const (
	// sampled bounds the pairs on which rounds of Lloyd's iteration find
	// centres; the last rounds see all pairs.
	sampled    = 1 << 15
	pairRounds = 20
	lastRounds = 2
	// seeds bounds the pairs of which the first centres are drawn.
	seeds = 1 << 13
	// asking is the number of pairs after which it is asked whether to go on.
	asking = 1 << 12
)

// kmeansPairs minimises the sum of squared distances to the nearest centre,
// from centres drawn by k-means++ (Arthur and Vassilvitskii, 2007). Like all
// that it calls it stops on the way when ctx is done.
func kmeansPairs(ctx context.Context, values []Pair, k int) []Pair {
	few := spread(values, max(sampled, 8*k))
	centres := draw(ctx, spread(few, max(seeds, 4*k)), k)
	for range pairRounds {
		if !lloyd(ctx, few, centres) {
			break
		}
	}
	if len(few) == len(values) {
		return centres
	}
	for range lastRounds {
		lloyd(ctx, values, centres)
	}
	return centres
}

// spread is at most n of the values, at even distances.
func spread(values []Pair, n int) []Pair {
	if len(values) <= n {
		return values
	}
	some := make([]Pair, n)
	for i := range some {
		some[i] = values[i*len(values)/n]
	}
	return some
}

// draw draws k of the values, each with a probability that grows with the
// square of its distance to those before. What it draws depends on the values alone.
func draw(ctx context.Context, values []Pair, k int) []Pair {
	rng := rand.New(rand.NewPCG(1, uint64(k)))
	centres := []Pair{values[rng.IntN(len(values))]}
	least := make([]float64, len(values))
	for i, v := range values {
		least[i] = float64(v.distance(centres[0]))
	}
	for len(centres) < k && ctx.Err() == nil {
		total := 0.
		for _, d := range least {
			total += d
		}
		at, left := 0, rng.Float64()*total
		for i, d := range least {
			if d > 0 { // never a pair twice
				at = i
			}
			if left -= d; left < 0 {
				break
			}
		}
		c := values[at]
		centres = append(centres, c)
		for i, v := range values {
			least[i] = min(least[i], float64(v.distance(c)))
		}
	}
	return centres
}

// lloyd moves every centre to the mean of the values that it is nearest to,
// and one that has none to the value that is farthest from its centre. It
// reports whether one moved.
func lloyd(ctx context.Context, values, centres []Pair) bool {
	slices.SortFunc(centres, comparePairs)
	sum, count := make([][2]float64, len(centres)), make([]int, len(centres))
	for i, v := range values {
		if i%asking == 0 && ctx.Err() != nil {
			return false
		}
		c := NearestPair(centres, v)
		sum[c][0] += float64(v[0])
		sum[c][1] += float64(v[1])
		count[c]++
	}
	moved := false
	old := slices.Clone(centres)
	for c, n := range count {
		if n > 0 {
			centres[c] = Pair{float32(sum[c][0] / float64(n)), float32(sum[c][1] / float64(n))}
			moved = moved || centres[c] != old[c]
		}
	}
	empty := 0
	for _, n := range count {
		if n == 0 {
			empty++
		}
	}
	if empty == 0 {
		return moved
	}
	far := farthest(ctx, values, old, empty)
	for c, n := range count {
		if n == 0 && len(far) > 0 {
			centres[c], far = far[0], far[1:]
		}
	}
	return true
}

// farthest are at most n different values, those farthest from their nearest centres.
func farthest(ctx context.Context, values, centres []Pair, n int) []Pair {
	distance := func(v Pair) float32 { return v.distance(centres[NearestPair(centres, v)]) }
	var far []Pair
	for i, v := range values {
		if i%asking == 0 && ctx.Err() != nil {
			return nil
		}
		if len(far) == n && distance(v) <= distance(far[n-1]) || slices.Contains(far, v) {
			continue
		}
		at, _ := slices.BinarySearchFunc(far, v, func(a, b Pair) int { return cmp.Compare(distance(b), distance(a)) })
		far = slices.Insert(far, at, v)
		far = far[:min(len(far), n)]
	}
	return far
}
