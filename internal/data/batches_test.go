package data

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// numbered is a set of n images of 4x4 pixels whose red value is their number.
func numbered(t *testing.T, n int) *Set {
	t.Helper()
	labels := make([]int, n)
	for i := range labels {
		labels[i] = i % 10
	}
	s, err := NewSet("numbered", n, nil, labels, func(i int) (*Image, error) {
		m := NewImage(4, 4)
		for p := 0; p < len(m.Pix); p += 3 {
			m.Pix[p] = uint8(i)
		}
		return m, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// epochOf lists the batches of an epoch as text.
func epochOf(t *testing.T, s *Set, o BatchOptions, epoch, first int) []string {
	t.Helper()
	b, err := s.Batches(Preprocess{}, o)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	err = b.Epoch(t.Context(), epoch, first, func(n int, batch *Batch) error {
		if n != first+len(got) {
			t.Errorf("batch %d after %d", n, first+len(got))
		}
		for k, i := range batch.Indices {
			if batch.Labels[k] != s.Label(i) {
				t.Errorf("sample %d has label %d", i, batch.Labels[k])
			}
		}
		got = append(got, fmt.Sprint(batch.Indices, batch.X))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestBatchesDoNotDependOnThreads(t *testing.T) {
	s := numbered(t, 103)
	a, err := ParseAugment("crop:2,flip,brightness")
	if err != nil {
		t.Fatal(err)
	}
	o := BatchOptions{Size: 8, Width: 4, Height: 4, Seed: 3, Augment: a, Threads: 1}
	want := epochOf(t, s, o, 2, 0)
	if len(want) != 12 {
		t.Fatalf("%d batches of 8 from 103 samples", len(want))
	}
	for _, threads := range []int{2, 3, 16} {
		o.Threads = threads
		if got := epochOf(t, s, o, 2, 0); !slices.Equal(got, want) {
			t.Errorf("%d threads make other batches", threads)
		}
	}
	if got := epochOf(t, s, o, 2, 7); !slices.Equal(got, want[7:]) {
		t.Error("an epoch entered at batch 7 goes on differently")
	}
	if got := epochOf(t, s, o, 3, 0); slices.Equal(got, want) {
		t.Error("the next epoch has the same order")
	}
	o.Seed = 4
	if got := epochOf(t, s, o, 2, 0); slices.Equal(got, want) {
		t.Error("another seed gives the same order")
	}
}

// TestEpochCoversTheSet: each sample once, but for those that fill no batch.
func TestEpochCoversTheSet(t *testing.T) {
	s := numbered(t, 50)
	b, err := s.Batches(Preprocess{}, BatchOptions{Size: 7, Width: 4, Height: 4})
	if err != nil {
		t.Fatal(err)
	}
	seen := map[int]bool{}
	if err := b.Epoch(t.Context(), 0, 0, func(_ int, batch *Batch) error {
		for k, i := range batch.Indices {
			if seen[i] {
				t.Errorf("sample %d twice", i)
			}
			seen[i] = true
			if batch.X[k*48] != float32(i) {
				t.Errorf("sample %d has value %g", i, batch.X[k*48])
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if len(seen) != 49 {
		t.Errorf("%d samples of 50 in batches of 7", len(seen))
	}
}

func TestEpochEnds(t *testing.T) {
	s := numbered(t, 64)
	b, err := s.Batches(Preprocess{}, BatchOptions{Size: 4, Width: 4, Height: 4, Threads: 2})
	if err != nil {
		t.Fatal(err)
	}
	stop := errors.New("stop")
	if err := b.Epoch(t.Context(), 0, 0, func(n int, _ *Batch) error {
		if n == 2 {
			return stop
		}
		return nil
	}); err != stop {
		t.Errorf("error of the visitor: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	if err := b.Epoch(ctx, 0, 0, func(n int, _ *Batch) error {
		if n == 1 {
			cancel()
		}
		return nil
	}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	small, err := s.Batches(Preprocess{}, BatchOptions{Size: 4, Width: 5, Height: 4})
	if err != nil {
		t.Fatal(err)
	}
	if err := small.Epoch(t.Context(), 0, 0, func(int, *Batch) error { return nil }); err == nil || !strings.Contains(err.Error(), "4x4 pixels: expected 5x4") {
		t.Errorf("images of the wrong size: %v", err)
	}
	if _, err := s.Batches(Preprocess{}, BatchOptions{Size: 65}); err == nil || !strings.Contains(err.Error(), "1 to 64") {
		t.Errorf("batch above the set: %v", err)
	}
}

func TestLoad(t *testing.T) {
	calls := make([]int, 20)
	s, err := NewSet("some bad", 20, nil, nil, func(i int) (*Image, error) {
		calls[i]++
		if i%5 == 3 {
			return nil, fmt.Errorf("image %d is bad", i)
		}
		return ramp(i+1, 1), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Load(t.Context(), LoadOptions{Threads: 1}); err == nil || !strings.Contains(err.Error(), "image 3 is bad") {
		t.Errorf("bad image: %v", err)
	}
	clear(calls)
	good, bad, err := s.Load(t.Context(), LoadOptions{SkipBad: true, Threads: 1, Memory: 1 << 20})
	if err != nil || good.Len() != 16 || len(bad) != 4 {
		t.Fatalf("%d images and %d errors, %v; want 16 and 4", good.Len(), len(bad), err)
	}
	for i := range good.Len() {
		m, err := good.Image(i)
		if err != nil || good.Name(i) != fmt.Sprintf("#%d", m.W-1) {
			t.Errorf("image %d is %s, of width %d, %v", i, good.Name(i), m.W, err)
		}
	}
	if slices.Max(calls) != 1 {
		t.Errorf("images were decoded %v times", calls)
	}
	// With little memory the others are decoded again.
	good, _, err = s.Load(t.Context(), LoadOptions{SkipBad: true, Threads: 3, Memory: 30})
	if err != nil {
		t.Fatal(err)
	}
	for i := range good.Len() {
		if m, err := good.Image(i); err != nil || good.Name(i) != fmt.Sprintf("#%d", m.W-1) {
			t.Errorf("image %d is %s, %v", i, good.Name(i), err)
		}
	}
	none, err := NewSet("bad", 2, nil, nil, func(int) (*Image, error) { return nil, errors.New("bad") })
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := none.Load(t.Context(), LoadOptions{SkipBad: true}); err == nil || !strings.Contains(err.Error(), "expected readable images") {
		t.Errorf("only bad images: %v", err)
	}
}

func TestDivide(t *testing.T) {
	s := numbered(t, 100)
	a, b, err := s.Divide(0.2, 1)
	if err != nil || a.Len() != 80 || b.Len() != 20 {
		t.Fatalf("%d and %d, %v", a.Len(), b.Len(), err)
	}
	seen := map[string]bool{}
	for _, part := range []*Set{a, b} {
		for i := range part.Len() {
			seen[part.Name(i)] = true
		}
	}
	if len(seen) != 100 {
		t.Errorf("%d images in both parts together", len(seen))
	}
	if _, _, err := numbered(t, 3).Divide(0.1, 1); err == nil {
		t.Error("3 images divided 9:1")
	}
}

// TestLoadLeavesDecodedSets: what lies decoded in memory is not kept twice.
func TestLoadLeavesDecodedSets(t *testing.T) {
	dir := tree(t, map[string]string{"a-idx3-ubyte": "\x00\x00\x08\x03\x00\x00\x00\x02\x00\x00\x00\x01\x00\x00\x00\x02abcd"})
	s, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if loaded, _, err := s.Load(t.Context(), LoadOptions{Memory: 1 << 20}); err != nil || loaded != s {
		t.Errorf("loaded again: %v", err)
	}
}

// TestHoldOut: what is held out is in no smaller subset of the same seed.
func TestHoldOut(t *testing.T) {
	s := numbered(t, 50)
	training, held, err := s.HoldOut(0.2, 3)
	if err != nil || training.Len() != 40 || held.Len() != 10 {
		t.Fatalf("%d and %d images, error %v", training.Len(), held.Len(), err)
	}
	seen := map[string]bool{}
	for i := range held.Len() {
		seen[held.Name(i)] = true
	}
	for _, other := range []*Set{training, s.Subset(17, 3)} {
		for i := range other.Len() {
			if seen[other.Name(i)] {
				t.Errorf("%s is held out and used", other.Name(i))
			}
		}
	}
	for _, share := range []float64{0, 1, 0.001} {
		if _, _, err := numbered(t, 1).HoldOut(share, 1); err == nil {
			t.Errorf("share %g of one image is accepted", share)
		}
	}
}

// TestJoin: all images of all sets, in order, also of parts of sets.
func TestJoin(t *testing.T) {
	a, b := numbered(t, 5), numbered(t, 7).Subset(3, 1)
	all := Join(a, b)
	if all.Len() != 8 || all.Path() != "numbered+numbered" {
		t.Fatalf("%d images of %q", all.Len(), all.Path())
	}
	half := all.Subset(6, 2)
	for i := range half.Len() {
		m, err := half.Image(i)
		if err != nil {
			t.Fatal(err)
		}
		if int(m.Pix[0])%10 != half.Label(i) {
			t.Errorf("image %d is number %d and has label %d", i, m.Pix[0], half.Label(i))
		}
	}
	for i := range b.Len() {
		m, err := all.Image(a.Len() + i)
		want, _ := b.Image(i)
		if err != nil || m.Pix[0] != want.Pix[0] {
			t.Errorf("image %d of the second set: %d, expected %d", i, m.Pix[0], want.Pix[0])
		}
	}
	if Join(a) != a {
		t.Error("one set is joined with nothing")
	}
}
