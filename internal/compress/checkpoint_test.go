package compress

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestResume(t *testing.T) {
	src := randomSamples(5, 6, testInput)
	o := Small()
	o.Correction = CorrectMeanStd
	out, _ := mustRun(t, testNet(), src, o)
	want := text(t, out)

	o.Checkpoint = filepath.Join(t.TempDir(), "checkpoint")
	ctx, cancel := context.WithCancel(context.Background())
	o.Progress = func(p Progress) {
		if p.Layer == 4 && p.Phase == "cluster" {
			cancel()
		}
	}
	if _, _, err := Run(ctx, testNet(), src, o); !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v", err)
	}
	clustered := map[int]bool{}
	o.Progress = func(p Progress) {
		if p.Phase == "cluster" {
			clustered[p.Layer] = true
		}
	}
	o.Threads = 2
	out, _ = mustRun(t, testNet(), src, o)
	if text(t, out) != want {
		t.Error("the resumed run gives another result")
	}
	if clustered[3] || !clustered[4] {
		t.Errorf("clustered layers %v, want 4 and later", clustered)
	}
}

func TestCheckpointOfSomethingElse(t *testing.T) {
	src := randomSamples(6, 2, testInput)
	o := Small()
	o.Checkpoint = t.TempDir()
	mustRun(t, testNet(), src, o)

	other := o
	other.Seed = 1
	changed := testNet()
	changed.Consts["fc3.bias"].Float32s()[0]++
	for name, run := range map[string]func() error{
		"seed":  func() error { _, _, err := Run(context.Background(), testNet(), src, other); return err },
		"data":  func() error { _, _, err := Run(context.Background(), testNet(), src[:1], o); return err },
		"model": func() error { _, _, err := Run(context.Background(), changed, src, o); return err },
	} {
		if err := run(); err == nil || !strings.Contains(err.Error(), startAnew) || !strings.Contains(err.Error(), "fingerprint") {
			t.Errorf("another %s: error %v", name, err)
		}
	}
	path := filepath.Join(o.Checkpoint, "layer-0003.json")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 4
	for _, damaged := range [][]byte{b, b[:100], nil} {
		if err := os.WriteFile(path, damaged, 0o644); err != nil {
			t.Fatal(err)
		}
		if _, _, err := Run(context.Background(), testNet(), src, o); err == nil || !strings.Contains(err.Error(), "checksum") {
			t.Errorf("damaged file: error %v", err)
		}
	}
}

func TestRemoveCheckpoint(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "checkpoint")
	if err := RemoveCheckpoint(dir); err != nil {
		t.Error(err)
	}
	o := Small()
	o.Checkpoint = dir
	mustRun(t, testNet(), randomSamples(6, 1, testInput), o)
	theirs := filepath.Join(dir, "notes.txt")
	if err := os.WriteFile(theirs, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := RemoveCheckpoint(dir); err != nil {
		t.Error(err)
	}
	if files, _ := os.ReadDir(dir); len(files) != 1 {
		t.Errorf("%d files left, want the one that is not ours", len(files))
	}
	if err := os.Remove(theirs); err != nil {
		t.Fatal(err)
	}
	if err := RemoveCheckpoint(dir); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder is still there: %v", err)
	}
}
