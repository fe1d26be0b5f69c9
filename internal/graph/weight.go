package graph

import "lutra/internal/tensor"

// HasWeight reports whether input 1 of n is a weight: n is a Conv,
// ConvTranspose, Gemm or MatMul.
func (n *Node) HasWeight() bool { return len(n.Inputs) > 1 && n.isWeight(1) }

// Stored is the tensor that the file stores for the value name: an
// initializer, the value of a Constant node, or what a Cast of one of them
// reads (weights in half precision). It is nil for computed values.
func (g *Graph) Stored(name string) *tensor.Tensor {
	for {
		if t := g.Consts[name]; t != nil {
			return t
		}
		n := g.Producer(name)
		if n == nil || n.Domain != "" {
			return nil
		}
		switch n.Op {
		case "Constant":
			if a, ok := n.Attr("value"); ok {
				return a.Tensor
			}
			return nil
		case "Cast", "Identity":
			if len(n.Inputs) != 1 || n.Inputs[0] == name {
				return nil
			}
			name = n.Inputs[0]
		default:
			return nil
		}
	}
}

// WeightCodebook is the codebook of the weight name, and the shape of the weight.
// Of kernels as pairs of weights a file stores a matrix, which a Reshape brings
// into shape. It is nil, without an error, for other weights.
func (g *Graph) WeightCodebook(name string) (*Codebook, tensor.Shape, error) {
	n := g.Producer(name)
	if n == nil || n.Domain != "" || n.Op != "Reshape" || len(n.Inputs) < 2 {
		c, err := g.Codebook(name)
		if c == nil || err != nil {
			return nil, nil, err
		}
		return c, c.WeightShape(), nil
	}
	c, err := g.Codebook(n.Inputs[0])
	dims := g.Consts[n.Inputs[1]]
	if c == nil || err != nil || dims == nil || dims.DType != tensor.Int64 {
		return nil, nil, err
	}
	var shape tensor.Shape
	for _, d := range dims.Int64s() {
		shape = append(shape, int(d))
	}
	want := c.WeightShape().Elems()
	if found, err := shape.CheckedElems(want); err != nil || found != want {
		return nil, nil, nil // lutra writes no Reshape by 0 or -1
	}
	return c, shape, nil
}
