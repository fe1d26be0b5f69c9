package train

import (
	"slices"
	"testing"

	"lutra/internal/graph"
	"lutra/internal/tensor"
)

// sharedBytes are two convolutions that share codewords in int8, the second
// with a larger scale.
func sharedBytes(g *testGraph) {
	q := make([]int8, 5*9)
	for i := range q {
		q[i] = int8(g.rng.IntN(255) - 127)
	}
	for i, name := range []string{"v", "w"} {
		codes := make([]uint16, 4*4)
		for i := range codes {
			codes[i] = uint16(g.rng.IntN(5))
		}
		c := &graph.Codebook{
			Name: name, K: 5, D: 9, Blocks: 4, Outputs: 4, Codes: codes, Words: tensor.Of(q, 5, 9), Scale: float32(i+1) / 128,
			Shape: tensor.Shape{4, 4, 3, 3}, Perm: []int{0, 1, 2, 3},
		}
		if err := g.AddCodebook(c); err != nil {
			panic(err)
		}
	}
	g.ShareCodewords()
	g.node("Conv", in("h", "v"), "c").node("Conv", in("c", "w"), "y")
}

// TestInt8Words: codewords in int8 are one parameter however many layers read
// them, come back as they were if they are not trained, and are int8 again
// afterwards, near what they were trained to.
func TestInt8Words(t *testing.T) {
	g := newTestGraph(3, 2, 4, 6, 6)
	g.node("Identity", in("x"), "h")
	sharedBytes(g)
	n, err := Compile(t.Context(), g.Graph, Options{Batch: 2})
	if err != nil {
		t.Fatal(err)
	}
	if len(n.Params()) != 1 {
		t.Fatalf("%d parameters, want 1", len(n.Params()))
	}
	weights := func(g *graph.Graph) (all []float32) {
		books, err := g.Codebooks()
		if err != nil || len(books) != 2 {
			t.Fatalf("%d codebooks, %v", len(books), err)
		}
		for _, c := range books {
			if c.Words.DType != tensor.Int8 {
				t.Fatalf("%s has codewords of %v", c.Name, c.Words.DType)
			}
			all = append(all, c.Decode().Float32s()...)
		}
		return all
	}
	before := weights(g.Graph)
	if !slices.Equal(weights(n.Graph()), before) {
		t.Error("codewords that were not trained have changed")
	}
	p := n.Params()[0]
	for i := range p.Value {
		p.Value[i] += float32(g.rng.NormFloat64()) / 3
	}
	if err := n.Forward(t.Context(), map[string]*tensor.Tensor{"x": pattern(3, 2, 4, 6, 6)}, false); err != nil {
		t.Fatal(err)
	}
	var trained []float32
	for _, b := range n.books {
		trained = append(trained, b.weight.data...)
	}
	after := weights(n.Graph())
	if slices.Equal(after, before) {
		t.Fatal("training has no effect")
	}
	if len(after) != len(trained) {
		t.Fatalf("%d weights, want %d", len(after), len(trained))
	}
	for i, v := range after {
		if e := v - trained[i]; e > 0.02 || e < -0.02 { // half a step of 2.8/127 times 2
			t.Fatalf("weight %d is %g, trained to %g", i, v, trained[i])
		}
	}
	if !slices.Equal(weights(g.Graph), before) {
		t.Error("the graph given to Compile has changed")
	}
}
