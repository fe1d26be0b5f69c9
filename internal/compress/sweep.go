package compress

import "context"

// codes visits the blocks of every output in order and gives each the codeword
// that is best with all the others as they are: error feedback from all blocks
// to all blocks. before is the present objective.
func (r *refinement) codes(ctx context.Context, before float64) (float64, error) {
	old := append([]uint16(nil), r.s.codes...)
	err := r.each(ctx, func(_ int, sp span, e, eh []float32) {
		r.errors(e, sp)
		newSweeper(r, sp, e, eh).run(ctx)
	})
	if err != nil {
		return 0, err
	}
	after, err := r.objective(ctx)
	if err == nil && !(after < before) { // rounding at the optimum
		copy(r.s.codes, old)
		after = before
	}
	return after, err
}

// sweeper re-assigns the blocks of one span.
type sweeper struct {
	r      *refinement
	sp     span
	e, eh  []float32 // [outputs of the span, row]
	words  []float64 // [K, d]
	planes []float32 // [d, K]
	bias   []float32 // [K]
	wanted []float32 // [outputs of the span, d]
	fresh  []uint16  // [outputs of the span]
	s, t   []float64 // [d, d]
	row    []float64 // [d]
}

func newSweeper(r *refinement, sp span, e, eh []float32) *sweeper {
	d, k, n := r.l.d, len(r.s.words)/r.l.d, sp.to-sp.from
	w := &sweeper{
		r: r, sp: sp, e: e, eh: eh, words: make([]float64, k*d), planes: make([]float32, k*d), bias: make([]float32, k),
		wanted: make([]float32, n*d), fresh: make([]uint16, n), s: make([]float64, d*d), t: make([]float64, d*d), row: make([]float64, d),
	}
	for i, v := range r.s.words {
		w.words[i] = float64(v)
		w.planes[i%d*k+i/d] = v
	}
	return w
}

// run stops early when ctx is done.
func (w *sweeper) run(ctx context.Context) {
	h, d := w.r.h[w.sp.group], w.r.l.d
	for _, strip := range h.strips {
		if ctx.Err() != nil {
			return
		}
		h.times(w.r.level, w.eh, w.e, w.sp.to-w.sp.from, strip)
		last := strip[len(strip)-1]
		end := (last.from + last.n) / d
		for b := strip[0].from / d; b < end; b++ {
			w.block(b, end)
		}
	}
}

// block re-assigns block b and carries the change on to the blocks before end,
// whose products are known already.
func (w *sweeper) block(b, end int) {
	r, l, d := w.r, w.r.l, w.r.l.d
	k := len(w.bias)
	h := r.h[w.sp.group]
	h.block(w.s, b, b)
	for i := range k {
		word := w.words[i*d:][:d]
		times(w.row, w.s, word)
		var q float64
		for j, v := range w.row {
			q += v * word[j]
		}
		w.bias[i] = float32(q / 2)
	}
	codes := r.s.codes[b*l.outputs+w.sp.from:][:w.sp.to-w.sp.from]
	for i, code := range codes {
		g := r.gain[w.sp.from+i]
		times(w.row, w.s, w.words[int(code)*d:][:d])
		at := i*l.row + b*d
		for j, v := range w.row {
			q := float64(w.eh[at+j])
			if r.t != nil {
				q -= float64(r.t[w.sp.from*l.row+at+j])
			}
			w.wanted[i*d+j] = float32(v - q/g)
		}
	}
	r.level.Nearest(w.fresh, w.wanted, d, w.planes, w.bias)
	for i, code := range w.fresh {
		if code != codes[i] && w.cost(i, code) < w.cost(i, codes[i]) {
			w.move(i, b, end, codes[i], code)
			codes[i] = code
		}
	}
}

// cost is half the objective of output i of the span with a codeword, but for
// a constant and a factor.
func (w *sweeper) cost(i int, code uint16) float64 {
	d := w.r.l.d
	word := w.words[int(code)*d:][:d]
	q := quadratic(w.s, word) / 2
	for j, v := range word {
		q -= v * float64(w.wanted[i*d+j])
	}
	return q
}

// move changes the code of block b of output i.
func (w *sweeper) move(i, b, end int, old, code uint16) {
	l, d := w.r.l, w.r.l.d
	h, g := w.r.h[w.sp.group], w.r.gain[w.sp.from+i]
	for j := range d {
		change := float32(g * (w.words[int(code)*d+j] - w.words[int(old)*d+j]))
		w.e[i*l.row+b*d+j] += change
		if b+1 == end {
			continue
		}
		// A strip of several blocks is one panel.
		p := h.panelOf(b * d)
		line := p.data[(b*d+j)*h.nr:][:p.n]
		y := w.eh[i*l.row+p.from:]
		for t := (b+1)*d - p.from; t < p.n; t++ {
			y[t] += change * line[t]
		}
	}
}
