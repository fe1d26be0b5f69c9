package graph

import (
	"lutra/internal/safe"
	"lutra/internal/tensor"
)

// Type is the element type and the concrete shape of a value.
type Type struct {
	DType tensor.DType
	Shape tensor.Shape
}

// Operator is a row of the operator table. One row serves all versions of an
// operator; its functions look at Call.Opset where versions differ.
type Operator struct {
	Name   string
	Domain string // "" is ai.onnx
	Since  int64  // first opset version handled
	In     Arity
	Out    Arity
	// Infer is the shape rule: one Type per output, at least len(Node.Outputs).
	// It checks everything that comes from the file, so that Eval need not.
	Infer func(*Call) ([]Type, error)
	// Eval is the reference definition. It writes every element of one zeroed
	// tensor per entry of Node.Outputs, omitted ("") outputs included.
	Eval func(*Call, []*tensor.Tensor) error
	Note string // for docs/OPS.md: what is not supported; "" if nothing

	TypesOnly bool // Eval reads the types of the inputs, not their values
	Dense     bool // an output element may read all elements of an input: costly to fold
}

// Arity bounds the number of inputs or outputs; Max < 0 is unbounded.
type Arity struct{ Min, Max int }

// Call is one application of an operator: what shape rules and reference
// definitions see.
type Call struct {
	Node  *Node
	Opset int64 // version of the node's domain
	// In holds the type of every input; DType is Invalid for an omitted one.
	In []Type
	// Value holds the input tensors: all of them for Eval; for Infer those
	// that are constant, nil for the others.
	Value []*tensor.Tensor
}

// Has reports whether the optional input i is present.
func (c *Call) Has(i int) bool { return i < len(c.In) && c.In[i].DType != tensor.Invalid }

// Const is the value of input i if it is known, else nil.
func (c *Call) Const(i int) *tensor.Tensor {
	if i < len(c.Value) {
		return c.Value[i]
	}
	return nil
}

// Errorf is an error about field (an attribute or input name) of the node.
func (c *Call) Errorf(field, expected, found string) error {
	return &safe.FormatError{Where: c.Node.Label(), Field: field, Expected: expected, Found: found}
}
