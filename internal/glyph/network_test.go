package glyph_test

import (
	"context"
	"encoding/json"
	"slices"
	"testing"

	"lutra/internal/data"
	"lutra/internal/engine"
	"lutra/internal/glyph"
	"lutra/internal/graph"
	"lutra/internal/onnx"
	"lutra/internal/tensor"
)

// TestNetwork scores the embedded network on fresh images with the
// preprocessing that its metadata names.
func TestNetwork(t *testing.T) {
	if n := len(glyph.Network()); n > 1500<<10 {
		t.Errorf("%d bytes, want at most 1.5 MiB", n)
	}
	g, err := onnx.Decode("glyph.onnx", glyph.Network(), nil)
	if err != nil {
		t.Fatal(err)
	}
	p, err := data.ParsePreprocess("glyph.onnx", []byte(g.Meta["lutra.preprocess"]))
	if err != nil {
		t.Fatal(err)
	}
	var labels []string
	if err := json.Unmarshal([]byte(g.Meta["lutra.labels"]), &labels); err != nil || !slices.Equal(labels, glyph.Labels()) {
		t.Errorf("labels %q, %v", labels, err)
	}
	const n, seed = 300, 100 // a seed that training has not seen
	x := tensor.New(tensor.Float32, n, 3, glyph.Size, glyph.Size)
	want := make([]int, n)
	for i := range n {
		var pix []uint8
		pix, want[i] = glyph.Draw(seed, i)
		m := &data.Image{W: glyph.Size, H: glyph.Size, Pix: pix}
		if err := p.Apply(m, x.Float32s()[i*len(pix):][:len(pix)]); err != nil {
			t.Fatal(err)
		}
	}
	right := 0
	all := run(t, g, x)
	for i := range n {
		logits := all[i*glyph.Classes:][:glyph.Classes]
		if slices.Index(logits, slices.Max(logits)) == want[i] {
			right++
		}
	}
	t.Logf("%d of %d right", right, n)
	if right < n*95/100 {
		t.Errorf("%d of %d images recognised, want 95 %%", right, n)
	}
}

// run returns the logits of a batch.
func run(t *testing.T, g *graph.Graph, x *tensor.Tensor) []float32 {
	t.Helper()
	input := g.Inputs[0].Name
	m, err := engine.Compile(g, engine.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	plan, err := m.Plan(map[string]tensor.Shape{input: x.Shape}, nil)
	if err != nil {
		t.Fatal(err)
	}
	out, err := m.NewSession().Run(context.Background(), plan, map[string]*tensor.Tensor{input: x})
	if err != nil {
		t.Fatal(err)
	}
	return out[g.Outputs[0].Name].Float32s()
}
