package fit_test

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"testing"

	"lutra/internal/fit"
)

// TestReconstruct: trained piece by piece, a network of codebooks comes nearer
// to its teacher without an epoch of training it whole.
func TestReconstruct(t *testing.T) {
	g, src, test, o := tuneSetup(t)
	o.Epochs, o.Pieces, o.Codes = 0, 5, nil
	_, h := mustRun(t, g, src, test, o)
	if h.Pieces == nil || len(h.Epochs) != 0 {
		t.Fatalf("history %+v", h)
	}
	t.Logf("held-out loss %.4f -> %.4f", *h.Start.TestLoss, *h.Pieces.TestLoss)
	if *h.Pieces.TestLoss > *h.Start.TestLoss/2 {
		t.Errorf("held-out loss %.4f after %.4f", *h.Pieces.TestLoss, *h.Start.TestLoss)
	}
	if h.Kept() != h.Pieces {
		t.Errorf("kept %+v", h.Kept())
	}
}

// TestReconstructResumes: interrupted in several pieces, it ends with the bytes
// of an undisturbed run.
func TestReconstructResumes(t *testing.T) {
	g, src, test, o := tuneSetup(t)
	o.Epochs, o.Pieces = 1, 1
	want, _ := mustRun(t, g, src, test, o)
	o.Checkpoint = filepath.Join(t.TempDir(), "progress")
	for piece := 1; ; piece++ {
		ctx, cancel := context.WithCancel(t.Context())
		o.Progress = func(p fit.Progress) {
			if p.Piece == piece {
				cancel()
			}
		}
		got, _, err := fit.Run(ctx, g, src, test, o)
		cancel()
		o.Resume = true
		if errors.Is(err, context.Canceled) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if piece < 4 {
			t.Errorf("only %d pieces", piece-1)
		}
		if !bytes.Equal(encode(t, want), encode(t, got)) {
			t.Error("the resumed training made another network")
		}
		return
	}
}

// TestReconstructRefuses: pieces need a teacher and held-out samples.
func TestReconstructRefuses(t *testing.T) {
	g, src, test, o := tuneSetup(t)
	o.Pieces, o.Baseline = 1, false
	if _, _, err := fit.Run(t.Context(), g, src, test, o); err == nil {
		t.Error("pieces without a baseline are accepted")
	}
	o.Baseline, o.Teacher = true, nil
	if _, _, err := fit.Run(t.Context(), g, src, test, o); err == nil {
		t.Error("pieces without a teacher are accepted")
	}
}
