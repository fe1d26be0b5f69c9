package cluster_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"lutra/internal/cluster"
)

func squared(a, b cluster.Pair) float64 {
	x, y := float64(a[0])-float64(b[0]), float64(a[1])-float64(b[1])
	return x*x + y*y
}

// square is n pairs drawn evenly from the unit square.
func square(n int) []cluster.Pair {
	r := rand.New(rand.NewPCG(5, 5))
	pairs := make([]cluster.Pair, n)
	for i := range pairs {
		pairs[i] = cluster.Pair{r.Float32(), r.Float32()}
	}
	return pairs
}

func pairCost(centres, values []cluster.Pair) float64 {
	sum := 0.
	for _, v := range values {
		sum += squared(v, centres[cluster.NearestPair(centres, v)])
	}
	return sum
}

// TestNearestPair: no centre is nearer, even where centres share a number.
func TestNearestPair(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	for round := range 200 {
		centres := make([]cluster.Pair, 1+r.IntN(40))
		for i := range centres {
			centres[i] = cluster.Pair{float32(r.IntN(6)), float32(r.NormFloat64())}
		}
		slices.SortFunc(centres, func(a, b cluster.Pair) int { return slices.Compare(a[:], b[:]) })
		for range 50 {
			v := cluster.Pair{float32(r.NormFloat64() * 4), float32(r.NormFloat64())}
			got := squared(v, centres[cluster.NearestPair(centres, v)])
			for _, c := range centres {
				if d := squared(v, c); d < got*(1-1e-6) {
					t.Fatalf("round %d: %v: distance %v, but %v to %v", round, v, got, d, c)
				}
			}
		}
	}
}

// TestPairsOfASquare: the error of K centres in a square is at least that of
// hexagons, 0.1604/K (Fejes Tóth, 1959), but for the edge; k-means comes near.
// More pairs than the rounds sample are treated alike.
func TestPairsOfASquare(t *testing.T) {
	for _, c := range []struct{ n, k int }{{4000, 20}, {20000, 64}, {100000, 64}} {
		values := square(c.n)
		for method, most := range map[string]float64{"kmeans": 1.1, "minibatch": 1.2} {
			centres := mustCentrePairs(t, method, values, c.k)
			got := pairCost(centres, values) / float64(c.n) * float64(c.k) / 0.1604
			if len(centres) != c.k || got < 0.9 || got > most {
				t.Errorf("%s, %d pairs: %d centres, error %.3f of that of hexagons, expected 0.9 to %v", method, c.n, len(centres), got, most)
			}
		}
	}
}

// TestCentrePairs: at most k, ascending, the same every time; few pairs stand
// for themselves, and all centres of many repetitions of few pairs are used.
func TestCentrePairs(t *testing.T) {
	for _, method := range cluster.PairMethods() {
		for _, k := range []int{1, 2, 3, 100} {
			values := square(3000)
			for i := range values { // clumps of equal pairs
				if i%3 > 0 {
					values[i] = values[i%7]
				}
			}
			centres := mustCentrePairs(t, method, values, k)
			if len(centres) > k || len(centres) == 0 || !slices.IsSortedFunc(centres, func(a, b cluster.Pair) int { return slices.Compare(a[:], b[:]) }) {
				t.Errorf("%s: %d centres for %d", method, len(centres), k)
			}
			if again := mustCentrePairs(t, method, values, k); !slices.Equal(again, centres) {
				t.Errorf("%s, %d: other centres the second time", method, k)
			}
			if again := mustCentrePairs(t, method, centres, k); !slices.Equal(again, centres) {
				t.Errorf("%s, %d: not kept", method, k)
			}
		}
	}
}

// TestPairsSettle: with few values every centre is the mean of the values that
// are nearest to it.
func TestPairsSettle(t *testing.T) {
	values := square(300)
	centres := mustCentrePairs(t, "kmeans", values, 8)
	sum, count := make([][2]float64, 8), make([]float64, 8)
	for _, v := range values {
		c := cluster.NearestPair(centres, v)
		sum[c][0], sum[c][1] = sum[c][0]+float64(v[0]), sum[c][1]+float64(v[1])
		count[c]++
	}
	for c, n := range count {
		mean := cluster.Pair{float32(sum[c][0] / n), float32(sum[c][1] / n)}
		if n == 0 || squared(mean, centres[c]) > 1e-10 {
			t.Errorf("centre %v of %v values with the mean %v", centres[c], n, mean)
		}
	}
}

func BenchmarkPairs(b *testing.B) {
	values := square(40000)
	for _, k := range []int{64, 256} {
		for _, method := range cluster.PairMethods() {
			b.Run(method, func(b *testing.B) {
				for b.Loop() {
					mustCentrePairs(b, method, values, k)
				}
			})
		}
	}
}
