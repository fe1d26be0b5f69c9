package compress

import (
	"context"
	"slices"

	"lutra/internal/kernel"
)

// refinement improves codewords, codes and scales of a layer under the error
// of whole rows: with e the error of an output's weights, e^T H e - 2 e.t,
// where t, if there is one, is the gradient towards other outputs than the
// layer's own. Every step lowers the objective or leaves things as they are.
type refinement struct {
	l       *layer
	h       []*rows
	w       []float32 // [outputs, row]: the weights to be approximated
	t       []float32 // [outputs, row], or nil
	s       *clusters
	gain    []float64
	round   rounding
	level   kernel.Level
	threads int

	progress func(round int) // may be nil
}

const (
	// maxRounds bounds the rounds of a refinement. Later ones gain little.
	maxRounds = 4
	// enough ends a refinement when a round gains less than this share.
	enough = 1e-3
	// minGain is the least factor by which one step changes a scale.
	minGain = 0.1
)

// trust is the share of the way from the layer's own outputs to those of the
// float network that rows of n weights are fitted to, with the given number of
// samples. Fitting to other outputs repairs what the layers before did, but n
// numbers per output are learned for it from the calibration data: with few
// samples that repeats their noise. The constant was chosen on the networks of
// docs/compression.md.
func trust(samples, n int) float64 {
	const perWeight = 1. / 3
	return float64(samples) / (float64(samples) + perWeight*float64(n))
}

// aim sets r.t to share of the way to the outputs of the float network.
func (r *refinement) aim(ctx context.Context, share float64) error {
	r.t = make([]float32, len(r.w))
	per := r.l.outputs / r.l.patches.groups
	return r.each(ctx, func(_ int, sp span, x, y []float32) {
		h, n := r.h[sp.group], r.l.row
		copy(x, r.w[sp.from*n:])
		r.product(ctx, y, x, sp)
		t := r.t[sp.from*n:]
		for i, v := range y {
			float := h.at(n+sp.from-sp.group*per+i/n, i%n)
			// What the products with the float outputs do not have, H loses again.
			own := (float64(v) - (rowRidge+h.shrunk*(h.at(i%n, i%n)-rowRidge))*float64(x[i])) / (1 - h.shrunk)
			t[i] = float32(share * (float - own))
		}
	})
}

// span is a run of outputs of one group that are worked on together.
type span struct{ group, from, to int }

// spanRows is the most outputs in a span: enough to make use of a panel once it
// is in the cache.
const spanRows = 56

// spanParts divides the number of spans of a layer without groups: as many for
// each of two or four threads.
const spanParts = 4

func (r *refinement) spans() []span {
	var all []span
	per := r.l.outputs / r.l.patches.groups
	parts := (per + spanRows - 1) / spanRows
	if r.l.patches.groups == 1 {
		parts = min((parts+spanParts-1)/spanParts*spanParts, per)
	}
	for g := range r.l.patches.groups {
		for i := range parts {
			all = append(all, span{g, g*per + i*per/parts, g*per + (i+1)*per/parts})
		}
	}
	return all
}

// expand writes words, a line of them per output, each multiplied by its gain
// if scaled, to dst [outputs of sp, row].
func (r *refinement) expand(dst []float32, sp span, words []float32) {
	l, d := r.l, r.l.d
	for o := sp.from; o < sp.to; o++ {
		line := dst[(o-sp.from)*l.row:][:l.row]
		g := r.gain[o]
		for b := range l.blocks() {
			word := words[int(r.s.codes[b*l.outputs+o])*d:][:d]
			for i, v := range word {
				line[b*d+i] = float32(g * float64(v))
			}
		}
	}
}

// errors writes the errors of the weights of sp to dst [outputs of sp, row].
func (r *refinement) errors(dst []float32, sp span) {
	r.expand(dst, sp, r.s.words)
	w := r.w[sp.from*r.l.row:]
	for i := range dst[:(sp.to-sp.from)*r.l.row] {
		dst[i] -= w[i]
	}
}

// product is x H, all columns, into y; both [outputs of sp, row]. When ctx is
// done it stops on the way, and each says so.
func (r *refinement) product(ctx context.Context, y, x []float32, sp span) {
	h := r.h[sp.group]
	for strip := range slices.Chunk(h.all, productPanels) {
		if ctx.Err() != nil {
			return
		}
		h.times(r.level, y, x, sp.to-sp.from, strip)
	}
}

// productPanels is the number of panels after which product asks whether to go on.
const productPanels = 16

// each calls f for every span with room for two matrices [outputs of the span, row].
func (r *refinement) each(ctx context.Context, f func(i int, sp span, x, y []float32)) error {
	spans := r.spans()
	return each(ctx, r.threads, len(spans), func(i int) error {
		n := (spans[i].to - spans[i].from) * r.l.row
		f(i, spans[i], make([]float32, n), make([]float32, n))
		return ctx.Err()
	})
}

// objective is the error of all outputs.
func (r *refinement) objective(ctx context.Context) (float64, error) {
	parts := make([]float64, len(r.spans()))
	err := r.each(ctx, func(i int, sp span, e, eh []float32) {
		r.errors(e, sp)
		r.product(ctx, eh, e, sp)
		parts[i] = inner(e, eh)
		if r.t != nil {
			parts[i] -= 2 * inner(e, r.t[sp.from*r.l.row:])
		}
	})
	return sum(parts), err
}

func inner(a, b []float32) float64 {
	var s float64
	for i, v := range a {
		s += float64(v) * float64(b[i])
	}
	return s
}

func sum(x []float64) float64 {
	var s float64
	for _, v := range x {
		s += v
	}
	return s
}

// slope turns eh = e H of a span into half the gradient of its weights.
func (r *refinement) slope(eh []float32, sp span) {
	if r.t == nil {
		return
	}
	t := r.t[sp.from*r.l.row:]
	for i := range eh {
		eh[i] -= t[i]
	}
}

// run alternates between codes, codewords and scales until a round gains
// little, then settles on codewords that can be stored. It returns the objective
// after each step but that.
func (r *refinement) run(ctx context.Context) ([]float64, error) {
	trace, err := r.rounds(ctx)
	if err != nil || r.l.pool != nil {
		return trace, err
	}
	last, err := r.settle(ctx)
	if err != nil || r.s.scale == 0 { // as good as before
		return trace, err
	}
	for _, step := range []turn{r.gains, r.codes} {
		if last, err = step(ctx, last); err != nil {
			return nil, err
		}
	}
	return append(trace, last), nil
}

// turn lowers the objective from what it is before, or leaves it.
type turn func(ctx context.Context, before float64) (float64, error)

func (r *refinement) rounds(ctx context.Context) ([]float64, error) {
	last, err := r.objective(ctx)
	trace := []float64{last}
	steps := []turn{r.words, r.gains, r.codes}
	if r.l.pool != nil {
		steps = steps[1:] // its codewords are not this layer's alone
	}
	for round := range maxRounds {
		if err != nil {
			return nil, err
		}
		start := last
		for _, step := range steps {
			if last, err = step(ctx, last); err != nil {
				return nil, err
			}
			trace = append(trace, last)
		}
		if r.progress != nil {
			r.progress(round + 1)
		}
		if !(start-last > enough*max(start, -start)) {
			break
		}
	}
	return trace, err
}

// gains fits the scale of every output by least squares.
func (r *refinement) gains(ctx context.Context, before float64) (float64, error) {
	if r.l.norm == nil {
		return before, nil
	}
	old := append([]float64(nil), r.gain...)
	fitted := append([]float64(nil), r.gain...)
	err := r.each(ctx, func(_ int, sp span, e, eh []float32) {
		r.errors(e, sp)
		r.product(ctx, eh, e, sp)
		r.slope(eh, sp)
		if ctx.Err() != nil { // each says so
			return
		}
		c, ch := e, make([]float32, len(e))
		r.expand(c, sp, r.s.words)
		r.product(ctx, ch, c, sp)
		for o := sp.from; o < sp.to; o++ {
			line := func(x []float32) []float32 { return x[(o-sp.from)*r.l.row:][:r.l.row] }
			if norm := inner(line(c), line(ch)); norm > 0 {
				if f := 1 - inner(line(c), line(eh))/norm; f > minGain {
					fitted[o] *= f
				}
			}
		}
	})
	if err != nil {
		return 0, err
	}
	r.gain = fitted
	after, err := r.objective(ctx)
	if err == nil && !(after < before) {
		r.gain, after = old, before
	}
	return after, err
}
