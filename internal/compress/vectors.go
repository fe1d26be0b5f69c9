package compress

import (
	"fmt"
	"math"
	"slices"

	"lutra/internal/graph"
	"lutra/internal/tensor"
)

// In a small network what is not a weight takes room, too: EtinyNet has 147 KB
// of numbers per channel beside 310 KB of codes. halveVectors makes that less: a
// normalisation keeps a scale and a shift instead of four vectors, a scale in
// front of a ReLU moves behind it where there is another, and what is left
// becomes float16. The function stays the same up to rounding.
func halveVectors(g *graph.Graph) {
	folded := map[*graph.Node]bool{}
	for _, n := range slices.Clone(g.Nodes) {
		if n.Domain == "" && n.Op == "BatchNormalization" && len(n.Inputs) == 5 && len(n.Outputs) == 1 {
			folded[n] = foldStatistics(g, n)
		}
	}
	for _, n := range slices.Clone(g.Nodes) {
		if folded[n] {
			moveScale(g, n, folded)
		}
	}
	for _, name := range vectors(g) {
		if half := toHalf(g.Consts[name]); rendered(g.Consts[name], half) {
			setHalf(g, name, half)
		}
	}
}

// foldStatistics makes n, a BatchNormalization, the same function with mean 0,
// variance 1 and epsilon 0, and reports true, if its parameters are constants.
func foldStatistics(g *graph.Graph, n *graph.Node) bool {
	var p [4][]float32 // scale, shift, mean, variance
	for i := range p {
		c := g.Consts[n.Inputs[1+i]]
		if c == nil || c.DType != tensor.Float32 || n.Int("training_mode", 0) != 0 {
			return false
		}
		p[i] = c.Float32s()
	}
	eps := float64(n.Float("epsilon", 1e-5))
	scale, shift := make([]float32, len(p[0])), make([]float32, len(p[0]))
	for i := range scale {
		f := float64(p[0][i]) / math.Sqrt(float64(p[3][i])+eps)
		scale[i], shift[i] = float32(f), float32(float64(p[1][i])-f*float64(p[2][i]))
	}
	name := n.Outputs[0]
	n.Inputs = []string{n.Inputs[0], name + ".scale", name + ".shift", fill(g, 0, len(scale)), fill(g, 1, len(scale))}
	setConst(g, n.Inputs[1], tensor.Of(scale, len(scale)))
	setConst(g, n.Inputs[2], tensor.Of(shift, len(scale)))
	n.Attrs = slices.DeleteFunc(slices.Clone(n.Attrs), func(a graph.Attr) bool { return a.Name == "epsilon" })
	n.Attrs = append(n.Attrs, graph.FloatAttr("epsilon", 0))
	return true
}

// moveScale removes the folded normalisation n between a convolution and a ReLU
// if a folded normalisation follows that: s x + t, s > 0, behind the ReLU is s
// times x + t/s behind it. The convolution gets t/s as its bias.
func moveScale(g *graph.Graph, n *graph.Node, folded map[*graph.Node]bool) {
	conv, relu := g.Producer(n.Inputs[0]), onlyReader(g, n.Outputs[0])
	if conv == nil || conv.Op != "Conv" || conv.Domain != "" || onlyReader(g, n.Inputs[0]) != n || relu == nil || relu.Op != "Relu" || relu.Domain != "" {
		return
	}
	next := onlyReader(g, relu.Outputs[0])
	if next == nil || !folded[next] || len(conv.Inputs) > 2 && conv.Inputs[2] != "" {
		return
	}
	scale, shift, behind := g.Consts[n.Inputs[1]].Float32s(), g.Consts[n.Inputs[2]].Float32s(), g.Consts[next.Inputs[1]].Float32s()
	if slices.Min(scale) <= 0 {
		return
	}
	bias, product := make([]float32, len(scale)), make([]float32, len(scale))
	for i, s := range scale {
		bias[i], product[i] = shift[i]/s, s*behind[i]
	}
	name := n.Outputs[0] + ".bias"
	setConst(g, name, tensor.Of(bias, len(bias)))
	setConst(g, next.Inputs[1], tensor.Of(product, len(product)))
	conv.Inputs = append(slices.Clone(conv.Inputs[:2]), name)
	conv.Outputs = []string{n.Outputs[0]}
	g.Nodes = slices.DeleteFunc(g.Nodes, func(m *graph.Node) bool { return m == n })
}

// onlyReader is the node that alone reads a value, once, or nil.
func onlyReader(g *graph.Graph, name string) *graph.Node {
	var reader *graph.Node
	for _, n := range g.Nodes {
		for _, in := range n.Inputs {
			if in != name {
				continue
			}
			if reader != nil {
				return nil
			}
			reader = n
		}
	}
	if slices.ContainsFunc(g.Outputs, func(v graph.Value) bool { return v.Name == name }) {
		return nil
	}
	return reader
}

// fill is the name of a vector of n times v: a node that makes it, which takes
// less room than its numbers, or a constant where there is no such operator.
func fill(g *graph.Graph, v float32, n int) string {
	name := fmt.Sprintf("lutra.%g.%d", v, n)
	if g.Producer(name) != nil {
		return name
	}
	if _, known := graph.Lookup("", "ConstantOfShape", g.Opsets[""]); !known {
		g.Consts[name] = filled(v, n)
		return name
	}
	shape := name + ".shape"
	g.Consts[shape] = tensor.Of([]int64{int64(n)}, 1)
	g.Nodes = slices.Insert(g.Nodes, 0, &graph.Node{
		Op: "ConstantOfShape", Inputs: []string{shape}, Outputs: []string{name},
		Attrs: []graph.Attr{graph.TensorAttr("value", tensor.Of([]float32{v}, 1))},
	})
	return name
}

// fewest is the length of the shortest vector that becomes float16: the Cast
// behind it takes about 30 bytes.
const fewest = 16

// vectors lists the float32 constants that normalisations, convolutions and
// products add to channels, or multiply them with.
func vectors(g *graph.Graph) []string {
	var names []string
	take := func(name string) {
		c := g.Consts[name]
		if c != nil && c.DType == tensor.Float32 && c.Elems() >= fewest && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	for _, n := range g.Nodes {
		switch {
		case n.Domain != "":
		case n.Op == "BatchNormalization" && len(n.Inputs) == 5:
			take(n.Inputs[1])
			take(n.Inputs[2])
		case (n.Op == "Conv" || n.Op == "Gemm") && len(n.Inputs) > 2:
			take(n.Inputs[2])
		case n.Op == "Add":
			for _, in := range n.Inputs {
				if c := g.Consts[in]; c != nil && c.Elems() == slices.Max(append(c.Shape, 1)) {
					take(in)
				}
			}
		}
	}
	return names
}

// rendered reports whether half precision is good enough for v: no number is
// out of its range, or loses more than the usual 11 bits unless it is nothing
// beside the largest.
func rendered(v, half *tensor.Tensor) bool {
	var most float64
	for _, x := range v.Float32s() {
		most = max(most, math.Abs(float64(x)))
	}
	h := half.AsFloat32().Float32s()
	for i, x := range v.Float32s() {
		if e := math.Abs(float64(h[i]) - float64(x)); !(e <= max(math.Abs(float64(x))/1024, most/1e6)) {
			return false
		}
	}
	return true
}
