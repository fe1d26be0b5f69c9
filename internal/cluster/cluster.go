// Package cluster finds a few numbers, or pairs of numbers, that stand for
// many: k-means in one and in two dimensions, and centres placed by the Laplacian distribution that trained
// weights resemble.
package cluster

import (
	"context"
	"math"
	"slices"
	"strings"

	"lutra/internal/safe"
)

// methods place centres; k is at least 1 and values are sorted. Those that take
// long stop on the way when ctx is done, with whatever they have.
var methods = map[string]func(ctx context.Context, values []float32, k int) []float32{
	"kmeans":    kmeans,
	"minibatch": minibatch,
	"laplacian": func(_ context.Context, values []float32, k int) []float32 {
		return laplacian(values, k, func(_, largest, last float64) float64 { return largest / last })
	},
	"laplacian-l1": func(_ context.Context, values []float32, k int) []float32 {
		return laplacian(values, k, func(spread, _, _ float64) float64 { return 2 * spread })
	},
	"laplacian-l2": func(_ context.Context, values []float32, k int) []float32 {
		return laplacian(values, k, func(spread, _, _ float64) float64 { return 3 * spread })
	},
}

// Methods lists what Centres accepts.
func Methods() []string {
	return []string{"kmeans", "minibatch", "laplacian", "laplacian-l1", "laplacian-l2"}
}

// Check refuses an unknown method.
func Check(method string) error {
	if methods[method] == nil {
		return safe.Optionf("clustering %q: expected one of %s", method, strings.Join(Methods(), ", "))
	}
	return nil
}

// Centres are at most k ascending numbers to stand for values, all finite. Up
// to k different values stand for themselves. It panics for a method that
// Check refuses. When ctx is done it returns its error.
func Centres(ctx context.Context, method string, values []float32, k int) ([]float32, error) {
	sorted := slices.Clone(values)
	slices.Sort(sorted)
	if all := slices.Compact(slices.Clone(sorted)); len(all) <= k {
		return all, ctx.Err()
	}
	return slices.Compact(methods[method](ctx, sorted, k)), ctx.Err()
}

// Nearest is the index of the centre nearest to v; of two equally near, the
// lower one. centres ascend.
func Nearest(centres []float32, v float32) int {
	i, _ := slices.BinarySearch(centres, v)
	if i == len(centres) || i > 0 && float64(v)-float64(centres[i-1]) <= float64(centres[i])-float64(v) {
		return max(0, i-1)
	}
	return i
}

// laplacian places an odd number of centres, a + b*L_i and a - b*L_i with
// L_i = -ln(1 - 2i/n): the closed form of the recursion of Baluja et al. (No
// Multiplication? No Floating Point? No Problem!, 2018, section on weights). a
// is the mean. The scale b follows from the mean distance to a, the largest
// one, and the last L: the largest distance is met exactly (the paper's way in
// early training), or b is 2 or 3 mean distances, the density of centres that
// is best for absolute or for squared errors.
func laplacian(values []float32, k int, scale func(spread, largest, last float64) float64) []float32 {
	n := k - 1 + k%2
	var mean, spread, largest float64
	for _, v := range values {
		mean += float64(v) / float64(len(values))
	}
	for _, v := range values {
		d := math.Abs(float64(v) - mean)
		spread += d / float64(len(values))
		largest = max(largest, d)
	}
	if n == 1 {
		return []float32{float32(mean)}
	}
	b := scale(spread, largest, math.Log(float64(n)))
	centres := make([]float32, n)
	for i := range n/2 + 1 {
		l := -b * math.Log1p(-2*float64(i)/float64(n))
		centres[n/2-i], centres[n/2+i] = float32(mean-l), float32(mean+l)
	}
	return centres
}
