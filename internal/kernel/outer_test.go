package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
)

func TestOuter(t *testing.T) {
	eachLevel(t, func(t *testing.T, l Level) {
		rng := rand.New(rand.NewPCG(16, uint64(l)))
		for i := range 300 {
			o := OuterArgs{M: rng.IntN(40), N: 1 + rng.IntN(70), Planes: rng.IntN(3), Rows: rng.IntN(4), Width: rng.IntN(12), PlaneA: rng.IntN(300), PlaneB: rng.IntN(300), StepA: rng.IntN(50), StepB: rng.IntN(50)}
			o.RowA, o.RowB = rng.IntN(200), rng.IntN(200)
			o.Ldc = o.N + rng.IntN(3)
			t.Run(fmt.Sprintf("%d_%dx%dx%d_%dx%d", i, o.Planes, o.Rows, o.Width, o.M, o.N), func(t *testing.T) {
				o.A = random(t, rng, max(0, o.Planes-1)*o.PlaneA+max(0, o.Rows-1)*o.RowA+max(0, o.Width-1)*o.StepA+o.M)
				o.B = random(t, rng, max(0, o.Planes-1)*o.PlaneB+max(0, o.Rows-1)*o.RowB+max(0, o.Width-1)*o.StepB+o.N)
				o.C = random(t, rng, max(0, o.M-1)*o.Ldc+o.N)
				checkOuter(t, l, &o)
			})
		}
		short := OuterArgs{A: make([]float32, 3), B: make([]float32, 4), C: make([]float32, 16), Ldc: 4, Planes: 1, Rows: 1, Width: 1, M: 4, N: 4}
		if !panics(func() { l.Outer(&short) }) {
			t.Error("short A: no panic")
		}
	})
}

// checkOuter compares with the definition in float64, and that nothing else is written.
func checkOuter(t *testing.T, l Level, o *OuterArgs) {
	t.Helper()
	before := slices.Clone(o.C)
	l.Outer(o)
	for i := range o.M {
		for n := range min(o.Ldc, len(o.C)-i*o.Ldc) {
			sum, size := 0.0, 0.0
			for y := 0; y < o.Planes*o.Rows && n < o.N; y++ {
				atA, atB := y/o.Rows*o.PlaneA+y%o.Rows*o.RowA+i, y/o.Rows*o.PlaneB+y%o.Rows*o.RowB+n
				for x := range o.Width {
					p := float64(o.A[atA+x*o.StepA]) * float64(o.B[atB+x*o.StepB])
					sum, size = sum+p, size+math.Abs(p)
				}
			}
			old := float64(before[i*o.Ldc+n])
			bound := float64(o.Planes*o.Rows*o.Width+1)*0x1p-24*(size+math.Abs(old)) + 1e-20
			if got := float64(o.C[i*o.Ldc+n]); math.Abs(got-old-sum) > bound {
				t.Fatalf("[%d][%d] = %v, want %v within %v", i, n, got, old+sum, bound)
			}
		}
	}
}

func BenchmarkOuter(b *testing.B) {
	for l := Generic; l < levels; l++ {
		for _, n := range []int{16, 32, 64} {
			if l.Supported() {
				b.Run(fmt.Sprintf("%v/%d", l, n), func(b *testing.B) {
					const m, side = 48, 16
					rng := rand.New(rand.NewPCG(1, 1)) // Fused does zeros faster
					o := OuterArgs{
						A: normal(b, rng, (side+2)*(side+2)*m), RowA: (side + 2) * m / 3, StepA: m / 3,
						B: normal(b, rng, side*side*n), RowB: side * n, StepB: n, Planes: 1, Rows: side, Width: side,
						C: make([]float32, m*n), Ldc: n, M: m, N: n,
					}
					benchmark(b, m*n*side*side, "MAC", func() { l.Outer(&o) })
				})
			}
		}
	}
}

// TestOuterCollected runs Outer while garbage is collected: the assembly must
// leave no pointer behind the slices in memory that the collector sees.
func TestOuterCollected(t *testing.T) {
	stop := make(chan bool)
	go func() {
		for {
			select {
			case <-stop:
				return
			default:
				runtime.GC()
			}
		}
	}()
	defer close(stop)
	eachLevel(t, func(t *testing.T, l Level) {
		for range 300 {
			o := OuterArgs{
				A: make([]float32, 2048), PlaneA: 1024, StepA: 32, B: make([]float32, 2048), PlaneB: 1024, StepB: 32,
				Planes: 2, Rows: 1, Width: 32, C: make([]float32, 32*32), Ldc: 32, M: 32, N: 32,
			}
			l.Outer(&o)
		}
	})
}
