package train

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"lutra/internal/graph"
	"lutra/internal/kernel"
	"lutra/internal/tensor"
)

// testGraph is a small graph under test.
type testGraph struct {
	*graph.Graph
	rng *rand.Rand
}

// newTestGraph has the input "x" of the given shape, whose first dimension is the batch.
func newTestGraph(seed uint64, shape ...int) *testGraph {
	dims := make([]graph.Dim, len(shape))
	for i, d := range shape {
		dims[i].Size = d
	}
	return &testGraph{&graph.Graph{
		IRVersion: 8, Opsets: map[string]int64{"": 14}, Consts: map[string]*tensor.Tensor{},
		Inputs:  []graph.Value{{Name: "x", DType: tensor.Float32, Dims: dims}},
		Outputs: []graph.Value{{Name: "y", DType: tensor.Float32, NoShape: true}},
	}, rand.New(rand.NewPCG(seed, 1))}
}

// normal adds a constant of normal numbers.
func (g *testGraph) normal(name string, shape ...int) *testGraph {
	t := tensor.New(tensor.Float32, shape...)
	for i := range t.Float32s() {
		t.Float32s()[i] = float32(g.rng.NormFloat64())
	}
	g.Consts[name] = t
	return g
}

// constant adds a constant tensor.
func (g *testGraph) constant(name string, t *tensor.Tensor) *testGraph {
	g.Consts[name] = t
	return g
}

func (g *testGraph) node(op string, inputs []string, output string, attrs ...graph.Attr) *testGraph {
	g.Nodes = append(g.Nodes, &graph.Node{Name: output, Op: op, Inputs: inputs, Outputs: []string{output}, Attrs: attrs})
	return g
}

// gradientCase is a graph whose gradients are compared with differences of
// outputs. x is trained too, by way of an Add in front.
type gradientCase struct {
	name  string
	shape []int
	build func(g *testGraph) // reads "h", writes "y"
	// Functions with corners are tested away from them: the input is pushed out
	// of -margin...margin.
	margin  float32
	options Options
}

func in(names ...string) []string { return names }

func ints64(v ...int64) *tensor.Tensor { return tensor.Of(v, len(v)) }

func convCase(name string, shape []int, weight []int, attrs ...graph.Attr) gradientCase {
	return gradientCase{name: "Conv/" + name, shape: shape, build: func(g *testGraph) {
		g.normal("w", weight...).normal("b", weight[0]).node("Conv", in("h", "w", "b"), "y", attrs...)
	}}
}

func unary(op string, margin float32, attrs ...graph.Attr) gradientCase {
	return gradientCase{name: op, shape: []int{2, 3, 2, 2}, margin: margin, build: func(g *testGraph) { g.node(op, in("h"), "y", attrs...) }}
}

func normCase(name string, frozen bool, shape ...int) gradientCase {
	return gradientCase{name: "BatchNormalization/" + name, shape: shape, build: func(g *testGraph) {
		g.normal("s", shape[1]).normal("t", shape[1]).normal("m", shape[1])
		v := tensor.New(tensor.Float32, shape[1])
		for i := range v.Float32s() {
			v.Float32s()[i] = 0.5 + float32(i)
		}
		g.constant("v", v).node("BatchNormalization", in("h", "s", "t", "m", "v"), "y")
	}, options: Options{FrozenNorm: func(*graph.Node) bool { return frozen }}}
}

func binary2(op string, shape ...int) gradientCase {
	return gradientCase{name: fmt.Sprint(op, shape), shape: []int{2, 3, 2, 4}, build: func(g *testGraph) {
		c := tensor.New(tensor.Float32, shape...)
		for i := range c.Float32s() {
			c.Float32s()[i] = 0.7 + g.rng.Float32()
		}
		g.constant("c", c).node(op, in("h", "c"), "y")
	}, options: Options{Trainable: func(string) bool { return true }}}
}

var gradientCases = []gradientCase{
	convCase("3x3", []int{2, 3, 5, 6}, []int{4, 3, 3, 3}, graph.IntsAttr("pads", 1, 1, 1, 1)),
	convCase("stride2", []int{2, 3, 7, 6}, []int{4, 3, 3, 3}, graph.IntsAttr("pads", 1, 1, 1, 1), graph.IntsAttr("strides", 2, 2)),
	convCase("stride3", []int{1, 2, 9, 8}, []int{3, 2, 2, 2}, graph.IntsAttr("strides", 3, 2)),
	convCase("1x1stride2", []int{2, 3, 6, 6}, []int{5, 3, 1, 1}, graph.IntsAttr("strides", 2, 2)),
	convCase("1x1", []int{2, 5, 4, 3}, []int{40, 5, 1, 1}),
	convCase("dilated", []int{2, 2, 8, 9}, []int{3, 2, 3, 3}, graph.IntsAttr("dilations", 2, 3), graph.IntsAttr("pads", 2, 3, 2, 3)),
	convCase("grouped", []int{2, 6, 5, 5}, []int{4, 3, 3, 3}, graph.IntAttr("group", 2), graph.IntsAttr("pads", 1, 1, 1, 1), graph.IntsAttr("strides", 2, 1)),
	convCase("groupedWide", []int{2, 6, 5, 5}, []int{80, 3, 3, 3}, graph.IntAttr("group", 2), graph.IntsAttr("pads", 1, 0, 0, 1)),
	convCase("depthwise", []int{2, 5, 6, 7}, []int{5, 1, 3, 3}, graph.IntAttr("group", 5), graph.IntsAttr("pads", 1, 1, 1, 1)),
	convCase("depthwiseStride", []int{2, 5, 6, 7}, []int{5, 1, 5, 3}, graph.IntAttr("group", 5), graph.IntsAttr("pads", 2, 1, 2, 1), graph.IntsAttr("strides", 2, 2)),
	convCase("depthwiseDilated", []int{2, 3, 8, 7}, []int{3, 1, 3, 2}, graph.IntAttr("group", 3), graph.IntsAttr("dilations", 2, 2), graph.IntsAttr("strides", 3, 1), graph.IntsAttr("pads", 1, 1, 2, 1)),
	convCase("manyOutputs", []int{2, 200, 3, 3}, []int{256, 200, 3, 3}, graph.IntsAttr("pads", 1, 1, 1, 1)),
	convCase("same", []int{2, 3, 6, 5}, []int{4, 3, 3, 2}, graph.StringAttr("auto_pad", "SAME_UPPER"), graph.IntsAttr("strides", 2, 2)),
	convCase("sameLower", []int{1, 3, 6, 5}, []int{4, 3, 2, 2}, graph.StringAttr("auto_pad", "SAME_LOWER")),
	{name: "Gemm", shape: []int{3, 7}, build: func(g *testGraph) {
		g.normal("w", 7, 5).normal("b", 5).node("Gemm", in("h", "w", "b"), "y")
	}},
	{name: "Gemm/transposed", shape: []int{60, 6}, build: func(g *testGraph) {
		g.normal("w", 40, 6).normal("b", 40).node("Gemm", in("h", "w", "b"), "y", graph.IntAttr("transB", 1))
	}},
	{name: "MatMul/weight", shape: []int{2, 3, 6}, build: func(g *testGraph) {
		g.normal("w", 6, 4).node("MatMul", in("h", "w"), "y")
	}},
	{name: "MatMul/both", shape: []int{2, 3, 4, 5}, build: func(g *testGraph) {
		g.node("Transpose", in("h"), "t", graph.IntsAttr("perm", 0, 1, 3, 2)).node("MatMul", in("h", "t"), "y")
	}},
	{name: "MatMul/square", shape: []int{2, 4, 4}, build: func(g *testGraph) { g.node("MatMul", in("h", "h"), "y") }},
	{name: "MatMul/shared", shape: []int{2, 3, 2, 5}, build: func(g *testGraph) { g.normal("w", 3, 5, 4).node("MatMul", in("h", "w"), "y") }},
	normCase("image", false, 3, 4, 3, 2),
	normCase("frozen", true, 3, 4, 3, 2),
	normCase("matrix", false, 6, 3),
	{name: "BatchNormalization/Relu", shape: []int{3, 4, 3, 2}, build: func(g *testGraph) {
		g.constant("s", tensor.Of([]float32{1, 2, .5, 1}, 4)).constant("t", tensor.Of([]float32{5, -9, 4, 5}, 4))
		g.normal("m", 4).constant("v", tensor.Of([]float32{1, 2, 3, 4}, 4)).node("BatchNormalization", in("h", "s", "t", "m", "v"), "n").node("Relu", in("n"), "y")
	}},
	unary("Relu", 0.1), unary("LeakyRelu", 0.1), unary("Elu", 0.1, graph.FloatAttr("alpha", 1.5)),
	unary("Sigmoid", 0), unary("Tanh", 0), unary("HardSigmoid", 0), unary("HardSwish", 0), unary("Exp", 0), unary("Erf", 0), unary("Softplus", 0),
	unary("Neg", 0), unary("Identity", 0),
	{name: "Sqrt", shape: []int{2, 3}, build: func(g *testGraph) { g.node("Exp", in("h"), "e").node("Sqrt", in("e"), "y") }},
	{name: "Clip", shape: []int{2, 3, 4, 2}, margin: 0.1, build: func(g *testGraph) {
		g.constant("lo", tensor.Of([]float32{0})).constant("hi", tensor.Of([]float32{6})).constant("k", tensor.Of([]float32{5}))
		g.node("Mul", in("h", "k"), "m").node("Clip", in("m", "lo", "hi"), "y")
	}},
	{name: "PRelu", shape: []int{2, 3, 4, 2}, margin: 0.1, build: func(g *testGraph) { g.normal("s", 3, 1, 1).node("PRelu", in("h", "s"), "y") }},
	binary2("Add", 2, 3, 2, 4), binary2("Add", 3, 1, 1), binary2("Add", 4), binary2("Sub", 1, 3, 1, 4), binary2("Mul", 2, 3, 1, 1),
	binary2("Mul", 2, 3, 2, 4), binary2("Mul", 2, 1), binary2("Div", 3, 2, 1), binary2("Div"),
	{name: "Add/residual", shape: []int{2, 3, 2, 2}, build: func(g *testGraph) {
		g.normal("w", 3, 3, 1, 1).node("Conv", in("h", "w"), "c").node("Add", in("c", "h"), "a").node("Mul", in("a", "a"), "y")
	}},
	{name: "Add/broadcastBoth", shape: []int{2, 3, 2, 1}, build: func(g *testGraph) {
		g.node("Transpose", in("h"), "t", graph.IntsAttr("perm", 0, 1, 3, 2)).node("Mul", in("h", "t"), "y")
	}},
	{name: "Pow", shape: []int{2, 3}, build: func(g *testGraph) {
		g.constant("p", tensor.Of([]float32{2.5})).node("Exp", in("h"), "e").node("Pow", in("e", "p"), "y")
	}},
	{name: "Clip/fused", shape: []int{3, 2, 2, 2}, margin: 0.1, build: func(g *testGraph) {
		g.constant("s", tensor.Of([]float32{2, -2}, 2)).constant("t", tensor.Of([]float32{3, 3}, 2))
		g.constant("m", tensor.Of([]float32{0, 0}, 2)).constant("v", tensor.Of([]float32{1, 1}, 2)).constant("hi", tensor.Of([]float32{6}))
		g.node("BatchNormalization", in("h", "s", "t", "m", "v"), "n").node("Clip", in("n", "", "hi"), "y")
	}, options: Options{FrozenNorm: func(*graph.Node) bool { return true }}},
	{name: "Relu/fused", shape: []int{2, 3, 2, 2}, margin: 0.1, build: func(g *testGraph) { g.node("Add", in("h", "h"), "a").node("Relu", in("a"), "y") }},
	{name: "Softmax", shape: []int{3, 5}, build: func(g *testGraph) { g.node("Softmax", in("h"), "y") }},
	{name: "Softmax/channels", shape: []int{2, 3, 2, 2}, build: func(g *testGraph) { g.node("Softmax", in("h"), "y", graph.IntAttr("axis", 1)) }},
	{name: "LogSoftmax", shape: []int{3, 5}, build: func(g *testGraph) { g.node("LogSoftmax", in("h"), "y") }},
	{name: "MaxPool", shape: []int{2, 3, 6, 5}, build: func(g *testGraph) {
		g.node("MaxPool", in("h"), "y", graph.IntsAttr("kernel_shape", 3, 3), graph.IntsAttr("strides", 2, 2), graph.IntsAttr("pads", 1, 1, 1, 1))
	}},
	{name: "AveragePool", shape: []int{2, 3, 6, 5}, build: func(g *testGraph) {
		g.node("AveragePool", in("h"), "y", graph.IntsAttr("kernel_shape", 3, 2), graph.IntsAttr("strides", 2, 1), graph.IntsAttr("pads", 1, 0, 1, 1))
	}},
	{name: "AveragePool/padded", shape: []int{2, 3, 6, 5}, build: func(g *testGraph) {
		g.node("AveragePool", in("h"), "y", graph.IntsAttr("kernel_shape", 3, 3), graph.IntsAttr("pads", 1, 1, 1, 1), graph.IntAttr("count_include_pad", 1))
	}},
	unary("GlobalAveragePool", 0),
	{name: "ReduceMean", shape: []int{2, 3, 4, 2}, build: func(g *testGraph) {
		g.node("ReduceMean", in("h"), "y", graph.IntsAttr("axes", 1, 3), graph.IntAttr("keepdims", 0))
	}},
	{name: "ReduceMean/batch", shape: []int{2, 3, 4, 2}, build: func(g *testGraph) { g.node("ReduceMean", in("h"), "y", graph.IntsAttr("axes", 0)) }},
	{name: "Concat", shape: []int{2, 3, 4, 2}, build: func(g *testGraph) {
		g.node("Tanh", in("h"), "t").node("Concat", in("h", "t", "h"), "y", graph.IntAttr("axis", 1))
	}},
	{name: "Pad", shape: []int{2, 3, 4, 2}, build: func(g *testGraph) {
		g.constant("p", ints64(0, 1, 2, 0, 0, 0, 1, 3)).node("Pad", in("h", "p"), "y")
	}},
	{name: "Slice", shape: []int{2, 5, 6, 3}, build: func(g *testGraph) {
		g.constant("from", ints64(-2, 1)).constant("to", ints64(-9, 6)).constant("axes", ints64(1, 2)).constant("steps", ints64(-2, 2))
		g.node("Slice", in("h", "from", "to", "axes", "steps"), "y")
	}},
	{name: "Split", shape: []int{2, 5, 3, 2}, build: func(g *testGraph) {
		g.constant("sizes", ints64(2, 3))
		g.Nodes = append(g.Nodes, &graph.Node{
			Name: "split", Op: "Split", Inputs: in("h", "sizes"), Outputs: in("a", "b"), Attrs: []graph.Attr{graph.IntAttr("axis", 1)},
		})
		g.node("Tanh", in("a"), "t").node("Concat", in("b", "t"), "y", graph.IntAttr("axis", 1))
	}},
	{name: "Transpose", shape: []int{2, 3, 4, 5}, build: func(g *testGraph) { g.node("Transpose", in("h"), "y", graph.IntsAttr("perm", 2, 0, 3, 1)) }},
	{name: "Reshape/shuffle", shape: []int{2, 6, 2, 3}, build: func(g *testGraph) {
		g.constant("s5", ints64(2, 2, 3, 2, 3)).constant("s4", ints64(2, 6, 2, 3))
		g.node("Reshape", in("h", "s5"), "a").node("Transpose", in("a"), "b", graph.IntsAttr("perm", 0, 2, 1, 3, 4)).node("Reshape", in("b", "s4"), "y")
	}},
	{name: "Reshape/images", shape: []int{2, 6, 2, 3}, build: func(g *testGraph) { g.constant("s", ints64(2, 3, 4, 3)).node("Reshape", in("h", "s"), "y") }},
	unary("Flatten", 0),
	{name: "Squeeze", shape: []int{2, 3, 1, 1}, build: func(g *testGraph) {
		g.constant("a", ints64(2, 3)).node("Squeeze", in("h", "a"), "s").node("Unsqueeze", in("s", "a"), "y")
	}},
	{name: "Dropout", shape: []int{8, 40}, build: func(g *testGraph) {
		g.constant("r", tensor.Of([]float32{0.3})).node("Dropout", in("h", "r"), "y")
	}},
	{name: "Codebook", shape: []int{2, 4, 3, 3}, build: buildCodebooks},
	{name: "CodebookInt8", shape: []int{2, 4, 5, 5}, build: sharedBytes},
	{name: "Codebook of pairs", shape: []int{2, 3, 3, 4}, build: func(g *testGraph) { // a filter is a Reshape of the matrix
		g.book("m", 6, 2, 2, tensor.Shape{6, 4}, 1, 0)
		g.constant("dims", ints64(4, 3, 1, 2)).node("Reshape", in("m", "dims"), "w").node("Conv", in("h", "w"), "y")
	}},
}

// book adds a weight of random codes and 5 random codewords.
func (g *testGraph) book(name string, outputs, blocks, d int, shape tensor.Shape, perm ...int) {
	codes := make([]uint16, outputs*blocks)
	for i := range codes {
		codes[i] = uint16(g.rng.IntN(5))
	}
	g.normal("words", 5, d)
	c := &graph.Codebook{Name: name, K: 5, D: d, Blocks: blocks, Outputs: outputs, Codes: codes, Words: g.Consts["words"], Shape: shape, Perm: perm}
	delete(g.Consts, "words")
	if err := g.AddCodebook(c); err != nil {
		panic(err)
	}
}

// buildCodebooks makes a convolution and a matrix with codebooks; the second
// one is stored transposed.
func buildCodebooks(g *testGraph) {
	g.book("w", 6, 4, 9, tensor.Shape{6, 4, 3, 3}, 0, 1, 2, 3)
	g.book("m", 3, 3, 2, tensor.Shape{3, 6}, 1, 0)
	g.node("Conv", in("h", "w"), "c").node("Flatten", in("c"), "f").node("MatMul", in("f", "m"), "y")
}

// compile makes the network of a case and its input.
func (c gradientCase) compile(t *testing.T, level kernel.Level, threads int) (*Net, map[string]*tensor.Tensor) {
	t.Helper()
	g := newTestGraph(uint64(len(c.name)), c.shape...)
	shift := tensor.New(tensor.Float32, c.shape...)
	g.constant("shift", shift).node("Add", in("x", "shift"), "h")
	c.build(g)
	o := c.options
	o.Batch, o.Threads, o.Level = c.shape[0], threads, &level
	n, err := Compile(t.Context(), g.Graph, o)
	if err != nil {
		t.Fatal(err)
	}
	x := tensor.New(tensor.Float32, c.shape...)
	for i := range x.Float32s() {
		v := float32(g.rng.NormFloat64())
		if v < 0 {
			v -= c.margin
		} else {
			v += c.margin
		}
		x.Float32s()[i] = v
	}
	return n, map[string]*tensor.Tensor{"x": x}
}

// TestGradients compares every gradient with the difference of a random linear
// function of the outputs at two points.
func TestGradients(t *testing.T) {
	for _, c := range gradientCases {
		t.Run(c.name, func(t *testing.T) {
			n, x := c.compile(t, kernel.Best(), 2)
			rng := rand.New(rand.NewPCG(7, 7))
			if err := n.Forward(t.Context(), x, false); err != nil {
				t.Fatal(err)
			}
			y := n.Outputs()[0]
			for i := range y.Grad {
				y.Grad[i] = float32(rng.NormFloat64())
			}
			direction := slices.Clone(y.Grad)
			if err := n.Backward(t.Context()); err != nil {
				t.Fatal(err)
			}
			for _, p := range n.Params() {
				checkGradient(t, n, x, p, direction)
			}
		})
	}
}

// TestForward compares the outputs on every level with the reference
// definitions of the operators, which know no statistics of batches or Dropout.
func TestForward(t *testing.T) {
	for _, c := range gradientCases {
		if c.options.FrozenNorm == nil {
			c.options.FrozenNorm = func(*graph.Node) bool { return true }
		} else if !c.options.FrozenNorm(nil) {
			continue
		}
		if c.name == "Dropout" {
			continue
		}
		for level := kernel.Generic; level <= kernel.AVX512; level++ {
			if !level.Supported() {
				continue
			}
			t.Run(fmt.Sprint(c.name, level), func(t *testing.T) {
				n, x := c.compile(t, level, 1)
				if err := n.Forward(t.Context(), x, false); err != nil {
					t.Fatal(err)
				}
				want, err := n.program.Eval(x)
				if err != nil {
					t.Fatal(err)
				}
				compare(t, "y", n.Output("y").Data, want["y"].Float32s(), 1e-5)
			})
		}
	}
}

// compare fails unless got is want, within tolerance times the largest number.
func compare(t *testing.T, what string, got, want []float32, tolerance float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d numbers, want %d", what, len(got), len(want))
	}
	scale := 0.0
	for _, v := range want {
		scale = max(scale, math.Abs(float64(v)))
	}
	for i, v := range got {
		if d := math.Abs(float64(v) - float64(want[i])); !(d <= tolerance*scale) {
			t.Fatalf("%s[%d] = %v, want %v within %v", what, i, v, want[i], tolerance*scale)
		}
	}
}

// checkGradient tests up to 12 numbers of p, at two distances: the error of a
// difference is of second order, and rounding errors shrink with the distance.
func checkGradient(t *testing.T, n *Net, x map[string]*tensor.Tensor, p *Param, direction []float32) {
	t.Helper()
	grad := slices.Clone(p.Grad)
	scale := 0.0
	for _, v := range grad {
		scale = max(scale, math.Abs(float64(v)))
	}
	step := max(1, len(grad)/12)
	for i := 0; i < len(grad); i += step {
		const distance = 4e-3
		best := math.Inf(1)
		want := 0.0
		for _, d := range []float32{distance, 4 * distance} {
			v := p.Value[i]
			p.Value[i] = v + d
			above := n.along(t, x, direction)
			p.Value[i] = v - d
			below := n.along(t, x, direction)
			p.Value[i] = v
			slope := (above - below) / (2 * float64(d))
			if diff := math.Abs(slope - float64(grad[i])); diff < best {
				best, want = diff, slope
			}
		}
		if best > 3e-3*(scale+math.Abs(want))+1e-4 {
			t.Errorf("%s[%d]: gradient %v, difference %v (largest gradient %v)", p.Name, i, grad[i], want, scale)
		}
	}
}

// along is the product of the output and direction at the present parameters,
// with the mask of the last pass.
func (n *Net) along(t *testing.T, x map[string]*tensor.Tensor, direction []float32) float64 {
	t.Helper()
	n.passes--
	if err := n.Forward(t.Context(), x, false); err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for i, v := range n.Outputs()[0].Data {
		sum += float64(v) * float64(direction[i])
	}
	return sum
}

// TestPairsAreParameters: of a filter of pairs the codewords are trained, not the weights.
func TestPairsAreParameters(t *testing.T) {
	for _, c := range gradientCases {
		if c.name != "Codebook of pairs" {
			continue
		}
		n, _ := c.compile(t, kernel.Generic, 1)
		for _, p := range n.Params() {
			if p.Name != "shift" && !p.Shape.Equal(tensor.Shape{5, 2}) {
				t.Errorf("parameter %s of %v, want the codewords of 5x2", p.Name, p.Shape)
			}
		}
	}
}
