package graph

import (
	"math"
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
		inBytes(randomCodebook(rng, 256, 9, 3, tensor.Shape{5, 3, 3, 3}, 0, 1, 2, 3)),
		inBytes(randomCodebook(rng, 2048, 2, 5, tensor.Shape{3, 10}, 0, 1)),
		inBytes(randomCodebook(rng, 2048, 2, 5, tensor.Shape{8, 10}, 1, 0)),
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
		if w := got.Decode(); !w.Shape.Equal(c.WeightShape()) || !slices.Equal(w.Float32s(), c.Decode().Float32s()) {
			t.Errorf("K=%d: decoded otherwise, %v", c.K, w.Shape)
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
		"integers unscaled": func(c *Codebook) { c.Words = tensor.New(tensor.Int8, 4, 2) },
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
		inBytes(randomCodebook(rng, 256, 9, 3, tensor.Shape{5, 3, 3, 3}, 0, 1, 2, 3)),
		inBytes(randomCodebook(rng, 2048, 2, 5, tensor.Shape{8, 10}, 1, 0)),
		inBytes(randomCodebook(rng, 300, 4, 3, tensor.Shape{11, 12}, 1, 0)),
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
	for i, name := range []string{"a", "b", "c", "d", "e", "f"} {
		c := randomCodebook(rand.New(rand.NewPCG(1, 2)), 16, 2, 3, tensor.Shape{4, 6}, 0, 1)
		c.Name = name
		switch i {
		case 3:
			c.Words = tensor.New(tensor.Float32, 16, 2)
		case 4, 5: // the same bytes with another scale
			inBytes(c).Scale *= float32(i)
		}
		if err := g.AddCodebook(c); err != nil {
			t.Fatal(err)
		}
	}
	want := map[string]*tensor.Tensor{}
	for _, name := range []string{"a", "b", "c", "d", "e", "f"} {
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
	if left != 4 { // of a to c one, which is an output besides; of d its own; of e and f one
		t.Errorf("%d initializers of codewords, want 4", left)
	}
	for name, w := range want {
		c, err := g.Codebook(name)
		if err != nil || !slices.Equal(c.Decode().Float32s(), w.Float32s()) {
			t.Errorf("%s changed (%v)", name, err)
		}
	}
}

// inBytes is c with codewords in int8.
func inBytes(c *Codebook) *Codebook {
	q, scale, _ := RoundWords(c.FloatWords(), nil)
	c.Words, c.Scale = tensor.Of(q, c.K, c.D), scale
	return c
}

// TestRoundWords: no other scale has much less error, weights count,
// and what comes out is exact in float16 and stays what it is.
func TestRoundWords(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	for i := range 200 {
		words, weight := make([]float32, 1+rng.IntN(300)), []float64(nil)
		size := math.Exp(rng.Float64()*8 - 6)
		for j := range words {
			words[j] = float32(size * rng.NormFloat64())
		}
		if i%2 == 0 {
			for range words {
				weight = append(weight, rng.ExpFloat64())
			}
		}
		q, scale, noise := RoundWords(words, weight)
		lost := func(q []int8, scale float32) (lost float64) {
			for j, v := range words {
				e := float64(v) - float64(scale)*float64(q[j])
				if weight != nil {
					e *= math.Sqrt(weight[j])
				}
				lost += e * e
			}
			return lost
		}
		least, all := lost(q, scale), lost(make([]int8, len(words)), 1)
		if e := least / all; math.Abs(e-noise) > 1e-9 {
			t.Fatalf("noise %g, want %g", noise, e)
		}
		for _, f := range []float32{0.5, 0.75, 1.5, 2} {
			other := make([]int8, len(words))
			for j, v := range words {
				other[j] = int8(min(max(math.RoundToEven(float64(v/(f*scale))), -127), 127))
			}
			if e := lost(other, f*scale); f < 2 && e < least*0.9 { // scales are a grid, and few words have lucky ones
				t.Errorf("case %d: error %g with the scale %g, %g with %g", i, least, scale, e, f*scale)
			}
		}
		exact := make([]float32, len(q))
		for j, v := range q {
			exact[j] = float32(v) * scale
			if tensor.FromHalf(tensor.ToHalf(exact[j])) != exact[j] {
				t.Fatalf("%d*%g is not exact in float16", v, scale)
			}
		}
		if _, _, noise := RoundWords(exact, nil); noise != 0 {
			t.Errorf("rounded words have noise %g", noise)
		}
	}
	for _, words := range [][]float32{{0, 0}, {1e-44, 0}, {1e38, -1e38}} {
		q, scale, _ := RoundWords(words, nil)
		c := &Codebook{Name: "w", K: 2, D: 1, Blocks: 1, Outputs: 2, Codes: []uint16{0, 1}, Words: tensor.Of(q, 2, 1), Scale: scale, Shape: tensor.Shape{2, 1}, Perm: []int{0, 1}}
		if err := c.Check(); err != nil {
			t.Errorf("%v: %v", words, err)
		}
	}
}

// TestCodebookInt8Refuses spoils codebooks of int8 words, and their nodes.
func TestCodebookInt8Refuses(t *testing.T) {
	good := func() *Codebook {
		return inBytes(randomCodebook(rand.New(rand.NewPCG(3, 4)), 4, 2, 2, tensor.Shape{3, 4}, 0, 1))
	}
	for name, spoil := range map[string]func(*Codebook){
		"NaN scale":        func(c *Codebook) { c.Scale = float32(math.NaN()) },
		"infinite scale":   func(c *Codebook) { c.Scale = float32(math.Inf(1)) },
		"huge scale":       func(c *Codebook) { c.Scale = math.MaxFloat32 },
		"no scale":         func(c *Codebook) { c.Scale = 0 },
		"negative scale":   func(c *Codebook) { c.Scale = -1 },
		"-128":             func(c *Codebook) { tensor.Slice[int8](c.Words)[2] = -128 },
		"uint8 words":      func(c *Codebook) { c.Words = tensor.New(tensor.Uint8, 4, 2) },
		"scaled float":     func(c *Codebook) { c.Words = tensor.New(tensor.Float16, 4, 2) },
		"words of another": func(c *Codebook) { c.Words = tensor.New(tensor.Int8, 2, 4) },
	} {
		c := good()
		spoil(c)
		if err := c.Check(); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	for name, spoil := range map[string]func(*Graph, *Node){
		"no scale":         func(g *Graph, n *Node) { n.Attrs = n.Attrs[:2] },
		"scale as number":  func(g *Graph, n *Node) { n.Attrs[2] = FloatAttr("scale", 1) },
		"scale of rank 1":  func(g *Graph, n *Node) { n.Attrs[2].Tensor = tensor.Of([]float32{1}, 1) },
		"scale as integer": func(g *Graph, n *Node) { n.Attrs[2].Tensor = tensor.Of([]int64{1}) },
		"scale NaN":        func(g *Graph, n *Node) { n.SetScale(float32(math.NaN())) },
		"scale 0":          func(g *Graph, n *Node) { n.SetScale(0) },
		"float words":      func(g *Graph, n *Node) { g.Consts["w.codebook"] = tensor.New(tensor.Float16, 4, 2) },
		"words of rank 1":  func(g *Graph, n *Node) { g.Consts["w.codebook"] = tensor.New(tensor.Int8, 8) },
		"float function":   func(g *Graph, n *Node) { n.Op = codebookFunc },
	} {
		g := &Graph{Consts: map[string]*tensor.Tensor{}, Opsets: map[string]int64{"": 13}, Outputs: []Value{{Name: "w"}}}
		if err := g.AddCodebook(good()); err != nil {
			t.Fatal(err)
		}
		spoil(g, g.Nodes[0])
		if _, err := g.Codebook("w"); err == nil {
			t.Errorf("%s: accepted", name)
		}
		if err := g.Validate(); err == nil {
			t.Errorf("%s: the graph is valid", name)
		}
	}
}

// TestWeightCodebook finds codebooks behind the Reshape of a matrix of pairs, and
// none behind one that does not tell the whole shape.
func TestWeightCodebook(t *testing.T) {
	for _, c := range []struct {
		name string
		dims *tensor.Tensor
		want tensor.Shape
	}{
		{"kernel", tensor.Of([]int64{6, 2, 2, 1}, 4), tensor.Shape{6, 2, 2, 1}},
		{"a dimension to be found", tensor.Of([]int64{6, 2, 2, -1}, 4), nil},
		{"a dimension of the matrix", tensor.Of([]int64{0, 4}, 2), nil},
		{"another size", tensor.Of([]int64{6, 5}, 2), nil},
		{"more than an int holds", tensor.Of([]int64{math.MaxInt64, 24, 2}, 3), nil},
		{"dimensions of another type", tensor.Of([]int32{6, 4}, 2), nil},
		{"dimensions from elsewhere", nil, nil},
	} {
		g := &Graph{Consts: map[string]*tensor.Tensor{}, Opsets: map[string]int64{"": 13}}
		if c.dims != nil {
			g.Consts["dims"] = c.dims
		}
		g.Nodes = []*Node{{Op: "Reshape", Inputs: []string{"w", "dims"}, Outputs: []string{"kernel"}}}
		book := randomCodebook(rand.New(rand.NewPCG(1, 2)), 8, 2, 2, tensor.Shape{6, 4}, 0, 1)
		if err := g.AddCodebook(book); err != nil {
			t.Fatal(err)
		}
		got, shape, err := g.WeightCodebook("kernel")
		if err != nil || !shape.Equal(c.want) || (got != nil) != (c.want != nil) {
			t.Errorf("%s: shape %v, codebook %v, error %v", c.name, shape, got != nil, err)
		}
		if got, shape, err := g.WeightCodebook("w"); err != nil || !shape.Equal(book.Shape) || !slices.Equal(got.Codes, book.Codes) {
			t.Errorf("%s: the matrix itself: shape %v, error %v", c.name, shape, err)
		}
		if got, _, err := g.WeightCodebook("dims"); got != nil || err != nil {
			t.Errorf("%s: a codebook for dimensions, error %v", c.name, err)
		}
	}
}
