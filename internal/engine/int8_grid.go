package engine

import "lutra/internal/kernel"

// What byteGrids is cut by.
const (
	// callMACs bounds the time of one call of AMX assembly, which nobody can
	// interrupt, to less than half a millisecond.
	callMACs = 1 << 27
	// callWeights does so where codes are decoded.
	callWeights = 4 << 20
	// groupBytes is the size of decoded panels that are used together: they
	// stay in the second level of cache, while codes and activations pass.
	groupBytes = 320 << 10
	// fewRows is the number of rows up to which threads share out the panels
	// and not the rows, since decoding is a good part of the work.
	fewRows = 400
	// decodeMACs is the number of multiplications in the time of decoding a
	// weight, about.
	decodeMACs = 128
	// fewestRows is the number up to which codes are decoded while they are
	// multiplied.
	fewestRows = 64
)

// mostMACs bounds the time of a unit to about half a millisecond. The smallest
// one worth having is a sixteenth of that.
func mostMACs(l level) int {
	switch {
	case l == kernel.AMX:
		return callMACs
	case l > kernel.Fused:
		return callMACs / 2
	}
	return callMACs / 32
}

// streams reports whether codes are decoded while they are multiplied.
func streams(l level, rows int) bool { return l == kernel.AMX && rows <= fewestRows }

// byteGrids is a product whose runs are cut into grids.
type byteGrids struct {
	*byteTiles
	grids   []*kernel.GridI8
	ranges  []panelRange
	streams bool // codes are decoded while they are multiplied
}

// gridStage makes one unit of each grid and range of panels.
func (x *byteTiles) gridStage(threads int) stage {
	g := &byteGrids{byteTiles: x}
	p := x.weights.packing
	rows, macs := 0, 0
	for _, r := range x.runs {
		rows += r.width
	}
	weights := p.depth() * p.panels() * byteCols
	macs = rows * weights
	work := macs
	if rows <= fewRows {
		work += decodeMACs * weights
	}
	units := 1
	if threads > 1 {
		units = max(1, min(4*threads, 16*work/mostMACs(g.level)))
	}
	g.streams = streams(g.level, rows)
	if rows <= fewRows {
		g.cutRows(ceilDiv(macs, mostMACs(g.level)))
		g.ranges = p.ranges(units)
	} else {
		g.cutRows(max(ceilDiv(macs, mostMACs(g.level)), units))
		g.ranges = p.ranges(1)
	}
	return stage{units: len(g.grids) * len(g.ranges), run: func(t *thread, u int) error {
		g.run(t, g.grids[u/len(g.ranges)], g.ranges[u%len(g.ranges)])
		return nil
	}}
}

// cutRows makes about n grids of the runs.
func (g *byteGrids) cutRows(n int) {
	per := ceilDiv(len(g.runs), min(n, len(g.runs)))
	for i := 0; i < len(g.runs); i += per {
		var runs []kernel.RunI8
		for _, r := range g.runs[i:min(i+per, len(g.runs))] {
			runs = append(runs, kernel.RunI8{A: r.a, C: r.c, R: r.r, M: r.width})
		}
		g.grids = append(g.grids, kernel.NewGridI8(g.level, g.segments, g.lda, g.ldc, g.ldr, runs))
	}
}

// run computes the outputs of a range of panels for a grid.
func (g *byteGrids) run(t *thread, grid *kernel.GridI8, r panelRange) {
	p, plane := g.weights.packing, g.weights.planes[0]
	coded, ok := plane.(*bytePlane)
	streams := ok && g.streams
	per := max(1, g.groupSize()/(p.depth()*byteCols))
	if streams {
		per = max(1, callWeights/(p.depth()*byteCols))
	}
	for i := r.first; i < r.end; i += per {
		end := min(i+per, r.end)
		group, first, _ := p.panel(i)
		_, last, n := p.panel(end - 1)
		args := g.tile(t, group, first, i*byteCols)
		args.N = last + n - first
		if streams {
			g.level.CodesI8(grid, args, coded.coded(t, i, end))
			continue
		}
		args.B = plane.panels(t, 0, i, end)
		g.level.TilesI8(grid, args)
	}
}

// groupSize is the size of panels to decode at a time.
func (g *byteGrids) groupSize() int {
	if g.level == kernel.AMX {
		return groupBytes
	}
	return 0
}
