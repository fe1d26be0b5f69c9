package engine

import (
	"testing"

	"lutra/internal/graph"
	"lutra/internal/tensor"
)

// TestOperators runs networks around one operator each: conv layers before and
// after it make it run on images where it can.
func TestOperators(t *testing.T) {
	in := tensor.Shape{2, 12, 11, 9}
	same := func(n *net, x string) string {
		return n.conv(x, n.weight(12, 12, 3, 3), graph.IntsAttr("pads", 1, 1, 1, 1))
	}
	pool := func(op string, attrs ...graph.Attr) func(n *net, x string) string {
		return func(n *net, x string) string { return n.node(op, []string{x}, attrs...) }
	}
	unary := func(op string) func(n *net, x string) string {
		return func(n *net, x string) string { return n.node(op, []string{x}) }
	}
	scaled := func(op string, shape ...int) func(n *net, x string) string {
		return func(n *net, x string) string { return n.node(op, []string{x, n.weight(shape...)}) }
	}
	for name, f := range map[string]func(n *net, x string) string{
		"relu":             unary("Relu"),
		"sigmoid":          unary("Sigmoid"),
		"tanh":             unary("Tanh"),
		"exp":              unary("Exp"),
		"leaky relu":       unary("LeakyRelu"),
		"softplus":         unary("Softplus"),
		"identity":         unary("Identity"),
		"dropout":          unary("Dropout"),
		"hard sigmoid":     unary("HardSigmoid"),
		"scale":            scaled("Mul", 12, 1, 1),
		"shift":            scaled("Add", 1, 12, 1, 1),
		"difference":       scaled("Sub", 12, 1, 1),
		"quotient":         scaled("Div", 12, 1, 1),
		"scalar product":   scaled("Mul"),
		"scalar sum":       scaled("Add", 1),
		"last axis":        scaled("Add", 9),
		"plane":            scaled("Mul", 11, 9),
		"sum with input":   func(n *net, x string) string { return n.node("Add", []string{"x0", x}) },
		"sum with itself":  func(n *net, x string) string { return n.node("Add", []string{x, x}) },
		"square":           func(n *net, x string) string { return n.node("Mul", []string{x, x}) },
		"constant minus x": func(n *net, x string) string { return n.node("Sub", []string{n.weight(1), x}) },
		"norm":             func(n *net, x string) string { return n.norm(x, 12) },
		"norm of input":    func(n *net, x string) string { return n.norm("x0", 12) },
		"clip": func(n *net, x string) string {
			return n.node("Clip", []string{x, n.constant(tensor.Of([]float32{-0.5})), n.constant(tensor.Of([]float32{6}))})
		},
		"clip above": func(n *net, x string) string {
			return n.node("Clip", []string{x, "", n.constant(tensor.Of([]float32{0.25}))})
		},
		"two clamps": func(n *net, x string) string {
			return n.relu(n.node("Clip", []string{x, n.constant(tensor.Of([]float32{-1}))}))
		},
		"max pool":        pool("MaxPool", graph.IntsAttr("kernel_shape", 3, 3), graph.IntsAttr("strides", 2, 2), graph.IntsAttr("pads", 1, 1, 1, 1)),
		"max pool, ceil":  pool("MaxPool", graph.IntsAttr("kernel_shape", 3, 2), graph.IntsAttr("strides", 2, 2), graph.IntAttr("ceil_mode", 1)),
		"average pool":    pool("AveragePool", graph.IntsAttr("kernel_shape", 2, 3), graph.IntsAttr("pads", 1, 1, 0, 1)),
		"padding counted": pool("AveragePool", graph.IntsAttr("kernel_shape", 3, 3), graph.IntsAttr("pads", 1, 1, 1, 1), graph.IntAttr("count_include_pad", 1)),
		"global average":  pool("GlobalAveragePool"),
		"global maximum":  pool("GlobalMaxPool"),
		"mean":            pool("ReduceMean", graph.IntsAttr("axes", 2, 3)),
		"mean over last":  pool("ReduceMean", graph.IntsAttr("axes", -1)),
		"flat mean":       pool("ReduceMean", graph.IntsAttr("axes", -1, 2), graph.IntAttr("keepdims", 0)),
		"softmax":         pool("Softmax", graph.IntAttr("axis", 1)),
		"transpose":       pool("Transpose", graph.IntsAttr("perm", 0, 1, 3, 2)),
		"flatten":         pool("Flatten"),
		"concat":          func(n *net, x string) string { return n.node("Concat", []string{x, "x0", x}, graph.IntAttr("axis", 1)) },
		"concat rows":     func(n *net, x string) string { return n.node("Concat", []string{x, "x0"}, graph.IntAttr("axis", 2)) },
		"concat constant": func(n *net, x string) string {
			return n.node("Concat", []string{x, n.weight(2, 3, 11, 9)}, graph.IntAttr("axis", -3))
		},
		"pad, conv": func(n *net, x string) string {
			p := n.node("Pad", []string{x, n.ints(0, 0, 2, 1, 0, 0, 0, 3)})
			return n.conv(p, n.weight(5, 12, 3, 3), graph.IntsAttr("pads", 0, 1, 1, 0), graph.IntsAttr("strides", 2, 2))
		},
		"pad, average": func(n *net, x string) string {
			p := n.node("Pad", []string{x, n.ints(0, 0, 1, 1, 0, 0, 1, 1)})
			return n.node("AveragePool", []string{p}, graph.IntsAttr("kernel_shape", 3, 3))
		},
		"pad, maximum": func(n *net, x string) string {
			p := n.node("Pad", []string{x, n.ints(0, 0, 1, 1, 0, 0, 1, 1)})
			return n.node("MaxPool", []string{p}, graph.IntsAttr("kernel_shape", 3, 3))
		},
		"squeeze and excite": func(n *net, x string) string {
			s := n.node("GlobalAveragePool", []string{x})
			s = n.relu(n.conv(s, n.weight(4, 12, 1, 1)))
			s = n.node("Sigmoid", []string{n.conv(s, n.weight(12, 4, 1, 1))})
			return n.node("Mul", []string{s, x})
		},
		"silu":       func(n *net, x string) string { return n.node("Mul", []string{n.node("Sigmoid", []string{x}), x}) },
		"hard swish": func(n *net, x string) string { return n.node("Mul", []string{x, n.node("HardSigmoid", []string{x})}) },
		"shuffle": func(n *net, x string) string {
			y := n.node("Reshape", []string{x, n.ints(2, 3, 4, 11, 9)})
			y = n.node("Transpose", []string{y}, graph.IntsAttr("perm", 0, 2, 1, 3, 4))
			return n.node("Reshape", []string{y, n.ints(2, 12, 11, 9)})
		},
		"norm after relu": func(n *net, x string) string { return n.norm(n.relu(x), 12) },
		"norm after depthwise": func(n *net, x string) string {
			y := n.conv(x, n.weight(12, 1, 3, 3), graph.IntAttr("group", 12))
			return n.norm(n.relu(y), 12)
		},
		"pad channels": func(n *net, x string) string {
			return n.node("Pad", []string{x, n.ints(0, 2, 0, 1, 0, 3, 1, 0), n.weight(1)})
		},
		"split": func(n *net, x string) string {
			n.g.Nodes = append(n.g.Nodes, &graph.Node{
				Op: "Split", Inputs: []string{x, n.ints(5, 7)}, Outputs: []string{"left", "right"}, Attrs: []graph.Attr{graph.IntAttr("axis", 1)},
			})
			y := n.conv("right", n.weight(7, 7, 3, 3), graph.IntsAttr("pads", 1, 1, 1, 1))
			z := n.conv("left", n.weight(7, 5, 5, 5), graph.IntsAttr("pads", 2, 2, 2, 2))
			return n.node("Add", []string{y, z})
		},
		"slice batch and columns": func(n *net, x string) string {
			return n.node("Slice", []string{x, n.ints(-1, -7), n.ints(1<<40, -1), n.ints(0, -1), n.ints(1, 2)})
		},
		"slice backwards": func(n *net, x string) string {
			return n.node("Slice", []string{x, n.ints(-1), n.ints(-1 << 40), n.ints(3), n.ints(-1)})
		},
		"slice": func(n *net, x string) string {
			return n.node("Slice", []string{x, n.ints(1, 0), n.ints(11, 9), n.ints(1, 2), n.ints(2, 3)})
		},
		"products": func(n *net, x string) string {
			y := n.node("MatMul", []string{x, n.weight(9, 17)})
			y = n.relu(n.node("Add", []string{y, n.weight(17)}))
			z := n.node("Transpose", []string{y}, graph.IntsAttr("perm", 0, 1, 3, 2))
			return n.node("MatMul", []string{y, z})
		},
		"gemm": func(n *net, x string) string {
			y := n.node("Flatten", []string{n.node("GlobalAveragePool", []string{x})})
			a := n.node("Gemm", []string{y, n.weight(20, 12), n.weight(20)}, graph.IntAttr("transB", 1), graph.FloatAttr("beta", 0.5))
			b := n.node("Gemm", []string{y, n.weight(12, 20)})
			return n.relu(n.node("Add", []string{a, b}))
		},
		"transposed gemm": func(n *net, x string) string {
			y := n.node("Flatten", []string{n.node("GlobalAveragePool", []string{x})})
			return n.node("Gemm", []string{y, n.weight(2, 7)}, graph.IntAttr("transA", 1))
		},
	} {
		t.Run(name, func(t *testing.T) {
			for _, inner := range []bool{false, true} {
				n := newNet(7, in)
				y := f(n, same(n, "x0"))
				if inner { // the result stays in the layout the engine chose
					y = n.relu(y)
				}
				check(t, n.output(y), n.inputs(in))
			}
		})
	}
}

// TestInnerOutputs asks for values that fusion would swallow.
func TestInnerOutputs(t *testing.T) {
	in := tensor.Shape{1, 8, 10, 10}
	n := newNet(8, in)
	c := n.conv("x0", n.weight(8, 8, 3, 3), graph.IntsAttr("pads", 1, 1, 1, 1))
	b := n.norm(c, 8)
	s := n.node("Add", []string{b, "x0"})
	r := n.relu(s)
	i := n.node("Identity", []string{r})
	f := n.node("Flatten", []string{i})
	check(t, n.output(c, b, s, r, i, f, "x0"), n.inputs(in))
}
