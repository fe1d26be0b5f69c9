package engine

import (
	"lutra/internal/graph"
	"lutra/internal/kernel"
)

// Products says how convolutions of bytes are multiplied.
type Products uint8

const (
	// ProductsFastest uses tables on processors without an instruction for the
	// dot product of bytes, where they are predicted to be faster.
	ProductsFastest Products = iota
	// ProductsDirect multiplies bytes by weights.
	ProductsDirect
	// ProductsByTables uses tables of partial dot products wherever a
	// convolution has that form.
	ProductsByTables
	// ProductsBySums adds up inputs that share a codeword before they are
	// multiplied, wherever a convolution has that form. No processor known
	// gains by it.
	ProductsBySums
)

// tableChoice is how a model computes with a weight, decided once: the weight
// is packed for it.
type tableChoice struct {
	use   bool
	parts int // into which the outputs are cut
}

// chooseProducts gives convolutions of bytes their form by tables or sums where
// that is wanted.
func (b *builder) chooseProducts(forms map[*op]byteSpec) {
	for _, o := range b.ops {
		f, ok := forms[o].(*byteConvSpec)
		if !ok {
			continue
		}
		if b.hasSums(f, o) {
			s := &sumsConvSpec{f.convSpec}
			o.spec, forms[o] = s, s
			continue
		}
		t := &tableConvSpec{f.convSpec}
		choice, known := b.model.tables.choice[t.weight]
		if !known {
			choice = b.tableChoice(t)
			b.model.tables.choice[t.weight] = choice
		}
		if choice.use {
			o.spec, forms[o] = t, t
		}
	}
}

func (b *builder) tableChoice(s *tableConvSpec) tableChoice {
	use := b.model.tables.use
	if use != ProductsFastest && use != ProductsByTables || !b.hasTables(s) {
		return tableChoice{}
	}
	if use == ProductsFastest && b.level.DotsBytes() {
		return tableChoice{}
	}
	w := b.tableWork(s)
	if use == ProductsFastest && w.time() > w.productTime() {
		return tableChoice{}
	}
	choice := tableChoice{use: true, parts: 1}
	for w.strips*choice.parts < b.threads && s.outC >= 2*tableOutputs*choice.parts {
		choice.parts *= 2
	}
	return choice
}

// hasTables reports whether s has a form by tables.
func (b *builder) hasTables(s *tableConvSpec) bool {
	words := s.outC
	if c := b.model.forms[s.weight]; c != nil {
		if c.D > kernel.MaxTableD {
			return false
		}
		words = min(words, c.K)
	}
	return s.groups == 1 && s.end.post == nil && words <= kernel.MaxTableRows
}

// tableBlocks is how the rows of the weight of s are cut.
func (b *builder) tableBlocks(s *tableConvSpec) (blocks, d int) {
	if c := b.model.forms[s.weight]; c != nil {
		return c.Blocks, c.D
	}
	return denseBlocks(s.inC * s.taps())
}

// tableWork counts what a convolution by tables does.
type tableWork struct {
	strips  int // of positions, those between rows and behind the last included
	words   int // codewords that are multiplied for a strip
	d       int // multiplications of a codeword and position
	lookups int // rows that are added for a strip
	outputs int // rows that are finished
	macs    int // of the product in dense form, without positions between rows
}

func (b *builder) tableWork(s *tableConvSpec) tableWork {
	blocks, d := b.tableBlocks(s)
	w := tableWork{
		strips: s.batch * ceilDiv((s.outH-1)*(s.outW+s.left+s.right)+s.outW, kernel.Strip), words: blocks * s.outC, d: d,
		lookups: blocks * s.outC, outputs: s.outC, macs: s.batch * s.outH * s.outW * s.outC * s.inC * s.taps(),
	}
	if c := b.model.codebook(s.weight); c != nil {
		w.words = usedWords(c)
	}
	return w
}

// usedWords counts the codewords of every block that some output uses.
func usedWords(c *graph.Codebook) (n int) {
	seen := make([]int, c.K)
	for i, k := range c.Codes {
		if block := i/c.Outputs + 1; seen[k] != block {
			seen[k] = block
			n++
		}
	}
	return n
}

// time predicts nanoseconds, from what the kernels of level AVX2 take for a
// strip; the other levels decide alike, so that results are the same.
func (w tableWork) time() float64 {
	const word, pair, lookup, finish = 0.4, 0.36, 0.42, 14
	pairs := (w.d + 1) / 2
	return float64(w.strips) * (float64(w.words)*(word+pair*float64(pairs)) + lookup*float64(w.lookups) + finish*float64(w.outputs))
}

// productTime predicts nanoseconds of the exact product of bytes.
func (w tableWork) productTime() float64 {
	const mac = 0.022
	return mac * float64(w.macs)
}

// modelTables is what a model keeps of its tables.
type modelTables struct {
	use    Products
	choice map[string]tableChoice
	packed map[tableKey]*tableWeights
}
