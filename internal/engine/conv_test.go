package engine

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"lutra/internal/graph"
	"lutra/internal/tensor"
)

// TestConvProperties compares drawn convolutions with the reference.
func TestConvProperties(t *testing.T) { rapid.Check(t, drawnConv) }

// FuzzConv is TestConvProperties for drawings by the fuzzer.
func FuzzConv(f *testing.F) { f.Fuzz(rapid.MakeFuzz(drawnConv)) }

// drawnConv draws a convolution of any kind, followed by what fuses with it,
// and compares it with the reference.
func drawnConv(t *rapid.T) {
	draw := func(name string, lo, hi int) int { return rapid.IntRange(lo, hi).Draw(t, name) }
	groups := rapid.SampledFrom([]int{1, 1, 1, 2, 3}).Draw(t, "groups")
	cin, cout := draw("cin", 1, 20)*groups, draw("cout", 1, 37)*groups
	if draw("depthwise", 0, 3) == 0 {
		groups, cout = cin, cin
	}
	k := []int{draw("kh", 1, 4), draw("kw", 1, 4)}
	dilation := []int64{int64(draw("dh", 1, 2)), int64(draw("dw", 1, 2))}
	pads := []int64{int64(draw("top", 0, 2)), int64(draw("left", 0, 2)), int64(draw("bottom", 0, 2)), int64(draw("right", 0, 2))}
	in := tensor.Shape{draw("batch", 1, 3), cin, draw("h", 7, 15), draw("w", 7, 15)}
	n := newNet(uint64(draw("seed", 0, 1000)), in)
	y := n.conv("x0", n.weight(cout, cin/groups, k[0], k[1]), graph.IntAttr("group", int64(groups)),
		graph.IntsAttr("pads", pads...), graph.IntsAttr("dilations", dilation...),
		graph.IntsAttr("strides", int64(draw("sh", 1, 3)), int64(draw("sw", 1, 3))))
	if draw("norm", 0, 1) == 1 {
		y = n.norm(y, cout)
	}
	switch draw("sum", 0, 2) {
	case 1: // the residual is another convolution
		z := n.conv(y, n.weight(cout, cout, 3, 3), graph.IntsAttr("pads", 1, 1, 1, 1))
		y = n.node("Add", []string{y, z})
	case 2:
		y = n.node("Mul", []string{y, n.weight(cout, 1, 1)})
	}
	switch draw("activation", 0, 3) {
	case 1:
		y = n.relu(y)
	case 2:
		y = n.node("Mul", []string{y, n.node("Sigmoid", []string{y})})
	case 3:
		y = n.node("HardSwish", []string{y})
		n.g.Opsets[""] = 14
	}
	check(t, n.output(y), n.inputs(in))
}

// TestConvOfConstant convolves a constant that is too costly to fold: its
// layout cannot be changed for the convolution.
func TestConvOfConstant(t *testing.T) {
	in := tensor.Shape{1, 64, 8, 8}
	n := newNet(5, in)
	y := n.conv(n.weight(in...), n.weight(64, 64, 5, 5), graph.IntsAttr("pads", 2, 2, 2, 2))
	check(t, n.output(n.node("Add", []string{"x0", y})), n.inputs(in))
}

// TestConvShapes covers the forms that real networks use.
func TestConvShapes(t *testing.T) {
	for _, c := range []struct {
		name                  string
		in                    tensor.Shape
		cout, kernel, groups  int
		stride, pad, dilation int64
	}{
		{"first layer", tensor.Shape{1, 3, 33, 31}, 64, 7, 1, 2, 3, 1},
		{"3x3, several blocks of channels", tensor.Shape{1, 200, 9, 9}, 33, 3, 1, 1, 1, 1},
		{"1x1, flattened", tensor.Shape{2, 70, 7, 7}, 96, 1, 1, 1, 0, 1},
		{"1x1, several blocks", tensor.Shape{1, 1300, 3, 3}, 5, 1, 1, 1, 0, 1},
		{"1x1, strided", tensor.Shape{1, 32, 14, 14}, 48, 1, 1, 2, 0, 1},
		{"dilated", tensor.Shape{1, 16, 20, 20}, 16, 3, 1, 1, 2, 2},
		{"grouped", tensor.Shape{1, 64, 8, 8}, 64, 3, 4, 1, 1, 1},
		{"depthwise 5x5", tensor.Shape{1, 40, 12, 12}, 40, 5, 40, 2, 2, 1},
		{"depthwise with multiplier", tensor.Shape{1, 6, 9, 9}, 12, 3, 6, 1, 1, 1},
		{"wide kernel, several blocks", tensor.Shape{1, 64, 9, 9}, 8, 7, 1, 1, 3, 1},
		{"more padding than pixels", tensor.Shape{1, 2, 3, 3}, 2, 3, 1, 5, 60, 1},
		{"one pixel", tensor.Shape{1, 19, 1, 1}, 21, 1, 1, 1, 0, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := newNet(3, c.in)
			w := n.weight(c.cout, c.in[1]/c.groups, c.kernel, c.kernel)
			y := n.conv("x0", w, graph.IntAttr("group", int64(c.groups)), graph.IntsAttr("strides", c.stride, c.stride),
				graph.IntsAttr("pads", c.pad, c.pad, c.pad, c.pad), graph.IntsAttr("dilations", c.dilation, c.dilation))
			check(t, n.output(n.relu(y)), n.inputs(c.in))
		})
	}
}

// TestAutoPad compares the padding attributes of old exporters.
func TestAutoPad(t *testing.T) {
	in := tensor.Shape{1, 4, 10, 11}
	for _, mode := range []string{"SAME_UPPER", "SAME_LOWER", "VALID"} {
		n := newNet(4, in)
		attrs := []graph.Attr{graph.StringAttr("auto_pad", mode), graph.IntsAttr("strides", 2, 2)}
		y := n.conv("x0", n.weight(6, 4, 3, 3), attrs...)
		z := n.node("MaxPool", []string{"x0"}, append(attrs, graph.IntsAttr("kernel_shape", 3, 3))...)
		check(t, n.output(y, z), n.inputs(in))
	}
}

// TestCodebookEqualsDense requires that decoding while computing gives the
// very bits of the dense weight.
func TestCodebookEqualsDense(t *testing.T) {
	for _, c := range []struct {
		shape  tensor.Shape
		k, d   int
		groups int
	}{
		{tensor.Shape{33, 70, 3, 3}, 256, 9, 1},
		{tensor.Shape{64, 130, 3, 3}, 200, 18, 1},
		{tensor.Shape{40, 7, 3, 3}, 16, 3, 1},
		{tensor.Shape{40, 6, 5, 5}, 16, 10, 1},
		{tensor.Shape{50, 1200, 1, 1}, 256, 8, 1},
		{tensor.Shape{50, 64, 1, 1}, 300, 4, 1},
		{tensor.Shape{32, 8, 3, 3}, 64, 9, 4},
		{tensor.Shape{24, 1, 3, 3}, 20, 9, 24},
	} {
		t.Run(fmt.Sprintf("%v K%d d%d", c.shape, c.k, c.d), func(t *testing.T) {
			in := tensor.Shape{1, c.shape[1] * c.groups, 9, 8}
			build := func(dense bool) (*graph.Graph, map[string]*tensor.Tensor) {
				n := newNet(5, in)
				w := n.codebook(c.k, c.d, []int{0, 1, 2, 3}, c.shape...)
				if dense {
					q, err := n.g.Codebook(w)
					if err != nil {
						t.Fatal(err)
					}
					w = n.constant(q.Decode())
				}
				p := int64(c.shape[2] / 2)
				y := n.conv("x0", w, graph.IntAttr("group", int64(c.groups)), graph.IntsAttr("pads", p, p, p, p))
				g := n.output(n.norm(y, c.shape[0]))
				g.Outputs[0].Name = y
				return g, n.inputs(in)
			}
			sameBits(t, build)
		})
	}
}

// TestCodebookMatrices does the same for Gemm and MatMul, in both orders of
// the weight.
func TestCodebookMatrices(t *testing.T) {
	in := tensor.Shape{3, 640}
	for _, transB := range []int64{0, 1} {
		for _, wide := range []int{100, 700} {
			build := func(dense bool) (*graph.Graph, map[string]*tensor.Tensor) {
				n := newNet(6, in)
				w := n.codebook(wide, 4, []int{1 - int(transB), int(transB)}, 37, 640)
				if dense {
					q, _ := n.g.Codebook(w)
					w = n.constant(q.Decode())
				}
				y := n.node("Gemm", []string{"x0", w, n.weight(37)}, graph.IntAttr("transB", transB), graph.FloatAttr("alpha", 0.5))
				outs := []string{y}
				if transB == 0 {
					outs = append(outs, n.node("MatMul", []string{"x0", w}))
				}
				return n.output(outs...), n.inputs(in)
			}
			sameBits(t, build)
		}
	}
}

func sameBits(t *testing.T, build func(dense bool) (*graph.Graph, map[string]*tensor.Tensor)) {
	t.Helper()
	coded, in := build(false)
	dense, _ := build(true)
	for _, l := range levels() {
		got := runPlan(t, coded, Options{Threads: 1, Level: &l}, in, nil)
		want := runPlan(t, dense, Options{Threads: 1, Level: &l}, in, nil)
		for _, v := range dense.Outputs {
			if string(got[v.Name].Bytes()) != string(want[v.Name].Bytes()) {
				t.Errorf("%v: codebook and dense weight differ in %s", l, v.Name)
			}
		}
	}
	check(t, coded, in)
}
