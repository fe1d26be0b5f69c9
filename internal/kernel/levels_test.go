package kernel

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestLevelsAgree demands the same bits of all levels with vectors, whose width
// differs: what is computed in float32 depends on the processor only where it
// has none. (Nearest, Gram, the kernels of normalisations and those of bytes have
// tests of their own.)
func TestLevelsAgree(t *testing.T) {
	if !AVX512.Supported() {
		t.Skip("no two levels to compare")
	}
	rng := rand.New(rand.NewPCG(31, 1))
	for range 300 {
		n, channels := 1+rng.IntN(100), 1+rng.IntN(70)
		for name, f := range levelled(t, rng, n, channels) {
			want := f(AVX2)
			for l := AVXVNNI; l < levels; l++ {
				if got := f(l); l.Supported() && !sameFloats(got, want) {
					t.Fatalf("%s of %d, %d channels, %v: %v, AVX2: %v", name, n, channels, l, got, want)
				}
			}
		}
	}
}

// sameFloats compares bits.
func sameFloats(a, b []float32) bool {
	return slices.EqualFunc(a, b, func(x, y float32) bool { return math.Float32bits(x) == math.Float32bits(y) })
}

// levelled are functions of operands that all levels get.
func levelled(t *testing.T, rng *rand.Rand, n, channels int) map[string]func(Level) []float32 {
	x, y := normal(t, rng, n*channels), normal(t, rng, n*channels)
	scale, shift := normal(t, rng, channels), normal(t, rng, channels)
	all := map[string]func(Level) []float32{
		"tile":      sameTile(t, rng, n, channels),
		"depthwise": sameDepthwise(t, rng, channels),
		"outer": func(l Level) []float32 {
			c := make([]float32, n*channels)
			l.Outer(&OuterArgs{A: x, StepA: n, B: y, StepB: channels, Planes: 1, Rows: 1, Width: min(n, channels), C: c, Ldc: channels, M: n, N: channels})
			return c
		},
		"average": func(l Level) []float32 {
			out := make([]float32, 2*channels)
			in := normal(t, rand.New(rand.NewPCG(1, uint64(n))), 15*channels)
			l.AvgPool(&PoolArgs{In: in, Row: 5 * channels, Pixel: channels, InW: 5, KH: 3, KW: 3, StrideW: 2, DilationW: 1, Out: out, OutStep: channels, Width: 2, Channels: channels})
			return out
		},
	}
	for name, f := range map[string]func(l Level, dst []float32){
		"add":          func(l Level, dst []float32) { l.Add(dst, x, y, -1, 2) },
		"mul":          func(l Level, dst []float32) { l.Mul(dst, x, y) },
		"scale, shift": func(l Level, dst []float32) { l.ScaleShift(dst, x, scale, shift, 0, 6) },
		"exp":          func(l Level, dst []float32) { l.Exp(dst, x) },
		"sigmoid":      func(l Level, dst []float32) { l.Sigmoid(dst, x) },
		"silu":         func(l Level, dst []float32) { l.SiLU(dst, x) },
		"tanh":         func(l Level, dst []float32) { l.Tanh(dst, x) },
		"hard sigmoid": func(l Level, dst []float32) { l.HardSigmoid(dst, x, 1./6, 0.5) },
		"hard swish":   func(l Level, dst []float32) { l.HardSwish(dst, x, 1./6, 0.5) },
	} {
		all[name] = func(l Level) []float32 {
			dst := make([]float32, len(x))
			f(l, dst)
			return dst
		}
	}
	return all
}

// sameTile is a product with its epilogue, of panels as wide as the level's.
func sameTile(t *testing.T, rng *rand.Rand, m, depth int) func(Level) []float32 {
	n := 1 + rng.IntN(8)
	a, b := normal(t, rng, m*depth), normal(t, rng, depth*n)
	scale, bias, residual := normal(t, rng, n), normal(t, rng, n), normal(t, rng, m*n)
	return func(l Level) []float32 {
		_, nr := l.TileSize()
		panel, c := make([]float32, depth*nr), make([]float32, m*n)
		for k := range depth {
			copy(panel[k*nr:], b[k*n:][:n])
		}
		l.Tile(&TileArgs{
			A: a, Lda: depth, Segs: []Segment{{0, depth}}, B: panel, C: c, Ldc: n, M: m, N: n, First: true, Last: true,
			Scale: scale, Bias: bias, Residual: residual, Ldr: n, Min: -3, Max: 4,
		})
		return c
	}
}

func sameDepthwise(t *testing.T, rng *rand.Rand, channels int) func(Level) []float32 {
	const width, k = 5, 3
	in := normal(t, rng, k*(width+k-1)*channels)
	w, scale, bias := normal(t, rng, k*k*channels), normal(t, rng, channels), normal(t, rng, channels)
	return func(l Level) []float32 {
		out := make([]float32, width*channels)
		l.Depthwise(&DepthwiseArgs{
			In: in, Row: (width + k - 1) * channels, Tap: channels, Step: channels, KH: k, KW: k, Weights: w, Scale: scale, Bias: bias,
			Out: out, OutStep: channels, Width: width, Channels: channels, Min: float32(math.Inf(-1)), Max: float32(math.Inf(1)),
		})
		return out
	}
}
