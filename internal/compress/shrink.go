package compress

import "context"

// Few images say little about how the inputs of a long row go together: 100
// images give the 512 inputs of a classifier a covariance of rank 100, and
// codes chosen by it make up for each other's errors where there is nothing to
// make up for on other images. So covariances are taken for what they are
// certain to be: they shrink towards the diagonal by the share of noise in
// their energy (Ledoit and Wolf, 2004; towards the diagonal as in Schaefer and
// Strimmer, 2005). The noise is measured between halves of the images, because
// the patches of one image are alike: their number says nothing.

// mostShrunk bounds the share.
const mostShrunk = 0.95

// halve keeps what every second image adds apart until join.
func halve(all []*rows) {
	for _, h := range all {
		h.odd = newRows(h.n, h.m, h.d, h.nr)
	}
}

// join adds what every second image gave to the moments, and returns the share
// of noise in the energy of all covariances.
func join(ctx context.Context, threads int, all []*rows, centred bool) (float64, error) {
	noise, energy := make([]float64, len(all)*len(all[0].all)), make([]float64, len(all)*len(all[0].all))
	err := eachPanel(ctx, threads, all, func(h *rows, q, i int) {
		if h.odd == nil {
			return
		}
		if h.patches > 0 && h.odd.patches > 0 {
			noise[i], energy[i] = h.compare(q, centred)
		}
		data := h.all[q].data
		for t, v := range h.odd.all[q].data {
			data[t] += v
		}
	})
	for _, h := range all {
		if h.odd != nil {
			h.patches += h.odd.patches
			addTo(h.mean, h.odd.mean)
			h.odd = nil
		}
	}
	if all := sum(energy); all > 0 {
		return min(sum(noise)/all, mostShrunk), err
	}
	return 0, err
}

// compare is the noise and the energy of the mean of the covariances that the
// halves of the images give, in panel q below the diagonal.
func (h *rows) compare(q int, centred bool) (noise, energy float64) {
	o := h.odd
	a, b := 1/float64(h.patches), 1/float64(o.patches)
	p, r := &h.all[q], &o.all[q]
	for i := p.from + 1; i < h.n; i++ {
		for j := range min(p.n, i-p.from) {
			x, y := float64(p.data[i*h.nr+j])*a, float64(r.data[i*h.nr+j])*b
			if centred {
				x -= h.mean[i] * a * h.mean[p.from+j] * a
				y -= o.mean[i] * b * o.mean[p.from+j] * b
			}
			noise += (x - y) * (x - y) / 4
			energy += (x + y) * (x + y) / 4
		}
	}
	return noise, energy
}

// shrink multiplies what is not on the diagonal of H by 1-share, in panel q.
func (h *rows) shrink(q int, share float64) {
	p := &h.all[q]
	for i := range h.n {
		line := p.data[i*h.nr:][:p.n]
		for j := range line {
			if i != p.from+j {
				line[j] = float32((1 - share) * float64(line[j]))
			}
		}
	}
}
