package compress

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"lutra/internal/graph"
	"lutra/internal/tensor"
)

func TestRunEveryKind(t *testing.T) {
	src := randomSamples(1, 10, testInput)
	for _, metric := range []Metric{MetricPerBlock, MetricPooled, MetricNone} {
		t.Run(metric.String(), func(t *testing.T) {
			o := Small()
			o.Metric = metric
			g := testNet()
			out, r := mustRun(t, g, src, o)
			want := []struct {
				name    string
				kind    Kind
				storage Storage
				d, k    int
			}{
				{"first.weight", Conv, Float16, 0, 0}, {"plain.weight", Conv, Quantised, 9, 16},
				{"depthwise.weight", Depthwise, Quantised, 1, 32}, {"grouped.weight", Conv, Quantised, 9, 32},
				{"pointwise.weight", Pointwise, Quantised, 4, 32}, {"fc1.weight", Linear, Quantised, 4, 32},
				{"fc2.weight", Linear, Quantised, 4, 64}, {"fc3.weight", Linear, Quantised, 4, 32},
			}
			for i, w := range want {
				l := r.Layers[i]
				if l.Name != w.name || l.Kind != w.kind || l.Storage != w.storage || l.D != w.d || l.K != w.k {
					t.Errorf("layer %d: %+v, want %+v", i, l, w)
				}
				if w.storage == Quantised && (l.WeightError <= 0 || l.WeightError > 1 || l.OutputError <= 0 || metric == MetricPerBlock && l.OutputError > 1) {
					t.Errorf("%s: weight error %g, output error %g", l.Name, l.WeightError, l.OutputError)
				}
			}
			books, err := out.Codebooks()
			if err != nil || len(books) != 7 {
				t.Fatalf("%d codebooks, %v", len(books), err)
			}
			for _, c := range books {
				if row := rowOf(t, r, c.Name); row.OutBytes != c.Bytes() || row.Blocks != c.Blocks {
					t.Errorf("%s: %d bytes, reported %+v", c.Name, c.Bytes(), row)
				}
				if w := g.Consts[c.Name]; !w.Shape.Equal(c.WeightShape()) {
					t.Errorf("%s: shape %v, want %v", c.Name, c.WeightShape(), w.Shape)
				}
			}
			if bytes := constBytes(out); r.OutBytes != bytes || r.InBytes != constBytes(g) {
				t.Errorf("report says %d -> %d bytes, constants have %d -> %d", r.InBytes, r.OutBytes, constBytes(g), bytes)
			}
			if g.Codebook("plain.weight"); g.Consts["plain.weight"] == nil || len(g.Meta) != 0 {
				t.Error("the input graph was changed")
			}
		})
	}
}

// TestDepthwiseKernelsAsBlocks quantises each depthwise kernel as one block,
// with a metric of its own.
func TestDepthwiseKernelsAsBlocks(t *testing.T) {
	o := Small()
	o.Specs[Depthwise] = Spec{D: 0, K: 8}
	o.NoClamp = true
	_, r := mustRun(t, testNet(), randomSamples(1, 10, testInput), o)
	if l := rowOf(t, r, "depthwise.weight"); l.D != 9 || l.K != 8 || l.Blocks != 1 || l.OutputError <= 0 || l.OutputError >= 1 {
		t.Errorf("%+v", l)
	}
}

func TestSizesAgreeWithRun(t *testing.T) {
	o := Small()
	want, err := Sizes(testNet(), o)
	if err != nil {
		t.Fatal(err)
	}
	o.Correction = CorrectNone // a correction may add biases
	_, got := mustRun(t, testNet(), randomSamples(1, 3, testInput), o)
	if want.OutBytes != got.OutBytes || want.InBytes != got.InBytes || want.Weights != got.Weights {
		t.Errorf("planned %d -> %d bytes of %d weights, got %d -> %d of %d", want.InBytes, want.OutBytes, want.Weights, got.InBytes, got.OutBytes, got.Weights)
	}
	for i, l := range want.Layers {
		if l.OutBytes != got.Layers[i].OutBytes {
			t.Errorf("%s: planned %d bytes, got %d", l.Name, l.OutBytes, got.Layers[i].OutBytes)
		}
	}
}

// TestWeightsThatAreComputed uses weights that the file holds in half
// precision, and as a Constant node.
func TestWeightsThatAreComputed(t *testing.T) {
	g := testNet()
	half := toHalf(g.Consts["plain.weight"])
	delete(g.Consts, "plain.weight")
	setHalf(g, "plain.weight", half)
	node := &graph.Node{Op: "Constant", Outputs: []string{"fc2.weight"}, Attrs: []graph.Attr{graph.TensorAttr("value", g.Consts["fc2.weight"])}}
	delete(g.Consts, "fc2.weight")
	g.Nodes = slices.Insert(g.Nodes, 0, node)
	o := Small()
	o.Correction = CorrectNone
	plan, err := Sizes(g, o)
	if err != nil {
		t.Fatal(err)
	}
	out, r := mustRun(t, g, randomSamples(1, 3, testInput), o)
	if plan.OutBytes != r.OutBytes || r.OutBytes >= r.InBytes {
		t.Errorf("planned %d bytes, got %d from %d", plan.OutBytes, r.OutBytes, r.InBytes)
	}
	if books, err := out.Codebooks(); err != nil || len(books) != 7 || out.Consts["plain.weight.half"] != nil {
		t.Errorf("%d codebooks, %v; the dense weight is gone: %v", len(books), err, out.Consts["plain.weight.half"] == nil)
	}
}

// TestExactLayers gives every layer as many codewords as vectors: the network
// must compute what it did.
func TestExactLayers(t *testing.T) {
	o := Small()
	o.First, o.NoClamp, o.Codewords = Quantised, true, Float32Words
	for i := range o.Specs {
		o.Specs[i].K = 1 << 16
	}
	g := testNet()
	src := randomSamples(2, 4, testInput)
	out, r := mustRun(t, g, src, o)
	for _, l := range r.Layers {
		if !l.Exact || l.WeightError != 0 || l.OutputError != 0 {
			t.Errorf("%s: %+v", l.Name, l)
		}
	}
	for i, x := range src {
		want, got := eval(t, g, x), eval(t, out, x)
		for j := range want {
			if d := want[j] - got[j]; d*d > 1e-6*(1+want[j]*want[j]) {
				t.Fatalf("sample %d: output %d is %g, want %g", i, j, got[j], want[j])
			}
		}
	}
}

func TestConstantWeightsAndZeroInputs(t *testing.T) {
	g := testNet()
	flat := g.Consts["plain.weight"].Float32s()
	for i := range flat {
		flat[i] = 0.25
	}
	src := samples{make([]float32, testInput)} // all activations of a channel are equal, many zero
	for _, how := range []Correction{CorrectNone, CorrectMean, CorrectMeanStd} {
		o := Small()
		o.Correction = how
		out, r := mustRun(t, g, src, o)
		if l := rowOf(t, r, "plain.weight"); !l.Exact || l.K != 1 || l.WeightError != 0 {
			t.Errorf("%v: constant weight: %+v", how, l)
		}
		for _, v := range eval(t, out, src[0]) {
			if v-v != 0 {
				t.Fatalf("%v: output %g", how, v)
			}
		}
	}
}

// TestCorrectionMatchesMeans checks that the output means of the last layer,
// which nothing follows, are those of the float network.
func TestCorrectionMatchesMeans(t *testing.T) {
	g := testNet()
	src := randomSamples(3, 20, testInput)
	mean := func(g *graph.Graph) []float64 {
		sum := make([]float64, 20)
		for _, x := range src {
			for i, v := range eval(t, g, x) {
				sum[i] += float64(v) / float64(len(src))
			}
		}
		return sum
	}
	want := mean(g)
	for _, how := range []Correction{CorrectMean, CorrectMeanStd} {
		o := Small()
		o.Correction = how
		out, _ := mustRun(t, g, src, o)
		for i, m := range mean(out) {
			if d := m - want[i]; d*d > 1e-6*(1+want[i]*want[i]) {
				t.Errorf("%v: mean of output %d is %g, want %g", how, i, m, want[i])
			}
		}
	}
}

func TestRules(t *testing.T) {
	o := Small()
	o.Rules = []Rule{
		{Pattern: "fc?.weight", Storage: Float32},
		{Pattern: "/^point/", D: 8, K: 20},
		{Pattern: "*wise", Storage: Float16},
	}
	r, err := Sizes(testNet(), o)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"fc1.weight": "float32 0 0", "fc2.weight": "float32 0 0", "depthwise.weight": "float16 0 0",
		"pointwise.weight": "codebook 8 20", "plain.weight": "codebook 9 16",
	} {
		l := rowOf(t, r, name)
		if got := fmt.Sprint(l.Storage, " ", l.D, " ", l.K); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	for _, bad := range []Rule{{Pattern: "nothing"}, {Pattern: "/(/"}, {Pattern: "*", K: 1 << 17}} {
		o.Rules = []Rule{bad}
		if _, err := Sizes(testNet(), o); err == nil {
			t.Errorf("rule %+v accepted", bad)
		}
	}
}

func TestClamp(t *testing.T) {
	for _, c := range []struct{ n, want int }{{512, 64}, {513, 128}, {4096, 512}, {9, 2}, {8, 0}, {12, 2}, {1, 0}, {17, 4}} {
		if got := clamp(c.n); got != c.want {
			t.Errorf("clamp(%d) = %d, want %d", c.n, got, c.want)
		}
	}
}

func TestBlockSizes(t *testing.T) {
	for _, c := range []struct{ row, want, d int }{{576, 9, 9}, {576, 18, 18}, {147, 9, 7}, {25, 0, 25}, {13, 4, 1}, {2, 9, 2}} {
		l := layer{outputs: 1000, row: c.row}
		l.size(Spec{D: c.want, K: 256}, false)
		if l.d != c.d {
			t.Errorf("row %d, wanted %d: block %d, want %d", c.row, c.want, l.d, c.d)
		}
	}
}

// text is a graph as a string, for comparison.
func text(t *testing.T, g *graph.Graph) string {
	t.Helper()
	var b strings.Builder
	for _, n := range g.Nodes {
		writeNode(&b, n)
	}
	for _, name := range slices.Sorted(maps.Keys(g.Consts)) {
		c := g.Consts[name]
		fmt.Fprintf(&b, "%s %v %v %x\n", name, c.DType, c.Shape, c.Bytes())
	}
	meta, err := json.Marshal(g.Meta)
	if err != nil {
		t.Fatal(err)
	}
	return b.String() + string(meta)
}

func TestThreadsAndCacheGiveTheSameBytes(t *testing.T) {
	src := randomSamples(4, 11, testInput)
	for name, set := range map[string]func(*Options){
		"default": func(*Options) {},
		"all":     func(o *Options) { o.Share, o.Anneal, o.Permute, o.HalfVectors, o.Shrink = true, true, true, true, true },
		"blocks":  func(o *Options) { o.Metric = MetricPerBlock },
	} {
		var want string
		for _, threads := range []int{1, 2, 5} {
			o := Small()
			o.Threads = threads
			set(&o)
			out, _ := mustRun(t, testNet(), src, o)
			if got := text(t, out); want == "" {
				want = got
			} else if got != want {
				t.Errorf("%s, %d threads: another result", name, threads)
			}
		}
	}
}

// TestSmallCache recomputes all activations for every layer: but for rounding,
// nothing may change. (Under MetricRows one code that changes by rounding
// changes those of all later blocks.)
func TestSmallCache(t *testing.T) {
	src := randomSamples(4, 9, testInput)
	o := Small()
	o.Metric = MetricPerBlock
	_, want := mustRun(t, testNet(), src, o)
	o.CacheBytes = 1
	_, got := mustRun(t, testNet(), src, o)
	for i, l := range got.Layers {
		if w := want.Layers[i]; math.Abs(l.OutputError-w.OutputError) > 1e-3 || math.Abs(l.WeightError-w.WeightError) > 1e-3 {
			t.Errorf("%s: errors %g and %g, with a cache %g and %g", l.Name, l.WeightError, l.OutputError, w.WeightError, w.OutputError)
		}
	}
}

func TestBadCalls(t *testing.T) {
	src := randomSamples(1, 1, testInput)
	two := testNet()
	two.Inputs = append(two.Inputs, two.Inputs[0])
	two.Inputs[1].Name = "y"
	open := testNet()
	open.Inputs[0].Dims[2].Size = -1
	zero := Small()
	zero.Specs[Conv].K = 0
	for name, run := range map[string]func() error{
		"no data":      func() error { _, _, err := Run(context.Background(), testNet(), nil, Small()); return err },
		"empty data":   func() error { _, _, err := Run(context.Background(), testNet(), samples{}, Small()); return err },
		"wrong data":   func() error { _, _, err := Run(context.Background(), testNet(), samples{{1}}, Small()); return err },
		"two inputs":   func() error { _, _, err := Run(context.Background(), two, src, Small()); return err },
		"open size":    func() error { _, _, err := Run(context.Background(), open, src, Small()); return err },
		"no codewords": func() error { _, _, err := Run(context.Background(), testNet(), src, zero); return err },
	} {
		if run() == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestWithoutData(t *testing.T) {
	o := Small()
	o.Metric, o.Correction, o.Tool = MetricNone, CorrectNone, "test 1"
	out, r := mustRun(t, testNet(), nil, o)
	if l := rowOf(t, r, "plain.weight"); l.WeightError <= 0 || l.OutputError != 0 {
		t.Errorf("%+v", l)
	}
	if p := out.Meta[ProvenanceKey]; !strings.Contains(p, `"tool":"test 1"`) || !strings.Contains(p, `"metric":"none"`) {
		t.Errorf("provenance %s", p)
	}
}

// TestSharedConstant: what a graph derives from a constant stays as it was
// when the constant is corrected.
func TestSharedConstant(t *testing.T) {
	b := newBuilder(4, 8, 8)
	b.conv("a", 32, 4, 3, true).relu()
	input := b.at
	b.conv("b", 32, 32, 3, false).norm("bn", 32)
	sum := b.at
	b.g.Nodes = append(b.g.Nodes, &graph.Node{Name: "copy", Op: "Identity", Inputs: []string{"bn.shift"}, Outputs: []string{"copied"}})
	b.at = input
	in := []string{b.random("dense.weight", 32, 32, 1, 1), "copied"}
	b.node("Conv", "dense", in)
	b.node("Add", "sum", []string{sum})
	g := b.done(32, 8, 8)
	bias := b.g.Consts["bn.shift"].Clone()
	o := Small()
	o.Rules = []Rule{{Pattern: "dense.weight", Storage: Float32}}
	o.KeepNames = true
	small, _, err := Run(context.Background(), g, randomSamples(5, 6, 4*8*8), o)
	if err != nil {
		t.Fatal(err)
	}
	p, err := small.Specialize(map[string]graph.Type{"x": {DType: tensor.Float32, Shape: tensor.Shape{1, 4, 8, 8}}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var changed bool
	for _, n := range p.Nodes {
		switch n.Name {
		case "dense":
			if got := p.Consts[n.Inputs[2]]; !slices.Equal(got.Float32s(), bias.Float32s()) {
				t.Error("the dense layer's bias has changed")
			}
		case "bn":
			changed = !slices.Equal(p.Consts[n.Inputs[2]].Float32s(), bias.Float32s())
		}
	}
	if !changed {
		t.Error("nothing was corrected: the test shows nothing")
	}
}
