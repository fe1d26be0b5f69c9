package data

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"lutra/internal/tensor"
)

func TestParabola(t *testing.T) {
	v := Parabola(500, 3)
	var x [1]float32
	low, high := float32(1), float32(-1)
	for i := range v.Len() {
		if err := v.Input(i, x[:]); err != nil {
			t.Fatal(err)
		}
		if y := v.Target(i); len(y) != 1 || y[0] != x[0]*x[0] {
			t.Errorf("point %d: %g has value %v", i, x[0], y)
		}
		low, high = min(low, x[0]), max(high, x[0])
	}
	if low > -0.97 || high < 0.97 || low < -1 || high > 1 {
		t.Errorf("points from %g to %g", low, high)
	}
	if a, b := Parabola(9, 3), Parabola(9, 4); !slices.Equal(a.x, v.x[:9]) || slices.Equal(a.x, b.x) {
		t.Error("points do not follow the seed")
	}
}

// TestVectorBatches: each row once an epoch, in an order that a later start keeps.
func TestVectorBatches(t *testing.T) {
	a, b, err := Parabola(110, 1).Divide(0.1, 2)
	if err != nil || a.Len() != 99 || b.Len() != 11 {
		t.Fatalf("%d and %d rows, %v", a.Len(), b.Len(), err)
	}
	for i := range b.Len() {
		if slices.Contains(a.rows, b.rows[i]) {
			t.Error("a row is in both parts")
		}
	}
	batches, err := a.Batches(10, 7)
	if err != nil {
		t.Fatal(err)
	}
	list := func(epoch, first int) (all []float32) {
		if err := batches.Epoch(t.Context(), epoch, first, func(n int, batch *Batch) error {
			for k, x := range batch.X {
				if batch.Targets[k] != x*x || batch.Labels[k] != Unlabelled {
					t.Errorf("%g has target %g", x, batch.Targets[k])
				}
			}
			all = append(all, batch.X...)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return all
	}
	whole := list(1, 0)
	if len(whole) != 90 || len(slices.Compact(slices.Sorted(slices.Values(whole)))) != 90 {
		t.Errorf("%d rows in 9 batches of 10", len(whole))
	}
	if !slices.Equal(list(1, 4), whole[40:]) {
		t.Error("an epoch entered at batch 4 goes on differently")
	}
	if slices.Equal(list(2, 0), whole) {
		t.Error("the next epoch has the same order")
	}
	if _, err := a.Batches(100, 1); err == nil {
		t.Error("batch above the set accepted")
	}
}

func TestOpenVectors(t *testing.T) {
	write := func(x *tensor.Tensor) string {
		var b bytes.Buffer
		if err := EncodeNPY(&b, x); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "x.npy")
		if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	v, err := OpenVectors(write(tensor.Of([]float32{1, 2, 3, 4, 5, 6}, 2, 3)))
	if err != nil || v.Len() != 2 || v.Features() != 3 {
		t.Fatalf("%+v, %v", v, err)
	}
	row := make([]float32, 3)
	if err := v.Input(1, row); err != nil || !slices.Equal(row, []float32{4, 5, 6}) || len(v.Target(1)) != 0 {
		t.Errorf("row %v, %v", row, err)
	}
	if err := v.Input(0, make([]float32, 4)); err == nil || !strings.Contains(err.Error(), "features: expected 4, the network's input, found 3") {
		t.Errorf("another number of features: %v", err)
	}
	for _, x := range []*tensor.Tensor{tensor.Of([]float32{1, 2}, 2), tensor.Of([]int32{1, 2}, 1, 2), tensor.Of([]float32{}, 0, 2)} {
		if _, err := OpenVectors(write(x)); err == nil || !strings.Contains(err.Error(), "expected a float32 array of samples x features") {
			t.Errorf("%v %v: %v", x.DType, x.Shape, err)
		}
	}
}
