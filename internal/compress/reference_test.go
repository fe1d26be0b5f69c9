package compress

import (
	"context"
	"math/rand/v2"
	"strings"
	"testing"
	"text/tabwriter"

	"fmt"
	"runtime"

	"lutra/internal/kernel"
	"lutra/internal/tensor"
)

// reference is the sampled EM of Stock et al. as their program runs it, written
// from its description (notes/methods.md A.2): the metric of every iteration
// comes from a fresh draw of patches whose blocks are all stacked in one
// matrix; since that has full column rank, the M-step is the plain mean. The
// final codewords are those after the last M-step, the codes those before it.
type reference struct {
	l     *layer
	x     []float32 // [n, d]
	k     int
	draw  int         // patches per iteration
	input [][]float32 // of the layer, per image
	rng   *rand.Rand
	words []float32
	codes []uint16
}

// referenceDraw is the number of patches per iteration: a number of samples
// that depends on the stage, divided by the outputs.
func referenceDraw(l *layer) int {
	samples := 5000
	switch {
	case strings.Contains(l.node.Name, "layer1"), strings.Contains(l.node.Name, "layer2"):
		samples = 1000
	case strings.Contains(l.node.Name, "layer3"), strings.Contains(l.node.Name, "layer4"):
		samples = 25000
	}
	return max(1, samples/l.outputs)
}

// sampleMetric is A^T A of a fresh draw.
func (r *reference) sampleMetric() *metric {
	d := r.l.d
	s := make([]float64, d*d)
	p := &r.l.patches
	for range r.draw {
		x := r.input[r.rng.IntN(len(r.input))]
		at := r.rng.IntN(p.count())
		var row []float64
		if p.channelsLast {
			for _, v := range x[at*p.channels:][:p.channels] {
				row = append(row, float64(v))
			}
		} else {
			row = p.im2col(x, 0, 0, at/p.outW, at%p.outW)
		}
		for b := 0; b < len(row); b += d {
			for i := range d {
				for j := range d {
					s[i*d+j] += row[b+i] * row[b+j]
				}
			}
		}
	}
	return &metric{d: d, s: s}
}

func (r *reference) assign(m *metric) []int {
	planes, half := make([]float32, len(r.words)), make([]float32, r.k)
	word, row := make([]float64, r.l.d), make([]float64, r.l.d)
	for k := range r.k {
		for t := range word {
			word[t] = float64(r.words[k*r.l.d+t])
		}
		times(row, m.s, word)
		for t, v := range row {
			planes[t*r.k+k] = float32(v)
			half[k] += float32(v * word[t] / 2)
		}
	}
	kernel.Best().Nearest(r.codes, r.x, r.l.d, planes, half)
	count := make([]int, r.k)
	for _, c := range r.codes {
		count[c]++
	}
	return count
}

// run is the EM with its way of splitting full clusters for empty ones, but
// with a bound on the tries, which the original lacks.
func (r *reference) run(iterations int) {
	d := r.l.d
	n := len(r.x) / d
	r.codes = make([]uint16, n)
	for range r.k {
		r.words = append(r.words, r.x[r.rng.IntN(n)*d:][:d]...)
	}
	for range iterations {
		m := r.sampleMetric()
		count := r.assign(m)
		for try := 0; try < 100; try++ {
			empty, full := -1, 0
			for k, c := range count {
				if c == 0 && (empty < 0 || r.rng.IntN(2) == 0) {
					empty = k
				}
				if c > count[full] {
					full = k
				}
			}
			if empty < 0 {
				break
			}
			for t := range d {
				e := float32(r.rng.NormFloat64() * 1e-8)
				r.words[empty*d+t] = r.words[full*d+t] + e
				r.words[full*d+t] -= e
			}
			count = r.assign(m)
		}
		sum := make([]float64, len(r.words))
		for i, c := range r.codes {
			for t, v := range r.x[i*d:][:d] {
				sum[int(c)*d+t] += float64(v)
			}
		}
		for i, v := range sum {
			if count[i/d] > 0 {
				r.words[i] = float32(v / float64(count[i/d]))
			}
		}
	}
}

// TestReconstruction compares what the metrics and the reference do to the
// outputs of every layer of ResNet-18, |A(W-W')|^2 on images that were not
// used for calibration, at equal bytes: one block and codebook size each, and
// the inputs of the float network. The weights' output scales are taken out
// first for all: the file has batch normalisation folded into them.
func TestReconstruction(t *testing.T) {
	slow(t)
	g := realModel(t, "models/imagenet/resnet18.onnx")
	o := Small()
	o.Threads = runtime.NumCPU()
	net, layers, err := newNetwork(g, &o)
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	calib := &stream{net: net, src: realImages(t, "images/imagenet-sample", "imagenet", 100), o: &o}
	test := &stream{net: net, src: realImages(t, "images/nips2017", "imagenet", 16), o: &o}
	quiet := func(int) {}
	var table strings.Builder
	w := tabwriter.NewWriter(&table, 0, 0, 1, ' ', tabwriter.AlignRight)
	methods := []string{"reference", "none", "pooled", "per-block", "per-block centred", "rows centred"}
	fmt.Fprintf(w, "layer\t%s\t\n", strings.Join(methods, "\t"))
	total := make([]float64, len(methods))
	rows := 0.0
	for i, l := range quantised(layers) {
		mom, err := calib.moments(ctx, l, false, quiet)
		if err != nil {
			t.Fatal(err)
		}
		errs := make([]float64, len(methods))
		for m := range methods {
			wide := reconstruct(t, calib, l, mom, m, uint64(i))
			if err := test.run(ctx, l.at, []string{l.node.Inputs[0]}, true, func(int, []map[string]*tensor.Tensor) error { return nil }); err != nil {
				t.Fatal(err)
			}
			c, err := test.compare(ctx, l, net.consts[l.name], wide, quiet)
			if err != nil {
				t.Fatal(err)
			}
			errs[m] = c.relative(m >= 4)
		}
		fmt.Fprintf(w, "%s\t%.4f", strings.TrimSuffix(l.node.Name, "/Conv"), errs[0])
		for m, e := range errs {
			ratio := e * e / (errs[0] * errs[0])
			total[m] += ratio
			if m > 0 {
				fmt.Fprintf(w, "\t%.3f", ratio)
			}
		}
		fmt.Fprintln(w, "\t")
		rows++
	}
	fmt.Fprint(w, "mean\t")
	for m := 1; m < len(methods); m++ {
		fmt.Fprintf(w, "\t%.3f", total[m]/rows)
	}
	fmt.Fprintln(w, "\t")
	w.Flush()
	t.Logf("relative output error of the reference, and squared errors as shares of the reference's:\n%s", table.String())
	if mean := total[3] / rows; mean > 0.9 {
		t.Errorf("per-block: %.3f of the reference's squared error on average, want 0.90 at most", mean)
	}
	if rows, blocks := total[5]/rows, total[4]/rows; rows > 0.8*blocks {
		t.Errorf("rows: %.3f of the reference's squared error on average, %.3f per block", rows, blocks)
	}
}

// reconstruct is the weight of l after quantisation by method m of TestReconstruction.
func reconstruct(t *testing.T, s *stream, l *layer, mom *moments, m int, seed uint64) *tensor.Tensor {
	t.Helper()
	x := l.split(s.net.consts[l.name].Float32s())
	gain := filledWith(1, l.outputs)
	if l.norm != nil {
		gain = l.gains(x)
	}
	v := l.divide(x, gain)
	if m == 0 {
		r := &reference{l: l, x: v, k: l.k, draw: referenceDraw(l), rng: newRNG(seed)}
		input := l.node.Inputs[0]
		err := s.run(context.Background(), l.at, []string{input}, false, func(_ int, values []map[string]*tensor.Tensor) error {
			for _, v := range values {
				r.input = append(r.input, v[input].Float32s())
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		r.run(100)
		Float16Words.round(r.words, nil)
		return l.multiply(l.codebook(&clusters{words: r.words, codes: r.codes}, Float16Words).Decode(), gain)
	}
	kind := []Metric{MetricNone, MetricNone, MetricPooled, MetricPerBlock, MetricPerBlock, MetricPerBlock}[m]
	met := metricOf(kind, mom, m >= 4)
	c := newClustering(v, l.d, l.k, l.outputs/l.patches.groups, met)
	c.threads = s.o.Threads
	c.weight = l.importance(gain)
	sol, err := c.run(context.Background(), newRNG(seed), Float16Words.round)
	if err != nil {
		t.Fatal(err)
	}
	gain = l.refit(x, sol, met, gain)
	if m == 5 {
		gain = refineRows(t, s, l, x, sol, gain)
	}
	return l.multiply(l.codebook(sol, Float16Words).Decode(), gain)
}

// refineRows refines sol for the layer's own outputs and returns the scales.
func refineRows(t *testing.T, s *stream, l *layer, x []float32, sol *clusters, gain []float64) []float64 {
	t.Helper()
	all, err := s.rowMoments(context.Background(), l, nil, false, func(int) {})
	if err != nil {
		t.Fatal(err)
	}
	mustWeigh(t, all)
	r := &refinement{l: l, h: all, w: l.matrix(x), s: sol, gain: gain, round: Float16Words.round, level: s.o.level(), threads: s.o.Threads}
	if _, err := r.run(context.Background()); err != nil {
		t.Fatal(err)
	}
	return r.gain
}
