package compress

import "context"

const (
	// refitSteps is the number of steps of conjugate gradients in one refit.
	refitSteps = 8
	// negligible is the share of the first residual's energy at which they end.
	negligible = 1e-12
)

// words moves all codewords towards the least squares solution for the present
// codes. Codewords are coupled where they meet in a row, so that the normal
// equations, [K d, K d], are solved by conjugate gradients: one product with H
// per step, and no equation is ever written down. before is the present
// objective.
func (r *refinement) words(ctx context.Context, before float64) (float64, error) {
	moved, err := r.descent(ctx, r.curvature())
	if err != nil {
		return 0, err
	}
	return r.try(ctx, moved, before)
}

// descent is how to move the codewords; those numbers stay whose curvature is 0.
func (r *refinement) descent(ctx context.Context, curvature []float64) ([]float64, error) {
	res, err := r.gather(ctx, func(x, y []float32, sp span) {
		r.errors(x, sp)
		r.product(ctx, y, x, sp)
		r.slope(y, sp)
	})
	if err != nil {
		return nil, err
	}
	for i := range res {
		res[i] = -res[i]
	}
	return conjugate(res, curvature, func(dir []float64) ([]float64, error) {
		words := make([]float32, len(dir))
		for i, v := range dir {
			words[i] = float32(v)
		}
		return r.gather(ctx, func(x, y []float32, sp span) {
			r.expand(x, sp, words)
			r.product(ctx, y, x, sp)
		})
	})
}

// conjugate takes refitSteps steps of conjugate gradients, preconditioned by
// the diagonal scale, towards the solution of A x = res. It overwrites res.
func conjugate(res, scale []float64, apply func(x []float64) ([]float64, error)) ([]float64, error) {
	x := make([]float64, len(res))
	z := precondition(res, scale)
	dir := append([]float64(nil), z...)
	rz := dot(res, z)
	for first, i := rz, 0; i < refitSteps && rz > negligible*first; i++ {
		a, err := apply(dir)
		if err != nil {
			return nil, err
		}
		curve := dot(dir, a)
		if !(curve > 0) {
			break
		}
		step := rz / curve
		for i := range x {
			x[i] += step * dir[i]
			res[i] -= step * a[i]
		}
		z = precondition(res, scale)
		next := dot(res, z)
		for i := range dir {
			dir[i] = z[i] + next/rz*dir[i]
		}
		rz = next
	}
	return x, nil
}

// try moves the codewords if that lowers the objective.
func (r *refinement) try(ctx context.Context, moved []float64, before float64) (float64, error) {
	old := r.s.words
	r.s.words = shifted(old, moved)
	after, err := r.objective(ctx)
	if err == nil && !(after < before) {
		r.s.words, after = old, before
	}
	return after, err
}

func shifted(words []float32, by []float64) []float32 {
	moved := make([]float32, len(words))
	for i, v := range words {
		moved[i] = float32(float64(v) + by[i])
	}
	return moved
}

// gather sums, for every codeword, what f writes to y [outputs of a span, row]
// where the codeword is used, times the gain there.
func (r *refinement) gather(ctx context.Context, f func(x, y []float32, sp span)) ([]float64, error) {
	l, d := r.l, r.l.d
	parts := make([][]float64, len(r.spans()))
	err := r.each(ctx, func(i int, sp span, x, y []float32) {
		f(x, y, sp)
		acc := make([]float64, len(r.s.words))
		for o := sp.from; o < sp.to; o++ {
			g, line := r.gain[o], y[(o-sp.from)*l.row:][:l.row]
			for b := range l.blocks() {
				a := acc[int(r.s.codes[b*l.outputs+o])*d:][:d]
				for j, v := range line[b*d:][:d] {
					a[j] += g * float64(v)
				}
			}
		}
		parts[i] = acc
	})
	if err != nil {
		return nil, err
	}
	for _, p := range parts[1:] {
		addTo(parts[0], p)
	}
	return parts[0], nil
}

// curvature is the diagonal of the normal equations without the coupling
// between blocks.
func (r *refinement) curvature() []float64 {
	l, d := r.l, r.l.d
	per := l.outputs / l.patches.groups
	scale := make([]float64, len(r.s.words))
	diagonal := make([]float64, d)
	for g, h := range r.h {
		for b := range l.blocks() {
			for j := range d {
				diagonal[j] = h.at(b*d+j, b*d+j)
			}
			for o := g * per; o < (g+1)*per; o++ {
				a := scale[int(r.s.codes[b*l.outputs+o])*d:][:d]
				for j, v := range diagonal {
					a[j] += r.gain[o] * r.gain[o] * v
				}
			}
		}
	}
	return scale
}

func precondition(x, scale []float64) []float64 {
	z := make([]float64, len(x))
	for i, v := range x {
		if scale[i] > 0 {
			z[i] = v / scale[i]
		}
	}
	return z
}

func dot(a, b []float64) float64 {
	var s float64
	for i, v := range a {
		s += v * b[i]
	}
	return s
}
