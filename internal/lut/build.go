package lut

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"lutra/internal/graph"
	"lutra/internal/safe"
	"lutra/internal/tensor"
)

// Options of Build.
type Options struct {
	// Shared makes layers use one table of products wherever powers of two
	// separate their scales: less memory, less precision in some of them.
	Shared bool
	// Narrow makes products of 8 bits of scalar codebooks where that moves the
	// sums of a layer by a quarter of a level at most (root mean square): half
	// the table, less precision. Filters of one channel stay at 16 bits.
	Narrow bool
	// Exact makes products of scalar codebooks that are not rounded, and sums of 64
	// bits: they are those of floating point but for the rounding of weights to
	// 31 bits, or fewer in layers of more than 2,000 taps. Tables take four times
	// the memory. Narrow has no effect then.
	Exact bool
	// Block is how many taps a sum of 16-bit products must hold at least; 0
	// stands for 32, and for all taps if codewords are pairs and that leaves
	// 8 bits below a level. Larger blocks cost precision.
	Block int
}

// Build makes an integer network of g, which Validate has accepted, for inputs
// of the declared shapes (open dimensions are 1). It proves that no sum can
// overflow. It fails with a *safe.FormatError that names the nodes that have
// no form in tables, and what to do.
func Build(g *graph.Graph, o Options) (*Network, error) {
	p, err := g.Specialize(inputTypes(g), nil)
	if err != nil {
		return nil, err
	}
	if err := checkOperators(p); err != nil {
		return nil, err
	}
	b := &builder{graph: g, program: p, net: &Network{Name: g.Name}, values: map[string]*value{}, uses: map[string]int{}, producers: map[string]*graph.Node{}, maps: map[binningKey]binning{}, exact: o.Exact}
	for _, n := range g.Nodes {
		for _, out := range n.Outputs {
			b.producers[out] = n
		}
	}
	for name, nodes := range p.Consumers() {
		b.uses[name] = len(nodes)
	}
	for _, name := range p.Outputs {
		b.uses[name]++
	}
	for _, name := range p.Inputs {
		b.values[name] = &value{kind: input, name: name, shape: p.Types[name].Shape}
	}
	for _, n := range p.Nodes {
		if n.IsCodebook() {
			continue
		}
		if err := b.visit(n); err != nil {
			return nil, err
		}
	}
	if err := b.outputs(); err != nil {
		return nil, err
	}
	if err := b.quantise(o); err != nil {
		return nil, err
	}
	b.sameUnits()
	return b.net, nil
}

// inputTypes is the declared types of the inputs of g, open dimensions as 1.
func inputTypes(g *graph.Graph) map[string]graph.Type {
	types := make(map[string]graph.Type, len(g.Inputs))
	for _, v := range g.Inputs {
		shape := make(tensor.Shape, len(v.Dims))
		for i, d := range v.Dims {
			shape[i] = max(d.Size, 1)
		}
		types[v.Name] = graph.Type{DType: v.DType, Shape: shape}
	}
	return types
}

// builder turns the nodes of a program into layers, one after the other.
type builder struct {
	graph     *graph.Graph
	program   *graph.Program
	net       *Network
	values    map[string]*value
	uses      map[string]int         // readers of each value of the program
	producers map[string]*graph.Node // of the graph's values
	sums      []*sum                 // in order; their integers are still missing
	maps      map[binningKey]binning
	exact     bool
}

// value is what a name of the graph stands for while it is built.
type value struct {
	kind   kind
	name   string
	shape  tensor.Shape // in the graph, with the batch of 1
	tensor int          // of levels
	sum    *sum         // of a sum
	parts  []int        // of a join: tensors along the channels
	// origins lists where the elements of levels or of a sum are in the tensor
	// or the sum, -1 for padding; nil: where they are here. See move.
	origins []int32
}

type kind uint8

const (
	input  kind = iota // a graph input, not quantised yet
	levels             // a tensor
	real               // a sum that no activation has quantised yet
	join               // tensors of different levels, to be quantised anew
)

var kindNames = [...]string{input: "a graph input", levels: "levels", real: "a sum that is not quantised", join: "a Concat of different levels"}

// refuse is an error about n.
func (b *builder) refuse(n *graph.Node, field, expected, found, hint string) error {
	return &safe.FormatError{File: b.graph.File, Where: n.Label(), Field: field, Expected: expected, Found: found, Hint: hint}
}

const quantiseHint = "put lutra.ReluD, TanhD or ClipD in front of it"

// visitor turns a node into a value.
type visitor func(*builder, *graph.Node) (*value, error)

var visitors = map[string]visitor{
	"Conv": (*builder).conv, "Gemm": (*builder).gemm, "MatMul": (*builder).gemm,
	"Add": (*builder).add, "Concat": (*builder).concat,
	"MaxPool": (*builder).maxPool, "GlobalMaxPool": (*builder).maxPool,
	"AveragePool": (*builder).avgPool, "GlobalAveragePool": (*builder).avgPool, "ReduceMean": (*builder).avgPool,
	"Flatten": (*builder).view, "Reshape": (*builder).view, "Squeeze": (*builder).view, "Unsqueeze": (*builder).view,
	"Identity": (*builder).view, "Dropout": (*builder).view,
	"Slice": (*builder).move, "Pad": (*builder).move, "Transpose": (*builder).move,
	"DepthToSpace": (*builder).move, "SpaceToDepth": (*builder).move,
}

// weightOps are operators that may stand between a codebook and its layer.
var weightOps = map[string]bool{"Reshape": true, "Identity": true}

// namedNodes bounds the nodes that an error names of each operator.
const namedNodes = 3

// checkOperators lists the operators of p that have no form in tables, with nodes.
func checkOperators(p *graph.Program) error {
	var found []string
	of := map[string]int{} // operator
	for _, n := range p.Nodes {
		if n.IsCodebook() || n.IsQuantiser() || visitors[n.Op] != nil && n.Domain == "" {
			continue
		}
		if of[n.Op]++; of[n.Op] <= namedNodes {
			found = append(found, n.Label())
		}
	}
	if len(found) == 0 {
		return nil
	}
	for _, op := range slices.Sorted(maps.Keys(of)) {
		if more := of[op] - namedNodes; more > 0 {
			found = append(found, fmt.Sprintf("%d more %s", more, op))
		}
	}
	return &safe.FormatError{File: p.Graph.File, Field: "nodes without a form in lookup tables", Found: strings.Join(found, ", "),
		Hint: "lutra train MODEL --lut makes a network of tables of a float one; with a form: Conv, Gemm, MatMul, Add, Concat, pools, Slice, Pad, Transpose and lutra.ReluD, TanhD, ClipD; fold BatchNormalization into the weights before they are clustered"}
}

func (b *builder) visit(n *graph.Node) error {
	visit := visitors[n.Op]
	if n.IsQuantiser() {
		visit = (*builder).activate
	}
	v, err := visit(b, n)
	if err != nil {
		return err
	}
	v.name, v.shape = n.Outputs[0], b.program.Types[n.Outputs[0]].Shape
	if v.kind == real && b.uses[v.name] != 1 {
		return b.refuse(n, "output", "one reader", fmt.Sprintf("%d of a sum that is not quantised", b.uses[v.name]), "quantise it by lutra.ClipD first")
	}
	b.values[v.name] = v
	return nil
}

// operand is input i of n, which must be one of kinds.
func (b *builder) operand(n *graph.Node, i int, kinds ...kind) (*value, error) {
	v := b.values[n.Inputs[i]]
	if v == nil {
		return nil, b.refuse(n, fmt.Sprintf("input %d", i), "an activation", "a constant", "")
	}
	if !slices.Contains(kinds, v.kind) {
		return nil, b.refuse(n, fmt.Sprintf("input %q", v.name), kindNames[kinds[0]], kindNames[v.kind], quantiseHint)
	}
	return v, nil
}

// tensorOf adds a tensor for the value name of the graph.
func (b *builder) tensorOf(n *graph.Node, name string, shape tensor.Shape, q graph.Quantiser) (int, error) {
	c, h, w, ok := dims(shape)
	if !ok {
		return 0, b.refuse(n, "output", "a shape [1, channels], [1, channels, length] or [1, channels, height, width]", shape.String(), "")
	}
	b.net.Tensors = append(b.net.Tensors, Tensor{Name: name, C: c, H: h, W: w, Quantiser: q})
	return len(b.net.Tensors) - 1, nil
}

// dims reads a shape of one sample.
func dims(s tensor.Shape) (c, h, w int, ok bool) {
	if len(s) < 2 || len(s) > 4 || s[0] != 1 || s.Elems() == 0 {
		return 0, 0, 0, false
	}
	c, h, w = s[1], 1, 1
	if len(s) > 2 {
		w = s[len(s)-1]
	}
	if len(s) == 4 {
		h = s[2]
	}
	return c, h, w, true
}

// activate quantises a value.
func (b *builder) activate(n *graph.Node) (*value, error) {
	v, err := b.operand(n, 0, real, levels, input, join)
	if err != nil {
		return nil, err
	}
	q, err := n.Quantiser()
	if err != nil {
		return nil, err
	}
	if slices.Contains(v.origins, -1) { // 0 may become another number
		if err := b.settle(n, v); err != nil {
			return nil, err
		}
	}
	shape := v.shape
	if v.kind == real {
		shape = v.sum.shape
	}
	if v.kind == levels { // a view keeps the tensor's own shape
		t := b.net.Tensors[v.tensor]
		shape = tensor.Shape{1, t.C, t.H, t.W}
	}
	t, err := b.tensorOf(n, n.Outputs[0], shape, q)
	if err != nil {
		return nil, err
	}
	switch v.kind {
	case input:
		b.net.Inputs = append(b.net.Inputs, Input{Name: v.name, Tensor: t})
	case real:
		b.end(v.sum, t)
	case levels:
		b.remap(n, []int{v.tensor}, t)
	case join:
		b.remap(n, v.parts, t)
	}
	return &value{kind: levels, tensor: t, origins: v.origins}, nil
}

// remap joins the tensors in, translated to the levels of t.
func (b *builder) remap(n *graph.Node, in []int, t int) {
	l := &Concat{Name: n.Outputs[0], In: in, Out: t, Maps: make([][]uint8, len(in))}
	to := b.net.Tensors[t].Quantiser
	for i, from := range in {
		if q := b.net.Tensors[from].Quantiser; q != to || to.Tanh {
			l.Maps[i] = make([]uint8, q.Levels)
			for a := range l.Maps[i] {
				l.Maps[i][a] = to.Index(q.Value(uint8(a)))
			}
		}
	}
	b.net.Layers = append(b.net.Layers, l)
}

// outputs makes the graph's outputs: levels, or the scores of a last sum.
func (b *builder) outputs() error {
	for _, name := range b.program.Outputs {
		v := b.values[name]
		if v == nil || v.kind == input || v.kind == join {
			return &safe.FormatError{File: b.graph.File, Where: fmt.Sprintf("output %q", name), Expected: "levels or sums of a layer", Found: "another value", Hint: quantiseHint}
		}
		if v.kind == real {
			t, err := b.tensorOf(v.sum.node, name, v.sum.shape, graph.Quantiser{})
			if err != nil {
				return err
			}
			b.end(v.sum, t)
			v.tensor = t
		}
		if v.origins != nil {
			if err := b.settle(b.producers[name], v); err != nil {
				return err
			}
		}
		b.net.Outputs = append(b.net.Outputs, Output{Name: name, Tensor: v.tensor, Shape: v.shape[1:]})
	}
	return nil
}
