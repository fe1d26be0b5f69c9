package engine

// quantiseSpec makes bytes of a float32 value, in any layout.
type quantiseSpec struct{ anyLayout }

func (*quantiseSpec) wantsImages(o *op) bool { return o.in[0].isImage() }

func (s *quantiseSpec) compile(b *builder, o *op) (*step, error) {
	v, w := o.in[0], o.out[0]
	info := StepInfo{Kernel: "quantise"}
	q := *w.quant
	if w.layout.plain {
		n := v.shape()[len(v.shape())-1]
		return &step{info: info, stages: []stage{{units: w.byteRows(), run: func(t *thread, i int) error {
			b.level.Quantize(t.bytes(w)[i*w.byteRow():][:n], t.floats(v)[i*n:][:n], q)
			return nil
		}}}}, nil
	}
	m := w.image()
	if v.layout.plain && m.c == byteGroup {
		channels, plane := v.shape()[1], m.h*m.w
		return &step{info: info, stages: []stage{rowStage(m, func(t *thread, n, y int) {
			b.level.QuantizePlanes(t.bytes(w)[m.at(n, y, 0):], t.floats(v)[n*channels*plane+y*m.w:], m.w, channels, plane, q)
		})}}, nil
	}
	row := s.rows(b.level, v, m)
	return &step{info: info, stages: []stage{rowStage(m, func(t *thread, n, y int) {
		b.level.Quantize(t.bytes(w)[m.at(n, y, 0):][:m.w*m.c], row(t, n, y), q)
	})}}, nil
}

// rows yields row y of image n of v with pixels of m.c numbers.
func (s *quantiseSpec) rows(l level, v *value, m image) func(t *thread, n, y int) []float32 {
	channels, plane := v.shape()[1], m.h*m.w
	if v.layout.plain {
		return func(t *thread, n, y int) []float32 {
			row := t.floatScratch(m.w * m.c)
			l.Transpose(row, m.c, t.floats(v)[n*channels*plane+y*m.w:], plane, channels, m.w)
			return row
		}
	}
	from := v.image()
	if from.c == m.c {
		return func(t *thread, n, y int) []float32 { return t.floats(v)[from.at(n, y, 0):][:m.w*m.c] }
	}
	return func(t *thread, n, y int) []float32 {
		row, src := t.floatScratch(m.w*m.c), t.floats(v)[from.at(n, y, 0):]
		for x := range m.w {
			copy(row[x*m.c:][:from.c], src[x*from.c:])
		}
		return row
	}
}

// rowStage runs f on every row of every image of m; one unit is about
// laneFloats elements.
func rowStage(m image, f func(t *thread, n, y int)) stage {
	return failingRows(m, func(t *thread, n, y int) error { f(t, n, y); return nil })
}

// failingRows is rowStage for an f that can fail.
func failingRows(m image, f func(t *thread, n, y int) error) stage {
	rows := m.n * m.h
	per := max(1, min(rows, laneFloats/max(1, m.w*m.c)))
	return stage{units: ceilDiv(rows, per), run: func(t *thread, u int) error {
		for i := u * per; i < min((u+1)*per, rows); i++ {
			if err := f(t, i/m.h, i%m.h); err != nil {
				return err
			}
		}
		return nil
	}}
}

// dequantiseSpec makes float32 numbers of bytes, in the layout of the bytes.
type dequantiseSpec struct{ anyLayout }

func (*dequantiseSpec) wantsImages(*op) bool { return true }

func (*dequantiseSpec) compile(b *builder, o *op) (*step, error) {
	v, w := o.in[0], o.out[0]
	from, to := v.image(), w.image()
	q := *v.quant
	return &step{info: StepInfo{Kernel: "dequantise"}, stages: []stage{rowStage(to, func(t *thread, n, y int) {
		dst, src := t.floats(w)[to.at(n, y, 0):], t.bytes(v)[from.at(n, y, 0):]
		if from.c == to.c {
			b.level.Dequantize(dst[:to.w*to.c], src, q)
			return
		}
		for x := range to.w {
			b.level.Dequantize(dst[x*to.c:][:to.c], src[x*from.c:][:to.c], q)
		}
	})}}, nil
}
