package emitc

import (
	"strings"
	"testing"

	"lutra/internal/graph"
	"lutra/internal/lut"
	"lutra/internal/tensor"
)

// TestRefusesExact: networks of exact products, sums and averages have no form in C.
func TestRefusesExact(t *testing.T) {
	g := &graph.Graph{File: "exact.onnx", Consts: map[string]*tensor.Tensor{}, Opsets: map[string]int64{"": 17}}
	g.Inputs = []graph.Value{{Name: "x", DType: tensor.Float32, Dims: []graph.Dim{{Size: 1}, {Size: 2}, {Size: 4}, {Size: 4}}}}
	relu := graph.Quantiser{Levels: 8, High: 2}
	quantise := func(x, y string) {
		if err := g.AddQuantiser(relu, x, y); err != nil {
			t.Fatal(err)
		}
	}
	quantise("x", "levels")
	g.Nodes = append(g.Nodes, &graph.Node{Name: "twice", Op: "Add", Inputs: []string{"levels", "levels"}, Outputs: []string{"twice"}})
	quantise("twice", "sums")
	g.Nodes = append(g.Nodes, &graph.Node{Name: "mean", Op: "GlobalAveragePool", Inputs: []string{"sums"}, Outputs: []string{"mean"}})
	quantise("mean", "means")
	book := &graph.Codebook{Name: "w", K: 2, D: 1, Blocks: 2, Outputs: 3, Shape: tensor.Shape{3, 2, 1, 1}, Perm: []int{0, 1, 2, 3},
		Words: tensor.Of([]float32{-1, 0.5}, 2, 1), Codes: []uint16{0, 1, 1, 0, 1, 1}}
	if err := g.AddCodebook(book); err != nil {
		t.Fatal(err)
	}
	g.Nodes = append(g.Nodes, &graph.Node{Name: "conv", Op: "Conv", Inputs: []string{"means", "w"}, Outputs: []string{"conv"}})
	g.Outputs = []graph.Value{{Name: "conv", DType: tensor.Float32, NoShape: true}}
	if err := g.Validate(); err != nil {
		t.Fatal(err)
	}
	for _, exact := range []bool{false, true} {
		n, err := lut.Build(g, lut.Options{Exact: exact})
		if err != nil {
			t.Fatal(err)
		}
		_, err = Emit(n, Options{Name: "exact"})
		if !exact {
			if err != nil {
				t.Errorf("rounded products: %v", err)
			}
			continue
		}
		for _, layer := range []string{"twice (exact sums", "mean (exact sums", "conv (exact products"} {
			if err == nil || !strings.Contains(err.Error(), layer) {
				t.Errorf("%q is not in %v", layer, err)
			}
		}
	}
}
