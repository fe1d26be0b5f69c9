package graph

import (
	"fmt"
	"slices"

	"lutra/internal/tensor"
)

// movers are operators that move elements of their first input and compute nothing.
var movers = []string{"Slice", "Pad", "Transpose", "DepthToSpace", "SpaceToDepth"}

// Moves reports whether n moves elements of its first input and computes nothing.
func (n *Node) Moves() bool { return n.Domain == "" && slices.Contains(movers, n.Op) }

// maxOrigins bounds the elements that Origins lists.
const maxOrigins = 1 << 24

// Origins lists, for every element of the result of n, which Moves, the
// element of the first input that it is, or -1 for padding with the number 0.
// It fails if n pads with another number.
func (p *Program) Origins(n *Node) ([]int32, error) {
	c := p.Call(n)
	in := c.In[0].Shape
	if out := p.Types[n.Outputs[0]].Shape; max(in.Elems(), out.Elems()) > maxOrigins {
		return nil, p.Graph.errorf(n.Label(), "elements", fmt.Sprintf("at most %d", maxOrigins), out.String())
	}
	if c.Has(2) && n.Op == "Pad" {
		if v := c.Value[2]; v == nil || v.AsFloat32().Float32s()[0] != 0 {
			return nil, p.Graph.errorf(n.Label(), "value", "the constant 0", "another")
		}
		c.In[2] = Type{} // it has the type of the elements
	}
	if n.Op == "Pad" && n.Float("value", 0) != 0 {
		return nil, p.Graph.errorf(n.Label(), "value", "0", fmt.Sprint(n.Float("value", 0)))
	}
	// The definition of the operator moves the numbers of the elements, from 1
	// on: what it pads with is 0.
	numbers := make([]int32, in.Elems())
	for i := range numbers {
		numbers[i] = int32(i + 1)
	}
	c.In[0], c.Value[0] = Type{tensor.Int32, in}, tensor.Of(numbers, in...)
	row := p.Operator(n)
	types, err := row.Infer(c)
	if err != nil {
		return nil, p.Graph.inFile(n, err)
	}
	out := tensor.New(tensor.Int32, types[0].Shape...)
	if err := row.Eval(c, []*tensor.Tensor{out}); err != nil {
		return nil, p.Graph.inFile(n, err)
	}
	origins := tensor.Slice[int32](out)
	for i := range origins {
		origins[i]--
	}
	return origins, nil
}
