package engine

import "lutra/internal/kernel"

// roundSpec makes bfloat16 of a float32 value, in any layout.
type roundSpec struct{ anyLayout }

func (*roundSpec) wantsImages(o *op) bool { return o.in[0].isImage() }

func (s *roundSpec) compile(b *builder, o *op) (*step, error) {
	v, w := o.in[0], o.out[0]
	info := StepInfo{Kernel: "round to bf16"}
	if w.layout.plain {
		n, row := v.shape()[len(v.shape())-1], w.byteRow()
		return &step{info: info, stages: []stage{{units: w.byteRows(), run: func(t *thread, i int) error {
			dst := t.halves(w)[i*row:]
			b.level.RoundBF16(dst[:n], t.floats(v)[i*n:][:n])
			if i < w.byteRows()-1 {
				dst = dst[:row]
			}
			clear(dst[n:]) // padding, and what kernels may read behind the last row
			return nil
		}}}}, nil
	}
	m := w.image()
	if v.layout.plain && m.c == byteGroup {
		channels, plane := v.shape()[1], m.h*m.w
		return &step{info: info, stages: []stage{rowStage(m, func(t *thread, n, y int) {
			b.level.RoundPlanesBF16(t.halves(w)[m.at(n, y, 0):], t.floats(v)[n*channels*plane+y*m.w:], m.w, channels, plane)
		})}}, nil
	}
	row := (&quantiseSpec{}).rows(b.level, v, m)
	return &step{info: info, stages: []stage{rowStage(m, func(t *thread, n, y int) {
		b.level.RoundBF16(t.halves(w)[m.at(n, y, 0):][:m.w*m.c], row(t, n, y))
	})}}, nil
}

// widenSpec makes float32 numbers of bfloat16, in the same layout.
type widenSpec struct{ anyLayout }

func (*widenSpec) wantsImages(*op) bool { return true }

func (*widenSpec) compile(b *builder, o *op) (*step, error) {
	v, w := o.in[0], o.out[0]
	from, to := v.image(), w.image()
	return &step{info: StepInfo{Kernel: "widen bf16"}, stages: []stage{rowStage(to, func(t *thread, n, y int) {
		widenRow(b.level, t.floats(w)[to.at(n, y, 0):], t.halves(v)[from.at(n, y, 0):], to.w, to.c, from.c)
	})}}, nil
}

// widenRow makes width pixels of c floats each of pixels of padded numbers.
func widenRow(l level, dst []float32, src []kernel.BF16, width, c, padded int) {
	if c == padded {
		l.WidenBF16(dst[:width*c], src)
		return
	}
	for x := range width {
		l.WidenBF16(dst[x*c:][:c], src[x*padded:])
	}
}

// clearHalves makes the numbers of v that nobody writes zero, since others may
// be NaN, which zero weights do not cancel: the border, what kernels may read
// behind the end, and channels that pad pixels, which roundSpec writes itself.
func clearHalves(v *value, x []kernel.BF16) {
	m := v.image()
	fillBorder(m, x, 0)
	clear(x[m.elements():])
	_, rounded := v.from.spec.(*roundSpec)
	if c := v.shape()[1]; c < m.c && !rounded {
		for n := range m.n {
			for y := range m.h {
				row := x[m.at(n, y, 0):]
				for i := range m.w {
					clear(row[i*m.c+c:][:m.c-c])
				}
			}
		}
	}
}
