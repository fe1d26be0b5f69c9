package engine

import (
	"math"
	"slices"

	"lutra/internal/tensor"
)

// lowerings says how operators of ai.onnx become specs. A function returns nil
// for the forms of an operator that it does not handle; those, and operators
// that are not listed, are computed by their reference definition.
var lowerings = map[string]func(b *builder, o *op) (spec, error){
	"Add":                newSum,
	"AveragePool":        newPool,
	"BatchNormalization": newBatchNorm,
	"Clip":               newClip,
	"Concat":             newConcat,
	"Conv":               newConv,
	"Div":                newQuotient,
	"Dropout":            newDropout,
	"Flatten":            newReshape,
	"Gemm":               newGemm,
	"GlobalAveragePool":  newGlobalPool,
	"GlobalMaxPool":      newGlobalPool,
	"Identity":           newIdentity,
	"MatMul":             newMatMul,
	"MaxPool":            newPool,
	"Mul":                newMultiple,
	"ReduceMean":         newReduceMean,
	"Pad":                newPad,
	"Relu":               newRelu,
	"Reshape":            newReshape,
	"Slice":              newSlice,
	"Split":              newSplit,
	"Squeeze":            newReshape,
	"Sub":                newDifference,
	"Unsqueeze":          newReshape,
}

// unbounded are the bounds of a clamp that changes nothing.
func unbounded() (lo, hi float32) { return float32(math.Inf(-1)), float32(math.Inf(1)) }

func newRelu(_ *builder, o *op) (spec, error) {
	if !isFloat32(o.in[0]) {
		return nil, nil
	}
	_, hi := unbounded()
	return &unarySpec{min: 0, max: hi}, nil
}

// newClip handles known bounds, given as attributes or as inputs.
func newClip(b *builder, o *op) (spec, error) {
	n := o.nodes[0]
	if !isFloat32(o.in[0]) {
		return nil, nil
	}
	lo, hi := unbounded()
	lo, hi = n.Float("min", lo), n.Float("max", hi)
	for i, bound := range []*float32{&lo, &hi} {
		if len(o.in) > i+1 && o.in[i+1] != nil {
			v, ok := scalar(o.in[i+1])
			if !ok {
				return nil, nil
			}
			*bound = v
		}
	}
	if !(lo <= hi) {
		return nil, nil
	}
	o.in = o.in[:1]
	return &unarySpec{min: lo, max: hi}, nil
}

func newBatchNorm(_ *builder, o *op) (spec, error) {
	if !o.in[0].isImage() && len(o.in[0].shape()) != 2 {
		return nil, nil
	}
	scale, shift, ok := batchNorm(o.nodes[0], o.in)
	if !ok || !isFloat32(o.in[0]) {
		return nil, nil
	}
	o.in, o.out = o.in[:1], o.out[:1]
	return newAffine(channelsOf(o.in[0].shape()), scale, shift), nil
}

// channelsOf is the axis that a per-channel number of [N, C, H, W] or [N, C] belongs to.
func channelsOf(s tensor.Shape) axis {
	if len(s) == 4 {
		return channelAxis
	}
	return finalAxis
}

func newAffine(a axis, scale, shift []float32) *affineSpec {
	return &affineSpec{axis: a, scale: scale, shift: shift}
}

// affineOperand finds the known operand of a binary operator and the axis it
// runs along; x is the other one. ok is false if there is none, or it is not
// one number per channel or per last index.
func affineOperand(o *op) (x *value, k []float32, a axis, constFirst, ok bool) {
	x, c := o.in[0], o.in[1]
	if x.konst != nil {
		x, c, constFirst = c, x, true
	}
	k = floats(c)
	shape := o.out[0].shape()
	if !isFloat32(x) || k == nil || x.konst != nil || !x.shape().Equal(shape) || len(shape) == 0 || shape.Elems() == 0 {
		return nil, nil, 0, false, false
	}
	if len(k) == 1 {
		return x, k, wholeValue, constFirst, true
	}
	s := c.konst.Shape
	if len(k) == shape[len(shape)-1] && s[len(s)-1] == len(k) {
		return x, k, finalAxis, constFirst, true
	}
	if at := len(s) - 3; len(shape) == 4 && len(k) == shape[1] && at >= 0 && s[at] == len(k) {
		return x, k, channelAxis, constFirst, true
	}
	return nil, nil, 0, false, false
}

func constant(n int, v float32) []float32 { return slices.Repeat([]float32{v}, n) }

func mapped(x []float32, f func(float32) float32) []float32 {
	y := make([]float32, len(x))
	for i, v := range x {
		y[i] = f(v)
	}
	return y
}

func newSum(_ *builder, o *op) (spec, error) {
	if x, k, a, _, ok := affineOperand(o); ok {
		o.in = []*value{x}
		return newAffine(a, constant(len(k), 1), k), nil
	}
	return newBinary(o, binaryAdd), nil
}

// newBinary handles two computed operands of one shape.
func newBinary(o *op, kind binaryOp) spec {
	x, y := o.in[0], o.in[1]
	if !isFloat32(x, y) || x.konst != nil || y.konst != nil || !x.shape().Equal(y.shape()) || x.shape().Elems() == 0 {
		return nil
	}
	s := &binarySpec{op: kind}
	s.min, s.max = unbounded()
	return s
}

func newDifference(_ *builder, o *op) (spec, error) {
	x, k, a, constFirst, ok := affineOperand(o)
	if !ok {
		return nil, nil
	}
	o.in = []*value{x}
	if constFirst {
		return newAffine(a, constant(len(k), -1), k), nil
	}
	return newAffine(a, constant(len(k), 1), mapped(k, func(v float32) float32 { return -v })), nil
}

func newMultiple(_ *builder, o *op) (spec, error) {
	if x, k, a, _, ok := affineOperand(o); ok {
		o.in = []*value{x}
		return newAffine(a, k, constant(len(k), 0)), nil
	}
	if s := newBinary(o, binaryMul); s != nil {
		return s, nil
	}
	return newGate(o), nil
}

// newGate handles the product of [N, C, H, W] and [N, C, 1, 1].
func newGate(o *op) spec {
	x, g := o.in[0], o.in[1]
	if x.isImage() && g.isImage() && x.shape()[2]*x.shape()[3] == 1 {
		x, g = g, x
	}
	if !x.isImage() || !g.isImage() || x.konst != nil || g.konst != nil || x.shape().Elems() == 0 {
		return nil
	}
	s := x.shape()
	if !g.shape().Equal(tensor.Shape{s[0], s[1], 1, 1}) || !s.Equal(o.out[0].shape()) {
		return nil
	}
	o.in = []*value{x, g}
	return gateSpec{}
}

// newQuotient handles x / k where k has no zeros; the product with 1/k differs
// from the quotient by at most one unit in the last place.
func newQuotient(_ *builder, o *op) (spec, error) {
	x, k, a, constFirst, ok := affineOperand(o)
	if !ok || constFirst || slices.Contains(k, 0) {
		return nil, nil
	}
	o.in = []*value{x}
	return newAffine(a, mapped(k, func(v float32) float32 { return 1 / v }), constant(len(k), 0)), nil
}
