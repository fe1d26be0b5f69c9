package engine

import (
	"fmt"
	"slices"
	"testing"

	"lutra/internal/graph"
	"lutra/internal/tensor"
)

// ranged gives g the ranges of all its activations on in.
func ranged(t testing.TB, g *graph.Graph, in map[string]*tensor.Tensor) {
	t.Helper()
	ranges := map[string]graph.Range{}
	for name, x := range evalReference(t, g, in, nil) {
		if x.DType != tensor.Float32 {
			continue
		}
		var r graph.Range
		for _, v := range x.Float32s() {
			r.Lo, r.Hi = min(r.Lo, v), max(r.Hi, v)
		}
		ranges[name] = r
	}
	if err := g.SetRanges(ranges); err != nil {
		t.Fatal(err)
	}
}

// checkInt8 demands that the engine equals the simulation bit for bit, on every
// level and for every number of threads, in every form of products, and that
// mode auto is near float32.
func checkInt8(t *testing.T, g *graph.Graph, in map[string]*tensor.Tensor, bound float64) {
	t.Helper()
	if err := g.Validate(); err != nil {
		t.Fatal(err)
	}
	ranged(t, g, in)
	name := g.Outputs[0].Name
	exact := evalReference(t, g, in, []string{name})[name]
	for _, mode := range []Mode{Int8, Auto} {
		for _, products := range []Products{ProductsDirect, ProductsByTables, ProductsBySums} {
			want := simulate(t, g, Options{Mode: mode, Products: products, OnlyBytes: true}, in)[name]
			for _, l := range levels() {
				for threads := 1; threads <= 3; threads++ {
					got := runPlan(t, g, Options{Threads: threads, Level: &l, Mode: mode, Products: products, OnlyBytes: true}, in, nil)[name]
					for i, v := range got.Float32s() {
						if v != want[i] {
							t.Fatalf("%v, products %v, %v, %d threads: element %d is %g, want %g", mode, products, l, threads, i, v, want[i])
						}
					}
					if e := maxError(got, exact); mode == Auto && e > bound {
						t.Fatalf("%v, products %v, %v: error %g relative to float32", mode, products, l, e)
					}
				}
			}
		}
	}
}

// TestInt8Convolutions covers the shapes of convolutions, each between two
// others so that its operands and its result are bytes.
func TestInt8Convolutions(t *testing.T) {
	for name, c := range map[string]struct {
		in, out, kernel, groups, d, k int // d, k: codebook; 0: dense
		attrs                         []graph.Attr
	}{
		"3x3":               {in: 8, out: 40, kernel: 3, attrs: []graph.Attr{pads(1)}},
		"3x3 codebook":      {in: 8, out: 40, kernel: 3, d: 9, k: 100, attrs: []graph.Attr{pads(1)}},
		"3x3 codebook 18":   {in: 12, out: 33, kernel: 3, d: 18, k: 256, attrs: []graph.Attr{pads(1)}},
		"strided":           {in: 16, out: 16, kernel: 3, d: 9, k: 16, attrs: []graph.Attr{pads(1), ints("strides", 2, 2)}},
		"small strided":     {in: 64, out: 40, kernel: 3, d: 9, k: 30, attrs: []graph.Attr{ints("pads", 1, 2, 1, 1), ints("strides", 3, 2)}},
		"small strided 5x5": {in: 64, out: 33, kernel: 5, d: 25, k: 30, attrs: []graph.Attr{pads(2), ints("strides", 2, 3)}},
		"small blocked":     {in: 64, out: 33, kernel: 3, d: 18, k: 30, attrs: []graph.Attr{ints("strides", 4, 4)}},
		"small 1x1":         {in: 512, out: 33, kernel: 1, d: 8, k: 30, attrs: []graph.Attr{ints("strides", 3, 3)}},
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
		"depthwise":         {in: 18, out: 18, kernel: 3, groups: 18, attrs: []graph.Attr{pads(1)}},
		"depthwise strided": {in: 40, out: 40, kernel: 5, groups: 40, attrs: []graph.Attr{pads(2), ints("strides", 2, 2)}},
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
			checkInt8(t, n.g, n.inputs(shape), 0.05)
		})
	}
}

// TestInt8Depthwise has filters in every form: wide and narrow, with strides, a
// residual, and a normalisation behind the activation.
func TestInt8Depthwise(t *testing.T) {
	for _, channels := range []int{8, 12, 18, 40, 64, 72, 96} {
		for _, size := range []int{3, 5} {
			t.Run(fmt.Sprintf("%d channels %dx%d", channels, size, size), func(t *testing.T) {
				shape := tensor.Shape{2, 3, 13, 11}
				n := newNet(uint64(channels), shape)
				filter := func(x string, stride int64) string {
					return n.conv(x, n.weight(channels, 1, size, size), pads(int64(size/2)), ints("strides", stride, stride), graph.IntAttr("group", int64(channels)))
				}
				x := n.relu(n.conv("x0", n.weight(channels, 3, 1, 1)))
				x = n.relu(n.norm(filter(x, 1), channels))
				x = n.norm(n.relu(filter(x, 2)), channels)
				y := n.relu(n.conv(x, n.weight(channels, channels, 1, 1)))
				x = n.norm(n.relu(n.node("Add", []string{x, filter(y, 1)})), channels)
				x = n.norm(n.relu(n.conv(x, n.weight(channels, channels, 1, 1))), channels)
				n.output(n.conv(x, n.weight(4, channels, 1, 1)))
				checkInt8(t, n.g, n.inputs(shape), 0.1)
			})
		}
	}
}

// TestInt8Gate multiplies the channels of bytes by numbers, as squeeze and
// excitation does.
func TestInt8Gate(t *testing.T) {
	shape := tensor.Shape{2, 3, 13, 11}
	n := newNet(7, shape)
	x := n.relu(n.conv("x0", n.weight(18, 3, 3, 3), pads(1)))
	g := n.relu(n.conv(n.node("GlobalAveragePool", []string{x}), n.weight(18, 18, 1, 1)))
	x = n.node("Mul", []string{x, g})
	n.output(n.conv(x, n.weight(4, 18, 3, 3), pads(1)))
	checkInt8(t, n.g, n.inputs(shape), 0.1)
	_, p := compile(t, n.g, Options{Mode: Int8}, shape)
	if !slices.ContainsFunc(p.Steps(), func(s StepInfo) bool { return s.Kernel == "gate int8" }) {
		t.Errorf("the gate is not in bytes:\n%v", p)
	}
}

// TestInt8Shuffle joins, shuffles and cuts channels, as ShuffleNet does.
func TestInt8Shuffle(t *testing.T) {
	shape := tensor.Shape{2, 3, 7, 6}
	n := newNet(9, shape)
	a := n.relu(n.conv("x0", n.weight(18, 3, 3, 3), pads(1)))
	b := n.conv("x0", n.weight(22, 3, 1, 1))
	x := n.node("Concat", []string{a, b}, graph.IntAttr("axis", 1))
	x = n.node("Reshape", []string{x, n.ints(0, 2, 20, 7, 6)})
	x = n.node("Transpose", []string{x}, ints("perm", 0, 2, 1, 3, 4))
	x = n.node("Reshape", []string{x, n.ints(0, 40, 7, 6)})
	part := func(from, to int64) string { return n.node("Slice", []string{x, n.ints(from), n.ints(to), n.ints(1)}) }
	y := n.relu(n.conv(part(18, 40), n.weight(18, 22, 1, 1)))
	x = n.node("Concat", []string{part(0, 18), y}, graph.IntAttr("axis", 1))
	n.output(n.conv(x, n.weight(4, 36, 1, 1)))
	checkInt8(t, n.g, n.inputs(shape), 0.1)
	_, p := compile(t, n.g, Options{Mode: Int8}, shape)
	for _, want := range []string{"concat int8", "shuffle int8", "slice int8"} {
		if !slices.ContainsFunc(p.Steps(), func(s StepInfo) bool { return s.Kernel == want }) {
			t.Errorf("no %s:\n%v", want, p)
		}
	}
}

// TestInt8Activations has activations whose results are bytes, behind every
// kind of convolution: near float32, and the same for any number of threads.
func TestInt8Activations(t *testing.T) {
	for _, op := range []string{"SiLU", "HardSigmoid", "Tanh"} {
		shape := tensor.Shape{2, 3, 13, 11}
		n := newNet(8, shape)
		act := func(x string) string {
			if op == "SiLU" {
				return n.node("Mul", []string{x, n.node("Sigmoid", []string{x})})
			}
			return n.node(op, []string{x})
		}
		x := act(n.conv("x0", n.weight(18, 3, 3, 3), pads(1)))
		y := act(n.conv(x, n.weight(18, 1, 3, 3), pads(1), graph.IntAttr("group", 18)))
		x = act(n.node("Add", []string{n.conv(y, n.weight(18, 18, 1, 1)), x}))
		x = act(n.conv(x, n.codebook(20, 9, []int{0, 1, 2, 3}, 64, 18, 3, 3)))
		x = act(n.conv(x, n.weight(64, 1, 5, 5), pads(2), graph.IntAttr("group", 64)))
		n.output(n.conv(x, n.weight(4, 64, 1, 1)))
		if err := n.g.Validate(); err != nil {
			t.Fatal(err)
		}
		in := n.inputs(shape)
		ranged(t, n.g, in)
		name := n.g.Outputs[0].Name
		exact := evalReference(t, n.g, in, []string{name})[name]
		for _, l := range levels() {
			for _, mode := range []Mode{Int8, Auto} {
				want := runPlan(t, n.g, Options{Threads: 1, Level: &l, Mode: mode}, in, nil)[name]
				if e := maxError(want, exact); e > 0.1 {
					t.Errorf("%s, %v, %v: error %g relative to float32", op, l, mode, e)
				}
				got := runPlan(t, n.g, Options{Threads: 3, Level: &l, Mode: mode}, in, nil)[name]
				if !slices.Equal(got.Float32s(), want.Float32s()) {
					t.Errorf("%s, %v, %v: three threads differ from one", op, l, mode)
				}
			}
		}
	}
}

func ints(name string, v ...int64) graph.Attr { return graph.IntsAttr(name, v...) }
func pads(n int64) graph.Attr                 { return ints("pads", n, n, n, n) }

// TestInt8Network joins all ops with an 8-bit form.
func TestInt8Network(t *testing.T) {
	shape := tensor.Shape{2, 3, 30, 30}
	n := newNet(2, shape)
	x := n.relu(n.norm(n.conv("x0", n.weight(16, 3, 7, 7), pads(3), ints("strides", 2, 2)), 16))
	x = n.node("MaxPool", []string{x}, ints("kernel_shape", 3, 3), ints("strides", 2, 2), pads(1))
	y := n.relu(n.norm(n.conv(x, n.codebook(64, 9, []int{0, 1, 2, 3}, 16, 16, 3, 3), pads(1)), 16))
	y = n.norm(n.conv(y, n.codebook(64, 9, []int{0, 1, 2, 3}, 16, 16, 3, 3), pads(1)), 16)
	x = n.relu(n.node("Add", []string{y, x}))
	y = n.conv(x, n.weight(8, 16, 1, 1))
	z := n.relu(n.conv(x, n.weight(10, 16, 3, 3), pads(1)))
	x = n.node("Concat", []string{y, z}, graph.IntAttr("axis", 1))
	x = n.node("AveragePool", []string{x}, ints("kernel_shape", 2, 2), ints("strides", 2, 2))
	x = n.node("Add", []string{x, n.relu(n.conv(x, n.weight(18, 18, 1, 1)))})
	x = n.node("Flatten", []string{n.node("GlobalAveragePool", []string{x})})
	n.output(n.node("Gemm", []string{x, n.codebook(64, 3, []int{0, 1}, 10, 18), n.weight(10)}, graph.IntAttr("transB", 1)))
	checkInt8(t, n.g, n.inputs(shape), 0.1)
}

// TestInt8TwoPlanes gives one weight an outlier that 8 bits cannot span: mode
// auto gives it a second plane, and no other.
func TestInt8TwoPlanes(t *testing.T) {
	shape := tensor.Shape{1, 64, 9, 9}
	n := newNet(3, shape)
	w := n.weight(8, 64, 3, 3)
	for o := range 8 {
		n.g.Consts[w].Float32s()[o*576] = 30
	}
	x := n.relu(n.conv("x0", w, pads(1)))
	y := n.conv(x, n.weight(8, 8, 1, 1))
	n.output(n.conv(n.relu(n.node("Add", []string{y, x})), n.weight(4, 8, 1, 1)))
	checkInt8(t, n.g, n.inputs(shape), 0.05)
	_, p := compile(t, n.g, Options{Mode: Auto, Products: ProductsDirect, OnlyBytes: true}, shape)
	for i, want := range []string{"quantise", "conv 3x3 int8 hi+lo", "conv 1x1 int8", "conv 1x1 int8"} {
		if s := p.Steps()[i]; s.Kernel != want {
			t.Errorf("step %d: %+v, want %s", i, s, want)
		}
	}
}

// TestInt8Noisy leaves the products of badly rendered activations in float32,
// in every plan of a model.
func TestInt8Noisy(t *testing.T) {
	n := residualNet(4)
	ranged(t, n.g, n.inputs(netInput))
	ranges, err := n.g.Ranges()
	if err != nil {
		t.Fatal(err)
	}
	bad := n.g.Nodes[len(n.g.Nodes)-1].Inputs[0]
	ranges[bad] = graph.Range{Lo: -1, Hi: 1, Noise: 1}
	if err := n.g.SetRanges(ranges); err != nil {
		t.Fatal(err)
	}
	m, _ := compile(t, n.g, Options{Mode: Auto, Threads: 1, Products: ProductsDirect, OnlyBytes: true}, netInput)
	for _, batch := range []int{1, 2} {
		p, err := m.Plan(map[string]tensor.Shape{"x0": {batch, 3, 32, 32}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		steps := p.Steps()
		if first, last := steps[1].Kernel, steps[len(steps)-1].Kernel; first != "conv 3x3 int8" || last != "gemm" {
			t.Errorf("batch %d: first %s, last %s", batch, first, last)
		}
	}
}

func TestInt8Modes(t *testing.T) {
	n := residualNet(1)
	if _, err := Compile(n.g, Options{Mode: Int8}); err == nil {
		t.Error("int8 without ranges was compiled")
	}
	m, err := Compile(n.g, Options{Mode: Auto})
	if err != nil || m.Mode() != Float32 {
		t.Errorf("auto without ranges: %v, %v", m.Mode(), err)
	}
	ranged(t, n.g, n.inputs(netInput))
	if m, err = Compile(n.g, Options{Mode: Auto}); err != nil || m.Mode() != Auto {
		t.Errorf("auto with ranges: %v, %v", m.Mode(), err)
	}
	for _, name := range Modes() {
		if m, err := ParseMode(name); err != nil || m.String() != name {
			t.Errorf("%s: %v, %v", name, m, err)
		}
	}
	if _, err := ParseMode("int4"); err == nil {
		t.Error("an unknown mode was accepted")
	}
}
