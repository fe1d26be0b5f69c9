package engine

import (
	"slices"
)

// halfSpec is a spec in bfloat16: operands and results have 8 bits of
// mantissa, sums are float32.
type halfSpec interface {
	spec
	// takesHalves reports whether operand i may be kept in bfloat16.
	takesHalves(i int) bool
	// givesHalves reports whether the result may be.
	givesHalves() bool
	// follows reports whether the op has this form only where all its operands
	// are bfloat16 already; else operand 0 is rounded for it.
	follows() bool
}

// halve replaces the specs of ops that can run in bfloat16 and decides which
// values are kept in it: results of products that only such ops read, and what
// is computed from those alone. Where the two kinds meet, steps are inserted
// that round or widen. Ops that quantise has given an 8-bit form stay as they
// are, so that both passes can share a plan.
func (b *builder) halve() {
	forms := map[*op]halfSpec{}
	for _, o := range b.ops {
		if f := b.halfForm(o); f != nil {
			forms[o] = f
		}
	}
	b.dropHalfFollowers(forms)
	for _, o := range b.ops {
		if f := forms[o]; f != nil {
			o.spec = f
			o.out[0].half = b.isHalf(o.out[0], forms)
		}
	}
	b.convertHalves(forms)
}

// halfForm is the bfloat16 spec of o, nil if it has none.
func (b *builder) halfForm(o *op) halfSpec {
	if slices.ContainsFunc(o.in, func(v *value) bool { return v != nil && v.quant != nil }) || o.out[0].quant != nil {
		return nil
	}
	switch s := o.spec.(type) {
	case *convSpec:
		if !s.depthwise() && s.groups > 1 && s.inC/s.groups%byteGroup != 0 {
			return nil // groups start between the pairs that are multiplied
		}
		return &halfConvSpec{s}
	case *gemmSpec:
		if o.in[0].isImage() {
			return nil
		}
		return &halfGemmSpec{s}
	case *poolSpec:
		return &halfPoolSpec{s}
	case *binarySpec:
		return &halfBinarySpec{s}
	case *unarySpec:
		return &halfUnarySpec{s}
	case *concatSpec:
		return newHalfConcat(s, o)
	}
	return nil
}

// isHalf reports whether v will be kept in bfloat16 if forms are used.
func (b *builder) isHalf(v *value, forms map[*op]halfSpec) bool {
	f := forms[v.from]
	if v.from == nil || f == nil || !f.givesHalves() || !v.isImage() {
		return false
	}
	if f.follows() {
		return true
	}
	return !b.requested(v) && !slices.ContainsFunc(v.uses, func(o *op) bool { return !takesHalf(forms, o, v) })
}

// takesHalf reports whether o reads v in bfloat16, wherever it reads it.
func takesHalf(forms map[*op]halfSpec, o *op, v *value) bool {
	f := forms[o]
	return o.reads(v, func(i int) bool { return f != nil && f.takesHalves(i) })
}

// dropHalfFollowers removes the forms of ops that follow an operand which will
// not be kept in bfloat16, until none is left.
func (b *builder) dropHalfFollowers(forms map[*op]halfSpec) {
	for changed := true; changed; {
		changed = false
		for o, f := range forms {
			if f.follows() && slices.ContainsFunc(o.in, func(v *value) bool { return !b.isHalf(v, forms) }) {
				delete(forms, o)
				changed = true
			}
		}
	}
}

// convertHalves inserts the steps between float32 values and bfloat16.
func (b *builder) convertHalves(forms map[*op]halfSpec) {
	made := map[*value]*value{}
	var ops []*op
	converted := func(v *value, s spec) *value {
		if made[v] == nil {
			made[v] = &value{name: v.name, typ: v.typ, layout: plainLayout, half: !v.half}
			made[v].from = &op{spec: s, in: []*value{v}, out: []*value{made[v]}}
			ops = append(ops, made[v].from)
		}
		return made[v]
	}
	for _, o := range b.ops {
		f := forms[o]
		for i, v := range o.in {
			switch {
			case v == nil:
			case v.half && (f == nil || !f.takesHalves(i)):
				o.in[i] = converted(v, &widenSpec{})
			case !v.half && f != nil && i == 0 && !f.follows():
				o.in[i] = converted(v, &roundSpec{})
			}
		}
		ops = append(ops, o)
	}
	for i, o := range b.outputs {
		if o.v.half {
			b.outputs[i].v = converted(o.v, &widenSpec{})
		}
	}
	b.ops = ops
}
