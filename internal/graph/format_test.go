package graph

import (
	"math/rand/v2"
	"slices"
	"testing"

	"lutra/internal/tensor"
)

// formatGraph is a graph whose output is one codebook weight, with codewords of
// int8 if bytes.
func formatGraph(t *testing.T, wide, bytes bool) (*Graph, *Codebook) {
	t.Helper()
	rng := rand.New(rand.NewPCG(1, 2))
	c := randomCodebook(rng, 4, 2, 2, tensor.Shape{3, 4}, 0, 1)
	if wide {
		c = randomCodebook(rng, 2048, 2, 5, tensor.Shape{8, 10}, 1, 0)
	}
	if bytes {
		c = inBytes(c)
	}
	g := &Graph{Consts: map[string]*tensor.Tensor{}, Opsets: map[string]int64{"": 13}, Outputs: []Value{{Name: "w", DType: tensor.Float32, NoShape: true}}}
	if err := g.AddCodebook(c); err != nil {
		t.Fatal(err)
	}
	return g, c
}

// spoiling is a change that a reader must refuse.
type spoiling struct {
	wide, bytes bool
	change      func(g *Graph, n *Node)
}

// withWords replaces the codewords.
func withWords(t *tensor.Tensor) func(*Graph, *Node) {
	return func(g *Graph, n *Node) { g.Consts[n.Inputs[len(n.Inputs)-1]] = t }
}

// attribute replaces an attribute, or takes it away.
func attribute(name string, to ...Attr) func(*Graph, *Node) {
	return func(_ *Graph, n *Node) {
		n.Attrs = append(slices.DeleteFunc(slices.Clone(n.Attrs), func(a Attr) bool { return a.Name == name }), to...)
	}
}

func withCodes(t *tensor.Tensor) func(*Graph, *Node) {
	return func(g *Graph, n *Node) { g.Consts[n.Inputs[0]] = t }
}

func withHigh(t *tensor.Tensor) func(*Graph, *Node) {
	return func(g *Graph, n *Node) { g.Consts[n.Inputs[1]] = t }
}

func scaled(s float32) func(*Graph, *Node) { return func(_ *Graph, n *Node) { n.SetScale(s) } }

// formatRules break the rules of docs/format.md, which lists them by name; F1
// is a property, and F13 of metadata.
var formatRules = map[string][]spoiling{
	"F2": {
		{change: func(g *Graph, n *Node) { delete(g.Consts, n.Inputs[0]) }},
		{wide: true, change: func(g *Graph, n *Node) { delete(g.Consts, n.Inputs[1]) }},
		{bytes: true, change: func(g *Graph, n *Node) { delete(g.Consts, n.Inputs[1]) }},
	},
	"F3": {
		{change: withCodes(tensor.New(tensor.Int64, 2, 3))}, {change: withCodes(tensor.New(tensor.Uint8, 6))}, {wide: true, change: withCodes(tensor.New(tensor.Uint16, 5, 8))},
		{change: withWords(tensor.New(tensor.Int8, 4, 2))}, {bytes: true, change: withWords(tensor.New(tensor.Float16, 4, 2))}, {change: withWords(tensor.New(tensor.Float16, 8))},
		{change: attribute("shape", IntsAttr("shape", 3, 4))}, {change: attribute("shape")}, {change: attribute("order")},
		{bytes: true, change: attribute("scale", FloatAttr("scale", 1))}, {bytes: true, change: attribute("scale")},
		{wide: true, change: attribute("planes")}, {wide: true, change: withHigh(tensor.New(tensor.Int8, 3, 5))},
	},
	"F4": {
		{wide: true, change: withHigh(tensor.New(tensor.Uint8, 3, 4))}, {wide: true, change: withHigh(tensor.New(tensor.Uint8, 3, 6))},
		{wide: true, change: withHigh(tensor.New(tensor.Uint8, 0, 5))}, {wide: true, change: withHigh(tensor.New(tensor.Uint8, 9, 5))},
	},
	"F5": {
		{wide: true, change: attribute("planes", TensorAttr("planes", tensor.Of([]float32{256, 512, 768}, 1, 3)))},
		{wide: true, change: attribute("planes", TensorAttr("planes", tensor.Of([]float32{256, 512}, 1, 2)))},
	},
	"F6": {{change: withWords(tensor.New(tensor.Float16, 0, 2))}, {change: withWords(tensor.New(tensor.Float16, 1<<16+1, 2))}},
	"F7": {
		{change: func(g *Graph, n *Node) { tensor.Slice[uint8](g.Consts[n.Inputs[0]])[5] = 4 }},
		{bytes: true, change: func(g *Graph, n *Node) { tensor.Slice[uint8](g.Consts[n.Inputs[0]])[0] = 255 }},
		{wide: true, change: withWords(tensor.New(tensor.Float16, 300, 2))},
	},
	"F8": {
		{change: func(g *Graph, n *Node) { tensor.Slice[uint16](g.Consts[n.Inputs[1]])[3] = 0x7e00 }}, // NaN
		{change: func(g *Graph, n *Node) { tensor.Slice[uint16](g.Consts[n.Inputs[1]])[7] = 0xfc00 }}, // -Inf
	},
	"F9":  {{bytes: true, change: func(g *Graph, n *Node) { tensor.Slice[int8](g.Consts[n.Inputs[1]])[2] = -128 }}},
	"F10": {{bytes: true, change: scaled(0)}, {bytes: true, change: scaled(-1)}, {bytes: true, change: scaled(float32(nan))}, {bytes: true, change: scaled(float32(inf))}, {bytes: true, change: scaled(0x1p121)}},
	"F11": {
		{change: attribute("shape", TensorAttr("shape", tensor.Of([]int64{4, 3}, 2)))}, {change: attribute("shape", TensorAttr("shape", tensor.Of([]int64{3, 5}, 2)))},
		{change: attribute("shape", TensorAttr("shape", tensor.Of([]int64{3, -4}, 2)))}, {change: attribute("shape", TensorAttr("shape", tensor.Of([]int64{12}, 1)))},
	},
	"F12": {
		{change: attribute("order", IntsAttr("order", 0, 0))}, {change: attribute("order", IntsAttr("order", 0))}, {change: attribute("order", IntsAttr("order", 0, 2))},
		{change: attribute("order", IntsAttr("order", 1, 0, 2))},
	},
}

// TestFormat breaks every rule of docs/format.md that a file can break; the test
// of links and rules in the module's root demands a subtest for each.
func TestFormat(t *testing.T) {
	for rule, all := range formatRules {
		t.Run(rule, func(t *testing.T) {
			for i, s := range all {
				g, _ := formatGraph(t, s.wide, s.bytes)
				if err := g.Validate(); err != nil {
					t.Fatal(err)
				}
				g, _ = formatGraph(t, s.wide, s.bytes)
				s.change(g, g.Nodes[0])
				if err := g.Validate(); err == nil {
					t.Errorf("change %d is accepted", i)
				}
			}
		})
	}
	t.Run("F1", func(t *testing.T) {
		for _, form := range []spoiling{{}, {wide: true}, {bytes: true}, {wide: true, bytes: true}} {
			g, c := formatGraph(t, form.wide, form.bytes)
			g.Nodes[0].Domain, g.Functions[0].Domain, g.Opsets["other"] = "other", "other", 1 // so that the body is executed
			if err := g.Validate(); err != nil {
				t.Fatal(err)
			}
			p, err := g.Specialize(nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			if w := p.Consts["w"]; w == nil || !slices.Equal(w.Float32s(), c.Decode().Float32s()) {
				t.Errorf("%s computes another weight", c.function())
			}
		}
	})
	t.Run("F13", func(t *testing.T) {
		for _, text := range []string{`{"x":[1,2]}`, `{"x":[-2,-1]}`, `{"x":[0,1e39]}`, `{"x":[-1,1,-1]}`, `[]`, `{"x":"y"}`} {
			if _, err := (&Graph{Meta: map[string]string{RangesKey: text}}).Ranges(); err == nil {
				t.Errorf("%s is accepted", text)
			}
		}
	})
}
