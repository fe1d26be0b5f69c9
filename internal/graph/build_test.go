package graph

import (
	"strings"

	"lutra/internal/tensor"
)

// net is a graph of opset 17 with the given nodes, the float32 input x of
// shape in, and the output y.
func net(in tensor.Shape, nodes ...*Node) *Graph {
	g := &Graph{
		File: "m.onnx", Nodes: nodes, Consts: map[string]*tensor.Tensor{},
		Outputs: []Value{{Name: "y"}}, Opsets: map[string]int64{"": 17},
	}
	g.addInput("x", tensor.Float32, in)
	return g
}

func (g *Graph) addInput(name string, d tensor.DType, shape tensor.Shape) {
	v := Value{Name: name, DType: d}
	for _, n := range shape {
		v.Dims = append(v.Dims, Dim{Size: n})
	}
	g.Inputs = append(g.Inputs, v)
}

// with adds a constant.
func (g *Graph) with(name string, t *tensor.Tensor) *Graph {
	g.Consts[name] = t
	return g
}

func (g *Graph) opsetIs(v int64) *Graph {
	g.Opsets[""] = v
	return g
}

// node is an operator from the values in to the values out, separated by
// spaces; "_" is an omitted one.
func node(op, in, out string, attrs ...Attr) *Node {
	names := func(s string) []string {
		f := strings.Fields(s)
		for i := range f {
			if f[i] == "_" {
				f[i] = ""
			}
		}
		return f
	}
	return &Node{Op: op, Inputs: names(in), Outputs: names(out), Attrs: attrs}
}

func zeros(shape ...int) *tensor.Tensor { return tensor.New(tensor.Float32, shape...) }

func vector(v ...int64) *tensor.Tensor { return tensor.Of(v, len(v)) }

// inputTypes is the declared types of g's inputs, unknown sizes as 2.
func (g *Graph) inputTypes() map[string]Type {
	types := map[string]Type{}
	for _, v := range g.Inputs {
		t := Type{DType: v.DType, Shape: tensor.Shape{}}
		for _, d := range v.Dims {
			if d.Size < 0 {
				d.Size = 2
			}
			t.Shape = append(t.Shape, d.Size)
		}
		types[v.Name] = t
	}
	return types
}

// plan validates and specialises g for its declared inputs.
func (g *Graph) plan(outputs ...string) (*Program, error) {
	if err := g.Validate(); err != nil {
		return nil, err
	}
	return g.Specialize(g.inputTypes(), outputs)
}
