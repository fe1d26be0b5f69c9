package compress

import (
	"fmt"
	"maps"
	"slices"

	"lutra/internal/graph"
	"lutra/internal/safe"
	"lutra/internal/tensor"
)

// network is the graph while it is being compressed: its nodes for one sample,
// in execution order, and the present values of its constants.
type network struct {
	graph  *graph.Graph // the clone that becomes the result
	nodes  []*graph.Node
	types  map[string]graph.Type
	consts map[string]*tensor.Tensor
	input  string
	shape  tensor.Shape // of one sample
	uses   map[string]int
}

// newNetwork clones g, specialises the clone for one sample and lists the
// layers, ready to be quantised.
func newNetwork(g *graph.Graph, o *Options) (*network, []*layer, error) {
	n := &network{graph: clone(g)}
	layers, err := n.specialise(o)
	if err != nil {
		return nil, nil, err
	}
	if n.separate(layers) {
		if layers, err = n.specialise(o); err != nil {
			return nil, nil, err
		}
	}
	n.unshare()
	for _, l := range layers {
		l.norm = n.normalisation(l)
	}
	o.share(layers)
	return n, layers, nil
}

// unshare gives nodes that are folded away copies of the constants that other
// nodes read too: those may change, but not what was derived from them. (One
// exporter writes two equal biases as one and an Identity of it.)
func (n *network) unshare() {
	for _, node := range n.graph.Nodes {
		op, known := graph.Lookup(node.Domain, node.Op, n.graph.Opsets[node.Domain])
		if slices.Contains(n.nodes, node) || !known || op.TypesOnly {
			continue
		}
		for i, in := range node.Inputs {
			if c := n.consts[in]; c != nil && n.uses[in] > 0 {
				node.Inputs[i] = in + ".folded"
				n.graph.Consts[node.Inputs[i]] = c
			}
		}
	}
}

// specialise derives everything in n from its graph.
func (n *network) specialise(o *Options) ([]*layer, error) {
	if err := n.graph.Validate(); err != nil {
		return nil, err
	}
	name, typ, err := sampleType(n.graph)
	if err != nil {
		return nil, err
	}
	p, err := n.graph.Specialize(map[string]graph.Type{name: typ}, nil)
	if err != nil {
		return nil, err
	}
	n.nodes, n.types, n.consts = nil, p.Types, maps.Clone(p.Consts)
	n.input, n.shape, n.uses = name, typ.Shape, map[string]int{}
	for _, node := range p.Nodes {
		if node.IsCodebook() {
			c, err := n.graph.Codebook(node.Outputs[0])
			if err != nil {
				return nil, err
			}
			n.consts[c.Name] = c.Decode()
			continue
		}
		n.nodes = append(n.nodes, node)
		for _, in := range node.Inputs {
			n.uses[in]++
		}
	}
	for _, out := range p.Outputs {
		n.uses[out]++
	}
	return n.layers(p.Consts, o)
}

// clone copies g as far as compression changes it; tensors are shared.
func clone(g *graph.Graph) *graph.Graph {
	c := *g
	c.Nodes = make([]*graph.Node, len(g.Nodes))
	for i, n := range g.Nodes {
		m := *n
		m.Inputs, m.Outputs, m.Attrs = slices.Clone(n.Inputs), slices.Clone(n.Outputs), slices.Clone(n.Attrs)
		c.Nodes[i] = &m
	}
	c.Consts, c.ConstDocs = maps.Clone(g.Consts), maps.Clone(g.ConstDocs)
	c.Meta, c.Opsets = maps.Clone(g.Meta), maps.Clone(g.Opsets)
	c.Functions = slices.Clone(g.Functions)
	if c.Consts == nil {
		c.Consts = map[string]*tensor.Tensor{}
	}
	if c.Meta == nil {
		c.Meta = map[string]string{}
	}
	return &c
}

// sampleType is the type of the graph's only input for a batch of one.
func sampleType(g *graph.Graph) (string, graph.Type, error) {
	if len(g.Inputs) != 1 {
		return "", graph.Type{}, &safe.FormatError{File: g.File, Field: "inputs", Expected: "one, to compress the network", Found: fmt.Sprint(len(g.Inputs))}
	}
	in := g.Inputs[0]
	shape := make(tensor.Shape, len(in.Dims))
	for i, d := range in.Dims {
		switch {
		case i == 0:
			shape[i] = 1
		case d.Size < 1:
			return "", graph.Type{}, &safe.FormatError{File: g.File, Where: fmt.Sprintf("input %q", in.Name), Field: fmt.Sprintf("dimension %d", i), Expected: "a fixed size", Found: fmt.Sprint(max(d.Size, 0))}
		default:
			shape[i] = d.Size
		}
	}
	if len(shape) == 0 || in.DType != tensor.Float32 {
		return "", graph.Type{}, &safe.FormatError{File: g.File, Where: fmt.Sprintf("input %q", in.Name), Expected: "a float32 tensor with a batch dimension", Found: fmt.Sprintf("%v of rank %d", in.DType, len(in.Dims))}
	}
	return in.Name, graph.Type{DType: in.DType, Shape: shape}, nil
}

// cut lists the values that nodes[:at], or the input, make and nodes[at:] read.
func (n *network) cut(at int) []string {
	made := map[string]bool{n.input: true}
	for _, node := range n.nodes[:at] {
		for _, out := range node.Outputs {
			made[out] = true
		}
	}
	var names []string
	for _, node := range n.nodes[at:] {
		for _, in := range node.Inputs {
			if made[in] {
				made[in] = false
				names = append(names, in)
			}
		}
	}
	return names
}

// bytes is the size of the named values for one sample.
func (n *network) bytes(names []string) int {
	sum := 0
	for _, name := range names {
		t := n.types[name]
		sum += t.Shape.Elems() * t.DType.Size()
	}
	return sum
}

// section is the graph of the given nodes alone: its inputs are what they read
// and do not make.
func (n *network) section(nodes []*graph.Node, outputs []string) *graph.Graph {
	s := &graph.Graph{
		File: n.graph.File, Name: n.graph.Name, Nodes: nodes, Consts: map[string]*tensor.Tensor{},
		Opsets: n.graph.Opsets, IRVersion: n.graph.IRVersion,
	}
	made := map[string]bool{}
	for _, node := range nodes {
		for _, in := range node.Inputs {
			if c := n.consts[in]; c != nil {
				s.Consts[in] = c
			} else if in != "" && !made[in] {
				made[in] = true
				s.Inputs = append(s.Inputs, n.value(in))
			}
		}
		for _, out := range node.Outputs {
			made[out] = true
		}
	}
	for _, out := range outputs {
		s.Outputs = append(s.Outputs, n.value(out))
	}
	return s
}

func (n *network) value(name string) graph.Value {
	t := n.types[name]
	v := graph.Value{Name: name, DType: t.DType}
	for _, d := range t.Shape {
		v.Dims = append(v.Dims, graph.Dim{Size: d})
	}
	return v
}

// live is the part of nodes that outputs depend on.
func live(nodes []*graph.Node, outputs []string) []*graph.Node {
	wanted := map[string]bool{}
	for _, o := range outputs {
		wanted[o] = true
	}
	var kept []*graph.Node
	for _, n := range slices.Backward(nodes) {
		if slices.ContainsFunc(n.Outputs, func(o string) bool { return wanted[o] }) {
			kept = append(kept, n)
			for _, in := range n.Inputs {
				wanted[in] = true
			}
		}
	}
	slices.Reverse(kept)
	return kept
}
