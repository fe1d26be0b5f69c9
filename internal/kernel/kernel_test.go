package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

var (
	nan    = float32(math.NaN())
	posInf = float32(math.Inf(1))
)

// eachLevel runs a test on every level this machine supports.
func eachLevel(t *testing.T, f func(*testing.T, Level)) {
	for l := Generic; l < levels; l++ {
		t.Run(l.String(), func(t *testing.T) {
			if !l.Supported() {
				t.Skip("not supported by this machine or build")
			}
			f(t, l)
		})
	}
}

// random is n guarded floats, mostly of magnitude 1, with zeros and denormals.
func random(t testing.TB, rng *rand.Rand, n int) []float32 {
	x := guarded(t, n)
	for i := range x {
		switch rng.IntN(20) {
		case 0:
			x[i] = 0
		case 1:
			x[i] = float32(math.Copysign(0, -1))
		case 2:
			x[i] = math.Float32frombits(uint32(1 + rng.IntN(1000)))
		default:
			x[i] = float32(rng.NormFloat64())
		}
	}
	return x
}

// sprinkle puts special values into x.
func sprinkle(rng *rand.Rand, x []float32) {
	special := []float32{nan, posInf, negInf, float32(math.Copysign(0, -1)), math.MaxFloat32, 1e-45}
	for range 1 + len(x)/8 {
		if len(x) > 0 {
			x[rng.IntN(len(x))] = special[rng.IntN(len(special))]
		}
	}
}

// same reports whether a and b are identical numbers or both NaN; the sign of
// zero counts.
func same(a, b float32) bool {
	return math.Float32bits(a) == math.Float32bits(b) || a != a && b != b
}

// wantSame fails t unless got is want, number by number.
func wantSame(t *testing.T, what string, got, want []float32) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d numbers, want %d", what, len(got), len(want))
	}
	for i := range want {
		if !same(got[i], want[i]) {
			t.Fatalf("%s: [%d] = %v (%#x), want %v (%#x)", what, i, got[i], math.Float32bits(got[i]), want[i], math.Float32bits(want[i]))
		}
	}
}

// wantClose fails t unless |got-want| <= bound, number by number; specials
// must be identical.
func wantClose(t *testing.T, what string, got []float32, want, bound []float64) {
	t.Helper()
	for i, w := range want {
		g := float64(got[i])
		if math.IsNaN(w) || math.IsInf(w, 0) {
			if same(got[i], float32(w)) {
				continue
			}
		} else if math.Abs(g-w) <= bound[i] {
			continue
		}
		t.Fatalf("%s: [%d] = %v, want %v within %v", what, i, g, w, bound[i])
	}
}

func TestLevel(t *testing.T) {
	if b := Best(); !b.Supported() {
		t.Errorf("best level %v is not supported", b)
	}
	if levels.Supported() {
		t.Error("a level without a name is supported")
	}
	for l := Generic; l < levels; l++ {
		got, err := ParseLevel(l.String())
		if l.Supported() != (err == nil) || err == nil && got != l {
			t.Errorf("ParseLevel(%q) = %v, %v", l, got, err)
		}
	}
	for _, name := range []string{"", "auto"} {
		if got, err := ParseLevel(name); got != Best() || err != nil {
			t.Errorf("ParseLevel(%q) = %v, %v; want %v", name, got, err, Best())
		}
	}
	if _, err := ParseLevel("sse9"); err == nil {
		t.Error("ParseLevel(sse9) succeeded")
	}
	if got, want := fmt.Sprint(Level(200)), "level(200)"; got != want {
		t.Errorf("Level(200) = %s, want %s", got, want)
	}
}

// TestNoAllocations: kernels run in the inner loops of a plan.
func TestNoAllocations(t *testing.T) {
	eachLevel(t, func(t *testing.T, l Level) {
		rng := rand.New(rand.NewPCG(15, 15))
		_, nr := l.TileSize()
		tile := randomTile(t, rng, nr, 20, nr-1, 30) // with a tail of columns
		decode := decodeCase(t, rng, l, float16Words(rng, 128*4), 4, 5, nr, false)
		depthwise, pool := randomDepthwise(t, rng, 40), randomPool(t, rng, 40)
		x := make([]float32, 40)
		codes, sum := make([]uint16, 10), make([]float64, 16)
		for name, f := range map[string]func(){
			"tile":       func() { l.Tile(tile) },
			"decode":     func() { l.Decode(decode) },
			"depthwise":  func() { l.Depthwise(depthwise) },
			"pool":       func() { l.MaxPool(pool); l.AvgPool(pool) },
			"add":        func() { l.Add(x, x, x, 0, 1) },
			"scaleShift": func() { l.ScaleShift(x, x, x[:20], nil, 0, 1) },
			"tanh":       func() { l.Tanh(x, x) },
			"transpose":  func() { l.Transpose(x[:16], 4, x[16:], 4, 4, 4) },
			"nearest":    func() { l.Nearest(codes, x, 4, x, x[:10]) },
			"gram":       func() { l.Gram(sum, x, 10, 4, 10) },
			"adam":       func() { l.Adam(&AdamArgs{Value: x, Grad: x, First: x, Second: x, Root: 1, Epsilon: 1}) },
			"sgd":        func() { l.SGD(&SGDArgs{Value: x, Grad: x, First: x}) },
			"squares":    func() { l.Blend(x, x, float32(l.SumSquares(x))) },
		} {
			if n := testing.AllocsPerRun(10, f); n != 0 {
				t.Errorf("%s: %v allocations", name, n)
			}
		}
	})
}
