package main

import (
	"fmt"
	"math"
	"math/rand/v2"

	"lutra/internal/graph"
	"lutra/internal/tensor"
)

// networks are those of oracle/train/speed.py.
var networks = map[string]func() *graph.Graph{"resnet20": resnet20, "small": small, "mobilenet": mobilenet}

// maker builds a graph node by node.
type maker struct{ *graph.Graph }

// newMaker begins a graph on images of side x side pixels.
func newMaker(side int) maker {
	return maker{&graph.Graph{
		IRVersion: 8, Opsets: map[string]int64{"": 14}, Consts: map[string]*tensor.Tensor{},
		Inputs:  []graph.Value{{Name: "x", DType: tensor.Float32, Dims: []graph.Dim{{Size: -1}, {Size: 3}, {Size: side}, {Size: side}}}},
		Outputs: []graph.Value{{Name: "y", DType: tensor.Float32, NoShape: true}},
	}}
}

// noise is normal numbers times scale.
func noise(scale float64, shape ...int) *tensor.Tensor {
	rng := rand.New(rand.NewPCG(1, uint64(len(shape))))
	t := tensor.New(tensor.Float32, shape...)
	for i := range t.Float32s() {
		t.Float32s()[i] = float32(scale * rng.NormFloat64())
	}
	return t
}

// node adds a node and returns the name of its output.
func (m maker) node(op string, attrs []graph.Attr, inputs ...string) string {
	out := fmt.Sprintf("%s%d", op, len(m.Nodes))
	m.Nodes = append(m.Nodes, &graph.Node{Name: out, Op: op, Inputs: inputs, Outputs: []string{out}, Attrs: attrs})
	return out
}

// conv adds a convolution and a normalisation.
func (m maker) conv(x string, cin, cout, size, stride int, attrs ...graph.Attr) string {
	pad := int64(size / 2)
	w := fmt.Sprintf("w%d", len(m.Nodes))
	m.Consts[w] = noise(math.Sqrt(2/float64(cin*size*size)), cout, cin, size, size)
	attrs = append(attrs, graph.IntsAttr("pads", pad, pad, pad, pad), graph.IntsAttr("strides", int64(stride), int64(stride)))
	inputs := []string{m.node("Conv", attrs, x, w)}
	for i, fill := range []float32{1, 0, 0, 1} {
		t := tensor.New(tensor.Float32, cout)
		for j := range t.Float32s() {
			t.Float32s()[j] = fill
		}
		name := fmt.Sprintf("%s.norm%d", w, i)
		m.Consts[name] = t
		inputs = append(inputs, name)
	}
	return m.node("BatchNormalization", nil, inputs...)
}

func (m maker) relu(x string) string { return m.node("Relu", nil, x) }

// linear ends the network.
func (m maker) linear(x string, inputs int) *graph.Graph {
	m.Consts["w"], m.Consts["b"] = noise(1/math.Sqrt(float64(inputs)), 10, inputs), tensor.New(tensor.Float32, 10)
	m.node("Gemm", []graph.Attr{graph.IntAttr("transB", 1)}, m.node("Flatten", nil, x), "w", "b")
	m.Nodes[len(m.Nodes)-1].Outputs[0] = "y"
	return m.Graph
}

func resnet20() *graph.Graph {
	m := newMaker(32)
	x, cin := m.relu(m.conv("x", 3, 16, 3, 1)), 16
	for _, cout := range []int{16, 32, 64} {
		for i := range 3 {
			stride, short := 1, x
			if i == 0 && cout > 16 {
				stride = 2
				short = m.conv(x, cin, cout, 1, stride)
			}
			y := m.conv(m.relu(m.conv(x, cin, cout, 3, stride)), cout, cout, 3, 1)
			x, cin = m.relu(m.node("Add", nil, y, short)), cout
		}
	}
	return m.linear(m.node("GlobalAveragePool", nil, x), 64)
}

func small() *graph.Graph {
	m := newMaker(32)
	x := "x"
	for _, c := range []struct{ cin, cout, stride int }{{3, 16, 1}, {16, 32, 2}, {32, 64, 2}} {
		x = m.relu(m.conv(x, c.cin, c.cout, 3, c.stride))
	}
	return m.linear(x, 64*64)
}

func mobilenet() *graph.Graph {
	m := newMaker(96)
	x, cin := m.relu(m.conv("x", 3, 8, 3, 2)), 8
	for _, c := range [][2]int{{16, 1}, {32, 2}, {32, 1}, {64, 2}, {64, 1}, {128, 2}, {128, 1}, {128, 1}, {128, 1}, {128, 1}, {128, 1}, {256, 2}, {256, 1}} {
		x = m.relu(m.conv(x, 1, cin, 3, c[1], graph.IntAttr("group", int64(cin))))
		x, cin = m.relu(m.conv(x, cin, c[0], 1, 1)), c[0]
	}
	return m.linear(m.node("GlobalAveragePool", nil, x), 256)
}
