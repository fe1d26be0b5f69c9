package engine

import "lutra/internal/kernel"

// byteGemmSpec is a product of a matrix and known weights in 8-bit arithmetic;
// its result is float32.
type byteGemmSpec struct{ *gemmSpec }

func (s *byteGemmSpec) takesBytes(i int) bool { return i == 0 }
func (s *byteGemmSpec) givesBytes() bool      { return false }
func (s *byteGemmSpec) follows() bool         { return false }

func (b *builder) byteGemm(s *gemmSpec, o *op) byteSpec {
	if v := o.in[0]; !b.ranged(v) || v.isImage() || !fitsInt32(s.k) {
		return nil
	}
	return &byteGemmSpec{s}
}

func (s *byteGemmSpec) product(b *builder, _ *op) product {
	p := bytePacking{
		groups: 1, outputs: s.n, taps: 1, inputs: s.k, perSegment: 1,
		align: b.level.AlignI8(), rows: s.rows, double: b.model.double[s.weight],
	}
	return product{name: s.weight, packing: p, macs: int64(s.m) * int64(s.k) * int64(s.n)}
}

func (s *byteGemmSpec) compile(b *builder, o *op) (*step, error) {
	r := s.product(b, o)
	p := r.packing
	w, err := b.byteWeights(r.name, p)
	if err != nil {
		return nil, err
	}
	lda := o.in[0].byteRow()
	x := &byteTiles{
		level: b.level, weights: w, in: o.in[0], source: o.in[0], out: o.out[0], epilogue: s.end,
		lda: lda, ldc: s.n, ldr: s.n, segments: []kernel.Segment{{Len: p.depth()}},
		runs: flatRuns(s.m, lda, s.n, s.n, b.level.RowsI8()),
	}
	if s.end.residual {
		x.residual = o.in[1]
	}
	x.finish()
	info := StepInfo{
		Kernel: "gemm int8" + w.suffix(), MACs: r.macs,
		WeightBytes: w.bytes(), SNR: decibels(w.noise),
	}
	return &step{info: info, stages: []stage{x.stage(b.threads)}}, nil
}
