package engine

import (
	"fmt"

	"lutra/internal/graph"
	"lutra/internal/kernel"
)

// halfWeights are the weights of a convolution or matrix product in bfloat16.
// The inputs of an output are those of bytePacking, numbers for bytes.
type halfWeights struct {
	packing bytePacking
	halfPanels
}

// halfPanels yields the panels of a weight.
type halfPanels interface {
	// panels are those from first to before end, each [depth/2][byteCols][2].
	// They are valid until the next call on the same thread.
	panels(t *thread, first, end int) []kernel.BF16
	// bytes is the storage of the weights.
	bytes() int
}

// halfWeights packs the weight name as p says, or finds it packed already.
func (b *builder) halfWeights(name string, p bytePacking) (*halfWeights, error) {
	m := b.model
	key := byteKey{name, p}
	if w := m.halves[key]; w != nil {
		return w, nil
	}
	w := &halfWeights{packing: p}
	switch c, x := m.codebook(name), floats(b.values[name]); {
	case x == nil && c == nil:
		return nil, fmt.Errorf("weight %q is packed in another layout and its dense form is gone", name)
	case x != nil:
		w.halfPanels = newDenseHalves(x, p, m.level)
	case p.decoded(c):
		w.halfPanels = newDenseHalves(c.Decode().Float32s(), p, m.level)
	default:
		w.halfPanels = newCodebookHalves(c, p, m.level)
	}
	if m.fixed[name] {
		m.halves[key] = w
	}
	return w, nil
}

// rounded is x in bfloat16.
func rounded(l level, x []float32) []kernel.BF16 {
	h := make([]kernel.BF16, len(x))
	l.RoundBF16(h, x)
	return h
}

// denseHalves holds all panels.
type denseHalves struct {
	data []kernel.BF16
	size int // of a panel
}

func newDenseHalves(w []float32, p bytePacking, l level) *denseHalves {
	d := &denseHalves{data: alignedHalves(p.panels() * p.depth() * byteCols), size: p.depth() * byteCols}
	places, from := p.places(), rounded(l, w)
	for i := range p.panels() {
		_, first, n := p.panel(i)
		panel := d.data[i*d.size:][:d.size]
		for j := range n {
			at, stride := p.output(first + j)
			for _, k := range places {
				panel[kernel.PanelBF16(int(k), j)] = from[at]
				at += stride
			}
		}
	}
	return d
}

func (d *denseHalves) panels(_ *thread, first, end int) []kernel.BF16 {
	return d.data[first*d.size : end*d.size]
}
func (d *denseHalves) bytes() int { return 2 * len(d.data) }

// codebookHalves decodes panels while they are used.
type codebookHalves struct {
	level   kernel.Level
	decoder *kernel.DecoderBF16
	codes   []kernel.PanelCodes16 // per panel
	words   int
	size    int // of a panel
}

func newCodebookHalves(c *graph.Codebook, p bytePacking, l level) *codebookHalves {
	words := rounded(l, c.FloatWords())
	d := &codebookHalves{
		level: l, decoder: kernel.NewDecoderBF16(words, c.D, p.places(), p.depth()),
		words: len(words), size: p.depth() * byteCols,
	}
	for i := range p.panels() {
		_, first, n := p.panel(i)
		d.codes = append(d.codes, d.decoder.Pack(c.Codes[first:], c.Outputs, n))
	}
	return d
}

func (d *codebookHalves) panels(t *thread, first, end int) []kernel.BF16 {
	dst := t.halfScratch((end - first) * d.size)
	for i := first; i < end; i++ {
		d.level.DecodeBF16(dst[(i-first)*d.size:], d.decoder, d.codes[i])
	}
	return dst
}

func (d *codebookHalves) bytes() int {
	n := 2 * d.words
	for _, c := range d.codes {
		n += c.Bytes()
	}
	return n
}
