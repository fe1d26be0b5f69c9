package lutra

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"lutra/internal/compress"
	"lutra/internal/data"
	"lutra/internal/realdata"
)

// asked is a context that measures how long its goroutine computes between two
// questions whether to go on: that long work goes on after a cancellation.
// Time is that of the processor, so that other processes do not count.
type asked struct {
	context.Context
	thread        int
	last, longest time.Duration
	calls         int
	gaps          []string // that were too long, between whom
	asker         []uintptr
}

func newAsked() *asked {
	return &asked{Context: context.Background(), thread: syscall.Gettid(), last: threadTime()}
}

func (a *asked) Err() error {
	if syscall.Gettid() != a.thread { // images are read by others
		return nil
	}
	gap := threadTime() - a.last
	now := make([]uintptr, 6)
	now = now[:runtime.Callers(2, now)]
	a.longest = max(a.longest, gap)
	if gap > stops {
		a.gaps = append(a.gaps, fmt.Sprintf("%v from %s to %s", gap.Round(time.Millisecond), callers(a.asker), callers(now)))
	}
	a.calls, a.asker, a.last = a.calls+1, now, threadTime()
	return nil
}

// threadTime is the processor time of the thread, to which the test is locked.
func threadTime() time.Duration {
	var u syscall.Rusage
	const thread = 1 // RUSAGE_THREAD
	if err := syscall.Getrusage(thread, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func callers(pc []uintptr) string {
	var names []string
	frames := runtime.CallersFrames(pc)
	for more := len(pc) > 0; more; {
		var f runtime.Frame
		f, more = frames.Next()
		names = append(names, fmt.Sprintf("%s:%d", filepath.Base(f.Function), f.Line))
	}
	return strings.Join(names, " < ")
}

// stops is how long work may go on after its context is done.
const stops = 50 * time.Millisecond

// TestStopsWithin50ms demands that nothing computes for longer without asking
// whether to go on, on one thread: a small network, with -full ResNet-18.
func TestStopsWithin50ms(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector makes everything slower")
	}
	for name, run := range cancellable(t) {
		t.Run(name, func(t *testing.T) {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			var ctx *asked
			for range 3 { // a pause of the whole machine counts as processor time, but not every time
				ctx = newAsked()
				if err := run(ctx); err != nil {
					t.Fatal(err)
				}
				ctx.Err()
				if len(ctx.gaps) == 0 {
					break
				}
			}
			t.Logf("%v at most, of %d times", ctx.longest.Round(time.Microsecond), ctx.calls)
			for _, gap := range ctx.gaps {
				t.Errorf("computed without asking, %s", gap)
			}
		})
	}
}

// cancellable is all that takes long, with a network and images that it suits.
func cancellable(t *testing.T) map[string]func(context.Context) error {
	side, p := 32, Preprocess{Scale: 1. / 255, Order: "RGB", Layout: "NCHW"}
	var m *Model
	var err error
	if *full {
		side = 224
		m, err = Open(realdata.Path(t, "models/imagenet/resnet18.onnx"), Options{Threads: 1})
	} else {
		m, err = NewNetwork("resnet8", NetworkOptions{}, p, Options{Threads: 1})
	}
	if err != nil {
		t.Fatal(err)
	}
	set, err := data.NewSet("noise", 16, nil, make([]int, 16), func(i int) (*data.Image, error) {
		r := rand.New(rand.NewPCG(1, uint64(i)))
		pix := make([]uint8, 3*side*side)
		for j := range pix {
			pix[j] = uint8(r.Uint32())
		}
		return &data.Image{W: side, H: side, Pix: pix}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	compressed := func(change func(*CompressOptions)) func(context.Context) error {
		return func(ctx context.Context) error {
			o, err := CompressPreset("small")
			if err != nil {
				return err
			}
			o.Threads, o.Iterations = 1, 3
			change(&o)
			_, _, err = m.Compress(ctx, set.Subset(4, 1), p, o)
			return err
		}
	}
	trained := func(change func(*TrainOptions)) func(context.Context) error {
		return func(ctx context.Context) error {
			o := TrainOptions{TrainRecipe: FineTuning()}
			o.Epochs, o.Batch = 1, 8
			change(&o)
			_, _, err := m.Train(ctx, set.Subset(8, 1), set.Subset(4, 2), p, o)
			return err
		}
	}
	jobs := map[string]func(context.Context) error{
		"compress":         compressed(func(*CompressOptions) {}),
		"compress share":   compressed(func(o *CompressOptions) { o.Share = true }),
		"compress permute": compressed(func(o *CompressOptions) { o.Permute, o.Anneal = true, true }),
		"train":            trained(func(*TrainOptions) {}),
		"distil":           trained(func(o *TrainOptions) { o.Teacher = m }),
		"sensitivity": func(ctx context.Context) error {
			o, err := CompressPreset("large")
			o.Threads = 1
			if err != nil || *full {
				return err // as compress, for an hour
			}
			_, err = m.Sensitivities(ctx, set.Subset(2, 1), p, o)
			return err
		},
		"tune": func(ctx context.Context) error {
			o, err := CompressPreset("small")
			if err != nil {
				return err
			}
			o.Threads, o.Iterations, o.Metric, o.Correction = 1, 1, compress.MetricNone, compress.CorrectNone
			small, _, err := m.Compress(context.Background(), nil, p, o)
			if err != nil {
				return err
			}
			ctx.(*asked).last = threadTime()
			to := Tuning()
			to.Epochs, to.Batch, to.Codes, to.Pieces = 1, 4, &TrainCodes{Every: 1, Rate: 10, Most: 0.01}, 1
			_, _, err = small.Tune(ctx, m, set.Subset(4, 1), set.Subset(2, 2), p, to)
			return err
		},
	}
	for pairs := 0; pairs <= 256 && !*full; pairs += 256 { // networks of tables are small
		jobs[fmt.Sprintf("train lut, %d pairs", pairs)] = trained(func(o *TrainOptions) {
			o.Tables = &TrainTables{Levels: 16, Weights: 100, Pairs: pairs, Method: "kmeans", Every: 1}
		})
	}
	for _, mode := range []string{"fp32", "bf16"} {
		jobs["predict "+mode] = func(ctx context.Context) error {
			b, err := m.Encode()
			if err != nil {
				return err
			}
			n, err := Decode("net.onnx", b, Options{Threads: 1, Mode: mode})
			if err != nil {
				return err
			}
			for i, batch := range []int{1, 16} {
				if i == 0 {
					ctx.(*asked).last = threadTime()
				}
				if err := n.Predictions(ctx, set, p, EvalOptions{Batch: batch}, func(int, []float32) error { return nil }); err != nil {
					return err
				}
			}
			return nil
		}
	}
	return jobs
}
