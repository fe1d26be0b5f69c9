package engine

// byteConcatSpec joins channels of bytes. Operands of another scale than the
// result's are mapped to it by a table.
type byteConcatSpec struct{ *concatSpec }

func (s *byteConcatSpec) takesBytes(int) bool  { return true }
func (s *byteConcatSpec) givesBytes() bool     { return true }
func (s *byteConcatSpec) follows() bool        { return true }
func (s *byteConcatSpec) wantsImages(*op) bool { return true }

func (b *builder) byteConcat(s *concatSpec, o *op) byteSpec {
	if s.axis != 1 || !o.out[0].isImage() || !b.ranged(o.out[0]) {
		return nil
	}
	for _, v := range o.in {
		if v.konst != nil || !v.isImage() {
			return nil
		}
	}
	return &byteConcatSpec{s}
}

func (s *byteConcatSpec) compile(b *builder, o *op) (*step, error) {
	out := o.out[0].image()
	tables := make([]*[256]uint8, len(o.in))
	for i, v := range o.in {
		if *v.quant != *o.out[0].quant {
			tables[i] = rescale(b.level, *v.quant, *o.out[0].quant)
		}
	}
	return &step{info: StepInfo{Kernel: "concat int8"}, stages: []stage{rowStage(out, func(t *thread, n, y int) {
		dst := t.bytes(o.out[0])[out.at(n, y, 0):]
		c := 0
		for i, v := range o.in {
			m, channels := v.image(), v.shape()[1]
			src := t.bytes(v)[m.at(n, y, 0):]
			for x := range out.w {
				to, from := dst[x*out.c+c:][:channels], src[x*m.c:][:channels]
				if tables[i] == nil {
					copy(to, from)
					continue
				}
				b.level.MapU8(to, from, tables[i])
			}
			c += channels
		}
	})}}, nil
}

// rescale is the table that takes bytes of one scale to another.
func rescale(l level, from, to affine) *[256]uint8 {
	var all, table [256]uint8
	for i := range all {
		all[i] = uint8(i)
	}
	var real [256]float32
	l.Dequantize(real[:], all[:], from)
	l.Quantize(table[:], real[:], to)
	return &table
}
