package engine

import (
	"fmt"
	"slices"

	"lutra/internal/graph"
	"lutra/internal/kernel"
	"lutra/internal/safe"
	"lutra/internal/tensor"
)

// builder turns a program into the ops of a plan. The passes run in the order
// of build: each leaves a complete, executable list of ops.
type builder struct {
	model   *Model
	prog    *graph.Program
	level   kernel.Level
	threads int
	values  map[string]*value // by name, in the layout they are produced in
	ops     []*op             // in execution order; nil where a pass removed one
	outputs []output
	buffers []buffer
	// readUntil is the last step that reads a value that owns bytes, or a view of it.
	readUntil map[*value]int
}

// output is a requested output and the value that holds it.
type output struct {
	name string
	v    *value
}

func (b *builder) build(fuse bool) error {
	if err := b.lower(); err != nil {
		return err
	}
	b.link()
	passes := []func(){b.bypassIdentities}
	if fuse {
		passes = append(passes, b.foldPads, b.gatedActivations, b.shuffles, b.fuseEpilogues)
	}
	switch b.model.mode {
	case BF16:
		passes = append(passes, b.halve)
	case Int8:
		passes = append(passes, b.quantise)
	case Auto:
		passes = append(passes, b.automatic)
	}
	passes = append(passes, b.assignLayouts, b.assignBorders)
	for _, pass := range passes {
		pass()
		b.link()
	}
	return nil
}

// lower makes one op of every node of the program.
func (b *builder) lower() error {
	p := b.prog
	for _, name := range p.Inputs {
		b.values[name] = &value{name: name, typ: p.Types[name], layout: plainLayout, input: true}
	}
	for _, n := range p.Nodes {
		if n.IsCodebook() {
			continue
		}
		o := &op{nodes: []*graph.Node{n}}
		for _, name := range n.Inputs {
			v, err := b.operand(name)
			if err != nil {
				return err
			}
			o.in = append(o.in, v)
		}
		for _, name := range n.Outputs {
			v := &value{name: name, typ: p.Types[name], layout: plainLayout, from: o}
			if name != "" {
				b.values[name] = v
			}
			o.out = append(o.out, v)
		}
		var err error
		if o.spec, err = b.specOf(o); err != nil {
			return err
		}
		b.ops = append(b.ops, o)
	}
	for _, name := range p.Outputs {
		v, err := b.operand(name)
		if err != nil {
			return err
		}
		if v.from == nil && v.konst == nil && !v.input {
			return &safe.FormatError{
				File: p.Graph.File, Where: fmt.Sprintf("output %q", name),
				Expected: "a computed value", Found: "a weight that is packed already",
			}
		}
		b.outputs = append(b.outputs, output{name, v})
	}
	return nil
}

// operand is the value name; nil for the empty name of an omitted input.
// Codebook weights appear without their value.
func (b *builder) operand(name string) (*value, error) {
	if name == "" {
		return nil, nil
	}
	if v := b.values[name]; v != nil {
		return v, nil
	}
	v := &value{name: name, typ: b.prog.Types[name], layout: plainLayout, konst: b.prog.Consts[name]}
	if v.konst != nil {
		v.typ = graph.Type{DType: v.konst.DType, Shape: v.konst.Shape}
	}
	b.values[name] = v
	return v, nil
}

// specOf chooses what o is from the operator of its node; operators the engine
// has no kernel for become a call of their reference definition.
func (b *builder) specOf(o *op) (spec, error) {
	n := o.nodes[0]
	if n.Domain == "" || n.Domain == "ai.onnx" {
		if lower := lowerings[n.Op]; lower != nil {
			s, err := lower(b, o)
			if s != nil || err != nil {
				return s, err
			}
		}
	}
	return b.newReference(o)
}

// link drops removed and dead ops and recomputes the readers of every value.
func (b *builder) link() {
	for {
		b.ops = slices.DeleteFunc(b.ops, func(o *op) bool { return o == nil })
		for _, v := range b.values {
			v.uses = v.uses[:0]
		}
		for _, o := range b.ops {
			for _, v := range slices.Concat(o.in, o.out) {
				if v != nil {
					v.uses = v.uses[:0]
				}
			}
		}
		for _, o := range b.ops {
			for _, v := range o.in {
				if v != nil {
					v.uses = append(v.uses, o)
				}
			}
		}
		dead := false
		for i, o := range b.ops {
			if !slices.ContainsFunc(o.out, func(v *value) bool { return len(v.uses) > 0 || b.requested(v) }) {
				b.ops[i], dead = nil, true
			}
		}
		if !dead {
			return
		}
	}
}

// requested reports whether v is an output of the plan.
func (b *builder) requested(v *value) bool {
	return slices.ContainsFunc(b.outputs, func(o output) bool { return o.v == v })
}

// replace makes every reader of old read new instead.
func (b *builder) replace(old, new *value) {
	for _, o := range b.ops {
		if o == nil {
			continue
		}
		for i, v := range o.in {
			if v == old {
				o.in[i] = new
			}
		}
	}
	for i := range b.outputs {
		if b.outputs[i].v == old {
			b.outputs[i].v = new
		}
	}
}

// onlyReader is the op that reads v, if v has exactly one reader that reads it
// once and v is not requested; else nil.
func (b *builder) onlyReader(v *value) *op {
	if len(v.uses) != 1 || b.requested(v) {
		return nil
	}
	return v.uses[0]
}

// absorb makes o end with next: next's node joins o's, o writes what next
// wrote, in next's place of the order.
func (b *builder) absorb(o, next *op) {
	o.nodes = append(o.nodes, next.nodes...)
	o.out = next.out
	for _, v := range o.out {
		v.from = o
	}
	for _, v := range next.in {
		for i, reader := range v.uses {
			if reader == next {
				v.uses[i] = o
			}
		}
	}
	b.ops[slices.Index(b.ops, o)] = nil
	b.ops[slices.Index(b.ops, next)] = o
}

// floats is the contents of a known float32 value, nil for others.
func floats(v *value) []float32 {
	if v == nil || v.konst == nil || v.konst.DType != tensor.Float32 {
		return nil
	}
	return v.konst.Float32s()
}

// scalar is the one number of a known float32 value of one element.
func scalar(v *value) (float32, bool) {
	x := floats(v)
	if len(x) != 1 {
		return 0, false
	}
	return x[0], true
}
