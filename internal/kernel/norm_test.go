package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestNorm compares with the definitions in float64, for all tails of channels.
func TestNorm(t *testing.T) {
	eachLevel(t, func(t *testing.T, l Level) {
		rng := rand.New(rand.NewPCG(17, uint64(l)))
		for channels := 1; channels < 70; channels += 1 + rng.IntN(3) {
			rows := 1 + rng.IntN(9)
			t.Run(fmt.Sprintf("%dx%d", rows, channels), func(t *testing.T) {
				n := NormArgs{Min: 0, Max: float32(0.5 + rng.Float64())}
				switch rng.IntN(3) {
				case 0:
					n.Min, n.Max = float32(math.Inf(-1)), float32(math.Inf(1))
				case 1:
					n.Max = float32(math.Inf(1))
				}
				n.X, n.Grad = normal(t, rng, rows*channels), normal(t, rng, rows*channels)
				n.Scale, n.Shift = normal(t, rng, channels), normal(t, rng, channels)
				checkMoments(t, l, rng, n.X, n.Shift)
				checkNorm(t, l, rng, &n)
				checkClampGrad(t, l, rng, &n)
			})
		}
	})
}

// sameBits fails unless a level computed what the Go loops do.
func sameBits(t *testing.T, what string, got, want []float32) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Fatalf("%s: %v, want %v", what, got, want)
	}
}

// normal is n guarded normal numbers.
func normal(t testing.TB, rng *rand.Rand, n int) []float32 {
	x := random(t, rng, n)
	for i := range x {
		x[i] = float32(rng.NormFloat64())
	}
	return x
}

// closeSum fails unless got is want, a sum of terms of altogether size, in float32.
func closeSum(t *testing.T, what string, got float32, want, size float64) {
	t.Helper()
	if math.Abs(float64(got)-want) > 2e-6*size+1e-30 {
		t.Fatalf("%s = %v, want %v", what, got, want)
	}
}

func checkMoments(t *testing.T, l Level, rng *rand.Rand, x, shift []float32) {
	t.Helper()
	n := len(shift)
	sum, squares := normal(t, rng, n), normal(t, rng, n)
	before := [2][]float32{slices.Clone(sum), slices.Clone(squares)}
	l.Moments(sum, squares, x, shift)
	sums, squared := slices.Clone(before[0]), slices.Clone(before[1])
	Generic.Moments(sums, squared, x, shift)
	sameBits(t, "Moments", sum, sums)
	sameBits(t, "Moments", squares, squared)
	for c := range n {
		a, b := float64(before[0][c]), float64(before[1][c])
		sizeA, sizeB := math.Abs(a), math.Abs(b)
		for r := c; r < len(x); r += n {
			d := float64(x[r]) - float64(shift[c])
			a, b, sizeA, sizeB = a+d, b+d*d, sizeA+math.Abs(d)+1, sizeB+d*d+1
		}
		closeSum(t, fmt.Sprint("sum ", c), sum[c], a, sizeA)
		closeSum(t, fmt.Sprint("squares ", c), squares[c], b, sizeB)
	}
}

func checkNorm(t *testing.T, l Level, rng *rand.Rand, n *NormArgs) {
	t.Helper()
	channels := len(n.Scale)
	sum, dot, mean := normal(t, rng, channels), normal(t, rng, channels), normal(t, rng, channels)
	b, d, dx := normal(t, rng, channels), normal(t, rng, channels), normal(t, rng, len(n.X))
	before := [3][]float32{slices.Clone(sum), slices.Clone(dot), slices.Clone(dx)}
	added := slices.Clone(dx)
	l.NormSums(n, sum, dot, mean)
	l.NormInput(n, dx, b, d, false)
	l.NormInput(n, added, b, d, true)
	again := [4][]float32{slices.Clone(before[0]), slices.Clone(before[1]), slices.Clone(before[2]), slices.Clone(before[2])}
	Generic.NormSums(n, again[0], again[1], mean)
	Generic.NormInput(n, again[2], b, d, false)
	Generic.NormInput(n, again[3], b, d, true)
	for i, got := range [4][]float32{sum, dot, dx, added} {
		sameBits(t, "NormSums, NormInput", got, again[i])
	}
	for c := range channels {
		total, product := float64(before[0][c]), float64(before[1][c])
		for r := c; r < len(n.X); r += channels {
			g := 0.0
			if y := float32(n.X[r]*n.Scale[c]) + n.Shift[c]; n.Min < y && y < n.Max {
				g = float64(n.Grad[r])
			}
			total += g
			product += g * (float64(n.X[r]) - float64(mean[c]))
			v := float64(n.Scale[c])*g + float64(b[c])*float64(n.X[r]) + float64(d[c])
			closeSum(t, fmt.Sprint("dx ", r), dx[r], v, 10)
			closeSum(t, fmt.Sprint("added dx ", r), added[r], v+float64(before[2][r]), 10)
		}
		closeSum(t, fmt.Sprint("sum ", c), sum[c], total, 20)
		closeSum(t, fmt.Sprint("dot ", c), dot[c], product, 50)
	}
	l.NormInput(n, n.Grad, b, d, false) // in place
	if !slices.Equal(n.Grad, dx) {
		t.Fatal("another result in place")
	}
}

func checkClampGrad(t *testing.T, l Level, rng *rand.Rand, n *NormArgs) {
	t.Helper()
	dst := normal(t, rng, len(n.X))
	added := slices.Clone(dst)
	y := slices.Clone(n.X)
	y[0], y[len(y)-1] = n.Min, n.Max
	if len(y) > 20 {
		y[17] = float32(math.NaN())
	}
	want, sum := slices.Clone(dst), slices.Clone(dst)
	clampGradGeneric(want, n.Grad, y, n.Min, n.Max, false)
	for i := range sum {
		sum[i] += want[i]
	}
	l.ClampGrad(dst, n.Grad, y, n.Min, n.Max, false)
	l.ClampGrad(added, n.Grad, y, n.Min, n.Max, true)
	if !slices.Equal(dst, want) || !slices.Equal(added, sum) {
		t.Fatalf("ClampGrad: %v and %v, want %v and %v", dst, added, want, sum)
	}
}

// TestNormChecks: short slices panic.
func TestNormChecks(t *testing.T) {
	x, c, short := make([]float32, 8), make([]float32, 4), make([]float32, 3)
	n := &NormArgs{X: x, Grad: x, Scale: c, Shift: c}
	for name, f := range map[string]func(){
		"moments":   func() { Generic.Moments(c, short, x, c) },
		"rows":      func() { Generic.Moments(short, c, x, c) },
		"sums":      func() { Generic.NormSums(n, c, c, short) },
		"input":     func() { Generic.NormInput(n, short, c, c, false) },
		"gradient":  func() { Generic.NormSums(&NormArgs{X: x, Grad: short, Scale: c, Shift: c}, c, c, c) },
		"clampGrad": func() { Generic.ClampGrad(x, x, short, 0, 1, false) },
	} {
		if !panics(f) {
			t.Errorf("%s: no panic", name)
		}
	}
}
