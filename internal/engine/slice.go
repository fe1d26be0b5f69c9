package engine

import (
	"slices"

	"lutra/internal/tensor"
)

// cut is the part of a value [N, C, H, W] that one result of a slice holds:
// element i of axis a is element start[a] + i*step[a] of the operand.
type cut struct{ start, step [4]int }

// sliceSpec takes parts of images: Slice, or Split with one part per result.
// In plain layout it is computed by its definition.
type sliceSpec struct {
	referenceSpec
	cuts []cut
}

func (*sliceSpec) wantsImages(o *op) bool { return !o.in[0].layout.plain }
func (*sliceSpec) writesBorder(*op) bool  { return true }

// known is the contents of an int32 or int64 constant; ok is false for others.
// An omitted operand is nil.
func known(o *op, i int) (x []int, ok bool) {
	if i >= len(o.in) || o.in[i] == nil {
		return nil, true
	}
	t := o.in[i].konst
	switch {
	case t == nil:
		return nil, false
	case t.DType == tensor.Int64:
		for _, v := range t.Int64s() {
			x = append(x, int(v))
		}
	case t.DType == tensor.Int32:
		for _, v := range tensor.Slice[int32](t) {
			x = append(x, int(v))
		}
	default:
		return nil, false
	}
	return x, true
}

// newSlice handles known starts and positive steps.
func newSlice(b *builder, o *op) (spec, error) {
	x := o.in[0]
	if !x.isImage() || x.konst != nil || !o.out[0].isImage() || o.out[0].shape().Elems() == 0 || len(o.in) < 3 {
		return nil, nil
	}
	starts, ok1 := known(o, 1)
	axes, ok2 := known(o, 3)
	steps, ok3 := known(o, 4)
	if !ok1 || !ok2 || !ok3 {
		return nil, nil
	}
	k := wholeCut()
	for i, start := range starts {
		a := i
		if axes != nil {
			a = (axes[i] + 4) % 4
		}
		if start < 0 {
			start += x.shape()[a]
		}
		k.start[a] = min(max(start, 0), x.shape()[a])
		if steps != nil {
			if k.step[a] = steps[i]; steps[i] < 1 {
				return nil, nil
			}
		}
	}
	return newCuts(b, o, []cut{k})
}

func wholeCut() cut { return cut{step: [4]int{1, 1, 1, 1}} }

// newSplit takes one part after the other along an axis.
func newSplit(b *builder, o *op) (spec, error) {
	if !o.in[0].isImage() || o.in[0].konst != nil || slices.ContainsFunc(o.out, func(v *value) bool { return !v.isImage() || v.shape().Elems() == 0 }) {
		return nil, nil
	}
	axis := (int(o.nodes[0].Int("axis", 0)) + 4) % 4
	var cuts []cut
	at := 0
	for _, v := range o.out {
		k := wholeCut()
		k.start[axis] = at
		at += v.shape()[axis]
		cuts = append(cuts, k)
	}
	return newCuts(b, o, cuts)
}

func newCuts(b *builder, o *op, cuts []cut) (spec, error) {
	ref, err := b.newReference(o)
	if err != nil {
		return nil, err
	}
	return &sliceSpec{*ref.(*referenceSpec), cuts}, nil
}

func (s *sliceSpec) compile(b *builder, o *op) (*step, error) {
	if o.out[0].layout.plain {
		return s.referenceSpec.compile(b, o)
	}
	st := &step{info: StepInfo{Kernel: "slice"}}
	for i, v := range o.out {
		in, out, k := o.in[0].image(), v.image(), s.cuts[i]
		st.stages = append(st.stages, stage{units: out.n * out.h, run: func(t *thread, u int) error {
			n, y := u/out.h, u%out.h
			dst := t.floats(v)[out.at(n, y, 0):]
			src := t.floats(o.in[0])[in.at(k.start[0]+n*k.step[0], k.start[2]+y*k.step[2], k.start[3]):]
			copyPixels(dst, src[k.start[1]:], out, k.step[3]*in.c, k.step[1])
			return nil
		}})
	}
	return st, nil
}

// copyPixels fills a row of out from pixels pixelStep floats apart, whose
// channels are channelStep floats apart.
func copyPixels(dst, src []float32, out image, pixelStep, channelStep int) {
	switch {
	case channelStep == 1 && pixelStep == out.c:
		copy(dst[:out.w*out.c], src)
	case channelStep == 1:
		for x := range out.w {
			copy(dst[x*out.c:][:out.c], src[x*pixelStep:])
		}
	default:
		for x := range out.w {
			for c := range out.c {
				dst[x*out.c+c] = src[x*pixelStep+c*channelStep]
			}
		}
	}
}
