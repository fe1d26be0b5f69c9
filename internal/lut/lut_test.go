package lut

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

// compare runs n by every engine and by simulation and compares every number
// of every tensor.
func compare(t *testing.T, n *Network, rng *rand.Rand) {
	t.Helper()
	in, input := map[int][]float64{}, map[int][]uint8{}
	for _, i := range n.Inputs {
		for range n.Tensors[i.Tensor].Elems() {
			a := uint8(rng.IntN(n.Tensors[i.Tensor].Quantiser.Levels))
			input[i.Tensor], in[i.Tensor] = append(input[i.Tensor], a), append(in[i.Tensor], float64(a))
		}
	}
	want := simulate(n, in)
	for _, l := range []kernel.Level{kernel.Generic, kernel.AVX2, kernel.AVXVNNI, kernel.AVX512, kernel.VNNI} {
		if !l.Supported() {
			continue
		}
		s := n.Compile(l).NewSession()
		for i, a := range input {
			copy(s.Levels(i), a)
		}
		s.Run()
		compareTensors(t, n, l, s, want)
	}
}

func compareTensors(t *testing.T, n *Network, l kernel.Level, s *Session, want map[int][]float64) {
	t.Helper()
	for i := range n.Tensors {
		for j, w := range want[i] {
			got := 0.0
			if z := s.Scores(i); z != nil {
				got = float64(z[j])
			} else {
				got = float64(s.Levels(i)[j])
			}
			if got != w {
				t.Fatalf("%s, level %v: element %d of tensor %q is %v, want %v", n.Name, l, j, n.Tensors[i].Name, got, w)
			}
		}
	}
}

// randomNetwork draws a network of every kind of layer.
func randomNetwork(t testing.TB, seed uint64) (*Network, *graph.Graph) {
	rng := rand.New(rand.NewPCG(seed, 2))
	channels := 1 + rng.IntN(4)
	s := newSketch(seed, channels, 5+rng.IntN(9), 5+rng.IntN(9))
	levels := []int{2, 3, 8, 16, 31, 32, 32, 32, 33, 64, 255, 256}[rng.IntN(12)]
	words := []int{2, 16, 100, 256, 256, 300, 1000}[rng.IntN(7)]
	d := 1 + rng.IntN(2)
	if d == 2 {
		words = min(words, 256)
	}
	one, pair := s.book(words, 1), s.book(words, d)
	form := func(f int) int { return f }
	first := graph.Quantiser{Levels: levels, Low: -2, High: 2}
	if levels == 256 { // padding takes a level that is 0
		form, first.Low = func(int) int { return 0 }, 0
	}
	quant := func(x, from string, k int) string {
		return s.quantise(x, s.bounds(from, k, levels, form(rng.IntN(3))))
	}
	x := s.quantise("x", first)
	outputs := []string{}
	for range 1 + rng.IntN(5) {
		in := s.shapes[x]
		switch c := rng.IntN(9); {
		case c == 0 && in[2] > 3 && in[3] > 3:
			q := s.quants[x]
			x = s.node("MaxPool", []string{x}, tensor.Shape{1, in[1], (in[2]+2-3)/2 + 1, (in[3]+2-3)/2 + 1},
				graph.IntsAttr("kernel_shape", 3, 3), graph.IntsAttr("strides", 2, 2), graph.IntsAttr("pads", 1, 1, 1, 1))
			s.quants[x] = q
		case c == 1 && in[2] > 2 && in[3] > 2:
			y := s.node("AveragePool", []string{x}, tensor.Shape{1, in[1], in[2] - 1, in[3] - 1}, graph.IntsAttr("kernel_shape", 2, 2))
			x = s.quantise(y, s.quants[x])
		case c == 2: // depthwise
			y := s.conv(x, one, 1, in[1], 3, 1, 1, 1, in[1])
			x = quant(y, x, 9)
		case c == 3: // residual
			y := s.conv(x, pair, d, in[1]*d, 1, 1, 0, 1, 1)
			y = quant(y, x, in[1])
			z := s.conv(y, one, 1, in[1], 3, 1, 1, 1, 1)
			r := s.node("Add", []string{z, x}, in)
			x = quant(r, y, in[1]*9)
		case c == 4: // two operands
			y := quant(s.conv(x, one, 1, in[1], 3, 1, 1, 1, 1), x, in[1]*9)
			r := s.node("Add", []string{x, y}, in)
			x = s.quantise(r, s.bounds(y, 2, levels, form(1)))
		case c == 5 && in[1] < 40: // concatenation
			y := quant(s.conv(x, one, 1, 3, 1, 1, 0, 1, 1), x, in[1])
			r := s.node("Concat", []string{x, y}, tensor.Shape{1, in[1] + 3, in[2], in[3]}, graph.IntAttr("axis", 1))
			x = s.quantise(r, s.bounds(y, 1, levels, form(1)))
		case c == 7 && in[1] < 40 && s.hasZero(x): // the shortcut of a smaller residual block
			more := rng.IntN(3)
			y := s.conv(x, pair, d, (in[1]+more)*d, 3, 2, 1, 1, 1)
			y = s.conv(quant(y, x, in[1]*9), one, 1, in[1]+more, 1, 1, 0, 1, 1)
			r := s.node("Add", []string{y, s.shortcut(x, more)}, s.shapes[y])
			x = quant(r, x, in[1]*9)
		case c == 8:
			y := s.shuffle(s.conv(x, pair, d, 8, 1, 1, 0, 1, 1), rng.IntN(2) == 0)
			x = quant(y, x, in[1])
			if rng.IntN(2) == 0 {
				x = s.shuffle(s.shuffle(x, true), false)
			}
		default:
			kernel := 1 + rng.IntN(3)
			stride, pad := 1+rng.IntN(2), rng.IntN(2)
			if in[2] < 5 || in[3] < 5 {
				kernel, stride, pad = 1, 1, 0
			}
			y := s.conv(x, pair, d, 2*(1+rng.IntN(10)), kernel, stride, pad, 1, 1)
			x = quant(y, x, in[1]*kernel*kernel)
		}
	}
	if rng.IntN(3) == 0 {
		outputs = append(outputs, x)
	}
	if rng.IntN(4) == 0 {
		outputs = append(outputs, s.shuffle(s.conv(x, pair, d, 8, 1, 1, 0, 1, 1), false))
	}
	y := s.dense(x, pair, d, 8)
	y = quant(y, x, s.shapes[x].Elems())
	outputs = append(outputs, s.dense(y, one, 1, 10))
	return s.network(t, Options{Shared: rng.IntN(2) == 0}, outputs...), s.Graph
}

// TestRandomNetworks compares all engines with the simulation of the rounding
// specification, on every number of every layer, and checks that the networks
// have all that could go wrong.
func TestRandomNetworks(t *testing.T) {
	seen := map[string]int{}
	for seed := range uint64(80) {
		n, g := randomNetwork(t, seed)
		if seed%3 == 0 {
			var err error
			if n, err = Build(g, Options{Narrow: true, Shared: seed%2 == 0}); err != nil {
				t.Fatal(err)
			}
		}
		if seed%7 == 1 {
			var err error
			if n, err = Build(g, Options{Block: 5}); err != nil {
				t.Fatal(err)
			}
		}
		exact, err := Build(g, Options{Exact: true, Shared: seed%3 == 0})
		if err != nil {
			t.Fatal(err)
		}
		for i, n := range []*Network{n, exact} {
			n.Name = fmt.Sprint("seed ", seed, ", network ", i)
			compare(t, n, rand.New(rand.NewPCG(seed, uint64(i))))
			n.features(seen)
		}
	}
	want := []string{"*lut.Linear", "*lut.MaxPool", "*lut.AvgPool", "*lut.Sum", "*lut.Concat", "*lut.Gather", "fill", "moved scores", "pairs", "wide codes", "blocks", "residual", "groups", "map", "row of padding", "narrow", "many levels", "odd blocks",
		"exact", "exact in parts", "exact residual", "exact groups", "exact wide codes", "few lower bits", "lower bits of sums"}
	if kernel.AVX2.Supported() {
		want = append(want, "*lut.vectorLinear", "*lut.vectorDense", "*lut.vectorDepthwise", "*lut.vectorMax")
	}
	for _, f := range want {
		if seen[f] < 3 {
			t.Errorf("%s: in %d networks", f, seen[f])
		}
	}
}

// features counts what n has.
func (n *Network) features(seen map[string]int) {
	count := func(name string, has bool) {
		if has {
			seen[name]++
		}
	}
	for _, l := range n.Layers {
		count(fmt.Sprintf("%T", l), true)
		if l, ok := l.(*Gather); ok {
			count("fill", slices.Contains(l.From, -1))
			count("moved scores", n.Tensors[l.In].Scores())
		}
		if l, ok := l.(*Sum); ok {
			count("lower bits of sums", l.LowBits > 0)
		}
		if l, ok := l.(*Linear); ok {
			count("pairs", l.Table.D == 2)
			count("wide codes", l.Table.Words > 256)
			count("blocks", l.Block < l.K)
			count("residual", l.Residual >= 0)
			count("groups", l.Groups > 1)
			count("map", l.Activation.Map != nil)
			count("narrow", !l.Table.Exact() && l.narrow())
			count("exact", l.Table.Exact())
			count("exact in parts", l.Table.Exact() && l.Table.Step > 2)
			count("exact residual", l.Table.Exact() && l.Residual >= 0)
			count("exact groups", l.Table.Exact() && l.Groups > 1)
			count("exact wide codes", l.Table.Exact() && l.Table.Words > 256)
			count("few lower bits", l.Table.Exact() && l.Table.LowBits < maxLowBits)
			count("many levels", l.Table.Levels > 32)
			count("odd blocks", l.Block < l.K && l.Block%2 == 1)
			count("row of padding", l.Pad == l.Table.Levels && l.Window.Top > 0)
		}
	}
	for _, s := range n.Compile(kernel.AVX2).steps {
		count(fmt.Sprintf("%T", s), true)
	}
}

// FuzzNetworks draws networks from other seeds.
func FuzzNetworks(f *testing.F) {
	f.Add(uint64(1000))
	f.Fuzz(func(t *testing.T, seed uint64) {
		n, _ := randomNetwork(t, seed)
		compare(t, n, rand.New(rand.NewPCG(seed, 0)))
	})
}

// TestLikeFloat compares networks with the float32 reference of their graphs:
// the integers round products, so that a level may be off by one now and then.
func TestLikeFloat(t *testing.T) {
	var same, all, near int
	for seed := range uint64(60) {
		n, g := randomNetwork(t, seed)
		p, err := g.Specialize(inputTypes(g), nil)
		if err != nil {
			t.Fatal(err)
		}
		s := n.NewSession()
		rng := rand.New(rand.NewPCG(seed, 9))
		for range 12 {
			x := tensor.New(tensor.Float32, inputTypes(g)["x"].Shape...)
			for i := range x.Float32s() {
				x.Float32s()[i] = float32(rng.NormFloat64())
			}
			s.Quantize("x", x.Float32s())
			s.Run()
			want, err := p.Eval(map[string]*tensor.Tensor{"x": x})
			if err != nil {
				t.Fatal(err)
			}
			last := len(n.Outputs) - 1
			w, got := want[n.Outputs[last].Name].Float32s(), s.Output(last, nil)
			all++
			if argMax(got) == argMax(w) {
				same++
			}
			if relativeError(got, w) < 0.1 {
				near++
			}
		}
	}
	t.Logf("%d of %d arg-max equal, %d within 10 %%", same, all, near)
	if same < all*98/100 || near < all*95/100 {
		t.Errorf("of %d networks %d have the same arg-max, %d are within 10 %%", all, same, near)
	}
}

func relativeError(got, want []float32) float64 {
	var num, den float64
	for i := range want {
		num += math.Pow(float64(got[i]-want[i]), 2)
		den += math.Pow(float64(want[i]), 2)
	}
	return math.Sqrt(num / den)
}

func argMax(v []float32) int {
	best := 0
	for i, x := range v {
		if x > v[best] {
			best = i
		}
	}
	return best
}
