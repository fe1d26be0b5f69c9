package fit_test

import (
	"bytes"
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"lutra/internal/data"
	"lutra/internal/fit"
	"lutra/internal/levels"
)

// weary is a context that ends when it has been asked so often whether it has:
// in the middle of a step.
type weary struct {
	context.Context
	left   atomic.Int64
	cancel func()
}

func (w *weary) Err() error {
	if w.left.Add(-1) == 0 {
		w.cancel()
	}
	return w.Context.Err()
}

// TestResume interrupts trainings at random steps, and within steps, over and
// over, and demands the bytes and the history of an undisturbed one.
func TestResume(t *testing.T) {
	for _, c := range []struct {
		name   string
		tune   bool
		change func(*fit.Options)
	}{
		{"sgd", false, func(o *fit.Options) {}},
		{"tuned", true, func(o *fit.Options) { o.Epochs = 3 }},
		{"adam, averaged, best", false, func(o *fit.Options) { o.Optimiser, o.EMA, o.KeepBest = "adam", 0.9, true }},
		{"tables", false, func(o *fit.Options) {
			o.Tables = &fit.Tables{Weights: levels.Weights{Values: 20, Method: "kmeans"}, Every: 4}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			g, src, test, o := setup(t, "resnet8")
			if c.tune {
				g, src, test, o = tuneSetup(t)
			}
			c.change(&o)
			want, wantHistory := mustRun(t, g, src, test, o)
			o.Checkpoint = filepath.Join(t.TempDir(), "progress")
			r := rand.New(rand.NewPCG(3, 4))
			interruptions := 0
			for {
				ctx, cancel := context.WithCancel(t.Context())
				left := 1 + r.IntN(9)
				o.Progress = func(fit.Progress) {
					if left--; left == 0 {
						cancel()
					}
				}
				tired := &weary{Context: ctx, cancel: cancel}
				if interruptions%3 > 0 {
					tired.left.Store(1 + r.Int64N(8000))
				}
				got, h, err := fit.Run(tired, g, src, test, o)
				cancel()
				o.Resume = true
				if errors.Is(err, context.Canceled) {
					interruptions++
					continue
				}
				if err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(encode(t, want), encode(t, got)) {
					t.Error("the resumed training made another network")
				}
				if !slices.Equal(timeless(t, h), timeless(t, wantHistory)) {
					t.Errorf("history %s\nwant %s", timeless(t, h), timeless(t, wantHistory))
				}
				break
			}
			t.Logf("%d interruptions", interruptions)
			if interruptions < 4 {
				t.Errorf("only %d interruptions", interruptions)
			}
		})
	}
}

// timeless is a history without its seconds.
func timeless(t *testing.T, h *fit.History) []string {
	t.Helper()
	c := fit.History{Steps: h.Steps, Epochs: slices.Clone(h.Epochs)}
	for i := range c.Epochs {
		c.Epochs[i].Seconds = 0
	}
	var b bytes.Buffer
	if err := c.Lines(&b); err != nil {
		t.Fatal(err)
	}
	return strings.Split(b.String(), "\n")
}

// TestCheckpointRefused: damaged and foreign checkpoints are errors that name the file.
func TestCheckpointRefused(t *testing.T) {
	g, src, test, o := setup(t, "resnet8")
	o.Checkpoint = filepath.Join(t.TempDir(), "progress")
	ctx, cancel := context.WithCancel(t.Context())
	o.Progress = func(p fit.Progress) {
		if p.Step == 2 {
			cancel()
		}
	}
	if _, _, err := fit.Run(ctx, g, src, test, o); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	good, err := os.ReadFile(o.Checkpoint)
	if err != nil {
		t.Fatal(err)
	}
	o.Progress = nil
	if _, _, err := fit.Run(t.Context(), g, src, test, o); !errors.Is(err, fit.ErrExists) {
		t.Errorf("existing checkpoint: %v", err)
	}
	o.Resume = true
	other := o
	other.LearningRate = 0.04
	if _, _, err := fit.Run(t.Context(), g, src, test, other); err == nil || !strings.Contains(err.Error(), "found that of another") {
		t.Errorf("checkpoint of other options: %v", err)
	}
	r := rand.New(rand.NewPCG(1, 1))
	for range 40 {
		bad := slices.Clone(good)
		if r.IntN(2) == 0 {
			bad = bad[:r.IntN(len(bad))]
		} else {
			bad[r.IntN(len(bad))] ^= 1 << r.IntN(8)
		}
		if err := os.WriteFile(o.Checkpoint, bad, 0o644); err != nil {
			t.Fatal(err)
		}
		if _, _, err := fit.Run(t.Context(), g, src, test, o); err == nil || !strings.Contains(err.Error(), o.Checkpoint) || !strings.HasSuffix(err.Error(), ")") {
			t.Fatalf("damaged checkpoint: %v", err)
		}
	}
	if err := os.Remove(o.Checkpoint); err != nil {
		t.Fatal(err)
	}
	if _, _, err := fit.Run(t.Context(), g, src, test, o); !errors.Is(err, fit.ErrNone) || !strings.Contains(err.Error(), o.Checkpoint) {
		t.Errorf("no checkpoint: %v", err)
	}
}

// TestDivergence: a loss that is not finite stops, names the layer and the
// step, and leaves the last good checkpoint.
func TestDivergence(t *testing.T) {
	g, src, test, o := setup(t, "resnet8")
	o.Checkpoint = filepath.Join(t.TempDir(), "progress")
	poisoned := 0
	bad := sourceFunc{src, func(b *data.Batch) {
		if poisoned++; poisoned == 20 { // in the second epoch of 13 batches
			b.X[0] = float32(math.NaN())
		}
	}}
	_, _, err := fit.Run(t.Context(), g, bad, test, o)
	if err == nil {
		t.Fatal("trained on NaN")
	}
	for _, want := range []string{"epoch 2", "step 20", `input "input" is not finite`, o.Checkpoint + " keeps the last good state"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q lacks %q", err, want)
		}
	}
	// The checkpoint is that of the end of epoch 1: without the poison it goes on.
	o.Resume = true
	got, _ := mustRun(t, g, src, test, o)
	o.Resume, o.Checkpoint = false, ""
	want, _ := mustRun(t, g, src, test, o)
	if !bytes.Equal(encode(t, got), encode(t, want)) {
		t.Error("the checkpoint was not good")
	}
	o.LearningRate = 1e6
	_, _, err = fit.Run(t.Context(), g, src, test, o)
	if err == nil || !strings.Contains(err.Error(), "step") || !strings.Contains(err.Error(), "not finite") && !strings.Contains(err.Error(), "the loss is") && !strings.Contains(err.Error(), "test loss is") {
		t.Errorf("learning rate of a million: %v", err)
	}
}

// sourceFunc changes every batch of a source.
type sourceFunc struct {
	fit.Source
	change func(*data.Batch)
}

func (s sourceFunc) Epoch(ctx context.Context, epoch, first int, visit func(int, *data.Batch) error) error {
	return s.Source.Epoch(ctx, epoch, first, func(n int, b *data.Batch) error {
		s.change(b)
		return visit(n, b)
	})
}
