package engine

import "lutra/internal/kernel"

// halfTiles is a product in bfloat16: a convolution, or a matrix times weights.
type halfTiles struct {
	level       level
	weights     *halfWeights
	segments    []kernel.Segment
	groupStep   int // numbers between the groups of an input pixel
	lda, ldc    int
	ldr         int
	runs        []run
	in, out     *value
	residual    *value // nil: none
	epilogue    epilogue
	scale, bias []float32 // padded to whole panels
	lower       []float32
	upper       []float32

	perGrid int // runs
	grids   []*kernel.GridBF16
	ranges  []panelRange
}

// leastHalfMACs is worth a unit.
const leastHalfMACs = 1 << 22

// stage cuts the product into units: runs times ranges of panels. Where an
// activation follows, one unit covers all panels.
func (x *halfTiles) stage(threads int) stage {
	p := x.weights.packing
	x.bound(p)
	rows := 0
	for _, r := range x.runs {
		rows += r.width
	}
	macs, units := rows*p.depth()*p.panels()*byteCols, 1
	if threads > 1 {
		units = max(1, min(4*threads, macs/leastHalfMACs))
	}
	if x.epilogue.post != nil {
		x.cutRows(max(ceilDiv(macs, callMACs), ceilDiv(rows*x.ldc, laneFloats), units))
		x.ranges = p.ranges(1)
		return stage{units: len(x.grids), run: x.activated}
	}
	if rows <= fewRows {
		x.cutRows(ceilDiv(macs, callMACs))
		x.ranges = p.ranges(units)
	} else {
		x.cutRows(max(ceilDiv(macs, callMACs), units))
		x.ranges = p.ranges(1)
	}
	return stage{units: len(x.grids) * len(x.ranges), run: func(t *thread, u int) error {
		x.multiply(t, x.grids[u/len(x.ranges)], x.ranges[u%len(x.ranges)], t.halvesOrNil(x.out), t.floatsOrNil(x.out))
		return nil
	}}
}

// bound derives what follows the sums, per output. A scale and shift behind a
// clamp move before it, and make its bounds ones of each output.
func (x *halfTiles) bound(p bytePacking) {
	n, e := p.groups*p.outputs, &x.epilogue
	lower, upper := constant(n, e.min), constant(n, e.max)
	if a := e.after; a != nil && !e.residual {
		for c, s := range a.scale {
			lo, hi := float32(0), float32(0)
			if s != 0 { // else bounds may be infinite
				lo, hi = min(s*e.min, s*e.max), max(s*e.min, s*e.max)
			}
			lower[c], upper[c] = lo+a.shift[c], hi+a.shift[c]
		}
		e.min, e.max = unbounded()
		e.affine(n, a.scale, a.shift)
		e.post, e.after = nil, nil
	}
	scale, bias := e.scale, e.bias
	if scale == nil {
		scale = constant(n, 1)
	}
	if bias == nil {
		bias = constant(n, 0)
	}
	x.scale, x.bias, x.lower, x.upper = p.padded(scale), p.padded(bias), p.padded(lower), p.padded(upper)
}

// cutRows makes about n grids of the runs. Where an activation follows a
// result in bfloat16, the runs of a grid have their results one after the
// other.
func (x *halfTiles) cutRows(n int) {
	floats := x.epilogue.post != nil || !x.out.half
	x.perGrid = ceilDiv(len(x.runs), min(max(n, 1), len(x.runs)))
	for i := 0; i < len(x.runs); i += x.perGrid {
		var runs []kernel.RunI8
		rows := 0
		for _, r := range x.runsOf(i / x.perGrid) {
			to := kernel.RunI8{A: r.a, C: r.c, R: r.r, M: r.width}
			if x.epilogue.post != nil && x.out.half {
				to.C = rows * x.ldc
			}
			runs = append(runs, to)
			rows += r.width
		}
		x.grids = append(x.grids, kernel.NewGridBF16(x.level, x.segments, x.lda, x.ldc, x.ldr, runs, floats))
	}
}

func (x *halfTiles) runsOf(grid int) []run {
	return x.runs[grid*x.perGrid : min((grid+1)*x.perGrid, len(x.runs))]
}

// multiply computes the outputs of a range of panels for a grid, into out or
// outF.
func (x *halfTiles) multiply(t *thread, grid *kernel.GridBF16, r panelRange, out []kernel.BF16, outF []float32) {
	p := x.weights.packing
	per := max(1, groupBytes/(2*p.depth()*byteCols))
	for i := r.first; i < r.end; i += per {
		end := min(i+per, r.end)
		group, first, _ := p.panel(i)
		_, last, n := p.panel(end - 1)
		at := i * byteCols
		args := &t.halfTile
		*args = kernel.TileBF16Args{
			A: t.halves(x.in)[group*x.groupStep:], B: x.weights.panels(t, i, end), N: last + n - first,
			Scale: x.scale[at:], Bias: x.bias[at:], Lower: x.lower[at:], Upper: x.upper[at:],
			Out: after(out, first), OutF: after(outF, first),
		}
		if v := x.residual; v != nil {
			args.Residual, args.ResidualF = after(t.halvesOrNil(v), first), after(t.floatsOrNil(v), first)
		}
		x.level.TilesBF16(grid, args)
	}
}

// activated computes grid u in float32, its activation, and rounds.
func (x *halfTiles) activated(t *thread, u int) error {
	runs, grid := x.runsOf(u), x.grids[u]
	if !x.out.half {
		out := t.floats(x.out)
		for _, r := range x.ranges {
			x.multiply(t, grid, r, nil, out)
		}
		for _, r := range runs {
			if err := x.epilogue.post.apply(x.level, out[r.c:r.c+r.width*x.ldc]); err != nil {
				return err
			}
		}
		return nil
	}
	rows := 0
	for _, r := range runs {
		rows += r.width
	}
	part := t.floatScratch(rows * x.ldc)
	clear(part) // pixels may be padded
	for _, r := range x.ranges {
		x.multiply(t, grid, r, nil, part)
	}
	if err := x.epilogue.post.apply(x.level, part); err != nil {
		return err
	}
	out := t.halves(x.out)
	for _, r := range runs {
		n := r.width * x.ldc
		x.level.RoundBF16(out[r.c:][:n], part)
		part = part[n:]
	}
	return nil
}
