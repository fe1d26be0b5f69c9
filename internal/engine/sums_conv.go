package engine

import (
	"fmt"
	"slices"

	"lutra/internal/graph"
	"lutra/internal/kernel"
)

// sumsConvSpec is a convolution of bytes that adds up the inputs which share a
// codeword before it multiplies them. Its results are those of byteConvSpec.
type sumsConvSpec struct{ *convSpec }

func (s *sumsConvSpec) takesBytes(int) bool   { return true }
func (s *sumsConvSpec) givesBytes() bool      { return s.end.post == nil }
func (s *sumsConvSpec) follows() bool         { return false }
func (s *sumsConvSpec) writesBorder(*op) bool { return true }

// hasSums reports whether f is wanted, and can be computed, by sums: with a
// codebook whose blocks are whole channels, from bytes to bytes.
func (b *builder) hasSums(f *byteConvSpec, o *op) bool {
	c := b.model.forms[f.weight]
	if b.model.tables.use != ProductsBySums || c == nil || f.groups > 1 || c.D%f.taps() != 0 || o.out[0].quant == nil {
		return false
	}
	return !f.end.residual || o.in[1].quant != nil
}

// sumsConv is a compiled convolution by sums.
type sumsConv struct {
	tableConv
	groups [][][]int32 // per output and group: the first planes of its blocks
	words  [][][]int8  // per output and group
	offs   []int32     // per component
	span   int
}

func (s *sumsConvSpec) compile(b *builder, o *op) (*step, error) {
	c := b.model.codebook(s.weight)
	t := &tableConvSpec{s.convSpec}
	x := &sumsConv{tableConv: tableConv{
		level: b.level, in: o.in[0], out: o.out[0], from: o.in[0].image(), to: o.out[0].image(),
		strideH: s.strideH, strideW: s.strideW, epilogue: s.end, outH: s.outH, outW: s.outW, outC: s.outC,
	}}
	x.planes = t.planes(x.from)
	x.span = x.planes.channel(c.D/s.taps()) * x.planes.size
	x.offs = t.offsets(&x.planes, x.from, 1, c.D)[:c.D]
	x.group(c)
	if s.end.residual {
		x.residual, x.residualMap = o.in[1], o.in[1].image()
	}
	x.room = b.scratch(o, x.planes.bytes())
	info := StepInfo{
		Kernel: fmt.Sprintf("sums %dx%d int8", s.kh, s.kw), Level: kernel.Generic.String(),
		MACs:        int64(o.out[0].shape().Elems()) * int64(s.inC*s.taps()),
		WeightBytes: 4*len(c.Codes) + len(c.Codes)/4,
	}
	return &step{info: info, stages: []stage{x.split(), {units: s.batch * s.outC, run: x.output}}}, nil
}

// group sorts the blocks of every output by their codewords.
func (x *sumsConv) group(c *graph.Codebook) {
	values, count := byteWords(c)
	q := clipped(values, count)
	w := &byteWeights{scale: constant(c.Outputs, q.scale), planes: make([]bytePanels, 1), sums: [][]int32{codeSums(c, q.high)}}
	scale, bias := w.epilogue(&x.epilogue, *x.in.quant)
	x.scale, x.bias = scale[0], bias
	for o := range c.Outputs {
		at := map[uint16][]int32{}
		var used []uint16
		for b := range c.Blocks {
			k := c.Codes[b*c.Outputs+o]
			if at[k] == nil {
				used = append(used, k)
			}
			at[k] = append(at[k], int32(b*x.span))
		}
		slices.Sort(used)
		var groups [][]int32
		var words [][]int8
		for _, k := range used {
			groups, words = append(groups, at[k]), append(words, q.high[int(k)*c.D:][:c.D])
		}
		x.groups, x.words = append(x.groups, groups), append(x.words, words)
	}
}

// output computes one output of an image.
func (x *sumsConv) output(t *thread, u int) error {
	n, o, p := u/x.outC, u%x.outC, &x.planes
	q := x.out.quant
	a := &kernel.SumsArgs{
		In: t.bytes(x.room)[n*p.channel(p.inC)*p.size:], Span: x.span, Words: x.words[o], Group: x.groups[o], Offs: x.offs,
		Width: x.outW, Height: x.outH, Pitch: p.pitch, Scale: x.scale[o], Bias: x.bias[o], Min: x.epilogue.min, Max: x.epilogue.max,
		Out: t.bytes(x.out)[x.to.at(n, 0, 0)+o:], OutRow: x.to.row, OutStep: x.to.c, OutScale: 1 / q.Scale, OutZero: q.Zero,
		Room: int32s(t.floatScratch(x.span + x.outH*p.pitch)),
	}
	if v := x.residual; v != nil {
		m := x.residualMap
		a.Residual, a.ResidualQ = t.bytes(v)[m.at(n, 0, 0)+o:], *v.quant
		a.ResidualRow, a.ResidualStep = m.row, m.c
	}
	x.level.Sums(a)
	return nil
}
