package engine

import (
	"fmt"
	"math"

	"lutra/internal/graph"
	"lutra/internal/kernel"
)

// tableKey names weights as tables: a layer may be cut by outputs.
type tableKey struct {
	name  string
	parts int
}

// tableWeights are the weights of a convolution as tables of partial dot
// products. A codeword has a scale of its own, which makes the most of 8 bits;
// what its products are multiplied by brings all to steps of one unit.
type tableWeights struct {
	book  *kernel.TableBook
	parts []*kernel.Tables // outputs cut evenly
	unit  float32          // weight times byte of one step of a sum
	sums  []float64        // per output: sum of its weights
	noise float64          // to signal, of the weights
}

// tableSource is a weight as codes: a codebook, or a dense weight whose
// sub-vectors all are codewords.
type tableSource struct {
	words           []float32 // [k][d]
	d               int
	codes           []int32 // [blocks][outputs]
	blocks, outputs int
}

func codebookSource(c *graph.Codebook) *tableSource {
	s := &tableSource{words: c.FloatWords(), d: c.D, blocks: c.Blocks, outputs: c.Outputs}
	for _, k := range c.Codes {
		s.codes = append(s.codes, int32(k))
	}
	return s
}

// denseBlocks is how a dense row of n weights is cut: the fewest blocks.
func denseBlocks(n int) (blocks, d int) {
	blocks = ceilDiv(n, kernel.MaxTableD)
	return blocks, ceilDiv(n, blocks)
}

// denseSource cuts the rows of w, [outputs][n]; the last block is padded.
func denseSource(w []float32, outputs int) *tableSource {
	n := len(w) / outputs
	blocks, d := denseBlocks(n)
	s := &tableSource{words: make([]float32, blocks*outputs*d), d: d, blocks: blocks, outputs: outputs}
	for b := range blocks {
		for o := range outputs {
			copy(s.words[(b*outputs+o)*d:][:d], w[o*n+b*d:o*n+min(n, (b+1)*d)])
			s.codes = append(s.codes, int32(b*outputs+o))
		}
	}
	return s
}

// tableMost is the most that the positive numbers of a codeword may add up to,
// and the negative ones: times 255 it fits 16 bits.
const tableMost = 128

// tableWord is a codeword in integers: numbers are scale*words.
type tableWord struct {
	words              []int8
	scale              float64
	positive, negative int // sums of magnitudes
	total              int
}

// newTableWord rounds w with the least scale that keeps to tableMost.
func newTableWord(w []float32) tableWord {
	var positive, negative, most float64
	for _, v := range w {
		positive += max(float64(v), 0)
		negative += max(-float64(v), 0)
		most = max(most, math.Abs(float64(v)))
	}
	t := tableWord{words: make([]int8, len(w)), scale: max(max(positive, negative)/tableMost, most/planeMax)}
	for t.scale > 0 {
		t.positive, t.negative = 0, 0
		for i, v := range w {
			q := int(min(max(math.RoundToEven(float64(v)/t.scale), -planeMax), planeMax))
			t.words[i] = int8(q)
			t.positive += max(q, 0)
			t.negative += max(-q, 0)
		}
		if t.positive <= tableMost && t.negative <= tableMost {
			break
		}
		t.scale *= 1 + 1./256
	}
	t.total = t.positive - t.negative
	return t
}

// multiplier is what products of t are multiplied by to come in steps of unit.
func (t *tableWord) multiplier(unit float64) int {
	if unit == 0 {
		return 0
	}
	return int(math.RoundToEven(t.scale / unit * (1 << 15)))
}

// newTableWeights packs s in parts.
func newTableWeights(s *tableSource, parts int) *tableWeights {
	words := make([]tableWord, len(s.words)/s.d)
	for k := range words {
		words[k] = newTableWord(s.words[k*s.d:][:s.d])
	}
	group, count := tableGroup(len(words), s.outputs), s.uses()
	unit, span := s.fit(words, count, group)
	w := &tableWeights{book: packWords(words, s.d, unit), unit: float32(unit), sums: make([]float64, s.outputs)}
	totals := make([]float64, len(words))
	var signal, noise float64
	for k := range words {
		step := float64(words[k].multiplier(unit)) / (1 << 15) * unit
		totals[k] = step * float64(words[k].total)
		for j, v := range words[k].words {
			real := float64(s.words[k*s.d+j])
			signal += float64(count[k]) * real * real
			noise += float64(count[k]) * (real - step*float64(v)) * (real - step*float64(v))
		}
	}
	for i, k := range s.codes {
		w.sums[i%s.outputs] += totals[k]
	}
	w.noise = ratio(noise, signal)
	per := ceilDiv(s.outputs, parts)
	for o := 0; o < s.outputs; o += per {
		w.parts = append(w.parts, kernel.NewTables(w.book, s.codes[o:], s.outputs, min(per, s.outputs-o), group, span))
	}
	return w
}

// packWords packs words with products in steps of unit.
func packWords(words []tableWord, d int, unit float64) *kernel.TableBook {
	all, mul := make([]int8, 0, len(words)*d), make([]int16, len(words))
	for k := range words {
		all = append(all, words[k].words...)
		mul[k] = int16(min(words[k].multiplier(unit), math.MaxInt16)) // more only where no code names it
	}
	return kernel.NewTableBook(all, d, mul)
}

// tableGroup is how many blocks have their tables at the same time.
func tableGroup(words, outputs int) int {
	return max(1, min(kernel.MaxTableGroup, kernel.MaxTableRows/min(words, outputs)))
}

const (
	// tableNoise is the noise, relative to the sums, that the rounding of
	// products in tables may add.
	tableNoise = 0.01
	// usualByte is the root mean square of activations in bytes; measured on
	// ResNets it is 20 to 60.
	usualByte = 32
)

// fit chooses the unit of the sums, and after how many groups they are moved
// to 32 bits: as many as keep the rounding to tableNoise. Sums of 16 bits
// cannot overflow: the largest that any input could cause fits.
func (s *tableSource) fit(words []tableWord, count []int, group int) (unit float64, span int) {
	groups := ceilDiv(s.blocks, group)
	energy, finest := 0.0, 0.0
	low, high := make([]float64, len(words)), make([]float64, len(words))
	for k := range words {
		low[k], high[k] = -words[k].scale*float64(255*words[k].negative), words[k].scale*float64(255*words[k].positive)
		if count[k] == 0 {
			continue
		}
		finest = max(finest, words[k].scale)
		for _, v := range s.words[k*s.d:][:s.d] {
			energy += float64(count[k]) * float64(v) * float64(v)
		}
	}
	signal := usualByte * math.Sqrt(energy/float64(s.outputs))
	for span = groups; ; span = ceilDiv(span, 2) {
		least, most := reach(s, group*span, low, high)
		unit = max(-least/math.MaxInt16, most/math.MaxInt16, finest*(1<<15)/math.MaxInt16)
		if span == 1 || unit*math.Sqrt(float64(s.blocks)/12) <= tableNoise*signal {
			break
		}
	}
	for unit > 0 && s.overflows(words, count, group*span, unit) {
		unit *= 1 + 1./1024
	}
	return unit, span
}

// uses counts the codes that name each codeword.
func (s *tableSource) uses() []int {
	count := make([]int, len(s.words)/s.d)
	for _, k := range s.codes {
		count[k]++
	}
	return count
}

// reach is the largest sum over spans of blocks that any patch causes, of rows
// between low and high for each codeword.
func reach[T int | float64](s *tableSource, blocks int, low, high []T) (least, most T) {
	lows, highs := make([]T, s.outputs), make([]T, s.outputs)
	for b := range s.blocks {
		if b%blocks == 0 {
			clear(lows)
			clear(highs)
		}
		for o, k := range s.codes[b*s.outputs:][:s.outputs] {
			lows[o] += low[k]
			highs[o] += high[k]
			least, most = min(least, lows[o]), max(most, highs[o])
		}
	}
	return least, most
}

// overflows reports whether, with that unit, a patch exists whose sum over a
// span of blocks does not fit 16 bits.
func (s *tableSource) overflows(words []tableWord, count []int, blocks int, unit float64) bool {
	low, high := make([]int, len(words)), make([]int, len(words))
	for k := range words {
		m := words[k].multiplier(unit)
		if m > math.MaxInt16 && count[k] > 0 {
			return true
		}
		low[k], high[k] = (-m*255*words[k].negative+1<<14)>>15, (m*255*words[k].positive+1<<14)>>15
	}
	least, most := reach(s, blocks, low, high)
	return least < math.MinInt16 || most > math.MaxInt16
}

// bytes is the storage of the weights.
func (w *tableWeights) bytes() int {
	n := w.book.Bytes()
	for _, t := range w.parts {
		n += t.Bytes()
	}
	return n
}

// tableWeights packs the weight name, or finds it packed already.
func (b *builder) tableWeights(name string, outputs, parts int) (*tableWeights, error) {
	m := b.model
	key := tableKey{name, parts}
	if w := m.tables.packed[key]; w != nil {
		return w, nil
	}
	var w *tableWeights
	switch c, x := m.codebook(name), floats(b.values[name]); {
	case c != nil:
		w = newTableWeights(codebookSource(c), parts)
	case x != nil:
		w = newTableWeights(denseSource(x, outputs), parts)
	default:
		return nil, fmt.Errorf("weight %q is packed in another layout and its dense form is gone", name)
	}
	if m.fixed[name] {
		m.tables.packed[key] = w
	}
	return w, nil
}

// epilogue is what follows the sums of products with bytes of form q.
func (w *tableWeights) epilogue(e *epilogue, q affine) (scale, bias []float32) {
	scale, bias = make([]float32, len(w.sums)), make([]float32, len(w.sums))
	for o, sum := range w.sums {
		s := float64(q.Scale)
		if e.scale != nil {
			s *= float64(e.scale[o])
		}
		scale[o] = float32(s * float64(w.unit))
		shift := -float64(q.Zero) * s * sum
		if e.bias != nil {
			shift += float64(e.bias[o])
		}
		bias[o] = float32(shift)
	}
	return scale, bias
}
