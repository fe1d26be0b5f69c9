package train

import (
	"math"
	"slices"

	"lutra/internal/graph"
	"lutra/internal/kernel"
)

// clamp is the Relu, Clip, ReluD or ClipD behind an operation.
type clamp struct {
	lo, hi float32
	levels *kernel.Spacing // to which the clamped numbers are rounded; nil: not at all
}

func noClamp() clamp { return clamp{lo: float32(math.Inf(-1)), hi: float32(math.Inf(1))} }

func (k *clamp) clamped() bool { return *k != noClamp() }

// before is the clamp of what is then rounded: rounding clamps.
func (k *clamp) before() (lo, hi float32) {
	if k.levels != nil {
		k := noClamp()
		return k.lo, k.hi
	}
	return k.lo, k.hi
}

// round rounds y, if there are levels.
func (k *clamp) round(c *crew, y []float32) {
	if k.levels != nil {
		c.level.FakeQuantize(y, y, *k.levels)
	}
}

// clampOf is what n does if it is a Relu, Clip, ReluD or ClipD of known bounds.
func (b *builder) clampOf(n *graph.Node) (clamp, bool) {
	if !n.IsQuantiser() {
		lo, hi, ok := b.bounds(n)
		return clamp{lo: lo, hi: hi}, ok && n.Domain == ""
	}
	q, err := n.Quantiser()
	if err != nil || q.Tanh || b.learns(n, q) {
		return clamp{}, false
	}
	return clamp{lo: q.Low, hi: q.High, levels: spacing(q)}, true
}

// spacing is the form of the levels of q, which has no tanh, for the kernel,
// which rounds as q does.
func spacing(q graph.Quantiser) *kernel.Spacing {
	last, span := float32(q.Levels-1), q.High-q.Low
	return &kernel.Spacing{Low: q.Low, Inverse: last / span, Last: last, Step: span / last}
}

// fuse makes a clamp that of the normalisation or sum before it, if nothing
// else reads that.
func (b *builder) fuse(n *graph.Node) bool {
	after, ok := b.clampOf(n)
	x := n.Inputs
	if !ok || b.replaced(n) || len(b.net.ops) == 0 || b.asked[x[0]] || len(b.readers[x[0]]) > 1 {
		return false
	}
	for _, op := range slices.Backward(b.net.ops) {
		if op.ends().out != b.values[x[0]] {
			continue
		}
		var before *clamp
		switch k := op.(type) {
		case *norm:
			before = &k.clamp
		case *arithmetic:
			if !k.same || !k.rule.sum {
				return false
			}
			before = &k.clamp
		default:
			return false
		}
		if before.clamped() {
			return false
		}
		*before = after
		b.values[n.Outputs[0]] = op.ends().out
		op.ends().out.name = n.Outputs[0]
		return true
	}
	return false
}

// replaced reports whether the options replace n.
func (b *builder) replaced(n *graph.Node) bool {
	return b.options.Elementwise[n.Op] != nil || b.options.Elementwise[n.Domain+"."+n.Op] != nil
}
