package engine

// byteSumSpec is clamp(x + y) of bytes.
type byteSumSpec struct{ *binarySpec }

func (s *byteSumSpec) takesBytes(int) bool  { return true }
func (s *byteSumSpec) givesBytes() bool     { return true }
func (s *byteSumSpec) follows() bool        { return true }
func (s *byteSumSpec) wantsImages(*op) bool { return true }
func (s *byteSumSpec) inPlace(*op) []int    { return nil }

func (b *builder) byteSum(s *binarySpec, o *op) byteSpec {
	if s.op != binaryAdd || !b.ranged(o.out[0]) {
		return nil
	}
	return &byteSumSpec{s}
}

func (s *byteSumSpec) compile(b *builder, o *op) (*step, error) {
	x, y, z := o.in[0], o.in[1], o.out[0]
	a, c, out := x.image(), y.image(), z.image()
	return &step{info: StepInfo{Kernel: "add int8"}, stages: []stage{rowStage(out, func(t *thread, n, row int) {
		size := out.w * out.c
		b.level.AddU8(t.bytes(z)[out.at(n, row, 0):][:size], t.bytes(x)[a.at(n, row, 0):][:size], t.bytes(y)[c.at(n, row, 0):][:size],
			*x.quant, *y.quant, *z.quant, s.min, s.max)
	})}}, nil
}
