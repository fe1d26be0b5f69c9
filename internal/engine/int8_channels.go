package engine

// byteSliceSpec takes parts of images of bytes, of the same scale.
type byteSliceSpec struct{ *sliceSpec }

func (*byteSliceSpec) takesBytes(i int) bool { return i == 0 }
func (*byteSliceSpec) givesBytes() bool      { return true }
func (*byteSliceSpec) follows() bool         { return true }
func (*byteSliceSpec) wantsImages(*op) bool  { return true }

// byteSlice is nil for several results, and for others than channels that lie
// together.
func (b *builder) byteSlice(s *sliceSpec, o *op) byteSpec {
	if len(s.cuts) != 1 || s.cuts[0].step[1] != 1 || !o.out[0].isImage() || !b.ranged(o.out[0]) {
		return nil
	}
	return &byteSliceSpec{s}
}

func (s *byteSliceSpec) compile(_ *builder, o *op) (*step, error) {
	x, v, k := o.in[0], o.out[0], s.cuts[0]
	in, out := x.image(), v.image()
	channels := v.shape()[1]
	return &step{info: StepInfo{Kernel: "slice int8"}, stages: []stage{rowStage(out, func(t *thread, n, y int) {
		dst := t.bytes(v)[out.at(n, y, 0):]
		src := t.bytes(x)[in.at(k.start[0]+n*k.step[0], k.start[2]+y*k.step[2], k.start[3])+k.start[1]:]
		for i := range out.w {
			copy(dst[i*out.c:][:channels], src[i*k.step[3]*in.c:])
		}
	})}}, nil
}

// byteShuffleSpec permutes channels of bytes, of the same scale.
type byteShuffleSpec struct{ *shuffleSpec }

func (*byteShuffleSpec) takesBytes(int) bool { return true }
func (*byteShuffleSpec) givesBytes() bool    { return true }
func (*byteShuffleSpec) follows() bool       { return true }

func (b *builder) byteShuffle(s *shuffleSpec, o *op) byteSpec {
	if !b.ranged(o.out[0]) {
		return nil
	}
	return &byteShuffleSpec{s}
}

func (s *byteShuffleSpec) compile(b *builder, o *op) (*step, error) {
	x, y := o.in[0], o.out[0]
	in, out := x.image(), y.image()
	channels := y.shape()[1]
	return &step{info: StepInfo{Kernel: "shuffle int8"}, stages: []stage{rowStage(out, func(t *thread, n, row int) {
		dst, src := t.bytes(y)[out.at(n, row, 0):], t.bytes(x)[in.at(n, row, 0):]
		for i := range out.w {
			b.level.ShuffleU8(dst[i*out.c:][:channels], src[i*in.c:][:channels], s.groups)
		}
	})}}, nil
}
