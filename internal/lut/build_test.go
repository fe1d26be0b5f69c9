package lut

import (
	"math"
	"slices"
	"strings"
	"testing"

	"lutra/internal/graph"
	"lutra/internal/kernel"
	"lutra/internal/onnx"
	"lutra/internal/tensor"
)

var relu32 = graph.Quantiser{Levels: 32, High: 6}

// TestRefuses: what has no form in tables is refused, by node, with a hint.
func TestRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		draw func(s *sketch) string
		want []string
	}{
		"operator": {func(s *sketch) string {
			y := s.node("Sigmoid", []string{"x"}, s.shapes["x"])
			return s.node("Softmax", []string{y}, s.shapes["x"])
		}, []string{"Sigmoid1", "Softmax2", "lookup tables", "ClipD"}},
		"input not quantised": {func(s *sketch) string {
			return s.conv("x", s.book(16, 1), 1, 4, 3, 1, 1, 1, 1)
		}, []string{"Conv", `"x"`, "a graph input", "in front of it"}},
		"sum not quantised": {func(s *sketch) string {
			y := s.conv(s.quantise("x", relu32), s.book(16, 1), 1, 4, 3, 1, 1, 1, 1)
			return s.conv(y, s.book(16, 1), 1, 4, 3, 1, 1, 1, 1)
		}, []string{"Conv", "a sum that is not quantised", "in front of it"}},
		"dense weight": {func(s *sketch) string {
			s.Consts["w"] = tensor.New(tensor.Float32, 4, 3, 1, 1)
			return s.node("Conv", []string{s.quantise("x", relu32), "w"}, tensor.Shape{1, 4, 8, 8})
		}, []string{"Conv", "lutra.Codebook", "cluster"}},
		"codewords along inputs": {func(s *sketch) string {
			c := &graph.Codebook{Name: "w", K: 2, D: 3, Blocks: 1, Outputs: 4, Shape: tensor.Shape{4, 3, 1, 1}, Perm: []int{0, 1, 2, 3}, Words: tensor.New(tensor.Float32, 2, 3), Codes: make([]uint16, 4)}
			if err := s.AddCodebook(c); err != nil {
				t.Fatal(err)
			}
			return s.node("Conv", []string{s.quantise("x", relu32), "w"}, tensor.Shape{1, 4, 8, 8})
		}, []string{"Conv", "codebook", "two adjacent outputs"}},
		"two sums added": {func(s *sketch) string {
			x := s.quantise("x", relu32)
			a, b := s.conv(x, s.book(16, 1), 1, 4, 1, 1, 0, 1, 1), s.conv(x, s.book(16, 1), 1, 4, 1, 1, 0, 1, 1)
			return s.quantise(s.node("Add", []string{a, b}, s.shapes[a]), relu32)
		}, []string{"Add", "quantise one operand by lutra.ClipD"}},
		"sum read twice": {func(s *sketch) string {
			y := s.conv(s.quantise("x", relu32), s.book(16, 1), 1, 4, 1, 1, 0, 1, 1)
			a, b := s.quantise(y, relu32), s.quantise(y, graph.Quantiser{Levels: 8, High: 1})
			return s.node("Concat", []string{a, b}, tensor.Shape{1, 8, 8, 8}, graph.IntAttr("axis", 1))
		}, []string{"Conv", "one reader"}},
		"padding without a place": {func(s *sketch) string {
			x := s.quantise("x", graph.Quantiser{Levels: 256, Low: -1, High: 1})
			return s.quantise(s.conv(x, s.book(16, 1), 1, 4, 3, 1, 1, 1, 1), relu32)
		}, []string{"Conv", "padding", "255 levels"}},
		"average of what padding cuts": {func(s *sketch) string {
			y := s.node("AveragePool", []string{s.quantise("x", relu32)}, tensor.Shape{1, 3, 8, 8}, graph.IntsAttr("kernel_shape", 3, 3), graph.IntsAttr("pads", 1, 1, 1, 1))
			return s.quantise(y, relu32)
		}, []string{"AveragePool", "count_include_pad"}},
		"weights too large": {func(s *sketch) string {
			s.book(16, 1)
			s.words["words16x1"].Float32s()[3] = 1e9
			return s.quantise(s.conv(s.quantise("x", relu32), "words16x1", 1, 4, 3, 1, 1, 1, 1), relu32)
		}, []string{"Conv", "16 bits", "widen the bounds"}},
		"weights too large for scores": {func(s *sketch) string {
			s.book(16, 1)
			s.words["words16x1"].Float32s()[3] = 3e38
			return s.conv(s.quantise("x", relu32), "words16x1", 1, 4, 3, 1, 1, 1, 1)
		}, []string{"Conv", "16 bits"}},
		"padding with a number": {func(s *sketch) string {
			s.Consts["pads"], s.Consts["one"] = tensor.Of(make([]int64, 8), 8), tensor.Of([]float32{1})
			return s.node("Pad", []string{s.quantise("x", relu32), "pads", "one"}, s.shapes["x"])
		}, []string{"Pad", "the constant 0"}},
		"padding without a level": {func(s *sketch) string {
			return s.shortcut(s.quantise("x", graph.Quantiser{Levels: 32, Low: -1, High: 1}), 3)
		}, []string{"Pad", "levels one of which is 0", "odd number"}},
		"padding of sums": {func(s *sketch) string {
			return s.shortcut(s.conv(s.quantise("x", relu32), s.book(16, 1), 1, 4, 1, 1, 0, 1, 1), 3)
		}, []string{"Pad", "a sum that is not quantised", "in front of it"}},
		"moved sums added": {func(s *sketch) string {
			x := s.quantise("x", relu32)
			y := s.shuffle(s.conv(x, s.book(16, 1), 1, 3, 1, 1, 0, 1, 1), true)
			return s.quantise(s.node("Add", []string{y, x}, s.shapes[y]), relu32)
		}, []string{"Add", "elements have moved"}},
		"batch moved": {func(s *sketch) string {
			return s.node("Transpose", []string{s.quantise("x", relu32)}, tensor.Shape{8, 8, 3, 1})
		}, []string{"Transpose", "the batch first"}},
		"output is an input": {func(s *sketch) string { return "x" }, []string{`output "x"`}},
	} {
		s := newSketch(1, 3, 8, 8)
		y := c.draw(s)
		s.Outputs = []graph.Value{{Name: y, DType: tensor.Float32, NoShape: true}}
		if err := s.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		_, err := Build(s.Graph, Options{})
		if err == nil {
			t.Errorf("%s: no error", name)
			continue
		}
		for _, w := range append(c.want, "sketch.onnx") {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%s: %q does not mention %q", name, err, w)
			}
		}
	}
}

// TestShared: with Shared, layers whose bounds differ by powers of two use one
// table, unless rounding would then move the sums of one too far.
func TestShared(t *testing.T) {
	build := func(o Options, kernel int, bounds ...float32) *Network {
		s := newSketch(3, 8, 6, 6)
		x := s.quantise("x", relu32)
		for _, high := range bounds {
			x = s.quantise(s.conv(x, s.book(256, 2), 2, 8, kernel, 1, kernel/2, 1, 1), graph.Quantiser{Levels: 32, High: high})
		}
		return s.network(t, o, s.dense(x, s.book(256, 2), 2, 10))
	}
	for _, c := range []struct {
		kernel int
		bounds []float32
		want   int
	}{{1, []float32{6, 24, 3}, 1}, {3, []float32{6, 96, 1.5}, 2}} {
		apart, shared := build(Options{}, c.kernel, c.bounds...), build(Options{Shared: true}, c.kernel, c.bounds...)
		if a, b := len(apart.Tables()), len(shared.Tables()); a < 2 || b != c.want {
			t.Errorf("kernels of %d, bounds %v: %d tables, %d shared, want %d", c.kernel, c.bounds, a, b, c.want)
		}
	}
	if n := build(Options{Block: 1 << 20}, 3, 6, 96, 1.5); n.Layers[0].(*Linear).Block != 72 {
		t.Errorf("block of %d taps, want all 72", n.Layers[0].(*Linear).Block)
	}
}

// TestProof checks the proof of Build against all weights: blocks of products
// at their worst fit 16 bits.
func TestProof(t *testing.T) {
	for seed := range uint64(100) {
		n, g := randomNetwork(t, seed)
		for _, l := range n.Layers {
			if l, ok := l.(*Linear); ok {
				if worst := worstBlock(l); worst > math.MaxInt16 {
					t.Errorf("seed %d, %s: a block of %d products sums up to %d", seed, l.Name, l.Block, worst)
				}
			}
		}
		exact, err := Build(g, Options{Exact: true})
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range exact.Layers {
			if l, ok := l.(*Linear); ok && l.Table.Exact() {
				checkSums(t, l)
			}
		}
	}
}

// checkSums: exact sums of higher and of lower bits fit 32 bits at their worst.
func checkSums(t *testing.T, l *Linear) {
	t.Helper()
	table := l.Table
	first, last := int(table.First), int(table.First)+(table.Levels-1)*int(table.Step)
	for o := range l.Outputs {
		for _, weights := range [][]int16{table.Weights, table.Low} {
			least, most := 0, 0
			for k := range l.K {
				w := int(weights[l.column(k, o)])
				least, most = least+min(first*w, last*w, 0), most+max(first*w, last*w, 0)
			}
			if worst := max(-least, most); worst > 1<<30 {
				t.Errorf("%s: sums reach %d", l.Name, worst)
			}
		}
		if math.Abs(float64(l.Bias[o])) > 1<<29+1 || l.BiasLow[o] < 0 || l.BiasLow[o] >= 1<<table.LowBits {
			t.Errorf("%s: bias %d and %d", l.Name, l.Bias[o], l.BiasLow[o])
		}
	}
}

// worstBlock is the largest magnitude that a sum of a block can have.
func worstBlock(l *Linear) int {
	worst := 0
	t := l.Table
	for o := range l.Outputs {
		for first := 0; first < l.K; first += l.Block {
			least, most := 0, 0
			for k := first; k < min(first+l.Block, l.K); k++ {
				lo, hi := 0, 0 // padding
				for a := range t.Levels {
					e := int(t.Entries[a*t.Words*t.D+l.column(k, o)])
					lo, hi = min(lo, e), max(hi, e)
				}
				least, most = least+lo, most+hi
			}
			worst = max(worst, -least, most)
		}
	}
	return worst
}

// FuzzBuild reads damaged files: there is an error or a network that runs.
func FuzzBuild(f *testing.F) {
	for seed := range uint64(12) {
		_, g := randomNetwork(f, seed)
		b, err := onnx.Encode(g)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		g, err := onnx.Decode("fuzz.onnx", b, nil)
		if err != nil || g.Validate() != nil {
			return
		}
		for _, v := range g.Inputs {
			elems := 1
			for _, d := range v.Dims {
				elems *= max(d.Size, 1)
			}
			if elems > 1<<14 {
				return // slow, not wrong
			}
		}
		n, err := Build(g, Options{})
		if err != nil {
			return
		}
		for _, t := range n.Tensors {
			if t.Elems() > 1<<16 {
				return
			}
		}
		for _, l := range []kernel.Level{kernel.Generic, kernel.Best()} {
			n.Compile(l).NewSession().Run()
		}
	})
}

// narrow reports whether all products of l fit 8 bits.
func (l *Linear) narrow() bool {
	return !slices.ContainsFunc(l.Table.Entries, func(e int16) bool { return e < -maxByte || e > maxByte })
}

// TestNarrow: products of 8 bits move sums by a quarter of a level at most;
// pairs, filters of one channel and scores keep theirs.
func TestNarrow(t *testing.T) {
	count := 0
	for seed := range uint64(40) {
		_, g := randomNetwork(t, seed)
		wide, err := Build(g, Options{})
		if err != nil {
			t.Fatal(err)
		}
		for _, shared := range []bool{false, true} {
			n, err := Build(g, Options{Narrow: true, Shared: shared})
			if err != nil {
				t.Fatal(err)
			}
			for i, l := range n.Layers {
				l, ok := l.(*Linear)
				if !ok {
					continue
				}
				if l.Table.D > 1 || l.Groups > 1 || l.Activation.Bins == 0 {
					if !shared && !slices.Equal(l.Table.Entries, wide.Layers[i].(*Linear).Table.Entries) {
						t.Errorf("seed %d: %s is narrow", seed, l.Name)
					}
					continue
				}
				if l.narrow() {
					count++
					off := math.Ldexp(math.Sqrt(float64(l.K)/12), -int(l.Activation.Shift))
					if l.Activation.Map == nil && off > 0.25 {
						t.Errorf("seed %d: %s is off by %.3f levels", seed, l.Name, off)
					}
				}
			}
		}
	}
	if count < 20 {
		t.Errorf("%d narrow layers", count)
	}
}
