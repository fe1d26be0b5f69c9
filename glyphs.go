package lutra

import (
	"fmt"

	"lutra/internal/data"
	"lutra/internal/glyph"
)

// DemoModel is the small float network of the demo, which reads digits and
// capital letters; it is part of the program.
func DemoModel(o Options) (*Model, error) { return Decode("glyph.onnx", glyph.Network(), o) }

// DemoData draws n labelled images for DemoModel. Different seeds give
// different images; the network was trained on those of seed 1.
func DemoData(seed uint64, n int) (*DataSet, error) {
	labels := make([]int, n)
	for i := range labels {
		_, labels[i] = glyph.Draw(seed, i)
	}
	return data.NewSet(fmt.Sprintf("glyphs of seed %d", seed), n, glyph.Labels(), labels, func(i int) (*data.Image, error) {
		pix, _ := glyph.Draw(seed, i)
		return &data.Image{W: glyph.Size, H: glyph.Size, Pix: pix}, nil
	})
}
