package engine

import (
	"testing"

	"lutra/internal/graph"
	"lutra/internal/tensor"
)

// TestInt8Words: codewords in int8 are multiplied as they are, in every form
// of a product; the plan says that the weights have no error.
func TestInt8Words(t *testing.T) {
	shape := tensor.Shape{2, 3, 13, 11}
	n := newNet(5, shape)
	identity := []int{0, 1, 2, 3}
	x := n.relu(n.conv("x0", n.weight(16, 3, 3, 3), pads(1)))
	x = n.relu(n.norm(n.conv(x, n.bytes(n.codebook(40, 9, identity, 16, 16, 3, 3)), pads(1)), 16))
	x = n.relu(n.norm(n.conv(x, n.bytes(n.codebook(20, 1, identity, 16, 1, 3, 3)), pads(1), graph.IntAttr("group", 16)), 16))
	x = n.relu(n.norm(n.conv(x, n.bytes(n.codebook(30, 9, identity, 24, 8, 3, 3)), graph.IntAttr("group", 2)), 24))
	x = n.relu(n.norm(n.conv(x, n.bytes(n.codebook(60, 4, identity, 40, 24, 1, 1))), 40))
	x = n.node("Flatten", []string{n.node("GlobalAveragePool", []string{x})})
	x = n.relu(n.node("MatMul", []string{x, n.bytes(n.codebook(300, 4, []int{1, 0}, 36, 40))}))
	n.output(n.node("Gemm", []string{x, n.bytes(n.codebook(16, 2, []int{0, 1}, 10, 36)), n.weight(10)}, graph.IntAttr("transB", 1)))
	checkInt8(t, n.g, n.inputs(shape), 0.05)
	for _, mode := range []Mode{Int8, Auto} {
		_, p := compile(t, n.g, Options{Mode: mode, Products: ProductsDirect, OnlyBytes: true}, shape)
		exact := 0
		for i, s := range p.Steps() {
			if s.SNR == 99 {
				exact++
			} else if s.MACs > 0 && exact > 0 {
				t.Errorf("%v, step %d: %s of %.1f dB", mode, i, s.Kernel, s.SNR)
			}
		}
		if exact != 6 {
			t.Errorf("%v: %d products without error of weights, want 6", mode, exact)
		}
	}
}

// TestInt8WordsAsFloat: in float32 and bfloat16, codewords in int8 are what
// their numbers are.
func TestInt8WordsAsFloat(t *testing.T) {
	shape := tensor.Shape{2, 3, 13, 11}
	n := newNet(6, shape)
	x := n.relu(n.conv("x0", n.weight(16, 3, 3, 3), pads(1)))
	w := n.codebook(40, 9, []int{0, 1, 2, 3}, 16, 16, 3, 3)
	n.output(n.conv(x, n.bytes(w), pads(1)))
	in := n.inputs(shape)
	outputs := func(mode Mode) (all []*tensor.Tensor) {
		for _, l := range levels() {
			all = append(all, runPlan(t, n.g, Options{Mode: mode, Level: &l, Threads: 2}, in, nil)[n.g.Outputs[0].Name])
		}
		return all
	}
	var bytes [2][]*tensor.Tensor
	for i, mode := range []Mode{Float32, BF16} {
		bytes[i] = outputs(mode)
	}
	c, err := n.g.Codebook(w)
	if err != nil {
		t.Fatal(err)
	}
	c.Words, c.Scale = tensor.Of(c.FloatWords(), c.K, c.D), 0
	if err := n.g.AddCodebook(c); err != nil {
		t.Fatal(err)
	}
	for i, mode := range []Mode{Float32, BF16} {
		for j, want := range outputs(mode) {
			if e := maxError(bytes[i][j], want); e != 0 {
				t.Errorf("%v, %v: differs by %g", mode, levels()[j], e)
			}
		}
	}
}
