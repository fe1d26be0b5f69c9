package engine

import "lutra/internal/kernel"

// halfGemmSpec is a product of a matrix and known weights in bfloat16; its
// result is float32.
type halfGemmSpec struct{ *gemmSpec }

func (s *halfGemmSpec) takesHalves(i int) bool { return i == 0 }
func (s *halfGemmSpec) givesHalves() bool      { return false }
func (s *halfGemmSpec) follows() bool          { return false }

func (s *halfGemmSpec) compile(b *builder, o *op) (*step, error) {
	p := bytePacking{
		groups: 1, outputs: s.n, taps: 1, inputs: s.k, perSegment: 1, align: b.level.AlignBF16(), rows: s.rows,
	}
	w, err := b.halfWeights(s.weight, p)
	if err != nil {
		return nil, err
	}
	lda := o.in[0].byteRow()
	x := &halfTiles{
		level: b.level, weights: w, in: o.in[0], out: o.out[0], epilogue: s.end,
		lda: lda, ldc: s.n, ldr: s.n, segments: []kernel.Segment{{Len: p.depth()}},
		runs: flatRuns(s.m, lda, s.n, s.n, b.level.RowsBF16()),
	}
	if s.end.residual {
		x.residual = o.in[1]
	}
	info := StepInfo{Kernel: "gemm bf16", MACs: int64(s.m) * int64(s.k) * int64(s.n), WeightBytes: w.bytes()}
	return &step{info: info, stages: []stage{x.stage(b.threads)}}, nil
}
