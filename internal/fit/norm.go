package fit

import "lutra/internal/graph"

// frozen selects the batch normalisations of g that leave their statistics alone.
func (o *Options) frozen(g *graph.Graph) func(*graph.Node) bool {
	if o.weight != "" {
		return func(*graph.Node) bool { return true }
	}
	return folded(g)
}

// folded reports whether a batch normalisation of g has been folded into its
// neighbours and is a mere scale and shift: it normalises by mean 0 and
// variance 1, yet has a scale or a shift, which one at the start of its
// training has not. By the statistics of a batch it would be another function.
func folded(g *graph.Graph) func(*graph.Node) bool {
	all := func(name string, v float32) bool {
		c := g.Consts[name]
		if p := g.Producer(name); p != nil { // see compress.Options.HalfVectors
			switch p.Op {
			case "Cast":
				c = g.Consts[p.Inputs[0]]
			case "ConstantOfShape":
				if a, ok := p.Attr("value"); ok {
					c = a.Tensor
				}
			}
		}
		if c == nil {
			return false
		}
		for _, x := range c.AsFloat32().Float32s() {
			if x != v {
				return false
			}
		}
		return true
	}
	return func(n *graph.Node) bool {
		return all(n.Inputs[3], 0) && all(n.Inputs[4], 1) && !(all(n.Inputs[1], 1) && all(n.Inputs[2], 0))
	}
}
