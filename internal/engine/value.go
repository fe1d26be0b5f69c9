package engine

import (
	"lutra/internal/graph"
	"lutra/internal/kernel"
	"lutra/internal/tensor"
)

// value is one tensor of a plan under construction: a value of the program in
// one layout. A value may be a view of another one with the same bytes.
type value struct {
	name   string
	typ    graph.Type
	layout layout
	konst  *tensor.Tensor // the value, if it is known when planning
	view   *value         // shares the bytes of that value, if set
	input  bool           // supplied by the caller
	quant  *affine        // kept in 8 bits; nil: in its own type
	half   bool           // kept in bfloat16

	from *op   // producer; nil for inputs and constants
	uses []*op // readers, one entry per operand; see link

	buf int // index of its buffer; set by assignBuffers
}

// root is the value that owns the bytes of v.
func (v *value) root() *value {
	for v.view != nil {
		v = v.view
	}
	return v
}

func (v *value) shape() tensor.Shape { return v.typ.Shape }

// isImage reports whether v can have image layout.
func (v *value) isImage() bool { return v.typ.DType == tensor.Float32 && len(v.typ.Shape) == 4 }

// image is the addressing of v, which must be in image layout (or the same in
// every layout). Pixels of 8-bit values and of bfloat16 are padded to a multiple
// of 4 channels.
func (v *value) image() image {
	m := newImage(v.typ.Shape, v.layout.border)
	if v.quant != nil || v.half {
		m = newImage(tensor.Shape{m.n, roundUp(m.c, byteGroup), m.h, m.w}, v.layout.border)
	}
	return m
}

// storage is the number of bytes v needs, border and padding included.
func (v *value) storage() int {
	switch {
	case v.quant != nil && v.layout.plain:
		return v.byteRows()*v.byteRow() + byteSlack
	case v.quant != nil:
		return v.image().elements() + byteSlack
	case v.half && v.layout.plain:
		return 2*v.byteRows()*v.byteRow() + byteSlack
	case v.half:
		return 2*v.image().elements() + byteSlack
	case !v.layout.plain && v.isImage():
		return v.image().elements() * 4
	}
	return v.typ.Shape.Elems() * v.typ.DType.Size()
}

// byteRow is the length of a row of a matrix in 8 bits or bfloat16: the last
// dimension of v, padded. There are byteRows of them.
func (v *value) byteRow() int  { return roundUp(v.shape()[len(v.shape())-1], byteGroup) }
func (v *value) byteRows() int { return v.shape()[:len(v.shape())-1].Elems() }

const (
	// byteGroup is the number of bytes that are multiplied at a time.
	byteGroup = 4
	// byteSlack is the number of bytes that kernels may read, not use, after
	// the end of a value in 8 bits or bfloat16.
	byteSlack = 64
)

// op is one step of a plan under construction: what it computes (spec), of
// which nodes of the program it is made, and its operands.
type op struct {
	spec  spec
	nodes []*graph.Node
	in    []*value
	out   []*value
}

// spec is the meaning of an op: a convolution, a pooling, an operator of the table...
type spec interface {
	// wantsImages reports whether o should run in image layout.
	wantsImages(o *op) bool
	// inputBorder is the border that operand i must have in image layout.
	inputBorder(o *op, i int) border
	// writesBorder reports whether o can write its result inside a border.
	writesBorder(o *op) bool
	// compile turns o, whose operands have buffers, into a step.
	compile(b *builder, o *op) (*step, error)
}

// anyLayout is the part of a spec that needs no border and can write any.
type anyLayout struct{}

func (anyLayout) inputBorder(*op, int) border { return border{} }
func (anyLayout) writesBorder(*op) bool       { return true }

// plainOnly is the part of a spec whose operands and results are in plain layout.
type plainOnly struct{}

func (plainOnly) wantsImages(*op) bool        { return false }
func (plainOnly) inputBorder(*op, int) border { return border{} }
func (plainOnly) writesBorder(*op) bool       { return false }

// step is one compiled op: stages that run one after the other.
type step struct {
	info   StepInfo
	work   work
	stages []stage
	dies   []int // buffers nobody reads after this step
}

// stage is a number of independent units of work. Units of one stage may run
// on different threads in any order; they write disjoint memory.
type stage struct {
	units int
	run   func(t *thread, unit int) error
}

// level is the instruction set a plan is compiled for.
type level = kernel.Level
