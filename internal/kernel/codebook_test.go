package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"unsafe"
)

// guardedOf is n elements that end at a guard page.
func guardedOf[T uint8 | uint16 | int16 | int32](t testing.TB, n int) []T {
	var zero T
	size := int(unsafe.Sizeof(zero))
	words := guarded(t, (n*size+3)/4)
	if n == 0 {
		return nil
	}
	all := unsafe.Slice((*T)(unsafe.Pointer(&words[0])), len(words)*4/size)
	return all[len(all)-n:]
}

// float16Words is n random numbers that are exact in float16.
func float16Words(rng *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(rng.IntN(4096)-2048) / 1024
		switch rng.IntN(9) {
		case 0:
			x[i] = float32(rng.IntN(2048)-1024) * 0x1p-24 // subnormal
		case 1:
			x[i] = []float32{0, float32(math.Copysign(0, -1)), posInf, 65504}[rng.IntN(4)]
		}
	}
	return x
}

// decodeCase is random codes for a panel of n columns; about one row in eight
// is outside the slice.
func decodeCase(t testing.TB, rng *rand.Rand, l Level, words []float32, d, blocks, n int, wide bool) *DecodeArgs {
	_, nr := l.TileSize()
	a := &DecodeArgs{Book: NewCodebook(words, d), Stride: n + rng.IntN(40), N: n}
	k := len(words) / d
	count := max(0, (blocks-1)*a.Stride+n)
	if blocks == 0 {
		count = 0
	}
	if wide {
		a.Wide = guardedOf[uint16](t, count)
		for i := range a.Wide {
			a.Wide[i] = uint16(rng.IntN(k))
		}
	} else {
		a.Codes = guardedOf[uint8](t, count)
		for i := range a.Codes {
			a.Codes[i] = uint8(rng.IntN(k))
		}
	}
	a.Rows = guardedOf[int32](t, blocks*d)
	rows := int32(0)
	for i, at := range rng.Perm(blocks * d) {
		a.Rows[at] = -1
		if rng.IntN(8) > 0 {
			a.Rows[at] = int32(i)
			rows = max(rows, int32(i)+1)
		}
	}
	a.Dst = guarded(t, int(rows)*nr)
	for i := range a.Dst {
		a.Dst[i] = 7
	}
	return a
}

func TestDecode(t *testing.T) {
	eachLevel(t, func(t *testing.T, l Level) {
		rng := rand.New(rand.NewPCG(1, 7))
		_, nr := l.TileSize()
		for _, k := range []int{1, 5, 64, 65, 128, 200, 256, 300, 2048} {
			for _, exact := range []bool{true, false} {
				for n := nr; n > 0; n -= 1 + rng.IntN(3) {
					d, blocks := 1+rng.IntN(10), rng.IntN(8)
					t.Run(fmt.Sprintf("k%d_d%d_b%d_n%d_%v", k, d, blocks, n, exact), func(t *testing.T) {
						words := float16Words(rng, k*d)
						if !exact {
							words[0] = math.Pi
						}
						a := decodeCase(t, rng, l, words, d, blocks, n, k > 256 || n%5 == 0)
						if hasBytes := a.Book.bytes != nil; hasBytes != (exact && k <= 256) {
							t.Fatalf("byte planes: %v", hasBytes)
						}
						want := slices.Clone(a.Dst)
						reference := *a
						reference.Dst = want
						decodeGeneric(&reference, nr)
						l.Decode(a)
						wantSame(t, "panel", a.Dst, want)
					})
				}
			}
		}
	})
}

// TestDecodeDefinition spells one small case of the generic loop out.
func TestDecodeDefinition(t *testing.T) {
	book := NewCodebook([]float32{1, 2, 3, 4, 5, 6}, 2)
	_, nr := Generic.TileSize()
	dst := slices.Repeat([]float32{9}, 3*nr)
	Generic.Decode(&DecodeArgs{
		Book: book, Codes: []uint8{2, 0, 99, 1, 1}, Stride: 3, N: 2,
		Rows: []int32{2, 0, -1, 1}, Dst: dst,
	})
	want := [][]float32{{6, 2}, {4, 4}, {5, 1}}
	for r, row := range want {
		wantSame(t, fmt.Sprint("row ", r), dst[r*nr:][:nr], append(row, make([]float32, nr-2)...))
	}
}

func TestFloat16Exact(t *testing.T) {
	// All 65536 numbers, built from their definition.
	for h := range 1 << 16 {
		exp, frac := h>>10&31, float64(h&1023)
		v := math.Ldexp(1024+frac, exp-25)
		switch exp {
		case 0:
			v = math.Ldexp(frac, -24)
		case 31:
			if frac != 0 {
				continue // NaN
			}
			v = math.Inf(1)
		}
		if h>>15 == 1 {
			v = math.Copysign(v, -1)
		}
		if got, ok := float16Exact(float32(v)); !ok || got != uint16(h) {
			t.Fatalf("float16Exact(%v) = %#x, %v; want %#x", v, got, ok, h)
		}
	}
	for _, v := range []float32{nan, math.Pi, 65520, 1e6, 0x1p-25, 0x1.8p-24, 1 + 0x1p-11, -math.MaxFloat32, 1e-45} {
		if h, ok := float16Exact(v); ok {
			t.Errorf("float16Exact(%v) = %#x", v, h)
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	for l := Generic; l < levels; l++ {
		if !l.Supported() {
			continue
		}
		for _, c := range []struct{ k, d, blocks int }{{256, 9, 32}, {256, 8, 32}, {256, 4, 64}, {1024, 4, 64}} {
			b.Run(fmt.Sprintf("%v/k%d_d%d", l, c.k, c.d), func(b *testing.B) {
				_, nr := l.TileSize()
				rng := rand.New(rand.NewPCG(1, 1))
				a := decodeCase(b, rng, l, float16Words(rng, c.k*c.d), c.d, c.blocks, nr, c.k > 256)
				benchmark(b, len(a.Dst), "weight", func() { l.Decode(a) })
			})
		}
	}
}
