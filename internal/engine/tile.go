package engine

import (
	"lutra/internal/kernel"
)

// run addresses one run of output pixels: width rows of the tile kernel whose
// operands start at these floats.
type run struct {
	a, c, r int // input, output, residual
	width   int
}

// tiles is a product that the tile kernel computes: a convolution, or a matrix
// times weights. A unit of work is one panel of outputs times some runs; when
// an activation follows, one unit covers all panels.
type tiles struct {
	level      level
	weights    weights
	packing    packing
	segments   [][]kernel.Segment // per block of the inputs
	groupStep  int                // floats between the groups of an input pixel
	lda, ldc   int
	ldr        int
	runs       []run
	perUnit    int // runs
	in, out    *value
	residual   *value // nil: none
	epilogue   epilogue
	scale, off []float32 // padded to whole panels
}

// finish derives the padded scale and shift and the size of units.
func (x *tiles) finish(threads int) {
	panels, nr := x.packing.panels(), x.packing.nr
	x.scale, x.off = alignedFloats(panels*nr), alignedFloats(panels*nr)
	for i := range panels {
		_, first, n := x.packing.panel(i)
		for j := range n {
			s, b := float32(1), float32(0)
			if x.epilogue.scale != nil {
				s = x.epilogue.scale[first+j]
			}
			if x.epilogue.bias != nil {
				b = x.epilogue.bias[first+j]
			}
			x.scale[i*nr+j], x.off[i*nr+j] = s, b
		}
	}
	x.perUnit = unitRuns(x.runs, x.epilogue.post != nil, x.packing.panels(), x.packing.depth()*x.packing.nr, 4, threads)
}

// Bounds on the size of a unit: enough work to hide its dispatch, inputs that
// stay in the second level of cache while the panels pass over them.
const (
	leastUnitMACs  = 1 << 20
	mostInputBytes = 384 << 10
)

// unitRuns is the number of runs of one unit, given the multiplications of one
// panel and row, the bytes of an element of the inputs, and whether a unit
// covers all panels.
func unitRuns(runs []run, whole bool, panels, macs, size, threads int) int {
	n := len(runs)
	if n == 0 {
		return 1
	}
	macs *= runs[0].width
	if whole {
		macs, panels = macs*panels, 1
	}
	span := 1
	if n > 1 {
		span = max(1, runs[1].a-runs[0].a) * size
	}
	wanted := 1
	if threads > 1 {
		wanted = 8 * threads
	}
	per := n
	for per > 1 && (per*span > mostInputBytes || ceilDiv(n, per)*panels < wanted) {
		half := ceilDiv(per, 2)
		if half*macs < leastUnitMACs {
			break
		}
		per = half
	}
	return ceilDiv(n, ceilDiv(n, per))
}

func (x *tiles) stage() stage {
	groups := ceilDiv(len(x.runs), x.perUnit)
	if x.epilogue.post != nil {
		return stage{units: groups, run: func(t *thread, u int) error {
			runs := x.runsOf(u)
			for p := range x.packing.panels() {
				x.panel(t, p, runs)
			}
			out := t.floats(x.out)
			for _, r := range runs {
				if err := x.epilogue.post.apply(x.level, out[r.c:r.c+r.width*x.ldc]); err != nil {
					return err
				}
			}
			return nil
		}}
	}
	panels := x.packing.panels()
	return stage{units: groups * panels, run: func(t *thread, u int) error {
		x.panel(t, u%panels, x.runsOf(u/panels))
		return nil
	}}
}

func (x *tiles) runsOf(u int) []run {
	return x.runs[u*x.perUnit : min((u+1)*x.perUnit, len(x.runs))]
}

// panel computes the outputs of panel p for runs.
func (x *tiles) panel(t *thread, p int, runs []run) {
	group, first, n := x.packing.panel(p)
	nr, blocks := x.packing.nr, x.packing.blocks()
	in, out := t.floats(x.in)[group*x.groupStep:], t.floats(x.out)[first:]
	var residual []float32
	if x.residual != nil {
		residual = t.floats(x.residual)[first:]
	}
	args := &t.tile
	*args = kernel.TileArgs{
		Lda: x.lda, Ldc: x.ldc, Ldr: x.ldr, N: n,
		Scale: x.scale[p*nr : (p+1)*nr], Bias: x.off[p*nr : (p+1)*nr],
		Min: x.epilogue.min, Max: x.epilogue.max,
	}
	for b := range blocks {
		args.B = x.weights.slice(t, p, b)
		args.Segs = x.segments[b]
		args.First, args.Last = b == 0, b == blocks-1
		for _, r := range runs {
			args.A, args.C, args.M = in[r.a:], out[r.c:], r.width
			if residual != nil && args.Last {
				args.Residual = residual[r.r:]
			}
			x.level.Tile(args)
		}
	}
}
