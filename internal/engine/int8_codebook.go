package engine

import (
	"slices"

	"lutra/internal/graph"
	"lutra/internal/kernel"
	"lutra/internal/tensor"
)

// bytePlane decodes the panels of one plane of a codebook weight while they
// are used.
type bytePlane struct {
	level   kernel.Level
	decoder *kernel.DecoderI8
	codes   kernel.PanelCodes // shared by the planes
	words   int               // bytes of codewords
	size    int               // of a panel
}

// decoded reports whether c is used in dense form: where its sub-vectors do
// not run along the inputs of the product.
func (p bytePacking) decoded(c *graph.Codebook) bool {
	transposed := len(c.Perm) == 2 && c.Perm[0] == 1
	return p.depthwise || transposed != p.rows
}

// byteWords are the numbers of the codewords of c, and how often each is used.
func byteWords(c *graph.Codebook) (words []float32, count []int) {
	words = c.FloatWords()
	count = make([]int, 0, len(words))
	uses := make([]int, c.K)
	for _, k := range c.Codes {
		uses[k]++
	}
	for _, n := range uses {
		for range c.D {
			count = append(count, n)
		}
	}
	return words, count
}

// wordPlanes are the codewords of c in one plane, or two: as they are if they
// are bytes already, else quantised with one scale, weighed by their use.
func wordPlanes(c *graph.Codebook, double bool) planes {
	if c.Scale != 0 {
		return planes{scale: c.Scale, high: tensor.Slice[int8](c.Words)}
	}
	words, count := byteWords(c)
	q := clipped(words, count)
	if double {
		two := twoPlanes(words, count)
		two.signal, two.noise = q.signal, q.noise
		return two
	}
	return q
}

// newCodebookBytes decodes the codewords of c while they are used.
func newCodebookBytes(c *graph.Codebook, p bytePacking, l kernel.Level) *byteWeights {
	q := wordPlanes(c, p.double)
	w := &byteWeights{packing: p, noise: ratio(q.noise, q.signal)}
	w.scale = constant(p.groups*p.outputs, q.scale)
	rows := p.places()
	var codes kernel.PanelCodes
	for _, words := range [][]int8{q.high, q.low} {
		if words == nil {
			continue
		}
		d := kernel.NewDecoderI8(words, c.D, rows, p.depth())
		if len(w.planes) == 0 {
			codes = d.Pack(c.Codes, c.Outputs, p.outputs)
			for i := 1; i < p.groups; i++ {
				codes = codes.Append(d.Pack(c.Codes[i*p.outputs:], c.Outputs, p.outputs))
			}
		}
		w.planes = append(w.planes, &bytePlane{l, d, codes, len(words), p.depth() * byteCols})
		w.sums = append(w.sums, codeSums(c, words))
	}
	return w
}

// codeSums are the sums of the weights of every output.
func codeSums(c *graph.Codebook, words []int8) []int32 {
	ofWord, sums := make([]int32, c.K), make([]int32, c.Outputs)
	for i, v := range words {
		ofWord[i/c.D] += int32(v)
	}
	for codes := range slices.Chunk(c.Codes, c.Outputs) { // of a block
		for i, k := range codes {
			sums[i] += ofWord[k]
		}
	}
	return sums
}

func (c *bytePlane) panels(t *thread, slot, first, end int) []int8 {
	dst, now := t.byteScratch(slot, (end-first)*c.size), heldPanels{c, first, end}
	if t.held[slot] != now { // a thread meets them again with the next rows
		c.level.DecodeI8(dst, c.decoder, c.codes.Slice(first, end))
		t.held[slot] = now
	}
	return dst
}

// heldPanels says which decoded panels a thread has in a slot.
type heldPanels struct {
	plane      *bytePlane
	first, end int
}

// coded is panels not decoded yet; it is valid until the next call on the same thread.
func (c *bytePlane) coded(t *thread, first, end int) *kernel.CodedI8 {
	t.held[0] = heldPanels{}
	t.coded = kernel.CodedI8{Decoder: c.decoder, Codes: c.codes.Slice(first, end), Room: t.byteScratch(0, 2*c.size)}
	return &t.coded
}

func (c *bytePlane) bytes() int { return c.words + c.codes.Bytes() }
