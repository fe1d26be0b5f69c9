package graph

import (
	"fmt"
	"slices"

	"lutra/internal/safe"
	"lutra/internal/tensor"
)

// Limits on folding: constants made are counted against foldSlack plus
// foldFactor times the size of the initializers, and an operator whose results
// depend on many inputs each is folded up to foldWork multiplications.
const (
	foldSlack  = 32 << 20
	foldFactor = 4 // int8 weights become float32
	foldWork   = 1 << 28
)

// Specialize infers all types for the given inputs, by graph input name, and
// folds constants. outputs names the values to compute, any value of the
// graph; nil stands for g.Outputs. It expects a graph that Validate accepts,
// and fails, before it allocates anything for them, if activations need more
// than safe.MaxActivations bytes at once. It does not change g: several
// goroutines may specialise one graph.
func (g *Graph) Specialize(inputs map[string]Type, outputs []string) (*Program, error) {
	if outputs == nil {
		for _, v := range g.Outputs {
			outputs = append(outputs, v.Name)
		}
	}
	live := g.reach(g.Nodes, outputs, nil)
	s := specializer{
		g: g, types: map[string]Type{}, consts: map[string]*tensor.Tensor{},
		unfold: codebooksToDecode(live, outputs), budget: foldSlack,
	}
	for name, t := range g.Consts {
		s.types[name] = Type{t.DType, t.Shape}
		s.consts[name] = t
		s.budget += foldFactor * len(t.Bytes())
	}
	if err := s.bindInputs(inputs); err != nil {
		return nil, err
	}
	for _, n := range live {
		if err := s.visit(n); err != nil {
			return nil, err
		}
	}
	return s.program(live, slices.Clone(outputs))
}

// reach lists, in order, the nodes that outputs depend on without going
// through the constants known.
func (g *Graph) reach(nodes []*Node, outputs []string, known map[string]*tensor.Tensor) []*Node {
	wanted := make(map[string]bool, len(nodes))
	want := func(names []string) {
		for _, name := range names {
			if name != "" && known[name] == nil {
				wanted[name] = true
			}
		}
	}
	want(outputs)
	var live []*Node
	for _, n := range slices.Backward(nodes) {
		if slices.ContainsFunc(n.Outputs, func(o string) bool { return wanted[o] }) {
			live = append(live, n)
			want(n.Inputs)
		}
	}
	slices.Reverse(live)
	return live
}

// codebooksToDecode is the set of codebooks that something reads other than as a weight.
func codebooksToDecode(live []*Node, outputs []string) map[string]bool {
	decode := map[string]bool{}
	for _, o := range outputs {
		decode[o] = true
	}
	for _, n := range live {
		for i, in := range n.Inputs {
			if !n.isWeight(i) {
				decode[in] = true
			}
		}
	}
	return decode
}

// isWeight reports whether input i of n may stay a codebook.
func (n *Node) isWeight(i int) bool {
	if i != 1 || n.Domain != "" {
		return false
	}
	switch n.Op {
	case "Conv", "ConvTranspose", "Gemm", "MatMul":
		return true
	}
	return false
}

type specializer struct {
	g      *Graph
	types  map[string]Type
	consts map[string]*tensor.Tensor
	unfold map[string]bool // values that must not stay codebooks
	budget int             // bytes that folding may still make
}

// bindInputs takes over the types of the graph's inputs. All dimensions that
// the file fixes must agree, but for the first: most exporters fix the batch
// to 1 without need.
func (s *specializer) bindInputs(inputs map[string]Type) error {
	for _, v := range s.g.Inputs {
		t, ok := inputs[v.Name]
		if !ok {
			continue
		}
		where := fmt.Sprintf("input %q", v.Name)
		if t.DType != v.DType {
			return s.g.errorf(where, "type", v.DType.String(), t.DType.String())
		}
		fits := v.NoShape || len(t.Shape) == len(v.Dims)
		for i := 1; i < len(v.Dims) && fits; i++ {
			fits = v.Dims[i].Size < 0 || v.Dims[i].Size == t.Shape[i]
		}
		if !fits {
			return s.g.errorf(where, "shape", declared(v.Dims), t.Shape.String())
		}
		if err := s.setType(where, v.Name, t); err != nil {
			return err
		}
	}
	for name := range inputs {
		if !slices.ContainsFunc(s.g.Inputs, func(v Value) bool { return v.Name == name }) {
			return s.g.errorf(fmt.Sprintf("input %q", name), "name", "an input of the graph", "no such input")
		}
	}
	return nil
}

// declared prints dimensions as a file states them: "Nx3x224x224".
func declared(dims []Dim) string {
	if len(dims) == 0 {
		return "scalar"
	}
	text := ""
	for i, d := range dims {
		if i > 0 {
			text += "x"
		}
		switch {
		case d.Size >= 0:
			text += fmt.Sprint(d.Size)
		case d.Param != "":
			text += d.Param
		default:
			text += "?"
		}
	}
	return text
}

func (s *specializer) setType(where, name string, t Type) error {
	size := t.DType.Size()
	if size == 0 {
		return s.g.errorf(where, fmt.Sprintf("type of %q", name), "a numeric tensor", t.DType.String())
	}
	if _, err := t.Shape.CheckedElems(safe.MaxActivations / size); err != nil {
		return &safe.FormatError{File: s.g.File, Where: where, Field: fmt.Sprintf("shape of %q", name), Err: err}
	}
	s.types[name] = t
	return nil
}

// visit infers the types of the results of n and folds it if possible.
func (s *specializer) visit(n *Node) error {
	if n.IsCodebook() {
		return s.visitCodebook(n)
	}
	row, ok := Lookup(n.Domain, n.Op, s.g.opset(n.Domain))
	if !ok {
		return s.g.errorf(n.Label(), "operator", "one that lutra knows", n.Op)
	}
	c, err := s.call(n)
	if err != nil {
		return err
	}
	types, err := row.Infer(c)
	if err != nil {
		return s.g.inFile(n, err)
	}
	if len(types) < len(n.Outputs) {
		return s.g.errorf(n.Label(), "outputs", fmt.Sprintf("at most %d", len(types)), fmt.Sprint(len(n.Outputs)))
	}
	types = types[:len(n.Outputs)]
	for i, t := range types {
		if err := s.setType(n.Label(), n.Outputs[i], t); err != nil {
			return err
		}
	}
	return s.fold(row, c, types)
}

func (s *specializer) call(n *Node) (*Call, error) {
	c := &Call{Node: n, Opset: s.g.opset(n.Domain), In: make([]Type, len(n.Inputs)), Value: make([]*tensor.Tensor, len(n.Inputs))}
	for i, in := range n.Inputs {
		if in == "" {
			continue
		}
		t, ok := s.types[in]
		if !ok {
			return nil, s.g.errorf(fmt.Sprintf("input %q", in), "shape", "one, to plan "+n.Label(), "none")
		}
		c.In[i], c.Value[i] = t, s.consts[in]
	}
	return c, nil
}

// inFile adds the file, and the node if it is missing, to an error of a shape rule.
func (g *Graph) inFile(n *Node, err error) error {
	if fe, ok := err.(*safe.FormatError); ok {
		named := *fe
		named.File = g.File
		if named.Where == "" {
			named.Where = n.Label()
		}
		return &named
	}
	return &safe.FormatError{File: g.File, Where: n.Label(), Err: err}
}

// fold computes the results of c if its inputs are known and the limits allow it.
func (s *specializer) fold(row *Operator, c *Call, types []Type) error {
	for i := range c.In {
		if c.Has(i) && c.Value[i] == nil && !row.TypesOnly {
			return nil
		}
	}
	if v := alias(c, types[0]); v != nil {
		s.consts[c.Node.Outputs[0]] = v
		return nil
	}
	if row.Dense && denseWork(c, types) > foldWork {
		return nil
	}
	bytes := 0
	for _, t := range types { // each at most MaxActivations, and few: no overflow
		bytes += t.Shape.Elems() * t.DType.Size()
	}
	if bytes > s.budget {
		return nil
	}
	s.budget -= bytes
	out := make([]*tensor.Tensor, len(types))
	for i, t := range types {
		out[i] = tensor.New(t.DType, t.Shape...)
	}
	if err := row.Eval(c, out); err != nil {
		return s.g.inFile(c.Node, err)
	}
	for i, name := range c.Node.Outputs {
		if name != "" {
			s.consts[name] = out[i]
		}
	}
	return nil
}

// denseWork bounds the multiplications of an operator each of whose results
// may read every input element.
func denseWork(c *Call, types []Type) float64 {
	in := 0
	for _, t := range c.In {
		if t.DType != tensor.Invalid {
			in = max(in, t.Shape.Elems())
		}
	}
	return float64(in) * float64(types[0].Shape.Elems())
}

// alias is the constant result of an operator that only renames or reshapes a
// constant, without a copy; nil for other operators.
func alias(c *Call, t Type) *tensor.Tensor {
	n := c.Node
	if n.Domain != "" || len(n.Outputs) != 1 {
		return nil
	}
	switch n.Op {
	case "Identity", "Reshape", "Squeeze", "Unsqueeze", "Flatten":
		return c.Value[0].Reshape(t.Shape...)
	case "Constant":
		if a, ok := n.Attr("value"); ok {
			return a.Tensor
		}
	}
	return nil
}

func (s *specializer) visitCodebook(n *Node) error {
	name := n.Outputs[0]
	if s.unfold[name] {
		c, err := s.g.codebookOf(n)
		if err != nil {
			return err
		}
		if s.budget -= c.Shape.Elems() * tensor.Float32.Size(); s.budget < 0 {
			return s.g.errorf(n.Label(), "size", "a smaller weight, since it has to be decoded", c.Shape.String())
		}
		w := c.Decode()
		s.consts[name] = w
		return s.setType(n.Label(), name, Type{tensor.Float32, w.Shape})
	}
	shape, perm := n.codebookShape(), n.Ints("order")
	if len(shape) != len(perm) {
		return s.g.errorf(n.Label(), "order", fmt.Sprintf("%d dimensions", len(shape)), fmt.Sprint(len(perm)))
	}
	c := Codebook{Shape: shape, Perm: ints(perm)}
	return s.setType(n.Label(), name, Type{tensor.Float32, c.WeightShape()})
}

// program collects what is still needed after folding.
func (s *specializer) program(live []*Node, outputs []string) (*Program, error) {
	p := &Program{Graph: s.g, Types: map[string]Type{}, Consts: map[string]*tensor.Tensor{}, Outputs: outputs}
	p.Nodes = s.g.reach(live, outputs, s.consts)
	keep := func(name string) {
		if name == "" {
			return
		}
		p.Types[name] = s.types[name]
		if v := s.consts[name]; v != nil {
			p.Consts[name] = v
		}
	}
	for _, n := range p.Nodes {
		for _, name := range n.Inputs {
			keep(name)
		}
		for _, name := range n.Outputs {
			keep(name)
		}
	}
	for _, name := range outputs {
		if s.types[name].DType == tensor.Invalid {
			return nil, s.g.errorf(fmt.Sprintf("output %q", name), "name", "a value of the graph, or an input with a shape", "no such value")
		}
		keep(name)
	}
	for _, v := range s.g.Inputs {
		if _, ok := p.Types[v.Name]; ok {
			p.Inputs = append(p.Inputs, v.Name)
		}
	}
	return p, p.checkMemory()
}
