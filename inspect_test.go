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
