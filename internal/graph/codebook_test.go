package graph

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"lutra/internal/tensor"
)

func randomCodebook(rng *rand.Rand, k, d, blocks int, shape tensor.Shape, perm ...int) *Codebook {
	c := &Codebook{Name: "w", K: k, D: d, Blocks: blocks, Outputs: shape[0], Shape: shape, Perm: perm}
	c.Codes = make([]uint16, blocks*shape[0])
	for i := range c.Codes {
		c.Codes[i] = uint16(rng.IntN(k))
	}
	words := make([]uint16, k*d)
	for i := range words {
		words[i] = tensor.ToHalf(rng.Float32() - 0.5)
	}
	c.Words = tensor.Half(words, k, d)
	return c
}

// TestAddCodebookRoundTrip stores codebooks of both functions and reads them back.
func TestAddCodebookRoundTrip(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, c := range []*Codebook{
		randomCodebook(rng, 256, 9, 3, tensor.Shape{5, 3, 3, 3}, 0, 1, 2, 3),
		randomCodebook(rng, 1, 4, 2, tensor.Shape{7, 8}, 0, 1),
		randomCodebook(rng, 1024, 4, 3, tensor.Shape{11, 12}, 1, 0),
		randomCodebook(rng, 2048, 2, 5, tensor.Shape{3, 10}, 0, 1),
	} {
		g := &Graph{Consts: map[string]*tensor.Tensor{"w": tensor.New(tensor.Float32, 1)}, Opsets: map[string]int64{"": 13}}
		if err := g.AddCodebook(c); err != nil {
			t.Fatal(err)
		}
		if g.Consts["w"] != nil {
			t.Error("the dense weight is still there")
		}
		got, err := g.Codebook("w")
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got.Codes, c.Codes) || !got.Shape.Equal(c.Shape) || !slices.Equal(got.Perm, c.Perm) {
			t.Errorf("K=%d: codebook changed", c.K)
		}
		if !got.Decode().Shape.Equal(c.WeightShape()) {
			t.Errorf("decoded shape %v", got.Decode().Shape)
		}
		for i := range got.Codes {
			got.Codes[i] = uint16(rng.IntN(c.K))
		}
		if err := g.SetCodes(got); err != nil {
			t.Fatal(err)
		}
		if again, err := g.Codebook("w"); err != nil || !slices.Equal(again.Codes, got.Codes) {
			t.Errorf("K=%d: other codes than those set, error %v", c.K, err)
		}
		got.Codes[0] = uint16(c.K)
		if g.SetCodes(got) == nil {
			t.Errorf("K=%d: code %d is accepted", c.K, c.K)
		}
	}
}

func TestDecodeOrder(t *testing.T) {
	c := &Codebook{
		Name: "w", K: 3, D: 2, Blocks: 2, Outputs: 2, Codes: []uint16{0, 1, 2, 0},
		Words: tensor.Of([]float32{1, 2, 3, 4, 5, 6}, 3, 2), Shape: tensor.Shape{2, 4}, Perm: []int{0, 1},
	}
	if got, want := c.Decode().Float32s(), []float32{1, 2, 5, 6, 3, 4, 1, 2}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	c.Perm = []int{1, 0}
	if got, want := c.Decode().Float32s(), []float32{1, 3, 2, 4, 5, 1, 6, 2}; !slices.Equal(got, want) {
		t.Errorf("transposed %v, want %v", got, want)
	}
}

func TestCodebookCheckRefuses(t *testing.T) {
	good := func() *Codebook {
		return randomCodebook(rand.New(rand.NewPCG(3, 4)), 4, 2, 2, tensor.Shape{3, 4}, 0, 1)
	}
	if err := good().Check(); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*Codebook){
		"code out of range": func(c *Codebook) { c.Codes[1] = 4 },
		"no codewords":      func(c *Codebook) { c.K = 0 },
		"wrong K":           func(c *Codebook) { c.K = 5 },
		"NaN codeword":      func(c *Codebook) { tensor.Slice[uint16](c.Words)[3] = 0x7e00 },
		"too few codes":     func(c *Codebook) { c.Codes = c.Codes[1:] },
		"shape mismatch":    func(c *Codebook) { c.Shape = tensor.Shape{3, 5} },
		"bad order":         func(c *Codebook) { c.Perm = []int{0, 0} },
		"bad order length":  func(c *Codebook) { c.Perm = []int{0} },
		"scalar shape":      func(c *Codebook) { c.Shape = tensor.Shape{} },
		"integer codewords": func(c *Codebook) { c.Words = tensor.New(tensor.Int8, 4, 2) },
	} {
		c := good()
		spoil(c)
		if err := c.Check(); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// TestCodebookFunctions runs the bodies of the functions, in the lowest and the
// highest opset, as a runtime does that does not know them.
func TestCodebookFunctions(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for _, c := range []*Codebook{
		randomCodebook(rng, 256, 9, 3, tensor.Shape{5, 3, 3, 3}, 0, 1, 2, 3),
		randomCodebook(rng, 1, 4, 2, tensor.Shape{7, 8}, 0, 1),
		randomCodebook(rng, 2048, 2, 5, tensor.Shape{8, 10}, 1, 0), // bit planes
		randomCodebook(rng, 65536, 1, 10, tensor.Shape{4, 10}, 0, 1),
		randomCodebook(rng, 300, 4, 3, tensor.Shape{11, 12}, 1, 0), // 16-bit codes
	} {
		for _, opset := range []int64{7, MaxOpset} {
			g := &Graph{Consts: map[string]*tensor.Tensor{}, Opsets: map[string]int64{"": opset}}
			if err := g.AddCodebook(c); err != nil {
				t.Fatal(err)
			}
			// A function of another domain is inlined, not recognised.
			g.Nodes[0].Domain, g.Functions[0].Domain, g.Opsets["other"] = "other", "other", 1
			g.Outputs = []Value{{Name: "w", DType: tensor.Float32, NoShape: true}}
			if err := g.Validate(); err != nil {
				t.Fatal(err)
			}
			p, err := g.Specialize(nil, nil)
			if err != nil {
				t.Fatalf("K=%d opset %d: %v", c.K, opset, err)
			}
			w := p.Consts["w"]
			if w == nil || !w.Shape.Equal(c.WeightShape()) || !slices.Equal(w.Float32s(), c.Decode().Float32s()) {
				t.Errorf("K=%d opset %d: the function gives another weight", c.K, opset)
			}
		}
	}
}

// TestCodebookRefuses spoils the node of a wide codebook: what the engine
// decodes must be what the function computes.
func TestCodebookRefuses(t *testing.T) {
	for name, spoil := range map[string]func(*Graph, *Node){
		"16-bit low codes": func(g *Graph, n *Node) {
			g.Consts[n.Inputs[0]] = tensor.Of(make([]uint16, 40), 5, 8)
		},
		"other plane weights": func(g *Graph, n *Node) { n.Attrs[2].Tensor.Float32s()[1] = 1024 },
		"no plane weights":    func(g *Graph, n *Node) { n.Attrs = n.Attrs[:2] },
		"planes too short":    func(g *Graph, n *Node) { g.Consts[n.Inputs[1]] = tensor.New(tensor.Uint8, 3, 4) },
		"nine planes":         func(g *Graph, n *Node) { g.Consts[n.Inputs[1]] = tensor.New(tensor.Uint8, 9, 5) },
		"no planes":           func(g *Graph, n *Node) { delete(g.Consts, n.Inputs[1]) },
		"shape as integers":   func(g *Graph, n *Node) { n.Attrs[0] = IntsAttr("shape", 8, 10) },
	} {
		g := &Graph{Consts: map[string]*tensor.Tensor{}, Opsets: map[string]int64{"": 13}}
		c := randomCodebook(rand.New(rand.NewPCG(7, 8)), 2048, 2, 5, tensor.Shape{8, 10}, 1, 0)
		if err := g.AddCodebook(c); err != nil {
			t.Fatal(err)
		}
		if got, err := g.Codebook("w"); err != nil || !slices.Equal(got.Codes, c.Codes) {
			t.Fatalf("the codebook changed: %v", err)
		}
		spoil(g, g.Nodes[0])
		if _, err := g.Codebook("w"); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// TestShareCodewords: equal codewords are stored once, others stay.
func TestShareCodewords(t *testing.T) {
	g := &Graph{Consts: map[string]*tensor.Tensor{}, Opsets: map[string]int64{"": 13}, Outputs: []Value{{Name: "b.codebook"}}}
	for i, name := range []string{"a", "b", "c", "d"} {
		c := randomCodebook(rand.New(rand.NewPCG(1, 2)), 16, 2, 3, tensor.Shape{4, 6}, 0, 1)
		c.Name = name
		if i == 3 {
			c.Words = tensor.New(tensor.Float32, 16, 2)
		}
		if err := g.AddCodebook(c); err != nil {
			t.Fatal(err)
		}
	}
	want := map[string]*tensor.Tensor{}
	for _, name := range []string{"a", "b", "c", "d"} {
		c, err := g.Codebook(name)
		if err != nil {
			t.Fatal(err)
		}
		want[name] = c.Decode()
	}
	g.ShareCodewords()
	left := 0
	for name := range g.Consts {
		if strings.HasSuffix(name, ".codebook") {
			left++
		}
	}
	if left != 3 { // of a to c one, which is an output besides; of d its own
		t.Errorf("%d initializers of codewords, want 3", left)
	}
	for name, w := range want {
		c, err := g.Codebook(name)
		if err != nil || !slices.Equal(c.Decode().Float32s(), w.Float32s()) {
			t.Errorf("%s changed (%v)", name, err)
		}
	}
}
