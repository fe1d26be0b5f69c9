package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"lutra/internal/glyph"
)

// lookedAt is a context that is cancelled when it is looked at for the n-th time:
// an interruption at every place where a command notices one.
type lookedAt struct {
	context.Context
	cancel context.CancelFunc
	mu     sync.Mutex
	left   int
}

func newLookedAt(ctx context.Context, n int) *lookedAt {
	inner, cancel := context.WithCancel(ctx)
	return &lookedAt{Context: inner, cancel: cancel, left: n}
}

func (c *lookedAt) look() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.left--; c.left < 0 {
		c.cancel()
	}
}

func (c *lookedAt) Err() error            { c.look(); return c.Context.Err() }
func (c *lookedAt) Done() <-chan struct{} { c.look(); return c.Context.Done() }

// TestInterruptedMeanwhile interrupts convert at
// every place where it looks: it says so and leaves nothing, until it is
// through and has written all.
func TestInterruptedMeanwhile(t *testing.T) {
	dir := t.TempDir()
	net, out := filepath.Join(dir, "net.onnx"), filepath.Join(dir, "out.onnx")
	writeFile(t, net, glyph.Network())
	interrupted := 0
	for n := range 100 {
		ctx := newLookedAt(t.Context(), n)
		stdout, stderr := new(bytes.Buffer), new(bytes.Buffer)
		code := run(ctx, []string{"convert", net, "-o", out}, stdout, stderr)
		ctx.cancel()
		left := names(t, dir)
		if code == exitOK {
			if interrupted < 2 || !slices.Equal(left, []string{"net.onnx", "out.onnx"}) {
				t.Errorf("%d interruptions before it succeeded; files: %v", interrupted, left)
			}
			return
		}
		interrupted++
		if code != exitInterrupted || stderr.String() != "lutra: interrupted\n" || stdout.Len() > 0 || !slices.Equal(left, []string{"net.onnx"}) {
			t.Fatalf("interrupted at look %d: exit code %d, stderr %q, stdout %q, files %v", n, code, stderr, stdout, left)
		}
	}
	t.Error("it never succeeded")
}

func names(t *testing.T, dir string) (all []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

// TestEdits is the distance that finds the flag that was meant.
func TestEdits(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"", "abc", 3}, {"calib", "calib", 0}, {"callib", "calib", 1}, {"calbi", "calib", 2}, {"kitten", "sitting", 3}} {
		if got, back := edits(c.a, c.b), edits(c.b, c.a); got != c.want || back != c.want {
			t.Errorf("%q to %q: %d and %d edits, want %d", c.a, c.b, got, back, c.want)
		}
	}
}
