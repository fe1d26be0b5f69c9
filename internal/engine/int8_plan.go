package engine

import "slices"

// byteSpec is a spec in 8-bit arithmetic.
type byteSpec interface {
	spec
	// takesBytes reports whether operand i may be an 8-bit value.
	takesBytes(i int) bool
	// givesBytes reports whether the result may be an 8-bit value.
	givesBytes() bool
	// follows reports whether the op has its 8-bit form only where all operands
	// it takes in bytes are 8-bit values already; else operand 0 is quantised for
	// it.
	follows() bool
}

// quantise replaces the specs of ops that can run in 8-bit arithmetic and
// decides which values are kept in 8 bits: results of convolutions that nobody
// reads otherwise, and what is computed from bytes alone. Where the two kinds
// meet, steps are inserted that quantise or dequantise.
func (b *builder) quantise() {
	forms := b.byteForms()
	b.dropNoisy(forms)
	b.dropFollowers(forms)
	for _, o := range b.ops {
		f := forms[o]
		if f == nil {
			continue
		}
		o.spec = f
		if v := o.out[0]; b.isByte(v, forms) {
			q := newAffine8(b.model.ranges[v.name])
			v.quant = &q
		}
	}
	b.shareScales()
	b.chooseProducts(forms)
	b.spendNoise(forms)
	b.convertOperands(forms)
}

// byteForms are the 8-bit specs of all ops that have one.
func (b *builder) byteForms() map[*op]byteSpec {
	forms := map[*op]byteSpec{}
	for _, o := range b.ops {
		if f := b.byteForm(o); f != nil {
			forms[o] = f
		}
	}
	return forms
}

// byteForm is the 8-bit spec of o, nil if it has none.
func (b *builder) byteForm(o *op) byteSpec {
	switch s := o.spec.(type) {
	case *convSpec:
		return b.byteConv(s, o)
	case *gemmSpec:
		return b.byteGemm(s, o)
	case *poolSpec:
		return b.bytePool(s, o)
	case *binarySpec:
		return b.byteSum(s, o)
	case *concatSpec:
		return b.byteConcat(s, o)
	case gateSpec:
		return b.byteGate(s, o)
	case *sliceSpec:
		return b.byteSlice(s, o)
	case *shuffleSpec:
		return b.byteShuffle(s, o)
	}
	return nil
}

// ranged reports whether the range of v is known.
func (b *builder) ranged(v *value) bool {
	_, ok := b.model.ranges[v.name]
	return ok && v.konst == nil && isFloat32(v)
}

// isByte reports whether v will be kept in 8 bits if forms are used.
func (b *builder) isByte(v *value, forms map[*op]byteSpec) bool {
	f := forms[v.from]
	if v.from == nil || f == nil || !f.givesBytes() || !v.isImage() || !b.ranged(v) {
		return false
	}
	if f.follows() {
		return true
	}
	return b.readAsBytes(v, forms)
}

// takesBytes reports whether o reads v in 8 bits, wherever it reads it.
func takesBytes(forms map[*op]byteSpec, o *op, v *value) bool {
	f := forms[o]
	return o.reads(v, func(i int) bool { return f != nil && f.takesBytes(i) })
}

// reads reports whether takes holds for every operand of o that is v.
func (o *op) reads(v *value, takes func(i int) bool) bool {
	for i, in := range o.in {
		if in == v && !takes(i) {
			return false
		}
	}
	return true
}

// dropFollowers removes the forms of ops that follow an operand which will not
// be kept in 8 bits, until none is left; in mode Auto also of those whose result
// somebody reads in float32, since nobody has accounted for its noise.
func (b *builder) dropFollowers(forms map[*op]byteSpec) {
	for changed := true; changed; {
		changed = false
		for _, o := range b.ops {
			f := forms[o]
			if f != nil && f.follows() && (!b.followsBytes(o, forms) || b.model.mode == Auto && f.givesBytes() && !b.readAsBytes(o.out[0], forms)) {
				delete(forms, o)
				changed = true
			}
		}
	}
}

// followsBytes reports whether all operands that o takes in bytes will be kept
// in 8 bits.
func (b *builder) followsBytes(o *op, forms map[*op]byteSpec) bool {
	for i, v := range o.in {
		if forms[o].takesBytes(i) && !b.isByte(v, forms) {
			return false
		}
	}
	return true
}

// readAsBytes reports whether all that read v read it in 8 bits.
func (b *builder) readAsBytes(v *value, forms map[*op]byteSpec) bool {
	return !b.requested(v) && !slices.ContainsFunc(v.uses, func(o *op) bool { return !takesBytes(forms, o, v) })
}

// shareScales gives the result of a maximum, and of what moves bytes only, the
// scale of its operand, and the operands of a concatenation that nobody else
// reads the scale of its result, so that neither computes anything.
func (b *builder) shareScales() {
	for _, o := range b.ops {
		switch s := o.spec.(type) {
		case *bytePoolSpec:
			if s.largest && o.out[0].quant != nil {
				o.out[0].quant = o.in[0].quant
			}
		case *byteSliceSpec, *byteShuffleSpec:
			if o.out[0].quant != nil {
				o.out[0].quant = o.in[0].quant
			}
		case *byteConcatSpec:
			for _, v := range o.in {
				if _, conv := v.from.spec.(*byteConvSpec); conv && b.onlyReader(v) == o && o.out[0].quant != nil {
					v.quant = o.out[0].quant
				}
			}
		}
	}
}

// convertOperands inserts the steps between float32 values and bytes.
func (b *builder) convertOperands(forms map[*op]byteSpec) {
	made := map[*value]*value{}
	var ops []*op
	converted := func(v *value, s spec, q *affine) *value {
		if made[v] == nil {
			made[v] = &value{name: v.name, typ: v.typ, layout: plainLayout, quant: q}
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
			case v.quant != nil && (f == nil || !f.takesBytes(i)):
				o.in[i] = converted(v, &dequantiseSpec{}, nil)
			case v.quant == nil && f != nil && i == 0 && !f.follows():
				q := newAffine8(b.model.ranges[v.name])
				o.in[i] = converted(v, &quantiseSpec{}, &q)
			}
		}
		ops = append(ops, o)
	}
	for i, o := range b.outputs {
		if o.v.quant != nil {
			b.outputs[i].v = converted(o.v, &dequantiseSpec{}, nil)
		}
	}
	b.ops = ops
}
