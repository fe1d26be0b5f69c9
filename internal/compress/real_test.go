package compress

import (
	"context"
	"fmt"
	"math"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"

	"lutra/internal/data"
	"lutra/internal/engine"
	"lutra/internal/graph"
	"lutra/internal/onnx"
	"lutra/internal/realdata"
	"lutra/internal/tensor"
)

// slow skips tests that take minutes.
func slow(t *testing.T) {
	t.Helper()
	if os.Getenv("LUTRA_SLOW") == "" {
		t.Skip("slow: set LUTRA_SLOW=1")
	}
}

func realModel(t *testing.T, path string) *graph.Graph {
	t.Helper()
	g, err := onnx.ReadFile(realdata.Path(t, path))
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// realImages is n images of a folder, preprocessed; all if n is 0.
func realImages(t *testing.T, path, preset string, n int) *data.Inputs {
	t.Helper()
	return realImagesSeed(t, path, preset, n, 1)
}

// realImagesSeed draws the n images with another seed.
func realImagesSeed(t *testing.T, path, preset string, n int, seed uint64) *data.Inputs {
	t.Helper()
	set, err := data.Open(realdata.Path(t, path), data.Options{})
	if err != nil {
		t.Fatal(err)
	}
	p, err := data.Preset(preset)
	if err != nil {
		t.Fatal(err)
	}
	in, err := set.Subset(n, seed).Inputs(p, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	return in
}

// logits runs g on all samples.
func logits(t *testing.T, g *graph.Graph, src Source) [][]float32 {
	t.Helper()
	name, typ, err := sampleType(g)
	if err != nil {
		t.Fatal(err)
	}
	m, err := engine.Compile(g, engine.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	p, err := m.Plan(map[string]tensor.Shape{name: typ.Shape}, nil)
	if err != nil {
		t.Fatal(err)
	}
	out := make([][]float32, src.Len())
	sessions := make(chan *engine.Session, runtime.NumCPU())
	for range cap(sessions) {
		sessions <- m.NewSession()
	}
	err = each(context.Background(), cap(sessions), len(out), func(i int) error {
		s := <-sessions
		defer func() { sessions <- s }()
		x := tensor.New(tensor.Float32, typ.Shape...)
		if err := src.Input(i, x.Float32s()); err != nil {
			return err
		}
		y, err := s.Run(context.Background(), p, map[string]*tensor.Tensor{name: x})
		if err == nil {
			out[i] = y[g.Outputs[0].Name].Float32s()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func argmax(v []float32) int {
	at := 0
	for i, x := range v {
		if x > v[at] {
			at = i
		}
	}
	return at
}

// top1 counts right answers.
func top1(y [][]float32, set *data.Inputs) int {
	n := 0
	for i, v := range y {
		if argmax(v) == set.Label(i) {
			n++
		}
	}
	return n
}

// logitError is the relative error of b beside a, and the share of equal answers.
func logitError(a, b [][]float32) (err, agree float64) {
	var e, all float64
	for i := range a {
		for j, v := range a[i] {
			d := float64(b[i][j]) - float64(v)
			e += d * d
			all += float64(v) * float64(v)
		}
		if argmax(a[i]) == argmax(b[i]) {
			agree++
		}
	}
	return math.Sqrt(e / all), agree / float64(len(a))
}

// peakRSS is the process's largest resident memory in bytes, where Linux tells it.
func peakRSS(t *testing.T) int {
	t.Helper()
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Skip(err)
	}
	_, rest, _ := strings.Cut(string(b), "VmHWM:")
	var kb int
	if _, err := fmt.Sscan(rest, &kb); err != nil {
		t.Fatal(err)
	}
	return kb << 10
}

// TestResNet18 compresses the real network with every metric and correction,
// and says what each costs.
func TestResNet18(t *testing.T) {
	slow(t)
	g := realModel(t, "models/imagenet/resnet18.onnx")
	calib := realImages(t, "images/imagenet-sample", "imagenet", 100)
	test := realImages(t, "images/nips2017", "imagenet", 0)
	want := logits(t, g, test)
	t.Logf("float: top-1 %d of %d", top1(want, test), test.Len())
	for _, metric := range []Metric{MetricRows, MetricPerBlock, MetricPooled, MetricNone} {
		for _, how := range []Correction{CorrectMeanStd, CorrectMean, CorrectNone} {
			o := Small()
			o.Metric, o.Correction, o.Threads = metric, how, runtime.NumCPU()
			out, r := mustRun(t, g, calib, o)
			got := logits(t, out, test)
			err, agree := logitError(want, got)
			t.Logf("%-9v %-8v %.3f MB, %.1fx, top-1 %d, agreement %.2f, logit error %.3f, %.1f s, peak %d MB",
				metric, how, float64(r.OutBytes)/1e6, r.Ratio(), top1(got, test), agree, err, r.Seconds, peakRSS(t)>>20)
			if limit := 2 << 30; peakRSS(t) > limit {
				t.Errorf("peak memory %d bytes, want %d at most", peakRSS(t), limit)
			}
			if metric == MetricRows && how == CorrectMeanStd {
				if n := top1(got, test); n < 60 { // 65 to 70, by seed and choice of images
					t.Errorf("top-1 %d of %d, want 60 at least", n, test.Len())
				}
				for _, l := range r.Layers {
					t.Logf("  %-28s d=%d K=%d it=%d weight %.3f output %.3f %.2f s", l.Node, l.D, l.K, l.Iterations, l.WeightError, l.OutputError, l.Seconds)
				}
			}
		}
	}
}

// TestLayersThatAreCodewordsAlready uses four layers of the real file that
// come from a network compressed before: 256 codewords, times the scales of a
// batch normalisation.
func TestLayersThatAreCodewordsAlready(t *testing.T) {
	g := realModel(t, "models/imagenet/resnet18.onnx")
	o := Small()
	net, layers, err := newNetwork(g, &o)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range quantised(layers) {
		weight := net.consts[l.name]
		s, gain, err := l.factor(t.Context(), l.split(weight.Float32s()))
		if err != nil {
			t.Fatal(err)
		}
		ours := []string{"/layer4/layer4.0/conv1/Conv", "/layer4/layer4.0/conv2/Conv", "/layer4/layer4.1/conv1/Conv", "/layer4/layer4.1/conv2/Conv"}
		if want := slices.Contains(ours, l.node.Name); want != (s != nil) {
			t.Errorf("%s: recognised %v, want %v", l.node.Name, s != nil, want)
		}
		if s == nil {
			continue
		}
		w := l.multiply(l.codebook(s, Float16Words).Decode(), gain)
		if e := relativeError(weight, w); e > 1e-6 {
			t.Errorf("%s: weight error %g with %d codewords", l.node.Name, e, len(s.words)/l.d)
		}
	}
}
