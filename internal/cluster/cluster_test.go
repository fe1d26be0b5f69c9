package cluster_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"lutra/internal/cluster"
)

// cost is the sum of squared distances to the nearest centre.
func cost(centres, values []float32) float64 {
	sum := 0.
	for _, v := range values {
		d := float64(v) - float64(centres[cluster.Nearest(centres, v)])
		sum += d * d
	}
	return sum
}

// best is the least cost of all ways to cut sorted values into k runs.
func best(values []float32, k int) float64 {
	if len(values) == 0 {
		return 0
	}
	if k == 0 {
		return math.Inf(1)
	}
	least := math.Inf(1)
	for from := range values {
		mean, c := 0., 0.
		for _, v := range values[from:] {
			mean += float64(v) / float64(len(values)-from)
		}
		for _, v := range values[from:] {
			c += (float64(v) - mean) * (float64(v) - mean)
		}
		least = min(least, c+best(values[:from], k-1))
	}
	return least
}

// TestKMeansIsExact: on few values no division is better.
func TestKMeansIsExact(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for n := 1; n <= 12; n++ {
		for k := 1; k <= 4; k++ {
			values := make([]float32, n)
			for i := range values {
				values[i] = float32(math.Round(r.NormFloat64()*8) / 4) // with repetitions
			}
			centres := mustCentres(t, "kmeans", values, k)
			got := cost(centres, values)
			slices.Sort(values)
			if want := best(values, k); len(centres) > k || got > want+1e-6 {
				t.Errorf("%v, %d: %v costs %v, the best %v", values, k, centres, got, want)
			}
		}
	}
}

// TestKMeansOfMany: values gathered in pieces are divided a little better than
// many centres of the best density would divide a whole Laplacian (Panter and
// Dite, 1951), and better than every other method divides them.
func TestKMeansOfMany(t *testing.T) {
	values := laplace(30000)
	for _, k := range []int{15, 101} {
		got := cost(mustCentres(t, "kmeans", values, k), values) / float64(len(values))
		// (integral of density^(1/3))^3 / (12 k^2), with scale 1: 216/2/12 = 9.
		if limit := 9 / float64(k*k); got > limit || got < 0.75*limit {
			t.Errorf("%d centres: error %v, expected a little less than %v", k, got, limit)
		}
		for _, method := range cluster.Methods()[1:] {
			if c := cost(mustCentres(t, method, values, k), values) / float64(len(values)); c < got {
				t.Errorf("%d centres: %s costs %v, k-means %v", k, method, c, got)
			}
		}
	}
}

func laplace(n int) []float32 {
	r := rand.New(rand.NewPCG(7, 7))
	values := make([]float32, n)
	for i := range values {
		values[i] = float32(r.ExpFloat64() * float64(1-2*r.IntN(2)))
	}
	return values
}

// TestLaplacian: the closed form is the paper's recursion,
// L_i = L_(i-1) - ln(1 - 2 exp(L_(i-1))/n).
func TestLaplacian(t *testing.T) {
	values := laplace(5000)
	centres := mustCentres(t, "laplacian-l1", values, 21)
	if len(centres) != 21 {
		t.Fatalf("%d centres", len(centres))
	}
	unit := float64(centres[11]-centres[10]) / -math.Log(1-2./21)
	l := 0.
	for i := 1; i <= 10; i++ {
		l -= math.Log(1 - 2*math.Exp(l)/21)
		for _, side := range []int{10 - i, 10 + i} {
			if got := math.Abs(float64(centres[side]-centres[10])) / unit; math.Abs(got-l) > 1e-4 {
				t.Errorf("centre %d: %v, expected %v", side, got, l)
			}
		}
	}
	var largest float64
	mean := float64(mustCentres(t, "laplacian", values, 21)[10])
	for _, v := range values {
		largest = max(largest, math.Abs(float64(v)-mean))
	}
	tied := mustCentres(t, "laplacian", values, 21)
	if got := float64(tied[20]) - mean; math.Abs(got/largest-1) > 1e-5 {
		t.Errorf("the last centre is at %v, the largest weight at %v", got, largest)
	}
}

// TestCentres: ascending, at most k, and few values stand for themselves.
func TestCentres(t *testing.T) {
	values := laplace(6000)
	for _, method := range cluster.Methods() {
		if err := cluster.Check(method); err != nil {
			t.Error(err)
		}
		for _, k := range []int{1, 2, 3, 16, 256, 1000} {
			centres := mustCentres(t, method, values, k)
			if len(centres) > k || len(centres) == 0 || !slices.IsSorted(centres) {
				t.Errorf("%s: %d centres for %d", method, len(centres), k)
			}
			if again := mustCentres(t, method, centres, k); !slices.Equal(again, centres) {
				t.Errorf("%s, %d: not kept", method, k)
			}
		}
		if got := mustCentres(t, method, []float32{3, 1, 3, 1}, 2); !slices.Equal(got, []float32{1, 3}) {
			t.Errorf("%s: %v", method, got)
		}
	}
	if cluster.Check("median") == nil {
		t.Error("median is accepted")
	}
}

func TestNearest(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	centres := []float32{-2, -0.5, 0, 1, 1.5}
	for range 1000 {
		v := float32(r.NormFloat64() * 2)
		want := 0
		for i, c := range centres {
			if math.Abs(float64(c-v)) < math.Abs(float64(centres[want]-v)) {
				want = i
			}
		}
		if got := cluster.Nearest(centres, v); got != want {
			t.Fatalf("%v: %d, expected %d", v, got, want)
		}
	}
}

func BenchmarkCentres(b *testing.B) {
	values := laplace(260000)
	for _, k := range []int{100, 1000} {
		for _, method := range cluster.Methods() {
			b.Run(fmt.Sprint(method, k), func(b *testing.B) {
				for b.Loop() {
					mustCentres(b, method, values, k)
				}
			})
		}
	}
}

func mustCentres(t testing.TB, method string, values []float32, k int) []float32 {
	t.Helper()
	centres, err := cluster.Centres(t.Context(), method, values, k)
	if err != nil {
		t.Fatal(err)
	}
	return centres
}

func mustCentrePairs(t testing.TB, method string, values []cluster.Pair, k int) []cluster.Pair {
	t.Helper()
	centres, err := cluster.CentrePairs(t.Context(), method, values, k)
	if err != nil {
		t.Fatal(err)
	}
	return centres
}

// tired is a context that is done after so many questions.
type tired struct {
	context.Context
	left int
}

func (c *tired) Err() error {
	if c.left--; c.left < 0 {
		return context.Canceled
	}
	return nil
}

// TestStops: wherever it is cancelled, clustering returns the context's error, or all centres.
func TestStops(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	values, pairs := make([]float32, 9000), make([]cluster.Pair, 9000)
	for i := range values {
		values[i] = float32(r.NormFloat64())
		pairs[i] = cluster.Pair{values[i], float32(r.NormFloat64())}
	}
	for _, method := range cluster.Methods() {
		want := mustCentres(t, method, values, 20)
		for left := range 30 {
			got, err := cluster.Centres(&tired{t.Context(), left}, method, values, 20)
			if err != context.Canceled && (err != nil || !slices.Equal(got, want)) {
				t.Errorf("%s: error %v after %d questions", method, err, left)
			}
		}
	}
	for _, method := range cluster.PairMethods() {
		want := mustCentrePairs(t, method, pairs, 20)
		for left := range 100 {
			got, err := cluster.CentrePairs(&tired{t.Context(), left}, method, pairs, 20)
			if err != context.Canceled && (err != nil || !slices.Equal(got, want)) {
				t.Errorf("%s of pairs: error %v after %d questions", method, err, left)
			}
		}
	}
}
