package engine

// byteGateSpec multiplies the channels of bytes by numbers of their image.
type byteGateSpec struct{ gateSpec }

func (*byteGateSpec) takesBytes(i int) bool { return i == 0 }
func (*byteGateSpec) givesBytes() bool      { return true }
func (*byteGateSpec) follows() bool         { return true }
func (*byteGateSpec) inPlace(*op) []int     { return nil }

func (b *builder) byteGate(s gateSpec, o *op) byteSpec {
	if !b.ranged(o.out[0]) {
		return nil
	}
	return &byteGateSpec{s}
}

func (s *byteGateSpec) compile(b *builder, o *op) (*step, error) {
	x, g, y := o.in[0], o.in[1], o.out[0]
	in, gates, out := x.image(), g.image(), y.image()
	lo, hi := unbounded()
	return &step{info: StepInfo{Kernel: "gate int8"}, stages: []stage{rowStage(out, func(t *thread, n, row int) {
		floats := t.activationScratch(out.w * out.c)
		b.level.Dequantize(floats, t.bytes(x)[in.at(n, row, 0):], *x.quant)
		gate := t.floatScratch(out.c) // a pixel of bytes may be padded
		clear(gate[gates.c:])
		copy(gate, t.floats(g)[gates.at(n, 0, 0):][:gates.c])
		b.level.ScaleShift(floats, floats, gate, nil, lo, hi)
		b.level.Quantize(t.bytes(y)[out.at(n, row, 0):][:len(floats)], floats, *y.quant)
	})}}, nil
}
