package main

import (
	"github.com/rogpeppe/go-internal/testscript"

	"lutra/internal/graph"
	"lutra/internal/onnx"
	"lutra/internal/tensor"
)

// writeTableNet writes a network of lookup tables: one matrix of 16 unique
// weights, between levels and scores. With "softmax" an operator without tables
// follows, with "levels" a quantiser.
func writeTableNet(ts *testscript.TestScript, _ bool, args []string) {
	const inputs, outputs, words = 12, 10, 16
	g := &graph.Graph{
		Name: "Digits */", Consts: map[string]*tensor.Tensor{}, Opsets: map[string]int64{"": 17},
		Inputs:  []graph.Value{{Name: "x", DType: tensor.Float32, Dims: []graph.Dim{{Size: -1, Param: "N"}, {Size: inputs}}}},
		Outputs: []graph.Value{{Name: "y", DType: tensor.Float32, Dims: []graph.Dim{{Size: -1, Param: "N"}, {Size: outputs}}}},
	}
	c := &graph.Codebook{
		Name: "w", K: words, D: 1, Blocks: inputs, Outputs: outputs, Shape: tensor.Shape{outputs, inputs}, Perm: []int{0, 1},
		Words: tensor.New(tensor.Float32, words, 1), Codes: make([]uint16, inputs*outputs),
	}
	for i := range words {
		c.Words.Float32s()[i] = float32(i-7) / 8
	}
	for i := range c.Codes {
		c.Codes[i] = uint16(i * 7 % words)
	}
	ts.Check(g.AddCodebook(c))
	ts.Check(g.AddQuantiser(graph.Quantiser{Levels: 32, High: 1}, "x", "levels"))
	last := "y"
	if len(args) > 1 {
		last = "scores"
	}
	g.Nodes = append(g.Nodes, &graph.Node{Name: "product", Op: "Gemm", Inputs: []string{"levels", "w"}, Outputs: []string{last}, Attrs: []graph.Attr{graph.IntAttr("transB", 1)}})
	switch {
	case len(args) < 2:
	case args[1] == "levels":
		ts.Check(g.AddQuantiser(graph.Quantiser{Levels: 32, High: 4}, last, "y"))
	default:
		g.Nodes = append(g.Nodes, &graph.Node{Name: "last", Op: "Softmax", Inputs: []string{last}, Outputs: []string{"y"}})
	}
	ts.Check(onnx.WriteFile(ts.MkAbs(args[0]), g))
}
