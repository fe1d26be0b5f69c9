package compress

import (
	"math"
	"path/filepath"
	"slices"
	"testing"

	"lutra/internal/tensor"
)

// TestInt8Words: all codebooks become bytes, the network computes nearly what
// it does with codewords in half precision, the report tells the size, and a
// resumed run gives the same file.
func TestInt8Words(t *testing.T) {
	src := randomSamples(7, 24, testInput)
	o := Small()
	o.First, o.Codewords = Quantised, Float16Words
	half, want := mustRun(t, testNet(), src, o)
	o.Codewords = Int8Words
	o.Checkpoint = filepath.Join(t.TempDir(), "checkpoint")
	out, got := mustRun(t, testNet(), src, o)
	books, err := out.Codebooks()
	if err != nil || len(books) == 0 {
		t.Fatalf("%d codebooks, %v", len(books), err)
	}
	for _, c := range books {
		if c.Words.DType != tensor.Int8 {
			t.Errorf("%s: codewords of %v", c.Name, c.Words.DType)
		}
	}
	var mine, halfs float64 // errors: of one layer alone they differ by chance
	for i, l := range got.Layers {
		w := want.Layers[i]
		mine, halfs = mine+l.OutputError, halfs+w.OutputError
		if l.Codewords != Int8Words || w.Codewords != Float16Words || w.OutBytes-l.OutBytes != l.K*l.D {
			t.Errorf("%s: %d bytes with %v, %d with %v", l.Name, l.OutBytes, l.Codewords, w.OutBytes, w.Codewords)
		}
	}
	if mine > 1.1*halfs {
		t.Errorf("output errors %g, %g in half precision", mine, halfs)
	}
	again, _ := mustRun(t, testNet(), src, o) // from the checkpoint
	if text(t, again) != text(t, out) {
		t.Error("the resumed run gives another result")
	}
	if text(t, half) == text(t, out) {
		t.Error("bytes make no difference")
	}
	sizes, err := Sizes(testNet(), o)
	if err != nil {
		t.Fatal(err)
	}
	for i, l := range sizes.Layers {
		if l.OutBytes != got.Layers[i].OutBytes {
			t.Errorf("%s: %d bytes foreseen, %d made", l.Name, l.OutBytes, got.Layers[i].OutBytes)
		}
	}
}

// TestInt8Refused: codewords that are known to be exact stay so, and a few
// large numbers do not take the resolution of all others.
func TestInt8Refused(t *testing.T) {
	o := Small()
	o.First, o.NoClamp, o.Codewords = Quantised, true, Int8Words
	for i := range o.Specs {
		o.Specs[i].K = 1 << 16
	}
	_, r := mustRun(t, testNet(), randomSamples(2, 4, testInput), o)
	for _, l := range r.Layers {
		if !l.Exact || l.Codewords != Float16Words || l.WeightError > 1e-3 {
			t.Errorf("%s: %v, weight error %g", l.Name, l.Codewords, l.WeightError)
		}
	}
	words := []float32{1000, 1, -1, 0.5, 0.25, 1, 1, 1, -1}
	weight := slices.Repeat([]float64{1}, len(words))
	weight[0] = 1e-9
	if scale := Int8Words.round(slices.Clone(words), weight); scale == 0 {
		t.Error("bytes for a number that does not count are refused")
	}
	weight[0] = 1e-4
	got := slices.Clone(words)
	if scale := Int8Words.round(got, weight); scale != 0 || !slices.Equal(got, words) {
		t.Errorf("an outlier: scale %g, words %v", scale, got)
	}
}

// TestParseCodewords reads all names back.
func TestParseCodewords(t *testing.T) {
	for i, name := range CodewordsNames() {
		if c, err := ParseCodewords(name); err != nil || int(c) != i || c.String() != name {
			t.Errorf("%s: %v, %v", name, c, err)
		}
	}
	if _, err := ParseCodewords("int4"); err == nil {
		t.Error("int4 is accepted")
	}
	if v := Int8Words.round([]float32{float32(math.Pi)}, nil); v == 0 {
		t.Error("one number is not a byte times a scale")
	}
}
