package engine

import (
	"lutra/internal/kernel"
)

// byteTiles is a product in 8-bit arithmetic: a convolution, or a matrix times
// weights.
type byteTiles struct {
	level     level
	weights   *byteWeights
	segments  []kernel.Segment // bytes
	groupStep int              // bytes between the groups of an input pixel
	lda, ldc  int              // bytes; elements of the result
	ldr       int              // elements of the residual
	runs      []run
	in, out   *value
	source    *value // of the bytes: in, or a copy
	residual  *value // nil: none
	epilogue  epilogue
	scale     [][]float32 // per plane, padded to whole panels
	bias      []float32
}

// finish derives scales and shift.
func (x *byteTiles) finish() {
	p := x.weights.packing
	scale, bias := x.weights.epilogue(&x.epilogue, *x.in.quant)
	for _, s := range scale {
		x.scale = append(x.scale, p.padded(s))
	}
	x.bias = p.padded(bias)
}

// stage cuts the product into units: panels of outputs times runs. Where an
// activation follows, one unit covers all panels.
func (x *byteTiles) stage(threads int) stage {
	if x.out.quant != nil && x.epilogue.post != nil {
		return x.activatedStage(threads)
	}
	if len(x.weights.planes) == 1 && x.epilogue.post == nil {
		return x.gridStage(threads)
	}
	w := x.weights
	panels := w.packing.panels()
	per := unitRuns(x.runs, x.epilogue.post != nil, panels, w.packing.depth()*byteCols*len(w.planes), 1, threads)
	groups := ceilDiv(len(x.runs), per)
	runsOf := func(u int) []run { return x.runs[u*per : min((u+1)*per, len(x.runs))] }
	if x.epilogue.post != nil {
		return stage{units: groups, run: func(t *thread, u int) error {
			runs := runsOf(u)
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
		x.panel(t, u%panels, runsOf(u/panels))
		return nil
	}}
}

// panel computes the outputs of panel p for runs.
func (x *byteTiles) panel(t *thread, p int, runs []run) {
	group, first, n := x.weights.packing.panel(p)
	at := p * byteCols
	high := x.weights.planes[0].panels(t, 0, p, p+1)
	var low []int8
	if len(x.weights.planes) > 1 {
		low = x.weights.planes[1].panels(t, 1, p, p+1)
	}
	for _, r := range runs {
		last := x.tile(t, group, first, at)
		last.A, last.Lda, last.Segs, last.B, last.M, last.N = last.A[r.a:], x.lda, x.segments, high, r.width, n
		last.Ldc, last.Ldr = x.ldc, x.ldr
		last.Out, last.OutF = after(last.Out, r.c), after(last.OutF, r.c)
		last.Residual, last.ResidualF = after(last.Residual, r.r), after(last.ResidualF, r.r)
		if low != nil {
			x.lowPlane(t, last, low, x.scale[1][at:])
		}
		x.level.TileI8(last)
	}
}

// tile is what all rows of the panels of a group have in common, from output
// first on; at is its place in scale and bias.
func (x *byteTiles) tile(t *thread, group, first, at int) *kernel.TileI8Args {
	args := &t.byteTile
	*args = kernel.TileI8Args{
		A: t.bytes(x.source)[group*x.groupStep:], Scale: x.scale[0][at:], Bias: x.bias[at:],
		Min: x.epilogue.min, Max: x.epilogue.max,
	}
	if q := x.out.quant; q != nil && x.epilogue.post != nil {
		args.OutF = t.results[first:]
	} else if q != nil {
		args.Out, args.OutScale, args.OutZero = t.bytes(x.out)[first:], 1/q.Scale, q.Zero
	} else {
		args.OutF = t.floats(x.out)[first:]
	}
	if v := x.residual; v != nil && v.quant != nil {
		args.Residual, args.ResidualScale, args.ResidualZero = t.bytes(v)[first:], v.quant.Scale, v.quant.Zero
	} else if v != nil {
		args.ResidualF = t.floats(v)[first:]
	}
	return args
}

// after is x without its first n elements; nil stays nil.
func after[T any](x []T, n int) []T {
	if x == nil {
		return nil
	}
	return x[n:]
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
