package lutra_test

import (
	"slices"
	"testing"

	"lutra"
	"lutra/internal/realdata"
)

// TestDistinctCodes recounts Figure 4 of M. Kersner's post on codebooks: the
// most codewords that an output of a 3x3 layer uses, which bounds what adding
// up inputs of one codeword can save. The values were counted before, by a
// script that reads the file with PyTorch.
func TestDistinctCodes(t *testing.T) {
	in, err := open(t, realdata.Path(t, "compressed/kill-the-bits/resnet18_small_blocks.pth"), lutra.Options{}).Inspect(nil)
	if err != nil {
		t.Fatal(err)
	}
	var outputs []int
	for _, l := range in.Layers {
		if l.D == 9 {
			outputs = append(outputs, l.PerOutputMost)
		}
		if l.K > 0 && (l.PerBlock > float64(l.PerBlockMost) || l.PerOutput > float64(l.PerOutputMost) || l.PerOutput < 1 || l.PerBlock < 1) {
			t.Errorf("%+v", l)
		}
	}
	if want := []int{49, 59, 58, 60, 55, 102, 94, 103, 103, 153, 155, 164, 160, 220, 216, 226}; !slices.Equal(outputs, want) {
		t.Errorf("%v, want %v", outputs, want)
	}
}

// TestInspectReference: errors of weights against the model that was compressed are
// about those that compress has noted, whatever sizes it gave outputs, and layers
// have that model's names.
func TestInspectReference(t *testing.T) {
	original, p, _ := demo(0)
	was, err := original.Inspect(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, vectors := range []bool{false, true} {
		o, err := lutra.CompressPreset("small")
		if err != nil {
			t.Fatal(err)
		}
		o.Metric, o.Correction, o.Iterations, o.HalfVectors = lutra.MetricNone, lutra.CorrectNone, 2, vectors
		small, r, err := original.Compress(t.Context(), nil, p, o)
		if err != nil {
			t.Fatal(err)
		}
		noted := map[string]float64{}
		for _, l := range r.Layers {
			noted[l.Name] = l.WeightError
		}
		in, err := small.Inspect(original)
		if err != nil || len(in.Layers) != len(was.Layers) {
			t.Fatalf("%d of %d layers, error %v", len(in.Layers), len(was.Layers), err)
		}
		for i, l := range in.Layers {
			if l.Node != was.Layers[i].Node || l.Node == "" {
				t.Errorf("%s: node %q, in the original %q", l.Name, l.Node, was.Layers[i].Node)
			}
			if e, want := *l.WeightError, noted[l.Name]; l.Storage == "codebook" && (e > 1.01*want || e < 0.7*want) {
				t.Errorf("%s: error %.4f; compress noted %.4f", l.Name, e, want)
			}
		}
	}
}
