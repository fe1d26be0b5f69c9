package oracle

import (
	"context"
	"math"
	"path/filepath"
	"testing"

	"lutra"
	"lutra/internal/graph"
	"lutra/internal/levels"
	"lutra/internal/network"
	"lutra/internal/onnx"
	"lutra/internal/tensor"
	"lutra/oracle/ort"
)

// TestLevelsAsInONNXRuntime runs the functions that quantise activations, and
// a codebook of pairs along outputs.
func TestLevelsAsInONNXRuntime(t *testing.T) {
	for _, q := range []graph.Quantiser{
		{Levels: 32, High: 6}, {Levels: 256, Low: -1.5, High: 2}, {Tanh: true, Levels: 32, Low: -1, High: 1}, {Tanh: true, Levels: 3, Low: -1, High: 1},
	} {
		g := &graph.Graph{Name: "levels", Consts: map[string]*tensor.Tensor{}, Opsets: map[string]int64{"": 17}, IRVersion: 8}
		g.Inputs = []graph.Value{{Name: "x", DType: tensor.Float32, Dims: []graph.Dim{{Size: -1, Param: "N"}, {Size: 50}}}}
		g.Outputs = []graph.Value{{Name: "y", DType: tensor.Float32, Dims: []graph.Dim{{Size: -1, Param: "N"}, {Size: 8}}}}
		words := make([]float32, 2*64)
		for i := range words {
			words[i] = float32(i%17-8) / 16
		}
		c := &graph.Codebook{Name: "w", K: 64, D: 2, Blocks: 4, Outputs: 50, Shape: tensor.Shape{50, 8}, Perm: []int{1, 0}, Words: tensor.Of(words, 64, 2), Codes: make([]uint16, 200)}
		for i := range c.Codes {
			c.Codes[i] = uint16(i * 29 % 64)
		}
		if err := g.AddCodebook(c); err != nil {
			t.Fatal(err)
		}
		if err := g.AddQuantiser(q, "x", "x0"); err != nil {
			t.Fatal(err)
		}
		g.Nodes = append(g.Nodes, &graph.Node{Op: "Gemm", Inputs: []string{"x0", "w"}, Outputs: []string{"c"}, Attrs: []graph.Attr{graph.IntAttr("transB", 1)}})
		if err := g.AddQuantiser(q, "c", "y"); err != nil {
			t.Fatal(err)
		}
		got, want := both(t, g, 100)
		different := 0
		for i, v := range got {
			if d := v - want[i]; d > 1e-5 || d < -1e-5 {
				different++
			}
		}
		t.Logf("%+v: %d of 800 levels differ", q, different)
		if different > 1 { // sums in another order may cross the border of two levels
			t.Errorf("%+v: %d of 800 levels differ", q, different)
		}
	}
}

// TestPairsAsInONNXRuntime runs a network whose convolutions have pairs for
// codewords, depthwise ones single weights, as training writes it.
func TestPairsAsInONNXRuntime(t *testing.T) {
	n, err := network.Lookup("ds-cnn")
	if err != nil {
		t.Fatal(err)
	}
	g, err := n.Build(network.Options{Input: []int{1, 49, 10}, Outputs: n.Outputs, Width: 0.5, Seed: 3})
	if err == nil {
		g, err = levels.Convert(g, levels.Options{Levels: 256, Input: levels.Bounds{Low: -1, High: 1}, Bound: 6})
	}
	if err == nil {
		g, err = levels.Finish(t.Context(), g, levels.Weights{Values: 64, Pairs: 256, Method: "kmeans", Biases: true})
	}
	if err != nil {
		t.Fatal(err)
	}
	got, want := both(t, g, 20)
	var off, size float64
	for i, v := range want {
		off += math.Abs(float64(got[i] - v))
		size += math.Abs(float64(v))
	}
	t.Logf("off by %v of %v", off, size)
	if !(off < 0.01*size) { // sums in another order may cross the border of two levels
		t.Errorf("off by %v of %v", off, size)
	}
}

// both runs g on n samples in lutra and in ONNX Runtime.
func both(t *testing.T, g *graph.Graph, n int) (got, want []float32) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "levels.onnx")
	if err := onnx.WriteFile(path, g); err != nil {
		t.Fatal(err)
	}
	m, err := lutra.Open(path, lutra.Options{})
	if err != nil {
		t.Fatal(err)
	}
	s, err := m.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	peer, err := ort.Open(path, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	x := m.SampleInputs(n, 5)[g.Inputs[0].Name]
	y, err := s.Predict(context.Background(), x)
	if err != nil {
		t.Fatal(err)
	}
	z, err := peer.Run(x)
	if err != nil {
		t.Fatal(err)
	}
	return y.Float32s(), z[0].Float32s()
}
