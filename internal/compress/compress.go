// Package compress product-quantises the weights of a network so that its
// outputs are preserved: "And the Bit Goes Down" (Stock, Joulin, Gribonval,
// Graham, Jégou; ICLR 2020), with the objective computed over all calibration
// patches instead of samples of them, and over whole rows of weights.
//
// A weight is seen as a matrix with a row per output, rows are cut into blocks
// of d numbers, and every block is replaced by one of K codewords that its
// layer shares. Layers are quantised in forward order; each sees the inputs
// that the layers quantised before it produce.
//
// A layer is solved in two stages. k-means under the second moments S_b of each
// block's inputs finds codewords and codes. Then the error of whole rows, e^T H e
// with the second moments H of all inputs of an output, is lowered by turns:
// least squares for the codewords, least squares for the scale of every output,
// and coordinate descent over the codes, which lets blocks make up for each
// other's errors as GPTQ (Frantar et al., 2022) does, but in all directions.
package compress

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"time"

	"lutra/internal/graph"
	"lutra/internal/tensor"
)

// ProvenanceKey is the metadata key under which Run stores, as JSON, how the
// file was made: {"tool", "options", "samples", "calibration"}.
const ProvenanceKey = "lutra.provenance"

// Run compresses g, which it leaves alone, with the calibration set src. The
// result is the same for any number of threads. Options.Metric MetricNone with
// CorrectNone needs no data: src may then be nil.
//
// If ctx is cancelled, Run stops and returns ctx's error; the checkpoint, if
// there is one, holds all layers finished until then.
func Run(ctx context.Context, g *graph.Graph, src Source, o Options) (*graph.Graph, *Report, error) {
	start := time.Now()
	if err := o.check(); err != nil {
		return nil, nil, err
	}
	inBytes := constBytes(g)
	if o.Permute {
		var err error
		if g, err = Permute(ctx, g, o); err != nil {
			return nil, nil, err
		}
	}
	net, layers, err := newNetwork(g, &o)
	if err != nil {
		return nil, nil, err
	}
	if src == nil {
		if o.Metric != MetricNone || o.Correction != CorrectNone {
			return nil, nil, fmt.Errorf("metric %v with correction %v needs calibration data", o.Metric, o.Correction)
		}
		src = nothing{}
	} else if src.Len() == 0 {
		return nil, nil, fmt.Errorf("the calibration set is empty")
	}
	j := &job{o: &o, net: net, layers: layers, stream: &stream{net: net, src: src, o: &o}, start: start}
	if o.Metric == MetricRows && o.Correction != CorrectNone {
		float, _, err := newNetwork(g, &o)
		if err != nil {
			return nil, nil, err
		}
		j.float = &stream{net: float, src: src, o: &o, twin: true}
		j.stream.twin = true
	}
	j.report = &Report{InBytes: inBytes}
	if err := j.run(ctx); err != nil {
		return nil, nil, err
	}
	j.report.OutBytes = constBytes(net.graph)
	j.report.Seconds = time.Since(start).Seconds()
	return net.graph, j.report, nil
}

// nothing is the calibration set without samples.
type nothing struct{}

func (nothing) Len() int                   { return 0 }
func (nothing) Input(int, []float32) error { return nil }

// job is one run.
type job struct {
	o       *Options
	net     *network
	layers  []*layer
	stream  *stream
	float   *stream                  // of the float network
	targets map[string]*channelStats // of the float network, by weight name
	check   *checkpoint
	report  *Report
	start   time.Time
	quick   bool // codewords of large layers are found on a sample
	current int  // index of the layer being worked on
}

func (j *job) run(ctx context.Context) error {
	calibration, err := j.stream.identify(ctx, j.progress("calibrate"))
	if err != nil {
		return err
	}
	fingerprint, err := j.fingerprint(ctx, calibration)
	if err != nil {
		return err
	}
	if j.check, err = openCheckpoint(j.o.Checkpoint, fingerprint); err != nil {
		return err
	}
	if j.o.Correction != CorrectNone {
		if j.targets, err = j.stream.targets(ctx, quantised(j.layers), j.progress("calibrate")); err != nil {
			return err
		}
	}
	if err := j.fillPools(ctx); err != nil {
		return err
	}
	for i, l := range j.layers {
		j.current = i
		row, err := j.layer(ctx, l)
		if err != nil {
			return fmt.Errorf("layer %q: %w", l.name, err)
		}
		j.report.Layers = append(j.report.Layers, row)
		j.report.Weights += l.weights()
	}
	j.o.lighten(j.net.graph)
	if err := j.o.compact(j.net.graph); err != nil {
		return err
	}
	return j.provenance(calibration)
}

// quantised lists the layers that get a codebook.
func quantised(layers []*layer) []*layer {
	var q []*layer
	for _, l := range layers {
		if l.storage == Quantised {
			q = append(q, l)
		}
	}
	return q
}

// lighten leaves out of g what its layers, as stored now, do not need.
func (o *Options) lighten(g *graph.Graph) {
	if o.HalfVectors {
		halveVectors(g)
	}
	if o.Share {
		g.ShareCodewords()
	}
	prune(g)
}

// compact makes g smaller unless its names are to be kept.
func (o *Options) compact(g *graph.Graph) error {
	if o.KeepNames {
		return nil
	}
	return g.Compact()
}

// provenance notes in the graph how it was made.
func (j *job) provenance(calibration string) error {
	text, err := json.Marshal(struct {
		Tool        string  `json:"tool"`
		Options     Options `json:"options"`
		Samples     int     `json:"samples"`
		Calibration string  `json:"calibration"` // SHA-256 of the samples
	}{j.o.Tool, *j.o, j.stream.src.Len(), calibration})
	if err != nil {
		return err
	}
	j.net.graph.Meta[ProvenanceKey] = string(text)
	return nil
}

// layer stores one weight in its new form.
func (j *job) layer(ctx context.Context, l *layer) (LayerReport, error) {
	start := time.Now()
	if err := ctx.Err(); err != nil {
		return LayerReport{}, err
	}
	row := l.report(j.o)
	weight := j.net.consts[l.name]
	var err error
	switch l.storage {
	case Float16:
		half := toHalf(weight)
		j.net.consts[l.name] = half.AsFloat32()
		setHalf(j.net.graph, l.name, half)
		row.WeightError = relativeError(weight, half.AsFloat32())
	case Quantised:
		err = j.quantise(ctx, l, weight, &row)
	}
	row.Seconds = time.Since(start).Seconds()
	return row, err
}

// quantise finds the codebook of l, or takes it from the checkpoint, and
// corrects the statistics of its outputs.
func (j *job) quantise(ctx context.Context, l *layer, weight *tensor.Tensor, row *LayerReport) error {
	done, err := j.check.load(j.current, l)
	if err != nil {
		return err
	}
	p := &problem{layer: l, weight: weight, x: l.split(weight.Float32s())}
	if done == nil {
		if err := p.recognise(ctx, j.o.Codewords); err != nil {
			return err
		}
	}
	if err := j.measure(ctx, p, done != nil); err != nil {
		return err
	}
	known := done != nil
	if !known {
		if done, err = j.solve(ctx, p); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := j.store(done.codebook); err != nil {
		return err
	}
	j.net.correct(l, done.Gain, done.Measured, done.Target, j.o.Correction)
	switch {
	case !known:
		if err := j.distil(ctx, l, done); err != nil {
			return err
		}
		if err := j.check.save(j.current, l, done); err != nil {
			return err
		}
	case j.o.AfterEach != nil:
		if err := j.adopt(l, done.codebook); err != nil {
			return err
		}
	}
	row.quantised(l, done)
	return nil
}

// solve does the work for a layer.
func (j *job) solve(ctx context.Context, p *problem) (*finished, error) {
	l := p.layer
	if p.s == nil {
		if err := j.cluster(ctx, p); err != nil {
			return nil, err
		}
		if err := j.refine(ctx, p); err != nil {
			return nil, err
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	f := &finished{codebook: l.codebook(p.s, j.o.Codewords), Iterations: p.s.iterations, Exact: p.s.exact, Gain: p.gain}
	decoded := l.multiply(f.codebook.Decode(), f.Gain)
	f.WeightError = relativeError(p.weight, decoded)
	if j.stream.src.Len() == 0 {
		return f, nil
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	cmp, err := j.stream.compare(ctx, l, p.weight, decoded, j.progress("correct"))
	if err != nil {
		return nil, err
	}
	f.OutputError = cmp.relative(j.o.Correction != CorrectNone)
	if j.o.Correction != CorrectNone {
		f.Measured, f.Target = cmp.quantised, j.targets[l.name]
	}
	return f, nil
}

// cluster finds codewords and codes, block by block, and the scale of every
// output by which the codewords have to be multiplied.
func (j *job) cluster(ctx context.Context, p *problem) error {
	l := p.layer
	gain := filledWith(1, l.outputs)
	if l.norm != nil {
		gain = l.gains(p.x)
	}
	c := newClustering(l.divide(p.x, gain), l.d, l.k, l.outputs/l.patches.groups, p.metric)
	c.threads, c.level = j.o.threads(), j.o.level()
	c.weight = l.importance(gain)
	c.iterations, c.anneal = j.iterations(), j.o.Anneal
	if j.quick {
		c.most = max(sampledVectors, sampledPerWord*l.k)
	}
	if j.o.Tolerance > 0 {
		c.tolerance = j.o.Tolerance
	}
	report := j.progress("cluster")
	c.progress = func(i int, _ float64) { report(i) }
	var s *clusters
	var err error
	if l.pool != nil {
		s, err = l.pool.assigned(ctx, c)
	} else {
		s, err = c.run(ctx, j.newRandom(), j.o.Codewords.round)
	}
	if err != nil {
		return err
	}
	p.s, p.gain = s, l.refit(p.x, s, p.metric, gain)
	return nil
}

func (j *job) iterations() int {
	if j.o.Iterations > 0 {
		return j.o.Iterations
	}
	return 100
}

// relativeError is |b-a| / |a|, 0 if both are zero.
func relativeError(a, b *tensor.Tensor) float64 {
	var err, all float64
	y := b.Float32s()
	for i, x := range a.Float32s() {
		e := float64(y[i]) - float64(x)
		err += e * e
		all += float64(x) * float64(x)
	}
	if err == 0 {
		return 0
	}
	return math.Sqrt(err / all)
}
