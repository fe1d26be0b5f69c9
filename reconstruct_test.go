package lutra_test

import (
	"image"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"lutra"
)

// TestEvaluateReconstruction: the mean square error of an auto-encoder on
// images is that of its outputs, and on rows of numbers likewise.
func TestEvaluateReconstruction(t *testing.T) {
	dir := t.TempDir()
	for i := range 3 {
		m := image.NewGray(image.Rect(0, 0, 8, 8))
		for p := range m.Pix {
			m.Pix[p] = uint8(40*i + p)
		}
		f, err := os.Create(filepath.Join(dir, string(rune('a'+i))+".png"))
		if err != nil {
			t.Fatal(err)
		}
		if err := png.Encode(f, m); err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
	set, err := lutra.OpenData(dir, "", "")
	if err != nil {
		t.Fatal(err)
	}
	p := lutra.Preprocess{Scale: 1. / 255, Order: "L"}
	m, err := lutra.NewNetwork("autoencoder-mnist", lutra.NetworkOptions{Input: lutra.Shape{1, 8, 8}, Seed: 1}, p, lutra.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	e, err := m.Evaluate(t.Context(), set, p, lutra.EvalOptions{Batch: 2})
	if err != nil || e.MSE == nil || e.N != 3 {
		t.Fatal(e, err)
	}
	want := 0.
	err = m.Predictions(t.Context(), set, p, lutra.EvalOptions{}, func(i int, y []float32) error {
		for j, v := range y {
			want += math.Pow(float64(v)-float64(40*i+j)/255, 2) / (3 * 64)
		}
		return nil
	})
	if err != nil || math.Abs(*e.MSE-want) > 1e-6*want {
		t.Errorf("mean square error %v, want %v, %v", *e.MSE, want, err)
	}
}

func TestEvaluateVectors(t *testing.T) {
	v := lutra.Parabola(50, 3)
	m, err := lutra.NewNetwork("parabola", lutra.NetworkOptions{Seed: 2}, lutra.Preprocess{}, lutra.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	e, err := m.EvaluateVectors(t.Context(), v)
	if err != nil {
		t.Fatal(err)
	}
	s, err := m.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	want, x := 0., make([]float32, 1)
	for i := range v.Len() {
		if err := v.Input(i, x); err != nil {
			t.Fatal(err)
		}
		y, err := s.Predict(t.Context(), lutra.NewTensor(x, 1, 1))
		if err != nil {
			t.Fatal(err)
		}
		want += math.Pow(float64(y.Float32s()[0])-float64(x[0]*x[0]), 2) / 50
	}
	if e.N != 50 || math.Abs(*e.MSE-want) > 1e-6*want {
		t.Errorf("%d rows, mean square error %v, want %v", e.N, *e.MSE, want)
	}
	m, err = lutra.NewNetwork("autoencoder-ad", lutra.NetworkOptions{}, lutra.Preprocess{}, lutra.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.EvaluateVectors(t.Context(), v); err == nil || !strings.Contains(err.Error(), "640") {
		t.Errorf("rows that do not fit: %v", err)
	}
	m, err = lutra.NewNetwork("mlp", lutra.NetworkOptions{}, lutra.Preprocess{Order: "L"}, lutra.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.EvaluateVectors(t.Context(), v); err == nil || !strings.Contains(err.Error(), "a row of numbers") {
		t.Errorf("a network of images: %v", err)
	}
}
