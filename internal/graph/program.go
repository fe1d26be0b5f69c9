package graph

import (
	"fmt"
	"slices"

	"lutra/internal/safe"
	"lutra/internal/tensor"
)

// Program is a graph for concrete input shapes: every value has a type and
// everything that can be computed without the inputs is a constant. Codebooks
// that are only used as weights of Conv, ConvTranspose, Gemm or MatMul stay
// nodes (Node.IsCodebook); others are decoded to constants.
type Program struct {
	Graph   *Graph
	Nodes   []*Node                   // live and not folded, in execution order
	Types   map[string]Type           // of every value that Nodes read or write, and of Outputs
	Consts  map[string]*tensor.Tensor // initializers and folded values still read; storage shared with Graph
	Inputs  []string                  // graph inputs still read, in the graph's order
	Outputs []string
}

// Call is the application of a node of p: its version, input types and, where
// they are constants, input values. The caller fills in the other values
// before it hands the call to Operator.Eval.
func (p *Program) Call(n *Node) *Call {
	c := &Call{Node: n, Opset: p.Graph.opset(n.Domain), In: make([]Type, len(n.Inputs)), Value: make([]*tensor.Tensor, len(n.Inputs))}
	for i, name := range n.Inputs {
		if name != "" {
			c.In[i], c.Value[i] = p.Types[name], p.Consts[name]
		}
	}
	return c
}

// Operator is the row of the operator table for a node of p that is not a codebook.
func (p *Program) Operator(n *Node) *Operator {
	row, _ := Lookup(n.Domain, n.Op, p.Graph.opset(n.Domain))
	return row
}

// Consumers lists, for every value, the nodes of p that read it, in order; a
// node that reads a value twice is listed twice.
func (p *Program) Consumers() map[string][]*Node {
	uses := make(map[string][]*Node, len(p.Types))
	for _, n := range p.Nodes {
		for _, in := range n.Inputs {
			if in != "" {
				uses[in] = append(uses[in], n)
			}
		}
	}
	return uses
}

// checkMemory bounds the bytes of activations that are alive at one time.
func (p *Program) checkMemory() error {
	last := p.lastUses()
	bytes := func(name string) int { return p.Types[name].Shape.Elems() * p.Types[name].DType.Size() }
	now := 0
	for _, name := range p.Inputs {
		now += bytes(name)
	}
	for i, n := range p.Nodes {
		if n.IsCodebook() {
			continue
		}
		for _, name := range n.Outputs {
			if name != "" {
				now += bytes(name)
			}
		}
		if now > safe.MaxActivations || now < 0 {
			return p.Graph.errorf(n.Label(), "activations", fmt.Sprintf("at most %d bytes at one time", int64(safe.MaxActivations)), "more")
		}
		for _, name := range append(slices.Clone(n.Inputs), n.Outputs...) {
			if at, ok := last[name]; ok && at == i {
				now -= bytes(name)
				delete(last, name)
			}
		}
	}
	return nil
}

// lastUses gives, for every activation but the outputs, the index of the last
// node that reads or writes it.
func (p *Program) lastUses() map[string]int {
	last := make(map[string]int, len(p.Types))
	for i, n := range p.Nodes {
		if n.IsCodebook() {
			continue
		}
		for _, name := range n.Outputs {
			last[name] = i
		}
		for _, name := range n.Inputs {
			last[name] = i
		}
	}
	for _, n := range p.Nodes {
		if n.IsCodebook() {
			delete(last, n.Outputs[0])
		}
	}
	for name := range p.Consts {
		delete(last, name)
	}
	for _, name := range p.Outputs {
		delete(last, name)
	}
	delete(last, "")
	return last
}
