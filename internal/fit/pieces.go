package fit

import (
	"lutra/internal/graph"
	"lutra/internal/tensor"
)

// piece is a part of a network between two values through which all paths go:
// a residual block, a layer without branches. Its weights are trained so that
// its output is that of the same place in the teacher.
type piece struct {
	input  graph.Value // that it reads, with a batch dimension of 1; the network's input for the first
	output string
	target string // the value of the teacher that its output should be
}

// bridge is a value through which all paths go.
type bridge struct {
	name   string
	layers int // convolutions and products with weights before it
	shape  tensor.Shape
}

// bridges lists, for every number of layers, the last value of g that alone is
// alive behind so many: what the next layer reads, or the output.
func bridges(g *graph.Graph, output string) ([]bridge, error) {
	in := map[string]graph.Type{}
	for _, v := range g.Inputs {
		shape := tensor.Shape{1}
		for _, d := range v.Dims[1:] {
			shape = append(shape, d.Size)
		}
		in[v.Name] = graph.Type{DType: v.DType, Shape: shape}
	}
	p, err := g.Specialize(in, []string{output})
	if err != nil {
		return nil, err
	}
	readers := map[string]int{output: 1}
	for _, n := range p.Nodes {
		for _, name := range n.Inputs {
			readers[name]++
		}
	}
	books := map[string]bool{}
	alive := map[string]bool{g.Inputs[0].Name: true}
	var all []bridge
	layers := 0
	for _, n := range p.Nodes {
		if n.IsCodebook() {
			books[n.Outputs[0]] = true
			continue
		}
		for _, name := range n.Inputs {
			if readers[name]--; readers[name] == 0 {
				delete(alive, name)
			}
		}
		for _, name := range n.Outputs {
			if readers[name] > 0 {
				alive[name] = true
			}
		}
		if n.HasWeight() && (books[n.Inputs[1]] || p.Consts[n.Inputs[1]] != nil) {
			layers++
		}
		if len(alive) != 1 || len(n.Outputs) != 1 || !alive[n.Outputs[0]] {
			continue
		}
		b := bridge{n.Outputs[0], layers, p.Types[n.Outputs[0]].Shape}
		if k := len(all); k > 0 && all[k-1].layers == layers {
			all[k-1] = b
		} else {
			all = append(all, b)
		}
	}
	return all, nil
}

// pieces cuts g where the teacher can be cut, too. Names may differ: places
// are told by the number of layers before them.
func pieces(g *graph.Graph, output string, t *teacher) ([]piece, error) {
	own, err := bridges(g, output)
	if err != nil {
		return nil, err
	}
	taught, err := bridges(t.graph, t.output)
	if err != nil {
		return nil, err
	}
	targets := map[int]bridge{}
	for _, b := range taught {
		targets[b.layers] = b
	}
	from := g.Inputs[0]
	done := 0
	var all []piece
	for _, b := range own {
		target, ok := targets[b.layers]
		if !ok || b.layers == done || !target.shape.Equal(b.shape) {
			continue
		}
		done = b.layers
		all = append(all, piece{from, b.name, target.name})
		from = graph.Value{Name: b.name, DType: tensor.Float32}
		for _, d := range b.shape {
			from.Dims = append(from.Dims, graph.Dim{Size: d})
		}
	}
	return all, nil
}
