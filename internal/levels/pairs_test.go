package levels_test

import (
	"math"
	"strings"
	"testing"

	"lutra/internal/graph"
	"lutra/internal/kernel"
	"lutra/internal/levels"
	"lutra/internal/lut"
	"lutra/internal/onnx"
	"lutra/internal/tensor"
)

// weightOf is the weight of n as [outputs][inputs], its bias last.
func weightOf(t *testing.T, g *graph.Graph, n *graph.Node) [][]float32 {
	t.Helper()
	name := n.Inputs[1]
	if p := g.Producer(name); p.Op == "Reshape" {
		name = p.Inputs[0]
	}
	book, err := g.Codebook(name)
	if err != nil || book == nil {
		t.Fatal(n.Label(), err)
	}
	w := book.Decode()
	outputs := w.Shape[0]
	columns := n.Op == "MatMul" || n.Op == "Gemm" && n.Int("transB", 0) == 0
	if columns {
		outputs = w.Shape[1]
	}
	rows := make([][]float32, outputs)
	for i, v := range w.Float32s() {
		o := i / (w.Elems() / outputs)
		if columns {
			o = i % outputs
		}
		rows[o] = append(rows[o], v)
	}
	bias := ""
	if len(n.Inputs) > 2 {
		bias = n.Inputs[2]
	}
	for _, add := range g.Nodes {
		if add.Op == "Add" && add.Inputs[0] == n.Outputs[0] && g.Consts[add.Inputs[1]] != nil {
			bias = add.Inputs[1]
		}
	}
	for o, b := range g.Consts[bias].Float32s() {
		rows[o] = append(rows[o], b)
	}
	return rows
}

// paired lists by layer whether its codewords are pairs.
func paired(t *testing.T, g *graph.Graph) (layers []*graph.Node, pairs []bool) {
	t.Helper()
	books, err := g.Codebooks()
	if err != nil {
		t.Fatal(err)
	}
	d := map[string]int{}
	for _, b := range books {
		d[strings.TrimSuffix(b.Name, ".matrix")] = b.D
	}
	for _, n := range g.Nodes {
		if n.Domain == "" && n.HasWeight() {
			layers, pairs = append(layers, n), append(pairs, d[n.Inputs[1]] == 2)
		}
	}
	return layers, pairs
}

// TestFinishPairs: the weights of two adjacent outputs, for one input, form at
// most so many pairs, in the network or in every layer, with the biases if
// asked; depthwise layers and those of an odd number of outputs have single weights.
func TestFinishPairs(t *testing.T) {
	for _, c := range []struct {
		name, activation string
		input            []int
		scalar           int // layers without pairs
	}{
		{"mlp", "relu", []int{1, 8, 8}, 0},
		{"ds-cnn", "relu", []int{1, 49, 10}, 4},
		{"resnet8", "relu", []int{3, 16, 16}, 0},
	} {
		g, err := levels.Convert(build(t, c.name, c.activation, c.input...), options)
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range []levels.Weights{
			{Values: 12, Pairs: 30, Method: "kmeans"},
			{Values: 12, Pairs: 30, Method: "kmeans", Biases: true},
			{Values: 12, Pairs: 30, Method: "minibatch", PerLayer: true, Biases: true},
		} {
			h, err := levels.Finish(t.Context(), g, w)
			if err != nil {
				t.Fatal(c.name, err)
			}
			layers, pairs := paired(t, h)
			words, all := map[[2]float32]bool{}, map[float32]bool{}
			scalar := 0
			for i, n := range layers {
				rows := weightOf(t, h, n)
				if w.PerLayer {
					clear(words)
					clear(all)
				}
				if !pairs[i] {
					scalar++
				}
				for o, row := range rows {
					if !w.Biases {
						row = row[:len(row)-1]
					}
					for k, v := range row {
						if pairs[i] && o%2 == 0 {
							words[[2]float32{v, rows[o+1][k]}] = true
						} else if !pairs[i] {
							all[v] = true
						}
					}
				}
				if len(words) > w.Pairs || len(all) > w.Values {
					t.Errorf("%s, %+v, %s: %d pairs, %d values", c.name, w, n.Label(), len(words), len(all))
				}
			}
			if scalar != c.scalar || !w.PerLayer && len(words) < w.Pairs*2/3 {
				t.Errorf("%s, %+v: %d layers without pairs, %d pairs", c.name, w, scalar, len(words))
			}
		}
	}
}

// TestOddOutputsAreNotPaired: three outputs have single weights.
func TestOddOutputsAreNotPaired(t *testing.T) {
	g := &graph.Graph{Opsets: map[string]int64{"": 17}, IRVersion: 8, Consts: map[string]*tensor.Tensor{}}
	g.Inputs = []graph.Value{{Name: "x", DType: tensor.Float32, Dims: []graph.Dim{{Size: 1}, {Size: 2}}}}
	g.Outputs = []graph.Value{{Name: "y", DType: tensor.Float32, NoShape: true}}
	g.Consts["w"] = tensor.Of([]float32{1, 2, 3, 4, 5, 6}, 2, 3)
	g.Consts["v"] = tensor.Of([]float32{1, 2, 3, 4, 5, 6}, 3, 2)
	g.Consts["b"] = tensor.Of([]float32{7, 8}, 2)
	g.Nodes = []*graph.Node{
		{Name: "m", Op: "MatMul", Inputs: []string{"x", "w"}, Outputs: []string{"s"}},
		{Name: "r", Op: "Relu", Inputs: []string{"s"}, Outputs: []string{"r"}},
		{Name: "n", Op: "MatMul", Inputs: []string{"r", "v"}, Outputs: []string{"u"}},
		{Name: "a", Op: "Add", Inputs: []string{"u", "b"}, Outputs: []string{"y"}},
	}
	g, err := levels.Convert(g, options)
	if err == nil {
		g, err = levels.Finish(t.Context(), g, levels.Weights{Values: 9, Pairs: 3, Method: "kmeans", Biases: true})
	}
	if err != nil {
		t.Fatal(err)
	}
	_, pairs := paired(t, g)
	if len(pairs) != 2 || pairs[0] || !pairs[1] {
		t.Errorf("paired: %v", pairs)
	}
	words := map[[2]float32]bool{}
	rows := weightOf(t, g, g.Producer("u"))
	for k := range rows[0] {
		words[[2]float32{rows[0][k], rows[1][k]}] = true
	}
	if len(rows[0]) != 4 || len(words) > 3 { // the bias of the Add is a fourth input
		t.Errorf("%v", rows)
	}
	if _, err := lut.Build(g, lut.Options{}); err != nil {
		t.Error(err)
	}
}

// TestPairsInIntegers: networks of pairs, written and read again, give the
// engines of package lut the same numbers, and nearly those of the functions'
// bodies in floating point (docs/lut.md, "Against floating point").
func TestPairsInIntegers(t *testing.T) {
	for _, name := range []string{"lenet", "ds-cnn", "resnet8"} {
		input := map[string][]int{"lenet": {1, 28, 28}, "ds-cnn": {1, 49, 10}, "resnet8": {3, 16, 16}}[name]
		o := options
		o.Levels = 64
		g, err := levels.Convert(build(t, name, "relu", input...), o)
		if err == nil {
			g, err = levels.Finish(t.Context(), g, levels.Weights{Values: 64, Pairs: 256, Method: "minibatch"})
		}
		if err != nil {
			t.Fatal(err)
		}
		b, err := onnx.Encode(g)
		if err != nil {
			t.Fatal(err)
		}
		if g, err = onnx.Decode("pairs.onnx", b, nil); err == nil {
			err = g.Validate()
		}
		if err != nil {
			t.Fatal(err)
		}
		n, err := lut.Build(g, lut.Options{})
		if err != nil {
			t.Fatal(err)
		}
		x := sample(append([]int{1}, input...)...)
		want := eval(t, g, x)
		var scores [][]float32
		for _, l := range []kernel.Level{kernel.Generic, kernel.Best()} {
			s := n.Compile(l).NewSession()
			s.Quantize(g.Inputs[0].Name, x.Float32s())
			s.Run()
			scores = append(scores, s.Output(0, nil))
		}
		var off, size float64
		for i, v := range want {
			if scores[0][i] != scores[1][i] {
				t.Errorf("%s: engines say %v and %v", name, scores[0][i], scores[1][i])
			}
			off += math.Abs(float64(scores[0][i] - v))
			size += math.Abs(float64(v))
		}
		if !(off < 0.05*size) {
			t.Errorf("%s: integers are off by %v of %v", name, off, size)
		}
	}
}
