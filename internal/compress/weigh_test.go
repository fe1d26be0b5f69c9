package compress

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"lutra/internal/kernel"
)

func mustWeigh(t interface {
	Helper()
	Fatal(...any)
}, all []*rows) {
	t.Helper()
	if ok, err := weighRows(context.Background(), 2, all, true); err != nil || !ok {
		t.Fatal("moments are degenerate", err)
	}
}

// halves are the moments of images with several patches each, [images][patches][row].
func halves(t *testing.T, row int, images [][][]float64) (*layer, []*rows) {
	t.Helper()
	l := &layer{outputs: 8, row: row, d: 4, patches: rowPatches(len(images[0]), row)}
	all := l.rowMoments(kernel.Best(), false)
	halve(all)
	var samples []sample
	for _, patches := range images {
		var x []float32
		for _, p := range patches {
			for _, v := range p {
				x = append(x, float32(v))
			}
		}
		samples = append(samples, sample{in: x})
	}
	o := Small()
	for part := range slices.Chunk(samples, group) {
		if err := l.accumulate(context.Background(), &o, all, part); err != nil {
			t.Fatal(err)
		}
	}
	return l, all
}

// TestNoiseShare draws images of known covariances: none, so that all that is
// found is noise; ones that outweigh the noise; and the first again, each
// patch many times over, which makes nothing more certain.
func TestNoiseShare(t *testing.T) {
	const row, images = 40, 100
	for name, c := range map[string]struct {
		common, copies int
		least, most    float64
	}{
		"independent":        {0, 1, 0.9, mostShrunk},
		"independent, alike": {0, 9, 0.9, mostShrunk},
		"correlated":         {2, 1, 0, 0.05},
		"correlated, alike":  {2, 9, 0, 0.05},
	} {
		t.Run(name, func(t *testing.T) {
			rng := newRNG(8)
			all := make([][][]float64, images)
			for i := range all {
				patch := make([]float64, row)
				common := float64(c.common) * rng.NormFloat64()
				for j := range patch {
					patch[j] = 3 + common + rng.NormFloat64()
				}
				all[i] = slices.Repeat([][]float64{patch}, c.copies)
			}
			_, h := halves(t, row, all)
			share, err := join(context.Background(), 2, h, true)
			if err != nil || share < c.least || share > c.most {
				t.Errorf("share %.3f, want %g to %g (%v)", share, c.least, c.most, err)
			}
			if h[0].patches != images*c.copies || h[0].odd != nil {
				t.Errorf("%d patches", h[0].patches)
			}
		})
	}
}

// TestOneImageHasNoShare: halves of which one is empty cannot be compared.
func TestOneImageHasNoShare(t *testing.T) {
	_, h := halves(t, 4, [][][]float64{{{1, 2, 3, 4}, {4, 3, 2, 1}}})
	if share, err := join(context.Background(), 1, h, true); share != 0 || err != nil {
		t.Error(share, err)
	}
}

// factorModel draws inputs with a few common causes, as activations have.
func factorModel(rng *rand.Rand, loads [][]float64, n int) [][][]float64 {
	images := make([][][]float64, n)
	for i := range images {
		x := gaussian(rng, len(loads[0]))
		patch := make([]float64, len(x))
		for _, load := range loads {
			f := rng.NormFloat64()
			for j, v := range load {
				patch[j] += f * v
			}
		}
		for j, v := range x {
			patch[j] += float64(v)
		}
		images[i] = [][]float64{patch}
	}
	return images
}

// TestShrinkingHelpsElsewhere fits a layer to fewer images than it has inputs,
// as they are and shrunk, and compares the errors on other images.
func TestShrinkingHelpsElsewhere(t *testing.T) {
	const row = 64
	rng := newRNG(9)
	loads := make([][]float64, 6)
	for i := range loads {
		loads[i] = make([]float64, row)
		for j := range loads[i] {
			loads[i][j] = 0.5 * rng.NormFloat64()
		}
	}
	fit, other := factorModel(rng, loads, 40), factorModel(rng, loads, 1000)
	w := gaussian(rng, 8*row)
	held := func(shrink bool) float64 {
		l, h := halves(t, row, fit)
		if !shrink {
			if _, err := join(context.Background(), 1, h, true); err != nil { // weighRows finds nothing to compare
				t.Fatal(err)
			}
		}
		mustWeigh(t, h)
		if (h[0].shrunk > 0.05) != shrink {
			t.Fatalf("shrunk by %g", h[0].shrunk)
		}
		s := &clusters{words: gaussian(newRNG(10), 16*l.d), codes: make([]uint16, l.weights()/l.d)}
		r := &refinement{l: l, h: h, w: w, s: s, gain: filledWith(1, l.outputs), round: exactly, level: kernel.Best(), threads: 1}
		if _, err := r.run(context.Background()); err != nil {
			t.Fatal(err)
		}
		e := make([]float32, len(w))
		r.errors(e, span{0, 0, l.outputs})
		var sum float64
		for _, image := range other {
			for o := range l.outputs {
				var y float64
				for j, v := range image[0] {
					y += v * float64(e[o*row+j])
				}
				sum += y * y
			}
		}
		return sum
	}
	plain, shrunk := held(false), held(true)
	if !(shrunk < 0.9*plain) {
		t.Errorf("held-out error %.4g shrunk, %.4g as measured", shrunk, plain)
	}
}

// TestAimOfOwnOutputs: outputs of the float network that are the layer's own
// ask for nothing, whatever was done to the moments of the inputs.
func TestAimOfOwnOutputs(t *testing.T) {
	const row, outputs, images = 12, 8, 30
	rng := newRNG(12)
	l := &layer{outputs: outputs, row: row, d: 4, patches: rowPatches(1, row)}
	w := gaussian(rng, outputs*row)
	all := l.rowMoments(kernel.Best(), true)
	halve(all)
	o := Small()
	for range images / 5 {
		samples := make([]sample, 5)
		for i := range samples {
			x := gaussian(rng, row)
			y := make([]float32, outputs)
			for k := range y {
				y[k] = float32(inner(x, w[k*row:][:row]))
			}
			samples[i] = sample{in: x, out: y}
		}
		if err := l.accumulate(context.Background(), &o, all, samples); err != nil {
			t.Fatal(err)
		}
	}
	mustWeigh(t, all)
	if all[0].shrunk < 0.1 {
		t.Fatalf("shrunk by %g only: the test shows nothing", all[0].shrunk)
	}
	r := &refinement{l: l, h: all, w: w, gain: filledWith(1, outputs), level: kernel.Best(), threads: 1}
	if err := r.aim(context.Background(), 1); err != nil {
		t.Fatal(err)
	}
	for i, v := range r.t {
		if math.Abs(float64(v)) > 1e-4 {
			t.Fatalf("target %d is off by %v", i, v)
		}
	}
}
