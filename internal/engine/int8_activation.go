package engine

// activatedFloats is about the number of results that a unit computes in
// float32 before an activation turns them into bytes: they stay in cache.
const activatedFloats = 64 << 10

// activatedStage is a product whose results are bytes behind an activation: a
// unit computes all outputs of some runs in float32, activates and quantises
// them.
func (x *byteTiles) activatedStage(threads int) stage {
	channels := x.out.shape()[1]
	size := x.ldc // of a pixel of bytes
	x.ldc = channels
	panels := x.weights.packing.panels()
	var units [][]run     // in x.out
	var grids []byteGrids // of the same, in the scratch of a thread
	total := 0
	for _, r := range x.runs {
		total += r.width * channels
	}
	limit := max(1, min(activatedFloats, total/(4*threads)))
	if threads == 1 {
		limit = activatedFloats
	}
	local := *x
	for i := 0; i < len(x.runs); {
		n, first := 0, i
		local.runs = nil
		for ; i < len(x.runs) && (i == first || n < limit); i++ {
			r := x.runs[i]
			r.c = n
			local.runs = append(local.runs, r)
			n += r.width * channels
		}
		units = append(units, x.runs[first:i])
		tiles := local
		g := byteGrids{byteTiles: &tiles}
		if len(x.weights.planes) == 1 {
			g.cutRows(1)
			g.ranges = g.weights.packing.ranges(1)
		}
		grids = append(grids, g)
	}
	return stage{units: len(units), run: func(t *thread, u int) error {
		g := &grids[u]
		last := g.runs[len(g.runs)-1]
		all := t.activationScratch(last.c + last.width*channels)
		for _, r := range g.ranges {
			g.run(t, g.grids[0], r)
		}
		for p := range panels {
			if len(g.ranges) > 0 {
				break
			}
			g.panel(t, p, g.runs)
		}
		if err := x.epilogue.post.apply(x.level, all); err != nil {
			return err
		}
		for i, r := range units[u] {
			quantisePixels(x.level, t.bytes(x.out)[r.c:], all[g.runs[i].c:][:r.width*channels], channels, size, *x.out.quant)
		}
		return nil
	}}
}
