package kernel

import (
	"fmt"
	"hash/fnv"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestLevelsAgree demands the same bits of all levels with vectors, whose width
// differs, and of Fused, which has none; and of other processors those that the
// vectors had when the sum of bits was written down. (Nearest, the kernels of
// normalisations, of optimisers and of bytes have tests of their own.)
func TestLevelsAgree(t *testing.T) {
	const bits = 0x28557b26ecd676ef
	rng := rand.New(rand.NewPCG(31, 1))
	sum := fnv.New64a()
	for round := range 300 {
		n, channels := 1+rng.IntN(100), 1+rng.IntN(70)
		all := levelled(t, operands{t, rng, round % 4}, n, channels)
		for _, name := range slices.Sorted(maps.Keys(all)) {
			want := all[name](Fused)
			for l := AVX2; l < levels; l++ {
				if l.Supported() {
					wantSame(t, fmt.Sprintf("round %d, %s of %d, %d channels, %v", round, name, n, channels, l), all[name](l), want)
				}
			}
			for _, v := range want {
				fmt.Fprintf(sum, "%x ", v) // NaN has several bits
			}
		}
	}
	if got := sum.Sum64(); got != bits {
		t.Errorf("bits of Fused: %#x, elsewhere they are %#x", got, uint64(bits))
	}
}

// operands draws numbers of some kind.
type operands struct {
	*testing.T
	rng  *rand.Rand
	kind int
}

func (o operands) draw(n int) []float32 {
	x := normal(o.T, o.rng, n)
	for i := range x {
		switch bits := o.rng.Uint32(); o.kind {
		case 1: // few bits: zeros, and sums half-way between two numbers
			x[i] = float32(int32(bits)>>(12+bits%20)) / 8
		case 2: // products among the denormals
			x[i] = math.Float32frombits(bits&0x807fffff | (50+bits>>8%16)<<23)
		case 3: // of all sizes
			x[i] = math.Float32frombits(bits&0x807fffff | (97+bits>>7%60)<<23)
		}
	}
	return x
}

// levelled are functions of operands that all levels get.
func levelled(t *testing.T, o operands, n, channels int) map[string]func(Level) []float32 {
	x, y := o.draw(n*channels), o.draw(n*channels)
	scale, shift := o.draw(channels), o.draw(channels)
	all := map[string]func(Level) []float32{
		"tile":      sameTile(o, n, channels),
		"depthwise": sameDepthwise(o, channels),
		"outer": func(l Level) []float32 {
			c := make([]float32, n*channels)
			l.Outer(&OuterArgs{A: x, StepA: n, B: y, StepB: channels, Planes: 1, Rows: 1, Width: min(n, channels), C: c, Ldc: channels, M: n, N: channels})
			return c
		},
		"average": func(l Level) []float32 {
			out := make([]float32, 2*channels)
			in := operands{t, rand.New(rand.NewPCG(1, uint64(n))), o.kind}.draw(15 * channels)
			l.AvgPool(&PoolArgs{In: in, Row: 5 * channels, Pixel: channels, InW: 5, KH: 3, KW: 3, StrideW: 2, DilationW: 1, Out: out, OutStep: channels, Width: 2, Channels: channels})
			return out
		},
	}
	all["gram"] = func(l Level) []float32 {
		sum := make([]float64, channels*channels)
		l.Gram(sum, x, n, channels, n)
		return floats(sum)
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

// floats are, for every number of x, its float32 and what that leaves over.
func floats(x []float64) (out []float32) {
	for _, v := range x {
		out = append(out, float32(v), float32(v-float64(float32(v))))
	}
	return out
}

// sameTile is a product with its epilogue, of panels as wide as the level's.
func sameTile(o operands, m, depth int) func(Level) []float32 {
	n := 1 + o.rng.IntN(8)
	a, b := o.draw(m*depth), o.draw(depth*n)
	scale, bias, residual := o.draw(n), o.draw(n), o.draw(m*n)
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

func sameDepthwise(o operands, channels int) func(Level) []float32 {
	const width, k = 5, 3
	in := o.draw(k * (width + k - 1) * channels)
	w, scale, bias := o.draw(k*k*channels), o.draw(channels), o.draw(channels)
	return func(l Level) []float32 {
		out := make([]float32, width*channels)
		l.Depthwise(&DepthwiseArgs{
			In: in, Row: (width + k - 1) * channels, Tap: channels, Step: channels, KH: k, KW: k, Weights: w, Scale: scale, Bias: bias,
			Out: out, OutStep: channels, Width: width, Channels: channels, Min: float32(math.Inf(-1)), Max: float32(math.Inf(1)),
		})
		return out
	}
}
