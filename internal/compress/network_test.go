package compress

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"lutra/internal/graph"
	"lutra/internal/tensor"
)

// samples is a calibration set in memory.
type samples [][]float32

func (s samples) Len() int { return len(s) }

func (s samples) Input(i int, dst []float32) error {
	if len(dst) != len(s[i]) {
		return fmt.Errorf("sample %d: %d numbers for %d", i, len(s[i]), len(dst))
	}
	copy(dst, s[i])
	return nil
}

func randomSamples(seed uint64, n, size int) samples {
	rng := newRNG(seed)
	s := make(samples, n)
	for i := range s {
		s[i] = gaussian(rng, size)
	}
	return s
}

// builder makes test graphs: each method appends a node to the chain.
type builder struct {
	g   *graph.Graph
	rng *rand.Rand
	at  string // the value that the chain ends in
}

func newBuilder(dims ...int) *builder {
	b := &builder{rng: newRNG(11), at: "x", g: &graph.Graph{
		Name: "test", Consts: map[string]*tensor.Tensor{}, Opsets: map[string]int64{"": 13}, IRVersion: 8,
	}}
	in := graph.Value{Name: "x", DType: tensor.Float32, Dims: []graph.Dim{{Size: -1, Param: "N"}}}
	for _, d := range dims {
		in.Dims = append(in.Dims, graph.Dim{Size: d})
	}
	b.g.Inputs = []graph.Value{in}
	return b
}

func (b *builder) node(op, name string, inputs []string, attrs ...graph.Attr) *builder {
	n := &graph.Node{Name: name, Op: op, Inputs: append([]string{b.at}, inputs...), Outputs: []string{name + ".out"}, Attrs: attrs}
	b.g.Nodes = append(b.g.Nodes, n)
	b.at = n.Outputs[0]
	return b
}

func (b *builder) random(name string, shape ...int) string {
	b.g.Consts[name] = tensor.Of(gaussian(b.rng, tensor.Shape(shape).Elems()), shape...)
	return name
}

func (b *builder) conv(name string, out, perGroup, k int, bias bool, attrs ...graph.Attr) *builder {
	in := []string{b.random(name+".weight", out, perGroup, k, k)}
	if bias {
		in = append(in, b.random(name+".bias", out))
	}
	p := int64(k / 2)
	return b.node("Conv", name, in, append(attrs, graph.IntsAttr("pads", p, p, p, p))...)
}

func (b *builder) relu() *builder { return b.node("Relu", fmt.Sprint("relu", len(b.g.Nodes)), nil) }

func (b *builder) norm(name string, channels int) *builder {
	in := []string{b.random(name+".scale", channels), b.random(name+".shift", channels), b.random(name+".mean", channels), b.random(name+".var", channels)}
	variance := b.g.Consts[name+".var"].Float32s()
	for i, v := range variance {
		variance[i] = 0.5 + v*v
	}
	return b.node("BatchNormalization", name, in)
}

func (b *builder) done(dims ...int) *graph.Graph {
	out := graph.Value{Name: b.at, DType: tensor.Float32, Dims: []graph.Dim{{Size: -1}}}
	for _, d := range dims {
		out.Dims = append(out.Dims, graph.Dim{Size: d})
	}
	b.g.Outputs = []graph.Value{out}
	return b.g
}

// testNet has a layer of every kind.
func testNet() *graph.Graph {
	b := newBuilder(3, 12, 12)
	b.conv("first", 8, 3, 3, true).relu()
	b.conv("plain", 16, 8, 3, false, graph.IntsAttr("strides", 2, 2)).norm("bn", 16).relu()
	b.conv("depthwise", 16, 1, 3, true, graph.IntAttr("group", 16)).relu()
	b.conv("grouped", 24, 8, 3, true, graph.IntAttr("group", 2)).relu()
	b.conv("pointwise", 32, 24, 1, true).relu()
	b.node("GlobalAveragePool", "pool", nil).node("Flatten", "flat", nil)
	b.node("Gemm", "fc1", []string{b.random("fc1.weight", 32, 32), b.random("fc1.bias", 32)}, graph.IntAttr("transB", 1)).relu()
	b.node("Gemm", "fc2", []string{b.random("fc2.weight", 32, 48)}).relu()
	b.node("MatMul", "fc3", []string{b.random("fc3.weight", 48, 20)}).node("Add", "fc3.add", []string{b.random("fc3.bias", 20)})
	return b.done(20)
}

const testInput = 3 * 12 * 12

func mustRun(t *testing.T, g *graph.Graph, src Source, o Options) (*graph.Graph, *Report) {
	t.Helper()
	out, r, err := Run(context.Background(), g, src, o)
	if err != nil {
		t.Fatal(err)
	}
	if err := out.Validate(); err != nil {
		t.Fatal(err)
	}
	return out, r
}

// eval computes the outputs of g for one sample.
func eval(t failer, g *graph.Graph, x []float32) []float32 {
	t.Helper()
	name, typ, err := sampleType(g)
	if err != nil {
		t.Fatal(err)
	}
	p, err := g.Specialize(map[string]graph.Type{name: typ}, nil)
	if err != nil {
		t.Fatal(err)
	}
	out, err := p.Eval(map[string]*tensor.Tensor{name: tensor.Of(x, typ.Shape...)})
	if err != nil {
		t.Fatal(err)
	}
	return out[p.Outputs[0]].Float32s()
}

func rowOf(t *testing.T, r *Report, name string) LayerReport {
	t.Helper()
	i := slices.IndexFunc(r.Layers, func(l LayerReport) bool { return l.Name == name })
	if i < 0 {
		t.Fatalf("layer %q is not in the report", name)
	}
	return r.Layers[i]
}
