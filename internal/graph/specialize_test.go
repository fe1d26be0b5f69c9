package graph

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"

	"lutra/internal/tensor"
)

func random(rng *rand.Rand, shape ...int) *tensor.Tensor {
	t := zeros(shape...)
	for i, v := 0, t.Float32s(); i < len(v); i++ {
		v[i] = float32(rng.NormFloat64())
	}
	return t
}

func mustPlan(t *testing.T, g *Graph, outputs ...string) *Program {
	t.Helper()
	p, err := g.plan(outputs...)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func ops(p *Program) string {
	var names []string
	for _, n := range p.Nodes {
		names = append(names, n.Op)
	}
	return strings.Join(names, " ")
}

// TestFoldsShapes: the sub-graph with which PyTorch flattens is a constant,
// for every batch size.
func TestFoldsShapes(t *testing.T) {
	g := net(image,
		node("Relu", "x", "r"), node("Shape", "r", "s"), node("Gather", "s zero", "n"),
		node("Unsqueeze", "n axes", "n1"), node("Concat", "n1 rest", "target", IntAttr("axis", 0)),
		node("Reshape", "r target", "y"),
	).with("zero", tensor.Of([]int64{0})).with("axes", vector(0)).with("rest", vector(-1))
	if err := g.Validate(); err != nil {
		t.Fatal(err)
	}
	for _, batch := range []int{1, 5} {
		p, err := g.Specialize(map[string]Type{"x": {tensor.Float32, tensor.Shape{batch, 4, 8, 8}}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := ops(p); got != "Relu Reshape" {
			t.Errorf("nodes %s", got)
		}
		if got := p.Types["y"].Shape; !got.Equal(tensor.Shape{batch, 256}) {
			t.Errorf("output %v", got)
		}
		if p.Consts["target"] == nil || p.Consts["rest"] != nil {
			t.Errorf("constants kept: %v", p.Consts)
		}
	}
}

// TestSelectsOutputs: any value can be asked for, and only what it needs stays.
func TestSelectsOutputs(t *testing.T) {
	build := func() *Graph {
		return net(image, node("Relu", "x", "a"), node("Abs", "a", "b"), node("Exp", "a", "y"), node("Add", "w w", "ww")).with("w", zeros(3))
	}
	for _, c := range []struct{ outputs, nodes, inputs string }{
		{"y", "Relu Exp", "x"},
		{"b y", "Relu Abs Exp", "x"},
		{"a", "Relu", "x"},
		{"x", "", "x"},
		{"ww", "", ""},
		{"w", "", ""},
	} {
		p := mustPlan(t, build(), strings.Fields(c.outputs)...)
		if got := ops(p); got != c.nodes {
			t.Errorf("%s: nodes %q, want %q", c.outputs, got, c.nodes)
		}
		if got := strings.Join(p.Inputs, " "); got != c.inputs {
			t.Errorf("%s: inputs %q, want %q", c.outputs, got, c.inputs)
		}
		for _, o := range p.Outputs {
			if p.Types[o].DType != tensor.Float32 {
				t.Errorf("%s has type %v", o, p.Types[o])
			}
		}
	}
	if _, err := build().plan("nowhere"); err == nil {
		t.Error("an unknown output was accepted")
	}
}

func TestSpecializeInputs(t *testing.T) {
	g := net(image, node("Relu", "x", "y"))
	if err := g.Validate(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, want string
		in         map[string]Type
	}{
		{"another batch", "", map[string]Type{"x": {tensor.Float32, tensor.Shape{7, 4, 8, 8}}}},
		{"none", `input "x"`, nil},
		{"another height", "expected 1x4x8x8, found 1x4x9x8", map[string]Type{"x": {tensor.Float32, tensor.Shape{1, 4, 9, 8}}}},
		{"another rank", "found 1x4x8", map[string]Type{"x": {tensor.Float32, tensor.Shape{1, 4, 8}}}},
		{"another type", "expected float32", map[string]Type{"x": {tensor.Float64, image}}},
		{"negative", "negative", map[string]Type{"x": {tensor.Float32, tensor.Shape{-1, 4, 8, 8}}}},
		{"unknown name", "no such input", map[string]Type{"x": {tensor.Float32, image}, "z": {tensor.Float32, image}}},
	} {
		_, err := g.Specialize(c.in, nil)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", c.name, err, c.want)
		}
	}
}

// TestWeightsAreShared: initializers, Constant nodes and reshaped weights keep
// their storage.
func TestWeightsAreShared(t *testing.T) {
	w, v := zeros(6, 36), zeros(6)
	g := net(image, node("Constant", "", "v", TensorAttr("value", v)), node("Reshape", "w s", "w4"),
		node("Identity", "w4", "w5"), node("Conv", "x w5 v", "y")).with("w", w).with("s", vector(6, 4, 3, 3))
	p := mustPlan(t, g)
	if got := ops(p); got != "Conv" {
		t.Fatalf("nodes %s", got)
	}
	w.Float32s()[7], v.Float32s()[3] = 42, 43
	if p.Consts["w5"].Float32s()[7] != 42 || p.Consts["v"].Float32s()[3] != 43 {
		t.Error("a weight was copied")
	}
}

// TestFoldingIsBounded: constants much larger than the file are left to the run.
func TestFoldingIsBounded(t *testing.T) {
	g := net(tensor.Shape{1}, node("ConstantOfShape", "s", "big"), node("Add", "x big", "y")).with("s", vector(32<<20))
	if got := ops(mustPlan(t, g)); got != "ConstantOfShape Add" {
		t.Errorf("128 MiB: nodes %s", got)
	}
	g.with("s", vector(1<<20))
	if got := ops(mustPlan(t, g)); got != "Add" {
		t.Errorf("4 MiB: nodes %s", got)
	}
	g = net(tensor.Shape{1}, node("MatMul", "a a", "b"), node("Add", "x b", "y")).with("a", zeros(512, 512))
	if got := ops(mustPlan(t, g)); got != "MatMul Add" {
		t.Errorf("2^36 multiplications: nodes %s", got)
	}
}

// TestCodebookWeights: a codebook stays one as the weight of a layer, and is a
// constant as soon as anything else reads it.
func TestCodebookWeights(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	x := random(rng, image...)
	c := randomCodebook(rng, 16, 9, 4, tensor.Shape{6, 4, 3, 3}, 0, 1, 2, 3)
	dense := conv().with("w", c.Decode())
	for _, test := range []struct{ extra, nodes string }{{"", "Codebook Conv"}, {"w", "Conv"}} {
		g := conv()
		delete(g.Consts, "w")
		if err := g.AddCodebook(c); err != nil {
			t.Fatal(err)
		}
		outputs := append([]string{"y"}, strings.Fields(test.extra)...)
		p := mustPlan(t, g, outputs...)
		if got := ops(p); got != test.nodes {
			t.Errorf("nodes %s, want %s", got, test.nodes)
		}
		if !p.Types["w"].Shape.Equal(c.Shape) {
			t.Errorf("weight %v", p.Types["w"])
		}
		got, err := p.Eval(map[string]*tensor.Tensor{"x": x})
		if err != nil {
			t.Fatal(err)
		}
		want, err := mustPlan(t, dense).Eval(map[string]*tensor.Tensor{"x": x})
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got["y"].Float32s(), want["y"].Float32s()) {
			t.Error("codebook and dense weights give different results")
		}
	}
}

// TestInline: functions are expanded with names, attributes, defaults and
// omitted inputs in place.
func TestInline(t *testing.T) {
	call := func(name, in, out string, attrs ...Attr) *Node {
		n := node("Scale", in, out, attrs...)
		n.Domain, n.Name = "my", name
		return n
	}
	inner := node("Clamp", "m lo", "o", RefAttr("slope", AttrFloat, "slope"))
	inner.Domain = "my"
	g := net(tensor.Shape{4}, call("first", "x", "a", FloatAttr("slope", 0.5)), call("first", "a k", "y")).with("k", tensor.Of([]float32{-100}))
	g.Functions = []*Function{
		{Domain: "my", Name: "Scale", Inputs: []string{"i", "lo"}, Outputs: []string{"o"},
			Defaults: []Attr{FloatAttr("slope", 0.25)}, Opsets: map[string]int64{"": 13},
			Nodes: []*Node{node("Add", "i i", "m"), inner}},
		{Domain: "my", Name: "Clamp", Inputs: []string{"v", "lo"}, Outputs: []string{"r", "unused"}, Attrs: []string{"slope"},
			Nodes: []*Node{node("LeakyRelu", "v", "m", RefAttr("alpha", AttrFloat, "slope")), node("Clip", "m lo", "r"), node("Abs", "v", "unused")}},
	}
	p := mustPlan(t, g)
	if got := ops(p); got != "Add LeakyRelu Clip Add LeakyRelu Clip" {
		t.Fatalf("nodes %s", got)
	}
	if len(g.Functions) != 0 {
		t.Error("inlined functions are still there")
	}
	out, err := p.Eval(map[string]*tensor.Tensor{"x": tensor.Of([]float32{1, -1, 3, -800}, 4)})
	if err != nil {
		t.Fatal(err)
	}
	// first: 2x, slope 0.5, no clip; second: 2x, slope 0.25, clipped at -100
	if got, want := out["y"].Float32s(), []float32{4, -0.5, 12, -100}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// TestInlinePassThrough: a function may return its input.
func TestInlinePassThrough(t *testing.T) {
	n := node("Same", "x", "y")
	n.Domain = "my"
	g := net(tensor.Shape{2}, n)
	g.Functions = []*Function{{Domain: "my", Name: "Same", Inputs: []string{"i"}, Outputs: []string{"i"}}}
	if got := ops(mustPlan(t, g)); got != "Identity" {
		t.Errorf("nodes %s", got)
	}
}

// TestBatchNormOf: scale and shift, and their fold into a convolution's bias,
// agree with the definition.
func TestBatchNormOf(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	g := net(image, node("Conv", "x w b", "c"), node("BatchNormalization", "c s t m v", "y", FloatAttr("epsilon", 1e-3)))
	w, b := random(rng, 6, 4, 3, 3), random(rng, 6)
	g.with("w", w).with("b", b).with("s", random(rng, 6)).with("t", random(rng, 6)).with("m", random(rng, 6))
	v := random(rng, 6)
	for i, x := range v.Float32s() {
		v.Float32s()[i] = x*x + 0.1
	}
	p := mustPlan(t, g.with("v", v))
	bn, ok := p.BatchNormOf(p.Nodes[1])
	if !ok {
		t.Fatal("not recognised")
	}
	if _, ok := p.BatchNormOf(p.Nodes[0]); ok {
		t.Error("a convolution was taken for a batch normalisation")
	}
	scale, bias := bn.Into(b.Float32s())
	folded := w.Clone()
	for i := range folded.Float32s() {
		folded.Float32s()[i] *= scale[i/36]
	}
	q := mustPlan(t, net(image, node("Conv", "x w b", "y")).with("w", folded).with("b", tensor.Of(bias, 6)))
	in := map[string]*tensor.Tensor{"x": random(rng, image...)}
	want, err := p.Eval(in)
	if err != nil {
		t.Fatal(err)
	}
	got, err := q.Eval(in)
	if err != nil {
		t.Fatal(err)
	}
	for i, y := range want["y"].Float32s() {
		if d := y - got["y"].Float32s()[i]; d > 1e-4 || d < -1e-4 {
			t.Fatalf("element %d: %g, want %g", i, got["y"].Float32s()[i], y)
		}
	}
	if uses := p.Consumers(); len(uses["c"]) != 1 || uses["c"][0] != p.Nodes[1] || len(uses["y"]) != 0 {
		t.Errorf("consumers %v", uses)
	}
}

// TestFoldingMemory: a small file whose constants multiply does not make
// Specialize allocate more than four times its size and 64 MiB.
func TestFoldingMemory(t *testing.T) {
	const size = 4 << 20
	g := net(tensor.Shape{1}, node("Sum", "x", "s0"))
	for i := range 400 {
		v := fmt.Sprint("t", i)
		g.Nodes = append(g.Nodes, node("Transpose", "w", v), node("ReduceMax", v, "m"+v, IntAttr("keepdims", 0)),
			node("Add", fmt.Sprint("s", i, " m", v), fmt.Sprint("s", i+1)))
	}
	g.Outputs[0].Name = "s400"
	g.with("w", zeros(size/4/1024, 1024))
	if err := g.Validate(); err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := g.Specialize(g.inputTypes(), nil); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; got > 4*size+64<<20 {
		t.Errorf("%d MiB allocated", got>>20)
	}
}
