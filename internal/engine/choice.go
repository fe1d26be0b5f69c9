package engine

// choice is how a model of mode Auto uses bfloat16, decided once: weights are
// packed for one arithmetic.
type choice struct {
	made bool
	all  bool // for all products, instead of bytes
	rest bool // for products whose inputs bytes render too badly
}

// automatic is the pass of mode Auto: bytes within the budget and bfloat16
// where it is faster than what they would need beside them, or faster than
// everything they need together. Measured on ResNets, bfloat16 changes scores by
// 1 %, bytes within a budget that calibration has chosen by 1 to 4 %.
func (b *builder) automatic() {
	m := b.model
	if !m.choice.made {
		m.choice = b.choose()
	}
	if !m.choice.all {
		b.quantise()
	}
	if m.choice.all || m.choice.rest {
		b.halve()
	}
}

// choose predicts times, of the products alone, by the costs of the model.
func (b *builder) choose() choice {
	c := choice{made: true}
	if b.model.onlyBytes || !b.level.DotsBytes() { // elsewhere bytes are looked up in tables
		return c
	}
	all := b.byteForms()
	kept := b.byteForms()
	b.dropNoisy(kept)
	b.spendNoise(kept)
	var bytes, floats, halves, restHalves float64
	for _, o := range b.ops {
		if _, ok := all[o].(producer); !ok {
			continue
		}
		float := b.productTime(o, o.spec, "")
		half := float
		if h := b.halfForm(o); h != nil {
			half = b.productTime(o, h, " bf16")
		}
		halves += half
		f, ok := kept[o].(producer)
		if !ok {
			floats += float
			restHalves += half
			continue
		}
		suffix := " int8"
		if b.model.double[f.product(b, o).name] {
			suffix += " hi+lo"
		}
		bytes += b.productTime(o, kept[o], suffix)
	}
	c.rest = restHalves < floats
	c.all = halves < bytes+min(floats, restHalves)
	return c
}

// productTime predicts the nanoseconds of the product o on one thread if s,
// whose kernel's name ends in suffix, computes it.
func (b *builder) productTime(o *op, s spec, suffix string) float64 {
	w := work{kind: "gemm" + suffix, output: float64(o.out[0].shape().Elems()), parallel: 1}
	if c, ok := o.spec.(*convSpec); ok {
		w.kind = "conv" + suffix
		if c.depthwise() {
			w.kind = "depthwise" + suffix
			w.macs = w.output * float64(c.taps())
		}
	}
	size := 4.0
	switch s.(type) {
	case byteSpec:
		size = 1
	case halfSpec:
		size = 2
	}
	for _, v := range o.in {
		if v != nil && v.konst == nil {
			w.bytes += size * float64(v.shape().Elems())
		}
	}
	w.bytes += size * w.output
	w.count(b, o, s)
	return b.model.predictions().time(b.instructions(s), &w, 1)
}

// predictions are the costs of m, those embedded if it was given none.
func (m *Model) predictions() Costs {
	if m.costs == nil {
		m.costs, _ = DefaultCosts() // a test reads them
	}
	return m.costs
}
