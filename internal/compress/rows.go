package compress

import (
	"context"

	"lutra/internal/kernel"
	"lutra/internal/tensor"
)

// maxRow is the longest row of weights whose full second moments are kept:
// 256 MB, twice that while they are summed up with Options.Shrink. Longer rows
// have the moments of their blocks only.
const maxRow = 8192

// rowRidge is the share of the mean variance that is added to the diagonal of
// the moments of rows: what is known of directions that the calibration data
// hardly show is not to be trusted far.
const rowRidge = 0.05

// panel is a run of columns of a matrix as kernel.Tile reads its right operand.
type panel struct {
	from, n int
	data    []float32 // [rows, nr]
}

// rows holds the second moments H = A^T A of the inputs of one group, where A
// has a line for every patch: [row, row], symmetric, and below it Y^T A for
// outputs Y that the float network has instead, if those are wanted. Columns
// are cut into strips of whole blocks and these into panels.
type rows struct {
	d, n, m int // block size, inputs, outputs
	nr      int
	strips  [][]panel
	all     []panel
	mean    []float64 // [n+m] sums of inputs and outputs
	patches int

	odd    *rows   // what every second image adds until join; nil: the same as the others
	shrunk float64 // see shrink
}

func newRows(n, m, d, nr int) *rows {
	h := &rows{d: d, n: n, m: m, nr: nr, mean: make([]float64, n+m)}
	wide := max(1, nr/d) * d
	for from := 0; from < n; from += wide {
		var strip []panel
		to := min(from+wide, n)
		for at := from; at < to; at += nr {
			strip = append(strip, panel{at, min(nr, to-at), make([]float32, (n+m)*nr)})
		}
		h.strips = append(h.strips, strip)
		h.all = append(h.all, strip...)
	}
	return h
}

// at is element (i, j); i counts inputs, then outputs.
func (h *rows) at(i, j int) float64 {
	p := h.panelOf(j)
	return float64(p.data[i*h.nr+j-p.from])
}

func (h *rows) panelOf(j int) *panel {
	lo, hi := 0, len(h.all)
	for hi-lo > 1 {
		if mid := (lo + hi) / 2; h.all[mid].from <= j {
			lo = mid
		} else {
			hi = mid
		}
	}
	return &h.all[lo]
}

// block writes the d x d moments of blocks a and b to dst.
func (h *rows) block(dst []float64, a, b int) {
	for i := range h.d {
		for j := range h.d {
			dst[i*h.d+j] = h.at(a*h.d+i, b*h.d+j)
		}
	}
}

// patchRoom is the number of patches whose products are summed in registers
// before they are added to memory.
const patchRoom = 256

// lines are the inputs, and the outputs, of a run of patches: [n+m, patchRoom].
type lines []float32

// add takes in count patches. Work is cut by panels.
func (h *rows) add(ctx context.Context, threads int, level kernel.Level, f lines, count int) error {
	for i := range h.mean {
		h.mean[i] += total(f[i*patchRoom:][:count])
	}
	h.patches += count
	return each(ctx, threads, len(h.all), func(i int) error {
		p := &h.all[i]
		b := make([]float32, count*h.nr)
		for j := range p.n {
			for t, v := range f[(p.from+j)*patchRoom:][:count] {
				b[t*h.nr+j] = v
			}
		}
		level.Tile(&kernel.TileArgs{
			A: f[p.from*patchRoom:], Lda: patchRoom, Segs: []kernel.Segment{{Off: 0, Len: count}},
			B: b, C: p.data[p.from*h.nr:], Ldc: h.nr, M: h.n + h.m - p.from, N: p.n,
		})
		return nil
	})
}

// times computes count lines of x H into y, both [count, n], for the columns of strip.
func (h *rows) times(level kernel.Level, y, x []float32, count int, strip []panel) {
	for _, p := range strip {
		level.Tile(&kernel.TileArgs{
			A: x, Lda: h.n, Segs: []kernel.Segment{{Off: 0, Len: h.n}}, B: p.data,
			C: y[p.from:], Ldc: h.n, M: count, N: p.n, First: true,
		})
	}
}

// rowMoments are the rows of every group of a layer.
func (l *layer) rowMoments(level kernel.Level, targets bool) []*rows {
	_, nr := level.TileSize()
	all := make([]*rows, l.patches.groups)
	m := 0
	if targets {
		m = l.outputs / l.patches.groups
	}
	for g := range all {
		all[g] = newRows(l.row, m, l.d, nr)
	}
	return all
}

// sample is what a layer reads, and what it puts out in the float network.
type sample struct{ in, out []float32 }

// accumulate adds all patches of the samples to the moments of every group.
func (l *layer) accumulate(ctx context.Context, o *Options, all []*rows, samples []sample) error {
	var halves [2][]sample
	for i, s := range samples {
		if all[0].odd == nil {
			i = 0
		}
		halves[i%2] = append(halves[i%2], s)
	}
	threads, inner := 1, o.threads() // for the groups, and for one
	if len(all) > 1 {
		threads, inner = inner, threads
	}
	return each(ctx, threads, len(all), func(g int) error {
		if err := l.accumulateGroup(ctx, inner, o.level(), all[g], g, halves[0]); err != nil || all[g].odd == nil {
			return err
		}
		return l.accumulateGroup(ctx, inner, o.level(), all[g].odd, g, halves[1])
	})
}

func (l *layer) accumulateGroup(ctx context.Context, threads int, level kernel.Level, h *rows, g int, samples []sample) error {
	f := make(lines, (h.n+h.m)*patchRoom)
	per := l.patches.count()
	images := len(samples) * l.patches.batch
	const parts = 16
	for from := 0; from < images*per; from += patchRoom {
		count := min(patchRoom, images*per-from)
		err := each(ctx, threads, parts, func(part int) error {
			for i := part * (h.n + h.m) / parts; i < (part+1)*(h.n+h.m)/parts; i++ {
				l.line(f[i*patchRoom:][:count], samples, g, i, from)
			}
			return nil
		})
		if err != nil {
			return err
		}
		if err := h.add(ctx, threads, level, f, count); err != nil {
			return err
		}
	}
	return nil
}

// line writes input i of group g, or output i-row, of the patches from, from+1, ... to dst.
func (l *layer) line(dst []float32, samples []sample, g, i, from int) {
	p := &l.patches
	for len(dst) > 0 {
		image, at := from/p.count(), from%p.count()
		n := min(p.count()-at, len(dst))
		s := samples[image/p.batch]
		if i < l.row {
			size := p.channels * p.h * p.w
			p.fill(dst[:n], s.in[image%p.batch*size:][:size], g, i, at)
		} else {
			l.outputLine(dst[:n], s.out, image%p.batch, g*(l.outputs/p.groups)+i-l.row, at)
		}
		dst = dst[n:]
		from += n
	}
}

// outputLine writes channel o of the outputs y at the patches from, from+1, ... to dst.
func (l *layer) outputLine(dst, y []float32, image, o, from int) {
	count := l.patches.count()
	if !l.patches.channelsLast {
		copy(dst, y[(image*l.outputs+o)*count+from:])
		return
	}
	for t := range dst {
		dst[t] = y[(from+t)*l.outputs+o]
	}
}

// metricOfRows is the metric per block that the diagonal blocks of all make.
func metricOfRows(all []*rows) *metric {
	h := all[0]
	d, groups := h.d, len(all)
	m := &metric{d: d, s: make([]float64, h.n/d*groups*d*d)}
	for c := range h.n / d * groups {
		all[c%groups].block(m.s[c*d*d:][:d*d], c/groups, c/groups)
	}
	return m
}

// rowMoments moves the cut in front of layer l and, unless only that is wanted,
// accumulates the full second moments of its inputs; with those of the outputs
// of the float network if there is one.
func (s *stream) rowMoments(ctx context.Context, l *layer, float *stream, skip bool, done func(int)) ([]*rows, error) {
	var twin *pass
	var err error
	output := l.node.Outputs[0]
	if float != nil {
		if twin, err = float.begin(ctx, l.at+1, []string{output}, true); err != nil {
			return nil, err
		}
	}
	var all []*rows
	if !skip {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		all = l.rowMoments(s.o.level(), float != nil)
		if s.o.Shrink {
			halve(all)
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	input := l.node.Inputs[0]
	err = s.run(ctx, l.at, []string{input}, true, func(first int, values []map[string]*tensor.Tensor) error {
		defer done(first + len(values))
		samples := make([]sample, len(values))
		for i, v := range values {
			samples[i].in = v[input].Float32s()
		}
		if twin != nil {
			outputs, err := twin.group(ctx, first)
			if err != nil {
				return err
			}
			for i, v := range outputs {
				samples[i].out = v[output].Float32s()
			}
		}
		if skip {
			return nil
		}
		return l.accumulate(ctx, s.o, all, samples)
	})
	if err == nil && twin != nil {
		twin.end()
	}
	return all, err
}
