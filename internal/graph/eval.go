package graph

import (
	"fmt"

	"lutra/internal/tensor"
)

// Eval runs p by the reference definitions of its operators, in order: slow,
// and what the engine is tested against. in holds a tensor for every name of
// p.Inputs; the result has one for every name of p.Outputs. Values are
// released after their last use.
func (p *Program) Eval(in map[string]*tensor.Tensor) (map[string]*tensor.Tensor, error) {
	values := make(map[string]*tensor.Tensor, len(p.Types))
	for _, name := range p.Inputs {
		t, want := in[name], p.Types[name]
		if t == nil || t.DType != want.DType || !t.Shape.Equal(want.Shape) {
			return nil, p.Graph.errorf(fmt.Sprintf("input %q", name), "value", fmt.Sprintf("%v %v", want.DType, want.Shape), describe(t))
		}
		values[name] = t
	}
	last := p.lastUses()
	for i, n := range p.Nodes {
		if err := p.step(n, values); err != nil {
			return nil, err
		}
		for _, names := range [][]string{n.Inputs, n.Outputs} {
			for _, name := range names {
				if at, ok := last[name]; ok && at == i {
					delete(values, name)
				}
			}
		}
	}
	out := make(map[string]*tensor.Tensor, len(p.Outputs))
	for _, name := range p.Outputs {
		if out[name] = values[name]; out[name] == nil {
			out[name] = p.Consts[name]
		}
	}
	return out, nil
}

func describe(t *tensor.Tensor) string {
	if t == nil {
		return "nothing"
	}
	return fmt.Sprintf("%v %v", t.DType, t.Shape)
}

// step computes the outputs of n into values.
func (p *Program) step(n *Node, values map[string]*tensor.Tensor) error {
	if n.IsCodebook() {
		c, err := p.Graph.codebookOf(n)
		if err != nil {
			return err
		}
		values[n.Outputs[0]] = c.Decode()
		return nil
	}
	c := p.Call(n)
	for i, name := range n.Inputs {
		if v := values[name]; v != nil && name != "" {
			c.Value[i] = v
		}
	}
	row, _ := Lookup(n.Domain, n.Op, c.Opset)
	out := make([]*tensor.Tensor, len(n.Outputs))
	types, err := row.Infer(c)
	if err != nil {
		return p.Graph.inFile(n, err)
	}
	for i := range out {
		out[i] = tensor.New(types[i].DType, types[i].Shape...)
		if name := n.Outputs[i]; name != "" {
			values[name] = out[i]
		}
	}
	if err := row.Eval(c, out); err != nil {
		return p.Graph.inFile(n, err)
	}
	return nil
}
