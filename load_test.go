package lutra

import (
	"context"
	"errors"
	"flag"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"lutra/internal/compress"
	"lutra/internal/tensor"
)

var (
	full  = flag.Bool("full", false, "for minutes, on large networks")
	lasts = flag.Duration("lasts", 300*time.Millisecond, "time for which goroutines ask one model, in each mode")
)

// served is a small model in a mode, with inputs of several batch sizes and what it says to them.
type served struct {
	model *Model
	file  []byte
	mode  string
	in    []*Tensor
	want  [][]float32
}

// compressedDemo is the demo's network as codebooks with ranges, as a file.
var compressedDemo = sync.OnceValues(func() ([]byte, error) {
	m, err := DemoModel(Options{})
	if err != nil {
		return nil, err
	}
	calib, err := DemoData(7, 8)
	if err != nil {
		return nil, err
	}
	p, _, err := m.Preprocess()
	if err != nil {
		return nil, err
	}
	o, err := CompressPreset("small")
	if err != nil {
		return nil, err
	}
	o.Iterations, o.Metric, o.Correction = 2, compress.MetricNone, compress.CorrectNone
	small, _, err := m.Compress(context.Background(), nil, p, o)
	if err != nil {
		return nil, err
	}
	if _, err := small.Calibrate(context.Background(), calib, p, CalibrateOptions{Method: "minmax"}); err != nil {
		return nil, err
	}
	return small.Encode()
})

// serve opens that file in a mode.
func serve(t *testing.T, mode string, threads int) *served {
	t.Helper()
	ctx := t.Context()
	file, err := compressedDemo()
	if err != nil {
		t.Fatal(err)
	}
	s := &served{mode: mode, file: file}
	if s.model, err = Decode("net.onnx", s.file, Options{Mode: mode, Threads: threads}); err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(5, 6))
	for batch := 1; batch <= 3; batch++ {
		shape := Shape{batch}
		for _, d := range s.model.graph.Inputs[0].Dims[1:] {
			shape = append(shape, d.Size)
		}
		x := make([]float32, shape.Elems())
		for i := range x {
			x[i] = float32(r.NormFloat64())
		}
		s.in = append(s.in, tensor.Of(x, shape...))
		y, err := s.session(t).Predict(ctx, s.in[batch-1])
		if err != nil {
			t.Fatal(err)
		}
		s.want = append(s.want, slices.Clone(y.Float32s()))
	}
	return s
}

func (s *served) session(t *testing.T) *Session {
	session, err := s.model.NewSession()
	if err != nil {
		t.Error(err)
	}
	return session
}

// TestManyAtOnce has 64 goroutines ask one model, in sessions that they keep and
// new ones, with batches of changing sizes and contexts that end on the way:
// every answer is bit for bit that of one goroutine. It lasts as long as -lasts
// says in each mode.
func TestManyAtOnce(t *testing.T) {
	for _, mode := range []string{"fp32", "int8", "bf16", "auto"} {
		t.Run(mode, func(t *testing.T) {
			s := serve(t, mode, 2)
			var answers, cancelled atomic.Int64
			end := time.Now().Add(*lasts)
			var all sync.WaitGroup
			for g := range 64 {
				all.Go(func() {
					r := rand.New(rand.NewPCG(uint64(g), 0))
					session := s.session(t)
					for i := 0; i < 2 || time.Now().Before(end); i++ {
						if r.IntN(4) == 0 {
							session = s.session(t)
						}
						switch err := s.ask(t, session, r); {
						case errors.Is(err, context.Canceled):
							cancelled.Add(1)
						case err != nil:
							t.Error(err)
							return
						default:
							answers.Add(1)
						}
					}
				})
			}
			all.Wait()
			t.Logf("%d answers, %d cancelled", answers.Load(), cancelled.Load())
			if answers.Load() < 32 {
				t.Errorf("only %d answers", answers.Load())
			}
		})
	}
}

// ask asks once; every fourth time the context ends on the way or before.
func (s *served) ask(t *testing.T, session *Session, r *rand.Rand) error {
	ctx := t.Context()
	if r.IntN(4) == 0 {
		c, cancel := context.WithCancel(ctx)
		defer time.AfterFunc(time.Duration(r.IntN(300))*time.Microsecond, cancel).Stop()
		defer cancel()
		ctx = c
	}
	i := r.IntN(len(s.in))
	y, err := session.Predict(ctx, s.in[i])
	if err != nil {
		return err
	}
	if !slices.Equal(y.Float32s(), s.want[i]) {
		t.Errorf("%s, batch of %d: another answer", s.mode, i+1)
	}
	return nil
}

// TestMemoryReturns reads a model, runs it and lets it go, over and over, then
// asks one model for batches of ever other sizes: neither the heap nor the memory
// of the process grows. With -full 1,000 times and to a tighter bound.
func TestMemoryReturns(t *testing.T) {
	times := 100
	if *full {
		times = 1000
	}
	for _, mode := range []string{"fp32", "int8", "bf16"} {
		t.Run(mode, func(t *testing.T) {
			s := serve(t, mode, 2)
			open := func(int) {
				m, err := Decode("net.onnx", s.file, Options{Mode: mode, Threads: 2})
				if err != nil {
					t.Fatal(err)
				}
				if _, err := (&served{model: m}).session(t).Predict(t.Context(), s.in[0]); err != nil {
					t.Fatal(err)
				}
			}
			steady(t, "read, run, let go", times, open)
			session := s.session(t)
			one := s.in[0].Float32s()
			steady(t, "batches of all sizes", times, func(i int) {
				n := 1 + i%80 // more than the plans that are kept
				shape := append(Shape{n}, s.in[0].Shape[1:]...)
				if _, err := session.Predict(t.Context(), tensor.Of(slices.Repeat(one, n), shape...)); err != nil {
					t.Fatal(err)
				}
			})
			runtime.KeepAlive(session)
		})
	}
}

// steady does f many times, and demands that memory is in the end what it was
// after the first of them.
func steady(t *testing.T, what string, times int, f func(i int)) {
	t.Helper()
	for i := range max(times/5, 80) {
		f(i)
	}
	heap, process := memory(t)
	for i := range times {
		f(i)
	}
	heapAfter, processAfter := memory(t)
	t.Logf("%s, %d times: heap %d -> %d KiB, process %d -> %d KiB", what, times, heap>>10, heapAfter>>10, process>>10, processAfter>>10)
	if heapAfter > heap+heap/4+1<<20 {
		t.Errorf("%s: the heap has grown from %d to %d bytes", what, heap, heapAfter)
	}
	if processAfter > process+process/4+32<<20 {
		t.Errorf("%s: the process has grown from %d to %d bytes", what, process, processAfter)
	}
}

// memory is what the heap holds, and the process of real memory (0 where that
// is not known).
func memory(t *testing.T) (heap, process int64) {
	t.Helper()
	debug.FreeOSMemory()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return int64(m.HeapAlloc), 0
	}
	pages, err := strconv.ParseInt(strings.Fields(string(b))[1], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return int64(m.HeapAlloc), pages * int64(os.Getpagesize())
}
