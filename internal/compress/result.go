package compress

import (
	"slices"

	"lutra/internal/graph"
	"lutra/internal/tensor"
)

// setConst makes name a constant of g, whatever it was before.
func setConst(g *graph.Graph, name string, t *tensor.Tensor) {
	if p := g.Producer(name); p != nil {
		if len(p.Outputs) == 1 {
			g.Nodes = slices.DeleteFunc(g.Nodes, func(n *graph.Node) bool { return n == p })
		} else {
			p.Outputs[slices.Index(p.Outputs, name)] = ""
		}
	}
	g.Consts[name] = t
}

// setHalf stores t in half precision: name becomes the result of a Cast.
func setHalf(g *graph.Graph, name string, t *tensor.Tensor) {
	setConst(g, name, t)
	delete(g.Consts, name)
	half := name + ".half"
	g.Consts[half] = t
	cast := &graph.Node{
		Name: name + ".cast", Op: "Cast", Inputs: []string{half}, Outputs: []string{name},
		Attrs: []graph.Attr{graph.IntAttr("to", int64(tensor.Float32))},
	}
	g.Nodes = slices.Insert(g.Nodes, 0, cast)
}

// prune removes nodes and constants that no output depends on.
func prune(g *graph.Graph) {
	var outputs []string
	for _, o := range g.Outputs {
		outputs = append(outputs, o.Name)
	}
	g.Nodes = live(g.Nodes, outputs)
	read := map[string]bool{}
	for _, name := range outputs {
		read[name] = true
	}
	for _, n := range g.Nodes {
		for _, in := range n.Inputs {
			read[in] = true
		}
	}
	for name := range g.Consts {
		if !read[name] {
			delete(g.Consts, name)
			delete(g.ConstDocs, name)
		}
	}
}
