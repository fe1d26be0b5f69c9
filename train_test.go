package lutra_test

import (
	"bytes"
	"strings"
	"testing"

	"lutra"
)

// TestTrainVectors: the parabola, of variance 0.09, is learned, whatever the number of threads.
func TestTrainVectors(t *testing.T) {
	training, test, err := lutra.Parabola(600, 1).Divide(0.1, 1)
	if err != nil {
		t.Fatal(err)
	}
	var files [][]byte
	for _, threads := range []int{1, 2} {
		m, err := lutra.NewNetwork("parabola", lutra.NetworkOptions{Seed: 2}, lutra.Preprocess{}, lutra.Options{Threads: threads})
		if err != nil {
			t.Fatal(err)
		}
		before, err := m.Encode()
		if err != nil {
			t.Fatal(err)
		}
		epochs := 0
		o := lutra.TrainOptions{
			TrainRecipe: lutra.TrainRecipe{Epochs: 30, Batch: 20, Optimiser: "adam", LearningRate: 0.01},
			Record:      func(h *lutra.TrainHistory) error { epochs = len(h.Epochs); return nil },
		}
		trained, report, err := m.TrainVectors(t.Context(), training, test, o)
		if err != nil {
			t.Fatal(err)
		}
		if *report.TestLoss > 5e-3 || report.TestTop1 != nil || report.Parameters != 321 || report.Samples != 540 || report.Tested != 60 || report.Epoch != 30 || epochs != 30 {
			t.Errorf("%+v after %d records", report, epochs)
		}
		after, err := trained.Encode()
		if err != nil {
			t.Fatal(err)
		}
		again, err := m.Encode()
		if err != nil || !bytes.Equal(before, again) {
			t.Error("the model given was changed")
		}
		files = append(files, after)
	}
	if !bytes.Equal(files[0], files[1]) {
		t.Error("one thread and two make other networks")
	}
	m, err := lutra.NewNetwork("autoencoder-ad", lutra.NetworkOptions{}, lutra.Preprocess{}, lutra.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := m.TrainVectors(t.Context(), training, nil, lutra.TrainOptions{TrainRecipe: lutra.FineTuning()}); err == nil || !strings.Contains(err.Error(), "features: expected 640") {
		t.Errorf("vectors that do not fit the network: %v", err)
	}
}

func TestNewNetwork(t *testing.T) {
	p := lutra.Preprocess{Scale: 1. / 255, Order: "L"}
	for _, n := range lutra.Networks() {
		m, err := lutra.NewNetwork(n.Name, lutra.NetworkOptions{Seed: 1}, p, lutra.Options{})
		if err != nil {
			t.Errorf("%s: %v", n.Name, err)
			continue
		}
		_, described, err := m.Preprocess()
		if images := len(n.Input) == 3; err != nil || described != images {
			t.Errorf("%s: carries a preprocessing: %v, %v", n.Name, described, err)
		}
	}
	if _, err := lutra.NewNetwork("resnet", lutra.NetworkOptions{}, p, lutra.Options{}); err == nil {
		t.Error("unknown network built")
	}
}
