package train

import (
	"math"

	"lutra/internal/kernel"
)

// panels is a matrix of weights, packed for the tile kernel: for every group
// and every nr outputs of it, depth rows of nr floats.
type panels struct {
	groups, outputs int // outputs of a group
	depth, nr       int
	groupStep       int // floats between the groups of a row of the left operand
	blocks          []block
	data            []float32
}

// block is a run of the rows of a panel that stays in cache, and the floats of
// the left operand that meet them.
type block struct {
	first int
	segs  []kernel.Segment
}

// maxBlock is the most rows of a block: 72 KiB of weights.
const maxBlock = 576

func newPanels(level kernel.Level, groups, outputs, groupStep int, segs []kernel.Segment) *panels {
	_, nr := level.TileSize()
	p := &panels{groups: groups, outputs: outputs, nr: nr, groupStep: groupStep}
	rows := 0 // of the last block
	for _, s := range segs {
		for s.Len > 0 {
			if rows == maxBlock || len(p.blocks) == 0 {
				p.blocks = append(p.blocks, block{first: p.depth})
				rows = 0
			}
			b := &p.blocks[len(p.blocks)-1]
			n := min(s.Len, maxBlock-rows)
			b.segs = appendSegment(b.segs, kernel.Segment{Off: s.Off, Len: n})
			s.Off, s.Len = s.Off+n, s.Len-n
			rows, p.depth = rows+n, p.depth+n
		}
	}
	if len(p.blocks) == 0 {
		p.blocks = []block{{}}
	}
	p.data = alignedFloats(p.count() * p.depth * nr)
	return p
}

// appendSegment appends s, or lengthens the last segment if s follows it.
func appendSegment(all []kernel.Segment, s kernel.Segment) []kernel.Segment {
	if n := len(all); n > 0 && all[n-1].Off+all[n-1].Len == s.Off {
		all[n-1].Len += s.Len
		return all
	}
	return append(all, s)
}

func (p *panels) perGroup() int { return (p.outputs + p.nr - 1) / p.nr }
func (p *panels) count() int    { return p.groups * p.perGroup() }

// panel is the group, the first output within the group and the number of
// outputs of panel i.
func (p *panels) panel(i int) (group, first, n int) {
	first = i % p.perGroup() * p.nr
	return i / p.perGroup(), first, min(p.nr, p.outputs-first)
}

// pack fills the panels: src writes the depth rows of nr floats of one, for n
// outputs of a group from first on.
func (p *panels) pack(c *crew, src func(dst []float32, group, first, n int)) {
	if p.depth == 0 { // a phase that no tap reaches
		return
	}
	c.each(p.count(), func(_ *worker, i int) {
		group, first, n := p.panel(i)
		src(p.data[i*p.depth*p.nr:][:p.depth*p.nr], group, first, n)
	})
}

// fill writes rows of a panel: number j of n of row r is src[r*rowStep+j*colStep],
// where one of the steps is 1.
func (p *panels) fill(level kernel.Level, dst, src []float32, rowStep, colStep, rows, n int) {
	if colStep != 1 {
		level.Transpose(dst, p.nr, src, colStep, n, rows)
		return
	}
	for r := range rows {
		copy(dst[r*p.nr:][:n], src[r*rowStep:])
	}
}

// runs is rows of the left operand and of the result: planes times count runs
// of width rows each.
type runs struct {
	planes, count, width int
	a, c                 int // first floats
	aPlane, cPlane       int // floats between planes
	aRun, cRun           int // floats between runs
	lda, ldc             int // floats between rows of a run
}

// merged is r with fewer but longer runs, where they follow each other without
// a gap.
func (r runs) merged() runs {
	if r.count == 1 || r.aRun == r.width*r.lda && r.cRun == r.width*r.ldc {
		r.width, r.count = r.count*r.width, 1
		if r.aPlane == r.width*r.lda && r.cPlane == r.width*r.ldc {
			r.width, r.planes = r.planes*r.width, 1
		}
	}
	return r
}

// multiply writes the product of the runs of in and panel i to out, plus bias
// (one number per output of all groups; nil: 0); if add is set, plus out.
func (p *panels) multiply(w *worker, level kernel.Level, i int, in, out []float32, r runs, bias []float32, add bool) {
	if p.depth == 0 && add {
		return
	}
	group, first, n := p.panel(i)
	first += group * p.outputs
	t := &w.tile
	*t = kernel.TileArgs{Lda: r.lda, Ldc: r.ldc, N: n, M: r.width, Min: float32(math.Inf(-1)), Max: float32(math.Inf(1))}
	if bias != nil {
		t.Bias = bias[first:][:n]
	}
	for b, bl := range p.blocks {
		t.B = p.data[(i*p.depth+bl.first)*p.nr : (i+1)*p.depth*p.nr]
		t.Segs, t.First, t.Last = bl.segs, b == 0 && !add, b == len(p.blocks)-1 && bias != nil
		for plane := range r.planes {
			for run := range r.count {
				t.A = in[r.a+plane*r.aPlane+run*r.aRun+group*p.groupStep:]
				t.C = out[r.c+plane*r.cPlane+run*r.cRun+first:]
				level.Tile(t)
			}
		}
	}
}
