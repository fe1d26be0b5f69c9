package torch

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"lutra/internal/graph"
	"lutra/internal/tensor"
)

// builder appends layers to a graph. Every method that adds a layer takes and
// returns value names; the first error sticks and makes the others do nothing.
type builder struct {
	g     *graph.Graph
	p     *params
	used  map[string]bool // parameter names taken
	books []*graph.Codebook
	front []*graph.Node // nodes that make constants
	err   error
}

// graph builds the network r with the parameters p.
func (r resnet) graph(p *params) (*graph.Graph, error) {
	b := &builder{p: p, used: map[string]bool{}}
	side, preprocess := 224, imagenetPreprocess
	if r.cifar() {
		side, preprocess = 32, cifarPreprocess
	}
	batch := graph.Dim{Size: -1, Param: "batch"}
	b.g = &graph.Graph{
		File: p.file, Name: r.name, IRVersion: 8, ProducerName: "lutra",
		Opsets: map[string]int64{"": 13},
		Consts: map[string]*tensor.Tensor{},
		Meta:   map[string]string{metaPreprocess: preprocess},
		Inputs: []graph.Value{{Name: "input", DType: tensor.Float32, Dims: []graph.Dim{batch, {Size: 3}, {Size: side}, {Size: side}}}},
	}
	x := b.stem(r)
	channels := b.outputs("conv1")
	for stage, n := range r.blocks {
		for i := range n {
			stride := 1
			if stage > 0 && i == 0 {
				stride = 2
			}
			x, channels = b.block(r, fmt.Sprintf("layer%d.%d", stage+1, i), x, channels, stride)
		}
	}
	x = b.node("avgpool", "GlobalAveragePool", []string{x})
	x = b.node("flatten", "Flatten", []string{x})
	classes := b.linear(r.head(), x, channels)
	b.g.Outputs = []graph.Value{{Name: "logits", DType: tensor.Float32, Dims: []graph.Dim{batch, {Size: classes}}}}
	return b.finish()
}

// finish puts the makers of constants in front and checks that nothing was left out.
func (b *builder) finish() (*graph.Graph, error) {
	if b.err != nil {
		return nil, b.err
	}
	for _, name := range slices.Sorted(maps.Keys(b.p.vectors)) {
		if !b.used[name] {
			return nil, b.p.fail(name, "", "only tensors of "+b.g.Name, "a tensor it does not use")
		}
	}
	for _, layer := range slices.Sorted(maps.Keys(b.p.weights)) {
		if !b.used[layer+".weight"] {
			return nil, b.p.fail(layer+".weight", "", "only tensors of "+b.g.Name, "a tensor it does not use")
		}
	}
	b.g.Nodes = append(b.front, b.g.Nodes...)
	for _, c := range slices.Backward(b.books) { // AddCodebook inserts in front
		if err := b.g.AddCodebook(c); err != nil {
			return nil, err
		}
	}
	return b.g, nil
}

func (b *builder) fail(name, field, expected, found string) {
	if b.err == nil {
		b.err = b.p.fail(name, field, expected, found)
	}
}

// layer appends a node called after a layer of the file, as is its output.
func (b *builder) layer(name, op string, inputs []string, attrs ...graph.Attr) string {
	b.node(name, op, inputs, attrs...)
	b.g.Nodes[len(b.g.Nodes)-1].Name = name
	return name
}

// node appends a node without parameters: only its output has a name.
func (b *builder) node(out, op string, inputs []string, attrs ...graph.Attr) string {
	b.g.Nodes = append(b.g.Nodes, &graph.Node{Op: op, Inputs: inputs, Outputs: []string{out}, Attrs: attrs})
	return out
}

func (b *builder) stem(r resnet) string {
	if r.cifar() {
		return b.relu("relu", b.norm("bn1", "conv1", b.conv("conv1", "input", conv{in: 3, kernel: 3, stride: 1, groups: 1})))
	}
	x := b.relu("relu", b.norm("bn1", "conv1", b.conv("conv1", "input", conv{in: 3, kernel: 7, stride: 2, groups: 1})))
	return b.node("maxpool", "MaxPool", []string{x},
		graph.IntsAttr("kernel_shape", 3, 3), graph.IntsAttr("pads", 1, 1, 1, 1), graph.IntsAttr("strides", 2, 2))
}

// block appends a residual block and returns its output and number of channels.
func (b *builder) block(r resnet, name, x string, in, stride int) (string, int) {
	layers := []conv{{in: in, kernel: 3, stride: stride, groups: 1}, {kernel: 3, stride: 1, groups: 1}}
	if r.bottleneck { // the stride is on the 3x3 convolution, as in torchvision
		layers = []conv{{in: in, kernel: 1, stride: 1, groups: 1}, {kernel: 3, stride: stride, groups: r.groups}, {kernel: 1, stride: 1, groups: 1}}
	}
	y, out := x, in
	for i, c := range layers {
		c.in = out
		layer := fmt.Sprintf("%s.conv%d", name, i+1)
		y = b.norm(fmt.Sprintf("%s.bn%d", name, i+1), layer, b.conv(layer, y, c))
		if i < len(layers)-1 {
			y = b.relu(fmt.Sprintf("%s.relu%d", name, i+1), y)
		}
		out = b.outputs(layer)
	}
	skip := b.shortcut(name, x, in, out, stride)
	return b.relu(name+".relu", b.node(name+".add", "Add", []string{y, skip})), out
}

// shortcut is the other way around a block: a projection if the file has one,
// else the identity, or on CIFAR every second pixel and zero channels (option A).
func (b *builder) shortcut(name, x string, in, out, stride int) string {
	for _, part := range []string{".downsample", ".shortcut"} {
		layer := name + part + ".0"
		if b.p.weights[layer] != nil {
			x = b.conv(layer, x, conv{in: in, kernel: 1, stride: stride, groups: 1})
			if got := b.outputs(layer); got != out {
				b.fail(layer, "weight", fmt.Sprintf("%d outputs", out), fmt.Sprint(got))
			}
			return b.norm(name+part+".1", layer, x)
		}
	}
	if in == out && stride == 1 {
		return x
	}
	if stride != 2 || out != 2*in || len(b.g.Inputs[0].Dims) != 4 || b.g.Inputs[0].Dims[2].Size != 32 {
		b.fail(name+".downsample.0", "weight", fmt.Sprintf("a projection from %d to %d channels", in, out), "none")
		return x
	}
	slice := b.node(name+".slice", "Slice", []string{
		x, b.int64s("slice.starts", 0, 0), b.int64s("slice.ends", math.MaxInt32, math.MaxInt32),
		b.int64s("slice.axes", 2, 3), b.int64s("slice.steps", 2, 2),
	})
	side := int64(in / 2)
	pads := b.int64s(fmt.Sprintf("pads.%d", out), 0, side, 0, 0, 0, side, 0, 0)
	return b.node(name+".pad", "Pad", []string{slice, pads})
}

func (b *builder) int64s(name string, v ...int64) string {
	b.g.Consts[name] = tensor.Of(v, len(v))
	return name
}

func (b *builder) relu(name, x string) string { return b.node(name, "Relu", []string{x}) }
