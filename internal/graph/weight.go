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
