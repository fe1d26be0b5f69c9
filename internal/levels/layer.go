package levels

import (
	"math"
	"slices"

	"lutra/internal/graph"
	"lutra/internal/safe"
)

// Layer is a layer with weights and the batch normalisation behind it.
type Layer struct {
	Node    *graph.Node
	Norm    *graph.Node // nil: none
	Outputs int
	columns bool   // the weight is [inputs, outputs]
	inputs  int    // channels that an output reads
	groups  int    // of a convolution, else 1
	first   bool   // reads the network's input, whose levels are not those of activations
	added   string // bias that an Add behind a MatMul adds, or ""
}

// Layers lists the layers of g whose weight is a constant, each once. It fails
// for a batch normalisation that stands behind no layer of its own, and for one
// whose layer shares its weight.
func Layers(g *graph.Graph) ([]Layer, error) {
	readers := map[string][]*graph.Node{}
	for _, n := range g.Nodes {
		for _, x := range n.Inputs {
			readers[x] = append(readers[x], n)
		}
	}
	var layers []Layer
	folded := map[*graph.Node]bool{}
	seen := map[string]bool{}
	for _, n := range g.Nodes {
		l, ok := layerOf(g, n)
		if !ok {
			continue
		}
		after := readers[n.Outputs[0]]
		if len(after) == 1 && n.Op != "MatMul" && foldable(after[0], n, readers) {
			l.Norm = after[0]
			folded[l.Norm] = true
		}
		if len(after) == 1 && n.Op == "MatMul" {
			l.added = addedBias(g, after[0], l.Outputs)
		}
		if !seen[n.Inputs[1]] {
			layers = append(layers, l)
		}
		seen[n.Inputs[1]] = true
	}
	for _, n := range g.Nodes {
		if n.Domain == "" && n.Op == "BatchNormalization" && !folded[n] {
			return nil, &safe.FormatError{File: g.File, Where: n.Label(), Field: "input", Expected: "the output of a Conv or Gemm with weights of its own, which it is folded into", Found: n.Inputs[0]}
		}
	}
	return layers, nil
}

// foldable reports whether norm is a batch normalisation that can be folded
// into n: no other node reads the constants of either.
func foldable(norm, n *graph.Node, readers map[string][]*graph.Node) bool {
	if norm.Domain != "" || norm.Op != "BatchNormalization" || len(norm.Inputs) != 5 || len(norm.Outputs) != 1 {
		return false
	}
	for _, name := range slices.Concat(n.Inputs[1:], norm.Inputs[1:]) {
		if name != "" && len(readers[name]) != 1 {
			return false
		}
	}
	return true
}

func layerOf(g *graph.Graph, n *graph.Node) (Layer, bool) {
	if n.Domain != "" || !n.HasWeight() || g.Consts[n.Inputs[1]] == nil {
		return Layer{}, false
	}
	shape := g.Consts[n.Inputs[1]].Shape
	l := Layer{Node: n, groups: 1, first: readsInput(g, n)}
	switch {
	case n.Op == "Conv":
		l.Outputs, l.groups, l.inputs = shape[0], int(n.Int("group", 1)), shape[1]
	case n.Op == "Gemm" && n.Int("transB", 0) != 0:
		l.Outputs, l.inputs = shape[0], shape[1]
	case n.Op == "Gemm", n.Op == "MatMul" && len(shape) == 2:
		l.Outputs, l.inputs, l.columns = shape[1], shape[0], true
	default:
		return l, false
	}
	return l, true
}

// readsInput reports whether n reads the input of g or its levels.
func readsInput(g *graph.Graph, n *graph.Node) bool {
	x := n.Inputs[0]
	for p := g.Producer(x); p != nil && x != g.Inputs[0].Name; p = g.Producer(x) {
		if quantised := p.IsQuantiser() && p.Inputs[0] == g.Inputs[0].Name; !quantised && (p.Domain != "" || !slices.Contains(keeps, p.Op)) {
			return false
		}
		x = p.Inputs[0]
	}
	return x == g.Inputs[0].Name
}

// weight is the name of the layer's weight, bias that of its bias or "".
func (l Layer) weight() string { return l.Node.Inputs[1] }

func (l Layer) bias() string {
	if len(l.Node.Inputs) > 2 {
		return l.Node.Inputs[2]
	}
	return l.added
}

// addedBias is the constant of which n adds one number to each of so many
// outputs, or "".
func addedBias(g *graph.Graph, n *graph.Node, outputs int) string {
	if n.Domain != "" || n.Op != "Add" {
		return ""
	}
	for _, name := range n.Inputs {
		if c := g.Consts[name]; c != nil && c.Elems() == outputs && c.Shape[len(c.Shape)-1] == outputs {
			return name
		}
	}
	return ""
}

// paired reports whether the outputs of every group form pairs.
func (l Layer) paired() bool { return l.Outputs/l.groups%2 == 0 }

// pairs visits the numbers of two adjacent outputs, of every input, in v: the
// layer's weight or bias.
func (l Layer) pairs(v []float32, visit func(even, odd *float32)) {
	inputs := len(v) / l.Outputs
	for o := 0; o < l.Outputs; o += 2 {
		for k := range inputs {
			if l.columns {
				visit(&v[k*l.Outputs+o], &v[k*l.Outputs+o+1])
			} else {
				visit(&v[o*inputs+k], &v[(o+1)*inputs+k])
			}
		}
	}
}

// Absorb moves the scale of the batch normalisations, by their running
// statistics, into the weights before them, and takes their biases. What is
// left of a normalisation is a shift: scale 1, mean 0, a variance that makes
// its deviation 1. at yields the numbers of a constant, which are changed.
func Absorb(layers []Layer, at func(name string) []float32) {
	for _, l := range layers {
		if l.Norm == nil {
			continue
		}
		epsilon := float64(l.Norm.Float("epsilon", 1e-5))
		scale, shift := at(l.Norm.Inputs[1]), at(l.Norm.Inputs[2])
		mean, variance := at(l.Norm.Inputs[3]), at(l.Norm.Inputs[4])
		factor := make([]float32, l.Outputs)
		for o := range factor {
			f := float64(scale[o]) / math.Sqrt(float64(variance[o])+epsilon)
			factor[o] = float32(f)
			shift[o] = float32(float64(shift[o]) - float64(mean[o])*f)
			scale[o], mean[o], variance[o] = 1, 0, float32(1-epsilon)
		}
		l.multiply(at(l.weight()), factor)
		if name := l.bias(); name != "" {
			bias := at(name)
			for o, b := range bias {
				shift[o] += b * factor[o]
				bias[o] = 0
			}
		}
	}
}

// multiply scales the weights of every output.
func (l Layer) multiply(w, factor []float32) {
	row := len(w) / l.Outputs
	for i := range w {
		if l.columns {
			w[i] *= factor[i%l.Outputs]
		} else {
			w[i] *= factor[i/row]
		}
	}
}
