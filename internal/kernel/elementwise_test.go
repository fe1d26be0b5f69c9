package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// elementwise are the functions of two operands with plain definitions; all
// levels agree exactly.
var elementwise = []struct {
	name string
	run  func(l Level, dst, a, b []float32)
	want func(a, b float32) float32
}{
	{"add", func(l Level, dst, a, b []float32) { l.Add(dst, a, b, 0, 2) }, func(a, b float32) float32 { return clamp(a+b, 0, 2) }},
	{"add without bounds", func(l Level, dst, a, b []float32) { l.Add(dst, a, b, negInf, posInf) }, func(a, b float32) float32 { return a + b }},
	{"mul", func(l Level, dst, a, b []float32) { l.Mul(dst, a, b) }, func(a, b float32) float32 { return a * b }},
	{"clamp", func(l Level, dst, a, _ []float32) { l.Clamp(dst, a, -0.5, 0.5) }, func(a, _ float32) float32 { return clamp(a, -0.5, 0.5) }},
	{"fake quantize", func(l Level, dst, a, _ []float32) { l.FakeQuantize(dst, a, thirds) }, func(a, _ float32) float32 {
		t := clamp(float32((a-thirds.Low)*thirds.Inverse), 0, thirds.Last)
		return float32(float32(math.Floor(float64(t+0.5)))*thirds.Step) + thirds.Low
	}},
	{"fake quantize from 0", func(l Level, dst, a, _ []float32) { l.FakeQuantize(dst, a, Spacing{0, 8, 31, 0.125}) }, func(a, _ float32) float32 {
		return float32(math.Floor(float64(clamp(a*8, 0, 31)+0.5))) / 8
	}},
	{"hard sigmoid", func(l Level, dst, a, _ []float32) { l.HardSigmoid(dst, a, 0.2, 0.5) }, func(a, _ float32) float32 { return clamp(float32(0.2*a)+0.5, 0, 1) }},
	{"hard swish", func(l Level, dst, a, _ []float32) { l.HardSwish(dst, a, 1.0/6, 0.5) }, func(a, _ float32) float32 { return a * clamp(float32(a*(1.0/6))+0.5, 0, 1) }},
}

// thirds are levels that float32 does not hold exactly.
var thirds = Spacing{Low: -1, Inverse: 1 / (float32(1) / 3), Last: 5, Step: float32(1) / 3}

func TestElementwise(t *testing.T) {
	eachLevel(t, func(t *testing.T, l Level) {
		rng := rand.New(rand.NewPCG(10, uint64(l)))
		for _, f := range elementwise {
			for n := range 70 {
				t.Run(fmt.Sprintf("%s/%d", f.name, n), func(t *testing.T) {
					a, b := random(t, rng, n), random(t, rng, n)
					if n%2 == 0 {
						sprinkle(rng, a)
						sprinkle(rng, b)
					}
					want := make([]float32, n)
					for i := range want {
						want[i] = f.want(a[i], b[i])
					}
					dst := guarded(t, n)
					f.run(l, dst, a, b)
					wantSame(t, "new slice", dst, want)
					f.run(l, a, a, b)
					wantSame(t, "in place", a, want)
				})
			}
		}
	})
}

func TestScaleShift(t *testing.T) {
	eachLevel(t, func(t *testing.T, l Level) {
		rng := rand.New(rand.NewPCG(11, uint64(l)))
		for channels := 1; channels < 70; channels++ {
			t.Run(fmt.Sprint(channels), func(t *testing.T) {
				a := random(t, rng, channels*rng.IntN(5))
				scale, shift := random(t, rng, channels), random(t, rng, channels)
				if channels%2 == 0 {
					sprinkle(rng, a)
				}
				if channels%3 == 0 {
					shift = nil
				}
				want := make([]float32, len(a))
				for i, v := range a {
					v = float32(v * scale[i%channels])
					if shift != nil {
						v += shift[i%channels]
					}
					want[i] = clamp(v, -1, 1)
				}
				dst := guarded(t, len(a))
				l.ScaleShift(dst, a, scale, shift, -1, 1)
				wantSame(t, "new slice", dst, want)
				l.ScaleShift(a, a, scale, shift, -1, 1)
				wantSame(t, "in place", a, want)
			})
		}
	})
}

// TestElementwiseChecks: operands that are too short panic in Go.
func TestElementwiseChecks(t *testing.T) {
	eachLevel(t, func(t *testing.T, l Level) {
		long, short := make([]float32, 32), make([]float32, 32)[:31]
		for name, f := range map[string]func(){
			"add":          func() { l.Add(long, long, short, 0, 1) },
			"mul":          func() { l.Mul(long, short, long) },
			"clamp":        func() { l.Clamp(long, short, 0, 1) },
			"fakeQuantize": func() { l.FakeQuantize(long, short, thirds) },
			"exp":          func() { l.Exp(long, short) },
			"sigmoid":      func() { l.Sigmoid(long, short) },
			"silu":         func() { l.SiLU(long, short) },
			"tanh":         func() { l.Tanh(long, short) },
			"hard sigmoid": func() { l.HardSigmoid(long, short, 1, 1) },
			"hard swish":   func() { l.HardSwish(long, short, 1, 1) },
			"operand":      func() { l.ScaleShift(long, short, long[:16], long[:16], 0, 1) },
			"rows":         func() { l.ScaleShift(long, long, long[:15], long[:15], 0, 1) },
			"no channels":  func() { l.ScaleShift(long, long, nil, nil, 0, 1) },
			"shift":        func() { l.ScaleShift(long, long, long[:16], long[:15], 0, 1) },
			"transpose":    func() { l.Transpose(long, 4, short, 8, 4, 8) },
			"transposed":   func() { l.Transpose(short, 4, long, 8, 4, 8) },
			"overlap":      func() { l.Transpose(long, 3, long, 8, 4, 8) },
			"nearest":      func() { l.Nearest(make([]uint16, 32), short, 1, long, long) },
			"planes":       func() { l.Nearest(make([]uint16, 32), long, 1, short, long) },
			"no codewords": func() { l.Nearest(make([]uint16, 32), long, 1, long, nil) },
		} {
			if !panics(f) {
				t.Errorf("%s: no panic", name)
			}
		}
	})
}

func TestTranspose(t *testing.T) {
	eachLevel(t, func(t *testing.T, l Level) {
		rng := rand.New(rand.NewPCG(12, uint64(l)))
		for range 300 {
			rows, cols := rng.IntN(40), rng.IntN(40)
			t.Run(fmt.Sprintf("%dx%d", rows, cols), func(t *testing.T) {
				lds, ldd := cols+rng.IntN(5), rows+rng.IntN(5)
				src := random(t, rng, max(0, (rows-1)*lds+cols))
				dst := random(t, rng, max(0, (cols-1)*ldd+rows))
				sprinkle(rng, src)
				want := slices.Clone(dst)
				for i := range rows {
					for j := range cols {
						want[j*ldd+i] = src[i*lds+j]
					}
				}
				l.Transpose(dst, ldd, src, lds, rows, cols)
				wantSame(t, "transpose", dst, want)
			})
		}
	})
}

func BenchmarkElementwise(b *testing.B) {
	for l := Generic; l < levels; l++ {
		if !l.Supported() {
			continue
		}
		const n, channels = 4096, 64
		pixels := n / 3
		x, y, z := make([]float32, n), make([]float32, n), make([]float32, n)
		for name, f := range map[string]func(){
			"add":        func() { l.Add(z, x, y, 0, 6) },
			"scaleShift": func() { l.ScaleShift(z, x, y[:channels], y[:channels], 0, 6) },
			"sigmoid":    func() { l.Sigmoid(z, x) },
			"tanh":       func() { l.Tanh(z, x) },
			"interleave": func() { l.Transpose(z, 3, x, pixels, 3, pixels) },
			"transpose":  func() { l.Transpose(z, channels, x, n/channels, channels, n/channels) },
		} {
			b.Run(fmt.Sprintf("%v/%s", l, name), func(b *testing.B) { benchmark(b, n, "element", f) })
		}
	}
}
