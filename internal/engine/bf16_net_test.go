package engine

import (
	"context"
	"strings"
	"testing"

	"lutra/internal/graph"
	"lutra/internal/tensor"
)

// bf16Tolerance bounds maxError in mode bf16: every activation and weight is
// rounded to 8 bits of mantissa.
const bf16Tolerance = 0.02

// checkBF16 demands that mode bf16 is near float32 on every level, computes
// products in bfloat16, does not depend on the number of threads, and reads
// nothing that nobody wrote.
func checkBF16(t *testing.T, g *graph.Graph, in map[string]*tensor.Tensor) {
	t.Helper()
	if err := g.Validate(); err != nil {
		t.Fatal(err)
	}
	name := g.Outputs[0].Name
	exact := evalReference(t, g, in, []string{name})[name]
	var s *Session
	var plan *Plan
	for _, l := range levels() {
		var first *tensor.Tensor
		for run := range 6 { // 1 to 3 threads, each twice
			threads := run/2 + 1
			if run%2 == 0 {
				m, p := compileFor(t, g, Options{Threads: threads, Level: &l, Mode: BF16}, in)
				s, plan = m.NewSession(), p
				s.poison = threads == 1
			}
			out, err := s.Run(context.Background(), plan, in)
			if err != nil {
				t.Fatal(err)
			}
			got := out[name]
			if e := maxError(got, exact); !(e <= bf16Tolerance) {
				t.Fatalf("%v, %d threads: error %g relative to float32", l, threads, e)
			}
			if first != nil && string(first.Bytes()) != string(got.Bytes()) {
				t.Fatalf("%v: results depend on the number of threads", l)
			}
			first = got
		}
	}
}

// compileFor plans g for the shapes of in.
func compileFor(t *testing.T, g *graph.Graph, o Options, in map[string]*tensor.Tensor) (*Model, *Plan) {
	t.Helper()
	m, err := Compile(g, o)
	if err != nil {
		t.Fatal(err)
	}
	shapes := map[string]tensor.Shape{}
	for name, x := range in {
		shapes[name] = x.Shape
	}
	p, err := m.Plan(shapes, nil)
	if err != nil {
		t.Fatal(err)
	}
	return m, p
}

func TestBF16Convolutions(t *testing.T) {
	for name, c := range map[string]struct {
		in, out, kernel, groups, d, k int // d, k: codebook; 0: dense
		attrs                         []graph.Attr
	}{
		"3x3":               {in: 8, out: 40, kernel: 3, attrs: []graph.Attr{pads(1)}},
		"3x3 codebook":      {in: 8, out: 40, kernel: 3, d: 9, k: 100, attrs: []graph.Attr{pads(1)}},
		"3x3 codebook 18":   {in: 12, out: 33, kernel: 3, d: 18, k: 256, attrs: []graph.Attr{pads(1)}},
		"strided":           {in: 32, out: 16, kernel: 3, d: 9, k: 16, attrs: []graph.Attr{pads(1), ints("strides", 2, 2)}},
		"dilated":           {in: 16, out: 17, kernel: 3, d: 9, k: 16, attrs: []graph.Attr{pads(2), ints("dilations", 2, 2)}},
		"odd channels":      {in: 7, out: 5, kernel: 3, attrs: []graph.Attr{pads(1)}},
		"odd codebook":      {in: 7, out: 5, kernel: 3, d: 9, k: 30, attrs: []graph.Attr{pads(1)}},
		"1x1":               {in: 16, out: 64, kernel: 1},
		"1x1 codebook 4":    {in: 16, out: 64, kernel: 1, d: 4, k: 256},
		"1x1 codebook 8":    {in: 32, out: 31, kernel: 1, d: 8, k: 200},
		"1x1 strided":       {in: 16, out: 40, kernel: 1, d: 4, k: 64, attrs: []graph.Attr{ints("strides", 2, 2)}},
		"large codebook":    {in: 16, out: 64, kernel: 1, d: 4, k: 300},
		"any block":         {in: 12, out: 9, kernel: 3, d: 6, k: 20, attrs: []graph.Attr{pads(1)}},
		"7x7":               {in: 3, out: 16, kernel: 7, attrs: []graph.Attr{pads(3), ints("strides", 2, 2)}},
		"grouped":           {in: 16, out: 24, kernel: 3, groups: 4, attrs: []graph.Attr{pads(1)}},
		"grouped codebook":  {in: 16, out: 24, kernel: 3, groups: 2, d: 9, k: 40, attrs: []graph.Attr{pads(1)}},
		"odd groups":        {in: 6, out: 6, kernel: 3, groups: 2, attrs: []graph.Attr{pads(1)}},
		"depthwise":         {in: 18, out: 18, kernel: 3, groups: 18, attrs: []graph.Attr{pads(1)}},
		"depthwise strided": {in: 39, out: 39, kernel: 5, groups: 39, attrs: []graph.Attr{pads(2), ints("strides", 2, 2)}},
		"depthwise dilated": {in: 40, out: 40, kernel: 3, groups: 40, attrs: []graph.Attr{pads(2), ints("dilations", 2, 2)}},
		"asymmetric border": {in: 8, out: 8, kernel: 2, attrs: []graph.Attr{ints("pads", 1, 0, 0, 1)}},
	} {
		t.Run(name, func(t *testing.T) {
			shape := tensor.Shape{2, 3, 13, 11}
			n := newNet(uint64(len(name)), shape)
			groups := max(1, c.groups)
			x := n.relu(n.conv("x0", n.weight(c.in, 3, 1, 1)))
			w := ""
			if c.d > 0 {
				w = n.codebook(c.k, c.d, []int{0, 1, 2, 3}, c.out, c.in/groups, c.kernel, c.kernel)
			} else {
				w = n.weight(c.out, c.in/groups, c.kernel, c.kernel)
			}
			x = n.norm(n.conv(x, w, append(c.attrs, graph.IntAttr("group", int64(groups)))...), c.out)
			n.output(n.conv(n.relu(x), n.weight(4, c.out, 1, 1)))
			checkBF16(t, n.g, n.inputs(shape))
		})
	}
}

// bf16Net joins all ops with a bfloat16 form, and some without one.
func bf16Net() (*net, tensor.Shape) {
	shape := tensor.Shape{2, 3, 30, 30}
	n := newNet(2, shape)
	x := n.relu(n.norm(n.conv("x0", n.weight(16, 3, 7, 7), pads(3), ints("strides", 2, 2)), 16))
	x = n.node("MaxPool", []string{x}, ints("kernel_shape", 3, 3), ints("strides", 2, 2), pads(1))
	y := n.relu(n.norm(n.conv(x, n.codebook(64, 9, []int{0, 1, 2, 3}, 16, 16, 3, 3), pads(1)), 16))
	y = n.norm(n.conv(y, n.codebook(64, 9, []int{0, 1, 2, 3}, 16, 16, 3, 3), pads(1)), 16)
	x = n.relu(n.node("Add", []string{y, x}))
	y = n.norm(n.relu(n.conv(x, n.weight(7, 16, 1, 1))), 7) // bounds of each output
	z := n.node("Sigmoid", []string{n.conv(x, n.weight(9, 16, 3, 3), pads(1))})
	x = n.node("Concat", []string{y, z}, graph.IntAttr("axis", 1))
	x = n.relu(n.norm(n.node("AveragePool", []string{x}, ints("kernel_shape", 2, 2), ints("strides", 2, 2)), 16))
	z = n.node("Sigmoid", []string{n.conv(x, n.weight(16, 1, 3, 3), pads(1), graph.IntAttr("group", 16))})
	x = n.node("Add", []string{n.conv(x, n.weight(16, 1, 3, 3), pads(1), graph.IntAttr("group", 16)), z})
	x = n.node("Mul", []string{x, n.node("Tanh", []string{n.conv(x, n.weight(16, 16, 1, 1))})})
	x = n.node("Flatten", []string{n.node("GlobalAveragePool", []string{x})})
	n.output(n.node("Gemm", []string{x, n.codebook(64, 4, []int{0, 1}, 10, 16), n.weight(10)}, graph.IntAttr("transB", 1)))
	return n, shape
}

func TestBF16Network(t *testing.T) {
	n, shape := bf16Net()
	checkBF16(t, n.g, n.inputs(shape))
	r := residualNet(5)
	checkBF16(t, r.g, r.inputs(tensor.Shape{5, 3, 32, 32}))
	d := newNet(3, tensor.Shape{4, 37})
	d.output(d.relu(d.node("MatMul", []string{d.node("MatMul", []string{"x0", d.weight(37, 70)}), d.weight(70, 9)})))
	checkBF16(t, d.g, d.inputs(tensor.Shape{4, 37}))
}

// TestBF16Plan: no product stays in float32, and values between them are
// bfloat16: nothing is converted but the input and the operand of the last product.
func TestBF16Plan(t *testing.T) {
	n := residualNet(6)
	_, p := compile(t, n.g, Options{Mode: BF16}, netInput)
	for i, s := range p.Steps() {
		last := i == len(p.Steps())-1
		round := strings.Contains(s.Kernel, "round")
		switch {
		case round != (i == 0 || i == len(p.Steps())-2):
			t.Errorf("step %d of %d: %s", i, len(p.Steps()), s.Kernel)
		case s.MACs > 0 && !strings.Contains(s.Kernel, "bf16"):
			t.Errorf("step %d: %s", i, s.Kernel)
		case s.MACs > 0 && !last && !strings.HasPrefix(s.Out, "bf16 nhwc"):
			t.Errorf("step %d: %s gives %s", i, s.Kernel, s.Out)
		}
	}
}

// TestBF16Slack has odd channels and short rows: with the arena full of NaN
// (runs on one thread), a plan must clear what kernels read behind values and
// beside channels.
func TestBF16Slack(t *testing.T) {
	n := newNet(7, tensor.Shape{1, 3, 9, 9})
	x := n.relu(n.conv("x0", n.weight(5, 3, 3, 3), pads(1)))
	x = n.relu(n.conv(x, n.weight(6, 5, 1, 1)))
	n.output(n.conv(x, n.weight(3, 6, 5, 5)))
	checkBF16(t, n.g, n.inputs(tensor.Shape{1, 3, 9, 9}))
}
