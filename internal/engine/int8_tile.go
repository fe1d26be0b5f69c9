package engine

import (
	"lutra/internal/kernel"
)

// byteTiles is a product in 8-bit arithmetic: a convolution, or a matrix times
// weights. A unit of work is one panel of outputs times some runs; when an
// activation follows, one unit covers all panels.
type byteTiles struct {
	level     level
	weights   *byteWeights
	segments  []kernel.Segment // bytes
	groupStep int              // bytes between the groups of an input pixel
	lda, ldc  int              // bytes; elements of the result
	ldr       int              // elements of the residual
	runs      []run
	perUnit   int
	in, out   *value
	residual  *value // nil: none
	epilogue  epilogue
	scale     [][]float32 // per plane, padded to whole panels
	bias      []float32
}

// finish derives scales and shift, and the size of units.
func (x *byteTiles) finish(threads int) {
	w := x.weights
	p := w.packing
	scale, bias := w.epilogue(&x.epilogue, *x.in.quant)
	for _, s := range scale {
		x.scale = append(x.scale, p.padded(s))
	}
	x.bias = p.padded(bias)
	x.perUnit = unitRuns(x.runs, x.epilogue.post != nil, p.panels(), p.depth()*byteCols*len(w.planes), 1, threads)
}

func (x *byteTiles) stage() stage {
	groups := ceilDiv(len(x.runs), x.perUnit)
	panels := x.weights.packing.panels()
	if x.epilogue.post != nil {
		return stage{units: groups, run: func(t *thread, u int) error {
			runs := x.runsOf(u)
			for p := range panels {
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
	return stage{units: groups * panels, run: func(t *thread, u int) error {
		x.panel(t, u%panels, x.runsOf(u/panels))
		return nil
	}}
}

func (x *byteTiles) runsOf(u int) []run {
	return x.runs[u*x.perUnit : min((u+1)*x.perUnit, len(x.runs))]
}

// panel computes the outputs of panel p for runs.
func (x *byteTiles) panel(t *thread, p int, runs []run) {
	group, first, n := x.weights.packing.panel(p)
	at := p * byteCols
	in := t.bytes(x.in)[group*x.groupStep:]
	high := x.weights.planes[0].panel(t, 0, p)
	var low []int8
	if len(x.weights.planes) > 1 {
		low = x.weights.planes[1].panel(t, 1, p)
	}
	for _, r := range runs {
		last := &t.byteTile
		*last = kernel.TileI8Args{
			A: in[r.a:], Lda: x.lda, Segs: x.segments, B: high, M: r.width, N: n,
			Scale: x.scale[0][at:], Bias: x.bias[at:], Min: x.epilogue.min, Max: x.epilogue.max,
			Ldc: x.ldc,
		}
		if q := x.out.quant; q != nil {
			last.Out, last.OutScale, last.OutZero = t.bytes(x.out)[first+r.c:], 1/q.Scale, q.Zero
		} else {
			last.OutF = t.floats(x.out)[first+r.c:]
		}
		if v := x.residual; v != nil && v.quant != nil {
			last.Residual, last.Ldr = t.bytes(v)[first+r.r:], x.ldr
			last.ResidualScale, last.ResidualZero = v.quant.Scale, v.quant.Zero
		} else if v != nil {
			last.ResidualF, last.Ldr = t.floats(v)[first+r.r:], x.ldr
		}
		if low != nil {
			x.lowPlane(t, last, low, x.scale[1][at:])
		}
		x.level.TileI8(last)
	}
}

// lowPlane computes what the low plane adds, with bias and residual, and makes
// it the residual of the high plane.
func (x *byteTiles) lowPlane(t *thread, high *kernel.TileI8Args, low []int8, scale []float32) {
	part := t.floatScratch(high.M * byteCols)
	first := *high
	first.B, first.Scale = low, scale
	first.Min, first.Max = unbounded()
	first.Out, first.OutF, first.Ldc = nil, part, byteCols
	x.level.TileI8(&first)
	high.Bias, high.Residual, high.ResidualF, high.Ldr = nil, nil, part, byteCols
}
