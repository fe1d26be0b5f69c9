package graph

import (
	"errors"
	"math"
	"strings"
	"testing"

	"lutra/internal/safe"
	"lutra/internal/tensor"
)

var image = tensor.Shape{1, 4, 8, 8}

// conv is a network of one convolution of 4 to 6 channels.
func conv(attrs ...Attr) *Graph {
	return net(image, node("Conv", "x w", "y", attrs...)).with("w", zeros(6, 4, 3, 3))
}

func pool(attrs ...Attr) *Graph { return net(image, node("MaxPool", "x", "y", attrs...)) }

func reshape(to ...int64) *Graph {
	return net(image, node("Reshape", "x s", "y")).with("s", vector(to...))
}

// recursive calls a function that calls itself through another.
func recursive() *Graph {
	g := net(image, &Node{Op: "A", Domain: "my", Inputs: []string{"x"}, Outputs: []string{"y"}})
	for _, f := range [][2]string{{"A", "B"}, {"B", "A"}} {
		g.Functions = append(g.Functions, &Function{
			Domain: "my", Name: f[0], Inputs: []string{"i"}, Outputs: []string{"o"},
			Nodes: []*Node{{Op: f[1], Domain: "my", Inputs: []string{"i"}, Outputs: []string{"o"}}},
		})
	}
	return g
}

// doubling is a chain of functions each of which calls the next one twice: 2^40 nodes.
func doubling() *Graph {
	g := net(image, &Node{Op: "f0", Domain: "my", Inputs: []string{"x"}, Outputs: []string{"y"}})
	name := func(i int) string { return "f" + string(rune('0'+i)) }
	for i := range 40 {
		f := &Function{Domain: "my", Name: name(i), Inputs: []string{"i"}, Outputs: []string{"o"}}
		f.Nodes = []*Node{
			{Op: name(i + 1), Domain: "my", Inputs: []string{"i"}, Outputs: []string{"m"}},
			{Op: name(i + 1), Domain: "my", Inputs: []string{"m"}, Outputs: []string{"o"}},
		}
		g.Functions = append(g.Functions, f)
	}
	return g
}

// damaged is a network with a codebook weight to which damage is done.
func damaged(damage func(g *Graph, decode *Node)) *Graph {
	g := conv()
	c := &Codebook{Name: "w", K: 4, D: 9, Blocks: 4, Outputs: 6, Codes: make([]uint16, 24), Words: zeros(4, 9),
		Shape: tensor.Shape{6, 4, 3, 3}, Perm: []int{0, 1, 2, 3}}
	if err := g.AddCodebook(c); err != nil {
		panic(err)
	}
	damage(g, g.Producer("w"))
	return g
}

func identities(names ...string) (nodes []*Node) {
	for i := range len(names) - 1 {
		nodes = append(nodes, node("Identity", names[i], names[i+1]))
	}
	return nodes
}

// TestMalformed: every malformed graph is refused by Validate or Specialize
// with an error that names the file and the reason.
func TestMalformed(t *testing.T) {
	for _, c := range []struct {
		name string
		g    *Graph
		want string
	}{
		{"cycle", net(image, node("Add", "x b", "a"), node("Relu", "a", "b"), node("Relu", "b", "y")), "cycle"},
		{"self cycle", net(image, node("Add", "x y", "y")), "cycle"},
		{"dangling input", net(image, node("Relu", "z", "y")), `input "z"`},
		{"two producers", net(image, node("Relu", "x", "y"), node("Abs", "x", "y")), "one producer"},
		{"producer of an input", net(image, node("Relu", "x", "x"), node("Relu", "x", "y")), "one producer"},
		{"producer of an initializer", conv().with("y", zeros(1)), "one producer"},
		{"same output twice", net(image, node("Split", "x", "y y")), "one producer"},
		{"no output", func() *Graph { g := conv(); g.Outputs = nil; return g }(), "outputs"},
		{"output without producer", func() *Graph { g := conv(); g.Outputs[0].Name = "q"; return g }(), `"q"`},
		{"output listed twice", func() *Graph { g := conv(); g.Outputs = append(g.Outputs, g.Outputs[0]); return g }(), "several"},
		{"unknown operators", net(image, node("Loop", "x", "a"), node("NonMaxSuppression", "a", "b"), node("NonMaxSuppression", "b", "y")),
			"m.onnx: unsupported operators: NonMaxSuppression x2, Loop x1"},
		{"unknown domain", net(image, &Node{Op: "Relu", Domain: "com.x", Inputs: []string{"x"}, Outputs: []string{"y"}}), "com.x.Relu x1"},
		{"old opset", conv().opsetIs(5), "opset"},
		{"future opset", conv().opsetIs(99), "opset"},
		{"operator newer than the opset", net(image, node("Gelu", "x", "y")), "Gelu x1"},
		{"too few inputs", net(image, node("Conv", "x", "y")), "inputs"},
		{"too many inputs", net(image, node("Relu", "x x", "y")), "inputs"},
		{"omitted required input", net(image, node("Conv", "_ x", "y")), "input 0"},
		{"too many outputs", net(image, node("Relu", "x", "y z")), "outputs"},
		{"attribute of another kind", conv(FloatAttr("strides", 1)), "expected ints, found float"},
		{"attribute twice", conv(IntAttr("group", 1), IntAttr("group", 1)), "one value"},
		{"tensor attribute without tensor", net(image, node("Constant", "", "y", Attr{Name: "value", Kind: AttrTensor})), "a tensor"},
		{"reference outside of a function", conv(RefAttr("group", AttrInt, "g")), "outside of a function"},
		{"string input", func() *Graph { g := conv(); g.Inputs[0].DType = tensor.String; return g }(), "numeric"},
		{"input of terabytes", net(tensor.Shape{1 << 20, 1 << 20}, node("Relu", "x", "y")), "shape"},
		{"input rank 9", net(tensor.Shape{1, 1, 1, 1, 1, 1, 1, 1, 1}, node("Relu", "x", "y")), "rank"},
		{"recursive functions", recursive(), "recursion"},
		{"functions that explode", doubling(), "after inlining"},

		{"stride 0", conv(IntsAttr("strides", 0, 1)), "strides"},
		{"stride of 2^40", conv(IntsAttr("strides", 1<<40, 1)), "strides"},
		{"one stride", conv(IntsAttr("strides", 1)), "strides: expected 2 values"},
		{"dilation 0", conv(IntsAttr("dilations", 1, 0)), "dilations"},
		{"dilation of 2^62", conv(IntsAttr("dilations", 1<<62, 1)), "dilations"},
		{"dilation beyond the input", conv(IntsAttr("dilations", 100, 1)), "kernel_shape"},
		{"negative pads", conv(IntsAttr("pads", -1, 0, 0, 0)), "pads"},
		{"huge pads", conv(IntsAttr("pads", 1<<40, 0, 0, 0)), "pads"},
		{"pads that fill memory", conv(IntsAttr("pads", 60000, 60000, 60000, 60000)), "pads"},
		{"two pads", conv(IntsAttr("pads", 1, 1)), "pads: expected 4 values"},
		{"unknown auto_pad", conv(StringAttr("auto_pad", "SAME")), "auto_pad"},
		{"group 0", conv(IntAttr("group", 0)), "group"},
		{"negative group", conv(IntAttr("group", -2)), "group"},
		{"groups that do not divide", conv(IntAttr("group", 4)), "group"},
		{"groups that do not fit the weight", conv(IntAttr("group", 2)), "input channels"},
		{"kernel_shape unlike the weight", conv(IntsAttr("kernel_shape", 5, 5)), "kernel_shape"},
		{"kernel beyond the input", net(image, node("Conv", "x w", "y")).with("w", zeros(1, 4, 9, 1)), "kernel_shape"},
		{"weight without outputs", net(image, node("Conv", "x w", "y")).with("w", zeros(0, 4, 3, 3)), "group"},
		{"weight of another rank", net(image, node("Conv", "x w", "y")).with("w", zeros(6, 4, 3)), "rank"},
		{"bias of another size", net(image, node("Conv", "x w b", "y")).with("w", zeros(6, 4, 3, 3)).with("b", zeros(5)), "expected 6, found 5"},
		{"weight of another type", net(image, node("Conv", "x w", "y")).with("w", tensor.New(tensor.Int8, 6, 4, 3, 3)), "float32"},
		{"six spatial dimensions", net(tensor.Shape{1, 1, 2, 2, 2, 2}, node("Conv", "x w", "y")).with("w", zeros(1, 1, 1, 1, 1, 1)), "rank"},
		{"transposed: pads eat the output", net(image, node("ConvTranspose", "x w", "y", IntsAttr("pads", 9, 9, 9, 9))).with("w", zeros(4, 1, 1, 1)), "pads"},
		{"transposed: output of terabytes", net(image, node("ConvTranspose", "x w", "y", IntsAttr("strides", 1<<20, 1<<20))).with("w", zeros(4, 1, 1, 1)), "bytes"},
		{"transposed: negative output_shape", net(image, node("ConvTranspose", "x w", "y", IntsAttr("output_shape", -1, 4))).with("w", zeros(4, 1, 1, 1)), "output_shape"},

		{"pool without kernel", pool(), "kernel_shape"},
		{"pool kernel 0", pool(IntsAttr("kernel_shape", 0, 2)), "kernel_shape"},
		{"pool kernel beyond the input", pool(IntsAttr("kernel_shape", 9, 9)), "kernel_shape"},
		{"pool kernel of 2^40", pool(IntsAttr("kernel_shape", 1<<40, 1)), "kernel_shape"},
		{"pool windows of padding only", pool(IntsAttr("kernel_shape", 2, 2), IntsAttr("pads", 2, 2, 2, 2)), "pads"},
		{"pool dilated past a single pixel", net(tensor.Shape{1, 1, 1, 1}, node("MaxPool", "x", "y", IntsAttr("kernel_shape", 2, 1),
			IntsAttr("dilations", 2, 1), IntsAttr("pads", 1, 0, 1, 0))), "pads"},
		{"pool of integers", net(image, node("Cast", "x", "i", IntAttr("to", 7)), node("MaxPool", "i", "y", IntsAttr("kernel_shape", 1, 1))), "element type"},
		{"global pool of nothing", net(tensor.Shape{1, 3, 0, 4}, node("GlobalAveragePool", "x", "y")), "pixels"},

		{"axis out of range", net(image, node("Softmax", "x", "y", IntAttr("axis", 4))), "axis"},
		{"axis far below 0", net(image, node("Softmax", "x", "y", IntAttr("axis", math.MinInt64))), "axis"},
		{"permutation with a repetition", net(image, node("Transpose", "x", "y", IntsAttr("perm", 0, 0, 1, 2))), "perm"},
		{"reshape with two -1", reshape(-1, -1), "s"},
		{"reshape to another size", reshape(1, 255), "s"},
		{"reshape overflow", reshape(1<<33, 1<<33), "Reshape"},
		{"reshape to a computed shape", net(image, node("Cast", "x", "s", IntAttr("to", 7)), node("Reshape", "x s", "y")), "known before the run"},
		{"expand to terabytes", net(tensor.Shape{1}, node("Expand", "x s", "y")).with("s", vector(1<<20, 1<<20)), "bytes"},
		{"constant of terabytes", net(image, node("ConstantOfShape", "s", "y")).with("s", vector(1<<20, 1<<20)), "bytes"},
		{"tile to terabytes", net(image, node("Tile", "x s", "y")).with("s", vector(1<<20, 1<<20, 1, 1)), "Tile"},
		{"concat of other sizes", net(image, node("Concat", "x w", "y", IntAttr("axis", 1))).with("w", zeros(1, 4, 7, 8)), "Concat"},
		{"matrix product of other sizes", net(image, node("MatMul", "x w", "y")).with("w", zeros(7, 2)), "MatMul"},
		{"gemm of rank 4", net(image, node("Gemm", "x w", "y")).with("w", zeros(8, 2)), "matrices"},
		{"gemm bias too large", net(tensor.Shape{2, 8}, node("Gemm", "x w b", "y")).with("w", zeros(8, 2)).with("b", zeros(3, 2)), "broadcast"},
		{"batch norm of other channels", net(image, node("BatchNormalization", "x a a a a", "y")).with("a", zeros(5)), "expected 4, found 5"},
		{"negative epsilon", net(image, node("InstanceNormalization", "x a a", "y", FloatAttr("epsilon", -1))).with("a", zeros(4)), "epsilon"},
		{"groups of channels that do not divide", net(image, node("GroupNormalization", "x a a", "y", IntAttr("num_groups", 3))).with("a", zeros(4)).opsetIs(21), "num_groups"},
		{"lrn size 0", net(image, node("LRN", "x", "y", IntAttr("size", 0))), "size"},
		{"blocksize 0", net(image, node("DepthToSpace", "x", "y", IntAttr("blocksize", 0))), "blocksize"},
		{"channels not divisible", net(image, node("DepthToSpace", "x", "y", IntAttr("blocksize", 3))), "channels"},
		{"resize by 0", net(image, node("Resize", "x _ s", "y")).with("s", tensor.Of([]float32{1, 1, 0, 1}, 4)), "scales"},
		{"resize by NaN", net(image, node("Resize", "x _ s", "y")).with("s", tensor.Of([]float32{1, 1, float32(math.NaN()), 1}, 4)), "scales"},
		{"resize to terabytes", net(image, node("Resize", "x _ s", "y")).with("s", tensor.Of([]float32{1, 1, 1e9, 1e9}, 4)), "Resize"},
		{"resize by way of terabytes", net(tensor.Shape{1, 1 << 20}, node("Resize", "x _ _ s", "y", StringAttr("mode", "linear"))).with("s", vector(1<<20, 1)), "Resize"},
		{"resize in an unknown mode", net(image, node("Resize", "x _ s", "y", StringAttr("mode", "lanczos"))).with("s", tensor.Of([]float32{1, 1, 2, 2}, 4)), "mode"},
		{"quantisation scales of another size", net(image, node("QuantizeLinear", "x s z", "y")).with("s", zeros(3)).with("z", tensor.New(tensor.Int8, 3)), "expected 4, found 3"},
		{"activations beyond memory", net(tensor.Shape{1 << 28}, node("Abs", "x", "a"), node("Exp", "a", "b"), node("Exp", "b", "c"),
			node("Add", "a b", "d"), node("Add", "d c", "e"), node("Sum", "a b c d e", "y")), "at one time"},

		{"codebook: code beyond the codewords", damaged(func(g *Graph, n *Node) { tensor.Slice[uint8](g.Consts[n.Inputs[0]])[3] = 4 }), "code 3"},
		{"codebook: infinite codeword", damaged(func(g *Graph, n *Node) { g.Consts[n.Inputs[1]].Float32s()[5] = float32(math.Inf(1)) }), "codeword 0"},
		{"codebook: another shape", damaged(func(g *Graph, n *Node) { n.Attrs[0] = TensorAttr("shape", vector(6, 4, 3, 4)) }), "shape"},
		{"codebook: shape that overflows", damaged(func(g *Graph, n *Node) { n.Attrs[0] = TensorAttr("shape", vector(1<<32, 1<<32, 3, 3)) }), "shape"},
		{"codebook: order out of range", damaged(func(g *Graph, n *Node) { n.Attrs[1] = IntsAttr("order", 0, 1, 2, 7) }), "order"},
		{"codebook: codes missing", damaged(func(g *Graph, n *Node) { n.Inputs = n.Inputs[1:] }), "inputs"},
		{"codebook: codes computed", damaged(func(g *Graph, n *Node) { n.Inputs[0] = "x" }), "initializers"},
		{"codebook: codes as floats", damaged(func(g *Graph, n *Node) { g.Consts[n.Inputs[0]] = zeros(4, 6) }), "codes"},
		{"codebook: weight unlike the layer", damaged(func(g *Graph, n *Node) {
			n.Attrs[0] = TensorAttr("shape", vector(6, 36))
			n.Attrs[1] = IntsAttr("order", 0, 1)
		}), "rank"},
	} {
		p, err := c.g.plan()
		if err == nil {
			t.Errorf("%s: accepted with %d nodes", c.name, len(p.Nodes))
			continue
		}
		var fe *safe.FormatError
		if !errors.As(err, &fe) || fe.File != "m.onnx" {
			t.Errorf("%s: %T does not name the file: %v", c.name, err, err)
		}
		if !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %q does not mention %q", c.name, err, c.want)
		}
	}
}

// TestValidateSorts: nodes in any order are accepted and sorted; sorted ones stay.
func TestValidateSorts(t *testing.T) {
	nodes := identities("x", "a", "b", "c", "y")
	g := net(image, nodes[3], nodes[1], nodes[0], nodes[2])
	for range 2 {
		if err := g.Validate(); err != nil {
			t.Fatal(err)
		}
		for i, n := range g.Nodes {
			if n != nodes[i] {
				t.Fatalf("node %d is %s", i, n.Label())
			}
		}
	}
}
