package engine

import (
	"math"
	"slices"

	"lutra/internal/graph"
)

// epilogue is what follows the sums of a convolution or matrix product:
// y = clamp(sum*scale[c] + bias[c] + residual), then an activation.
type epilogue struct {
	scale, bias []float32 // one per output channel; nil: 1 and 0
	residual    bool      // the op's second operand, of the output's shape
	min, max    float32
	post        *activation    // nil: none
	after       *channelAffine // what post is, where it is a scale and shift
}

// channelAffine is x*scale[c] + shift[c].
type channelAffine struct{ scale, shift []float32 }

func newEpilogue(bias []float32) epilogue {
	return epilogue{bias: bias, min: float32(math.Inf(-1)), max: float32(math.Inf(1))}
}

// open reports whether nothing follows the scale and shift yet.
func (e *epilogue) open() bool { return !e.residual && e.unbounded() && e.post == nil }

func (e *epilogue) unbounded() bool {
	return math.IsInf(float64(e.min), -1) && math.IsInf(float64(e.max), 1)
}

// affine appends y*scale + shift per channel; a nil argument is 1 or 0.
func (e *epilogue) affine(channels int, scale, shift []float32) {
	newScale, newBias := make([]float32, channels), make([]float32, channels)
	for c := range channels {
		s, b, ms, mb := float32(1), float32(0), float32(1), float32(0)
		if e.scale != nil {
			s = e.scale[c]
		}
		if e.bias != nil {
			b = e.bias[c]
		}
		if scale != nil {
			ms = scale[c]
		}
		if shift != nil {
			mb = shift[c]
		}
		newScale[c], newBias[c] = s*ms, b*ms+mb
	}
	e.bias = newBias
	if e.scale != nil || scale != nil {
		e.scale = newScale
	}
}

// clamp appends clamp(y, lo, hi), which is wrong after an activation.
func (e *epilogue) clamp(lo, hi float32) {
	e.min = max(e.min, lo)
	e.max = max(min(e.max, hi), e.min)
}

// fusible is a spec that ends in an epilogue.
type fusible interface {
	spec
	tail() *epilogue
}

// fuseEpilogues moves what follows convolutions and matrix products into their
// epilogues: normalisation, scale, shift, residual sum and activation.
func (b *builder) fuseEpilogues() {
	for i := 0; i < len(b.ops); i++ {
		o := b.ops[i]
		if o == nil {
			continue
		}
		f, ok := o.spec.(fusible)
		if !ok {
			continue
		}
		// absorb moves o down the list: it is met again there, and fused further.
		if next := b.onlyReader(o.out[0]); next != nil && b.extend(o, f.tail(), next) {
			b.absorb(o, next)
		}
	}
}

// extend appends the meaning of next to e, the epilogue of o, if it can.
func (b *builder) extend(o *op, e *epilogue, next *op) bool {
	shape := o.out[0].shape()
	if !next.out[0].shape().Equal(shape) {
		return false
	}
	switch s := next.spec.(type) {
	case *affineSpec:
		return s.fuse(o, e)
	case *binarySpec:
		return e.open() && s.op == binaryAdd && b.addResidual(o, e, s, next)
	case *unarySpec:
		switch {
		case e.post != nil:
			return false
		case s.act == nil:
			e.clamp(s.min, s.max)
			return true
		case e.unbounded():
			e.post = s.act
			return true
		}
	}
	return false
}

// fuse appends s to e, the epilogue of o, if s runs along o's output channels:
// to the scale and shift, or as what follows the clamp.
func (s *affineSpec) fuse(o *op, e *epilogue) bool {
	shape := o.out[0].shape()
	_, matrix := o.spec.(*gemmSpec)
	n := shape[1]
	if matrix {
		n = shape[len(shape)-1]
	}
	scale, shift := s.scale, s.shift
	switch {
	case e.post != nil:
		return false
	case s.axis == wholeValue:
		scale, shift = slices.Repeat(scale, n), slices.Repeat(shift, n)
	case matrix != (s.axis == finalAxis):
		return false
	}
	if e.open() {
		e.affine(n, scale, shift)
		return true
	}
	lo, hi := unbounded()
	e.after = &channelAffine{scale, shift}
	e.post = kernelActivation("scale", func(l level, x []float32) { l.ScaleShift(x, x, scale, shift, lo, hi) })
	return true
}

// addResidual makes the other operand of the sum next the residual of o.
func (b *builder) addResidual(o *op, e *epilogue, s *binarySpec, next *op) bool {
	other := next.in[0]
	if other == o.out[0] {
		other = next.in[1]
	}
	if other == o.out[0] || other.konst != nil || !other.shape().Equal(o.out[0].shape()) {
		return false
	}
	e.residual = true
	o.in = append(o.in, other)
	e.clamp(s.min, s.max)
	return true
}

// batchNorm is the scale and shift of an inference-mode BatchNormalization
// whose statistics are known.
func batchNorm(n *graph.Node, in []*value) (scale, shift []float32, ok bool) {
	gamma, beta, mean, variance := floats(in[1]), floats(in[2]), floats(in[3]), floats(in[4])
	if gamma == nil || beta == nil || mean == nil || variance == nil || n.Int("training_mode", 0) != 0 || len(n.Outputs) != 1 {
		return nil, nil, false
	}
	epsilon := float64(n.Float("epsilon", 1e-5))
	scale, shift = make([]float32, len(gamma)), make([]float32, len(gamma))
	for c := range gamma {
		s := float64(gamma[c]) / math.Sqrt(float64(variance[c])+epsilon)
		scale[c] = float32(s)
		shift[c] = float32(float64(beta[c]) - float64(mean[c])*s)
	}
	return scale, shift, true
}
