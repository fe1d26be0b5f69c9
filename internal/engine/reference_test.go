package engine

import (
	"context"
	"math"
	"pgregory.net/rapid"

	"lutra/internal/graph"
	"lutra/internal/tensor"
)

// evalReference computes every value of g by the definitions of the operator
// table: the oracle of this package's tests.
func evalReference(t rapid.TB, g *graph.Graph, in map[string]*tensor.Tensor, outputs []string) map[string]*tensor.Tensor {
	t.Helper()
	types := map[string]graph.Type{}
	for name, x := range in {
		types[name] = graph.Type{DType: x.DType, Shape: x.Shape}
	}
	p, err := g.Specialize(types, outputs)
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]*tensor.Tensor{}
	for name, x := range in {
		values[name] = x
	}
	for name, x := range p.Consts {
		values[name] = x
	}
	for _, n := range p.Nodes {
		if n.IsCodebook() {
			c, err := g.Codebook(n.Outputs[0])
			if err != nil {
				t.Fatal(err)
			}
			values[c.Name] = c.Decode()
			continue
		}
		evalNode(t, g, p, n, values)
	}
	return values
}

func evalNode(t rapid.TB, g *graph.Graph, p *graph.Program, n *graph.Node, values map[string]*tensor.Tensor) {
	t.Helper()
	row, ok := graph.Lookup(n.Domain, n.Op, g.Opsets[n.Domain])
	if !ok {
		t.Fatalf("no operator %s", n.Op)
	}
	c := &graph.Call{Node: n, Opset: g.Opsets[n.Domain]}
	for _, name := range n.Inputs {
		c.In = append(c.In, p.Types[name])
		c.Value = append(c.Value, values[name])
	}
	var out []*tensor.Tensor
	for _, name := range n.Outputs {
		y := tensor.New(p.Types[name].DType, p.Types[name].Shape...)
		values[name] = y
		out = append(out, y)
	}
	if err := row.Eval(c, out); err != nil {
		t.Fatalf("%s: %v", n.Label(), err)
	}
}

// runPlan compiles and runs g with dead buffers overwritten by NaN.
func runPlan(t rapid.TB, g *graph.Graph, o Options, in map[string]*tensor.Tensor, outputs []string) map[string]*tensor.Tensor {
	t.Helper()
	m, err := Compile(g, o)
	if err != nil {
		t.Fatal(err)
	}
	shapes := map[string]tensor.Shape{}
	for name, x := range in {
		shapes[name] = x.Shape
	}
	p, err := m.Plan(shapes, outputs)
	if err != nil {
		t.Fatal(err)
	}
	s := m.NewSession()
	s.poison = o.Threads == 1
	out, err := s.Run(context.Background(), p, in)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// maxError is the largest difference relative to the largest magnitude of want.
func maxError(got, want *tensor.Tensor) float64 {
	if got == nil || got.DType != want.DType || !got.Shape.Equal(want.Shape) {
		return math.Inf(1)
	}
	if want.DType != tensor.Float32 {
		if string(got.Bytes()) != string(want.Bytes()) {
			return math.Inf(1)
		}
		return 0
	}
	diff, largest := 0.0, 1e-30
	for i, w := range want.Float32s() {
		g := float64(got.Float32s()[i])
		if math.IsNaN(g) != math.IsNaN(float64(w)) {
			return math.Inf(1)
		}
		if g == float64(w) {
			continue
		}
		diff = max(diff, math.Abs(g-float64(w)))
		largest = max(largest, math.Abs(float64(w)))
	}
	return diff / largest
}
