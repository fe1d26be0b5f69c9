package graph

import (
	"math/rand/v2"
	"slices"
	"testing"

	"lutra/internal/tensor"
)

// wordyGraph has names, notes and attributes that can go: "a" and "b" are taken.
func wordyGraph(t *testing.T) *Graph {
	t.Helper()
	rng := rand.New(rand.NewPCG(1, 2))
	c := randomCodebook(rng, 16, 9, 4, tensor.Shape{4, 4, 3, 3}, 0, 1, 2, 3)
	c.Name = "layer/weight"
	shape := func() *tensor.Tensor { return tensor.Of([]int64{0, -1}, 2) }
	g := &Graph{
		Name: "g", Opsets: map[string]int64{"": 13}, Consts: map[string]*tensor.Tensor{"shape/0": shape(), "bias/x": tensor.New(tensor.Float32, 4), "bias/y": tensor.New(tensor.Float32, 4)},
		Inputs:  []Value{{Name: "b", DType: tensor.Float32, Dims: []Dim{{Size: 2}, {Size: 4}, {Size: 6}, {Size: 6}}}},
		Outputs: []Value{{Name: "a", DType: tensor.Float32, NoShape: true}, {Name: "shape/0", DType: tensor.Int64, NoShape: true}},
		Nodes: []*Node{
			{Name: "conv/1", Doc: "note", Op: "Conv", Inputs: []string{"b", "layer/weight", "bias/x"}, Outputs: []string{"conv/1/out"}, Attrs: []Attr{
				IntsAttr("dilations", 1, 1), IntAttr("group", 1), IntsAttr("pads", 1, 1, 1, 1), IntsAttr("strides", 1, 1), IntsAttr("kernel_shape", 3, 3)}},
			{Name: "relu", Op: "Relu", Inputs: []string{"conv/1/out"}, Outputs: []string{"relu/out"}},
			{Name: "conv/2", Op: "Conv", Inputs: []string{"relu/out", "layer/weight", "bias/y"}, Outputs: []string{"conv/2/out"}, Attrs: []Attr{IntsAttr("pads", 0, 0, 0, 0)}},
			{Name: "c1", Op: "Constant", Outputs: []string{"shape/1"}, Attrs: []Attr{TensorAttr("value", shape())}},
			{Name: "c2", Op: "Constant", Outputs: []string{"shape/2"}, Attrs: []Attr{TensorAttr("value", shape())}},
			{Name: "r1", Op: "Reshape", Inputs: []string{"conv/2/out", "shape/1"}, Outputs: []string{"r1/out"}},
			{Name: "r2", Op: "Reshape", Inputs: []string{"r1/out", "shape/2"}, Outputs: []string{"a"}},
		},
		ValueInfo: []Value{{Name: "relu/out", DType: tensor.Float32, NoShape: true}}, ConstDocs: map[string]string{"bias/x": "note"},
	}
	if err := g.AddCodebook(c); err != nil {
		t.Fatal(err)
	}
	if err := g.SetRanges(map[string]Range{"relu/out": {Hi: 3}, "b": {Lo: -1, Hi: 1}}); err != nil {
		t.Fatal(err)
	}
	return g
}

// TestCompact: what it removes and what it keeps; the results are the same.
func TestCompact(t *testing.T) {
	run := func(g *Graph) map[string]*tensor.Tensor {
		p, err := g.plan()
		if err != nil {
			t.Fatal(err)
		}
		x := tensor.New(tensor.Float32, 2, 4, 6, 6)
		for i := range x.Float32s() {
			x.Float32s()[i] = float32(i%11) - 5
		}
		out, err := p.Eval(map[string]*tensor.Tensor{"b": x})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	want := run(wordyGraph(t))
	g := wordyGraph(t)
	for range 2 { // the second time there is nothing left to do
		if err := g.Compact(); err != nil {
			t.Fatal(err)
		}
		got := run(g)
		for name, w := range want {
			if !slices.Equal(got[name].Bytes(), w.Bytes()) {
				t.Errorf("%q differs", name)
			}
		}
	}
	var ops []string
	attrs := 0
	for _, n := range g.Nodes {
		if n.Name != "" || n.Doc != "" {
			t.Errorf("%s has a name", n.Label())
		}
		ops = append(ops, n.Op)
		attrs += len(n.Attrs)
		for _, name := range slices.Concat(n.Inputs, n.Outputs) {
			if len(name) > 1 && name != "layer/weight" && name != "shape/0" {
				t.Errorf("a value is called %q", name)
			}
		}
	}
	if slices.Sort(ops); !slices.Equal(ops, []string{"Codebook", "Conv", "Conv", "Relu", "Reshape", "Reshape"}) {
		t.Errorf("nodes %v", ops)
	}
	if attrs != 4 { // pads and kernel_shape of one convolution; shape and order of the codebook
		t.Errorf("%d attributes, want 4", attrs)
	}
	if len(g.Consts) != 6 { // codes, codewords, two biases that training may tell apart, shape/0 that is an output, one other shape
		t.Errorf("%d constants, want 6", len(g.Consts))
	}
	ranges, err := g.Ranges()
	if err != nil || len(ranges) != 2 || ranges["b"] != (Range{Lo: -1, Hi: 1}) {
		t.Errorf("ranges %v, %v", ranges, err)
	}
	at := slices.IndexFunc(g.Nodes, func(n *Node) bool { return n.Op == "Relu" })
	if ranges[g.Nodes[at].Outputs[0]].Hi != 3 {
		t.Errorf("ranges %v: none of the ReLU", ranges)
	}
}

// TestIdentifier: the names are different identifiers, short ones first.
func TestIdentifier(t *testing.T) {
	seen := map[string]bool{}
	length := 0
	for i := range 52 + 52*63 + 52*63*63 + 1 {
		name := identifier(i)
		if seen[name] || len(name) < length || name[0] < 'A' {
			t.Fatalf("%d: %q", i, name)
		}
		seen[name], length = true, len(name)
	}
	if length != 4 {
		t.Errorf("the longest has %d letters, want 4", length)
	}
}
