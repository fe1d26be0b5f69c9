package compress

import (
	"context"

	"lutra/internal/tensor"
)

// problem is a layer that is to be quantised, what is known of its inputs, and
// the solution.
type problem struct {
	layer  *layer
	weight *tensor.Tensor
	x      []float32 // weight as sub-vectors
	metric *metric
	rows   []*rows // per group; nil if only the metric is known

	s    *clusters
	gain []float64 // per output: weight = gain * codewords
}

// recognise solves p if the weight has few enough different blocks, scaled or
// not, to be represented exactly.
func (p *problem) recognise(ctx context.Context, c Codewords) error {
	l := p.layer
	if l.pool != nil {
		return nil
	}
	gain := filledWith(1, l.outputs)
	s := newClustering(p.x, l.d, l.k, l.outputs, identityMetric(l.d)).distinct()
	if s == nil && l.norm != nil {
		var err error
		if s, gain, err = l.factor(ctx, p.x); err != nil {
			return err
		}
	}
	if s == nil {
		return nil
	}
	s.scale = c.roundExact(s.words)
	p.s, p.gain = s, l.refit(p.x, s, identityMetric(l.d), gain)
	return nil
}

// measure moves the calibration samples to the layer of p and, unless only
// that is wanted, derives the metric from its inputs.
func (j *job) measure(ctx context.Context, p *problem, skip bool) error {
	l := p.layer
	skip = skip || p.s != nil
	p.metric = identityMetric(l.d)
	if j.stream.src.Len() == 0 {
		return nil
	}
	centred := j.o.Correction != CorrectNone
	if j.o.Metric == MetricRows && l.row <= maxRow {
		all, err := j.stream.rowMoments(ctx, l, j.float, skip, j.progress("calibrate"))
		if err != nil || skip {
			return err
		}
		known, err := weighRows(ctx, j.o.threads(), all, centred)
		if known {
			p.rows, p.metric = all, metricOfRows(all)
		}
		return err
	}
	mom, err := j.stream.moments(ctx, l, skip, j.progress("calibrate"))
	if err == nil && !skip {
		p.metric = metricOf(j.o.Metric, mom, centred)
	}
	return err
}

// refine improves the solution of p by what is known of whole rows.
func (j *job) refine(ctx context.Context, p *problem) error {
	if p.rows == nil {
		return nil
	}
	r := &refinement{
		l: p.layer, h: p.rows, w: p.layer.matrix(p.x), s: p.s, gain: p.gain,
		round: j.o.Codewords.round, level: j.o.level(), threads: j.o.threads(), progress: j.progress("refine"),
	}
	if j.float != nil {
		if err := r.aim(ctx, trust(j.stream.src.Len(), p.layer.row)); err != nil {
			return err
		}
	}
	_, err := r.run(ctx)
	p.gain = r.gain
	return err
}

// matrix is the inverse of split: [outputs, row].
func (l *layer) matrix(x []float32) []float32 {
	w := make([]float32, len(x))
	for b := range l.blocks() {
		for o := range l.outputs {
			copy(w[o*l.row+b*l.d:][:l.d], x[(b*l.outputs+o)*l.d:])
		}
	}
	return w
}
