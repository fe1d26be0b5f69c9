package engine

import (
	"slices"

	"lutra/internal/kernel"
	"lutra/internal/tensor"
)

// gemmSpec is a matrix product [m, k] x [k, n] with known weights; leading
// dimensions of the left operand are rows.
type gemmSpec struct {
	plainOnly
	m, k, n int
	weight  string
	rows    bool // weight stored [k, n]
	end     epilogue
}

func (s *gemmSpec) tail() *epilogue { return &s.end }

// newGemm is nil for forms that only the reference computes.
func newGemm(b *builder, o *op) (spec, error) {
	n := o.nodes[0]
	x, w, y := o.in[0], o.in[1], o.out[0]
	if n.Int("transA", 0) != 0 || !b.isWeight(w) || x.typ.DType != tensor.Float32 || y.shape().Elems() == 0 || x.shape().Elems() == 0 {
		return nil, nil
	}
	s := &gemmSpec{m: y.shape()[0], n: y.shape()[1], k: x.shape()[1], weight: w.name, rows: n.Int("transB", 0) == 0}
	s.end = newEpilogue(nil)
	if alpha := n.Float("alpha", 1); alpha != 1 {
		s.end.affine(s.n, slices.Repeat([]float32{alpha}, s.n), nil)
	}
	if len(o.in) > 2 && o.in[2] != nil {
		bias := lastAxis(o.in[2], s.n)
		if bias == nil {
			return nil, nil
		}
		beta := n.Float("beta", 1)
		shift := make([]float32, s.n)
		for i, v := range bias {
			shift[i] = beta * v
		}
		s.end.affine(s.n, nil, shift)
	}
	o.in = []*value{x}
	return s, nil
}

// newMatMul handles weights of rank 2; other products are left to newProduct.
func newMatMul(b *builder, o *op) (spec, error) {
	x, w, y := o.in[0], o.in[1], o.out[0]
	if x.typ.DType != tensor.Float32 || y.shape().Elems() == 0 || x.shape().Elems() == 0 {
		return nil, nil
	}
	if b.isWeight(w) && len(w.shape()) == 2 && len(x.shape()) >= 2 {
		k, n := w.shape()[0], w.shape()[1]
		s := &gemmSpec{m: x.shape().Elems() / k, n: n, k: k, weight: w.name, rows: true, end: newEpilogue(nil)}
		o.in = []*value{x}
		return s, nil
	}
	return newProduct(b, o)
}

// lastAxis is a known value spread over the last axis, of n elements; nil if
// it has other axes, or is not known.
func lastAxis(v *value, n int) []float32 {
	x := floats(v)
	switch {
	case x == nil:
		return nil
	case len(x) == 1:
		return slices.Repeat(x, n)
	case len(x) == n && v.konst.Shape[len(v.konst.Shape)-1] == n:
		return x
	}
	return nil
}

func (s *gemmSpec) compile(b *builder, o *op) (*step, error) {
	mr, nr := b.level.TileSize()
	p := newPacking(1, s.n, 1, s.k, nr, s.rows)
	w, err := b.weights(s.weight, p)
	if err != nil {
		return nil, err
	}
	x := &tiles{
		level: b.level, weights: w, packing: p, in: o.in[0], out: o.out[0], epilogue: s.end,
		lda: s.k, ldc: s.n, ldr: s.n, segments: rowSegments(p),
		runs: flatRuns(s.m, s.k, s.n, s.n, mr),
	}
	if s.end.residual {
		x.residual = o.in[1]
	}
	x.finish(b.threads)
	info := StepInfo{Kernel: "gemm", MACs: int64(s.m) * int64(s.k) * int64(s.n), WeightBytes: w.bytes()}
	return &step{info: info, stages: []stage{x.stage()}}, nil
}

// rowSegments is one segment per block: the rows of a matrix are contiguous.
func rowSegments(p packing) [][]kernel.Segment {
	all := make([][]kernel.Segment, p.blocks())
	for b := range all {
		first, n := p.block(b)
		all[b] = []kernel.Segment{{Off: first, Len: n}}
	}
	return all
}

// productSpec is a batched product of two computed matrices: the right one is
// packed at run time.
type productSpec struct {
	plainOnly
	batch   []pair
	m, k, n int
}

// pair is the offsets, in matrices, of one product's operands.
type pair struct{ a, b int }

// newProduct is nil unless both operands are float32 of rank 2 or more.
func newProduct(_ *builder, o *op) (spec, error) {
	x, w, y := o.in[0].shape(), o.in[1].shape(), o.out[0].shape()
	if len(x) < 2 || len(w) < 2 || w.Elems() == 0 {
		return nil, nil
	}
	s := &productSpec{m: x[len(x)-2], k: x[len(x)-1], n: w[len(w)-1]}
	lead := y[:len(y)-2]
	for i := range lead.Elems() {
		s.batch = append(s.batch, pair{broadcastIndex(i, lead, x[:len(x)-2]), broadcastIndex(i, lead, w[:len(w)-2])})
	}
	return s, nil
}

// broadcastIndex is the linear index in a tensor of shape from, broadcast to
// shape to, of element i of the result.
func broadcastIndex(i int, to, from tensor.Shape) int {
	index, stride := 0, 1
	for a := len(to) - 1; a >= 0; a-- {
		at := i % to[a]
		i /= to[a]
		if f := a - (len(to) - len(from)); f >= 0 {
			if from[f] != 1 {
				index += at * stride
			}
			stride *= from[f]
		}
	}
	return index
}

func (s *productSpec) compile(b *builder, o *op) (*step, error) {
	mr, nr := b.level.TileSize()
	p := newPacking(1, s.n, 1, s.k, nr, true)
	packed := b.scratch(o, len(s.batch)*p.bytes())
	right, out := o.in[1], o.out[0]
	matrices := len(s.batch)
	pack := stage{units: matrices, run: func(t *thread, u int) error {
		size := p.bytes() / 4
		dst := t.floats(packed)[u*size:][:size]
		clear(dst)
		src := t.floats(right)[s.batch[u].b*s.k*s.n:][:s.k*s.n]
		for i := range p.panels() {
			p.packRows(dst[i*p.depth()*nr:][:p.depth()*nr], src, i)
		}
		return nil
	}}
	all := make([]*tiles, matrices)
	for i, m := range s.batch {
		x := &tiles{
			level: b.level, weights: &bufferPanels{p, packed, i}, packing: p, in: o.in[0], out: out,
			epilogue: newEpilogue(nil), lda: s.k, ldc: s.n, segments: rowSegments(p),
			runs: flatRuns(s.m, s.k, s.n, s.n, mr),
		}
		for j := range x.runs {
			x.runs[j].a += m.a * s.m * s.k
			x.runs[j].c += i * s.m * s.n
		}
		x.finish(1)
		all[i] = x
	}
	multiply := stage{units: matrices, run: func(t *thread, u int) error {
		st := all[u]
		for i := range p.panels() {
			st.panel(t, i, st.runs)
		}
		return nil
	}}
	info := StepInfo{Kernel: "matmul", MACs: int64(matrices) * int64(s.m) * int64(s.k) * int64(s.n)}
	return &step{info: info, stages: []stage{pack, multiply}}, nil
}

// bufferPanels are the panels of matrix index of a buffer filled at run time.
type bufferPanels struct {
	packing
	buffer *value
	index  int
}

func (d *bufferPanels) slice(t *thread, panel, block int) []float32 {
	first, channels := d.block(block)
	start := d.index*d.packing.bytes()/4 + (panel*d.depth()+first)*d.nr
	return t.floats(d.buffer)[start : start+channels*d.nr]
}

func (d *bufferPanels) bytes() int { return 0 }
