package compress

import "context"

// weighRows finishes the moments: covariances as far as they are to be trusted,
// a mean diagonal of 1 and the ridge. It reports false when they are all zero,
// or not finite.
func weighRows(ctx context.Context, threads int, all []*rows, centred bool) (bool, error) {
	share, err := join(ctx, threads, all, centred)
	if err != nil {
		return false, err
	}
	if err := finish(ctx, threads, all, centred); err != nil {
		return false, err
	}
	var trace float64
	for _, h := range all {
		for i := range h.n {
			trace += h.at(i, i)
		}
	}
	mean := trace / float64(len(all)*all[0].n)
	if !(mean > 0) || mean > 1e30 {
		return false, nil
	}
	for _, h := range all {
		h.shrunk = share
	}
	return true, eachPanel(ctx, threads, all, func(h *rows, q, _ int) {
		if share > 0 {
			h.shrink(q, share)
		}
		h.scale(q, 1/mean, rowRidge)
	})
}

// eachPanel calls f for all panels: panel q of h, which is number i of all.
func eachPanel(ctx context.Context, threads int, all []*rows, f func(h *rows, q, i int)) error {
	per := len(all[0].all)
	return each(ctx, threads, len(all)*per, func(i int) error {
		f(all[i/per], i%per, i)
		return nil
	})
}

// finish divides by the number of patches, takes out the means if centred, and
// fills in the upper halves.
func finish(ctx context.Context, threads int, all []*rows, centred bool) error {
	for _, h := range all {
		for i := range h.mean {
			h.mean[i] *= 1 / float64(max(h.patches, 1))
		}
	}
	if err := eachPanel(ctx, threads, all, func(h *rows, q, _ int) { h.average(q, centred) }); err != nil {
		return err
	}
	return eachPanel(ctx, threads, all, func(h *rows, q, _ int) { h.mirror(q) })
}

// average makes means of the sums in panel q.
func (h *rows) average(q int, centred bool) {
	p := &h.all[q]
	scale := 1 / float64(max(h.patches, 1))
	for i := p.from; i < h.n+h.m; i++ {
		line := p.data[i*h.nr:][:p.n]
		for j, v := range line {
			e := float64(v) * scale
			if centred {
				e -= h.mean[i] * h.mean[p.from+j]
			}
			line[j] = float32(e)
		}
	}
}

// mirror fills in what of panel q is above the diagonal.
func (h *rows) mirror(q int) {
	p := &h.all[q]
	for _, lower := range h.all[:q] {
		for i := range lower.n {
			line := p.data[(lower.from+i)*h.nr:][:p.n]
			for j := range line {
				line[j] = lower.data[(p.from+j)*h.nr+i]
			}
		}
	}
}

// scale multiplies all moments of panel q by f and adds ridge to the diagonal.
func (h *rows) scale(q int, f, ridge float64) {
	p := &h.all[q]
	for i := range p.data {
		p.data[i] = float32(float64(p.data[i]) * f)
	}
	for j := range p.n {
		p.data[(p.from+j)*h.nr+j] += float32(ridge)
	}
}
