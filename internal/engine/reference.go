package engine

import (
	"slices"

	"lutra/internal/graph"
	"lutra/internal/kernel"
	"lutra/internal/safe"
	"lutra/internal/tensor"
)

// referenceSpec computes an operator by its definition in the operator table.
type referenceSpec struct {
	plainOnly
	row  *graph.Operator
	call graph.Call // without values
}

func (b *builder) newReference(o *op) (spec, error) {
	n := o.nodes[0]
	if s := newMap(b, o); s != nil && n.Domain == "" {
		return s, nil
	}
	opset := b.opset(n)
	row, ok := graph.Lookup(n.Domain, n.Op, opset)
	if !ok {
		return nil, &safe.FormatError{File: b.prog.Graph.File, Where: n.Label(), Field: "operator", Expected: "one that lutra knows", Found: n.Op}
	}
	s := &referenceSpec{row: row, call: graph.Call{Node: n, Opset: opset}}
	for i, v := range o.in {
		var t graph.Type
		if v != nil {
			t = v.typ
			if v.konst == nil && v.from == nil && !v.input {
				dense, err := b.dense(v)
				if err != nil {
					return nil, err
				}
				o.in[i] = dense
			}
		}
		s.call.In = append(s.call.In, t)
	}
	return s, nil
}

// dense is the decoded form of a codebook weight, for operators that cannot
// use codebooks.
func (b *builder) dense(v *value) (*value, error) {
	c := b.model.codebook(v.name)
	if c == nil {
		return nil, &safe.FormatError{File: b.prog.Graph.File, Where: v.name, Expected: "a weight", Found: "no value"}
	}
	return &value{name: v.name, typ: v.typ, layout: plainLayout, konst: c.Decode()}, nil
}

func (s *referenceSpec) compile(b *builder, o *op) (*step, error) {
	in, out := slices.Clone(o.in), slices.Clone(o.out)
	run := func(t *thread, _ int) error {
		c := s.call
		c.Value = make([]*tensor.Tensor, len(in))
		for i, v := range in {
			if v != nil {
				c.Value[i] = tensor.View(v.typ.DType, t.bytes(v), v.shape()...)
			}
		}
		results := make([]*tensor.Tensor, len(out))
		for i, v := range out {
			results[i] = tensor.View(v.typ.DType, t.bytes(v), v.shape()...)
			clear(results[i].Bytes())
		}
		return s.row.Eval(&c, results)
	}
	info := StepInfo{Kernel: "reference " + o.nodes[0].Op, Level: kernel.Generic.String()}
	return &step{info: info, stages: []stage{{units: 1, run: run}}}, nil
}
