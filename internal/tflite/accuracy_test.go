package tflite_test

import (
	"context"
	"testing"

	"lutra/internal/data"
	"lutra/internal/engine"
	"lutra/internal/realdata"
	"lutra/internal/tensor"
	"lutra/internal/tflite"
)

// TestKeywords: MLPerf Tiny's float and int8 networks for keywords recognise
// 449 of the 500 inputs that it publishes; its target is 90 %.
func TestKeywords(t *testing.T) {
	if testing.Short() {
		t.Skip("short")
	}
	x, labels := keywords(t)
	for _, name := range []string{"kws_ref_model_float32.tflite", "kws_ref_model.tflite"} {
		g, err := tflite.Import(realdata.Path(t, "models/mlperf-tiny/tflite/"+name))
		if err != nil {
			t.Fatal(err)
		}
		m, err := engine.Compile(g, engine.Options{Threads: 1})
		if err != nil {
			t.Fatal(err)
		}
		feed := map[string]*tensor.Tensor{g.Inputs[0].Name: x}
		plan, err := m.Plan(map[string]tensor.Shape{g.Inputs[0].Name: x.Shape}, nil)
		if err != nil {
			t.Fatal(err)
		}
		out, err := m.NewSession().Run(context.Background(), plan, feed)
		if err != nil {
			t.Fatal(err)
		}
		right := 0
		for i, label := range labels {
			best, scores := 0, out[g.Outputs[0].Name].Float32s()[12*i:][:12]
			for c, s := range scores {
				if s > scores[best] {
					best = c
				}
			}
			if best == label {
				right++
			}
		}
		if right < 448 || right > 450 { // the order of sums may decide a tie
			t.Errorf("%s: %d of %d right, want 449", name, right, len(labels))
		}
	}
}

// keywords are the 500 inputs and their labels.
func keywords(t *testing.T) (*tensor.Tensor, []int) {
	t.Helper()
	set, err := data.Open(realdata.Path(t, "kws/mfcc_labels.csv"), data.Options{})
	if err != nil {
		t.Fatal(err)
	}
	p, err := data.Preset("kws")
	if err != nil {
		t.Fatal(err)
	}
	in, err := set.Inputs(p, 10, 49)
	if err != nil {
		t.Fatal(err)
	}
	x := tensor.New(tensor.Float32, in.Len(), 1, 49, 10)
	var labels []int
	for i := range in.Len() {
		if err := in.Input(i, x.Float32s()[i*490:][:490]); err != nil {
			t.Fatal(err)
		}
		labels = append(labels, in.Label(i))
	}
	return x, labels
}
