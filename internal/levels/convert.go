package levels

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"

	"lutra/internal/graph"
	"lutra/internal/safe"
	"lutra/internal/tensor"
)

// Bounds are the least and the largest number of a value.
type Bounds struct{ Low, High float32 }

// Options say how Convert quantises.
type Options struct {
	Levels       int    // of every activation, graph.MinLevels to MaxLevels
	InputLevels  int    // of the network's input; 0: Levels
	Input        Bounds // of the network's input
	OutputLevels int    // of the network's output, between the same bounds; 0: it stays a sum
	// Bound is the upper bound of rectifiers without one, and of the magnitudes
	// that Convert must quantise beside; where Measured has their output, that.
	Bound    float32
	Measured map[string]float32
}

// Convert is g with its input and all activations quantised: Relu and Clip
// become lutra.ReluD or ClipD, Tanh becomes TanhD, means over windows take the
// levels of what they average, up to the measured bound if there is one, and of two sums that are added, as a layer and
// a projected shortcut, the second gets levels. A final Softmax is left out, as it keeps the
// order of scores. g, which must be valid, is left alone.
func Convert(g *graph.Graph, o Options) (*graph.Graph, error) {
	h := *g
	h.Nodes, h.Consts, h.Opsets = nil, maps.Clone(g.Consts), maps.Clone(g.Opsets)
	h.Functions = slices.Clone(g.Functions)
	c := &converter{Options: o, old: g, new: &h, levels: map[string]graph.Quantiser{}, renamed: map[string]string{}}
	nodes, output := g.Nodes, g.Outputs[0].Name
	if o.OutputLevels > 0 {
		output += ".sums"
		c.renamed[g.Outputs[0].Name] = output
	}
	if last := len(nodes) - 1; last > 0 && g.Outputs[0].Name == nodes[last].Outputs[0] && isSoftmax(nodes[last]) {
		c.renamed[nodes[last].Inputs[0]] = output
		nodes = nodes[:last]
	}
	c.modernise(nodes)
	if err := c.input(); err != nil {
		return nil, err
	}
	for _, n := range nodes {
		if err := c.node(n); err != nil {
			return nil, err
		}
	}
	if err := c.output(output); err != nil {
		return nil, err
	}
	return &h, h.Validate()
}

// modern is the opset version that the bodies of quantisers need, and from
// which modernise raises files to it.
const (
	modern     = 13
	modernFrom = 11
)

// unchanged are operators whose form and meaning is the same in all versions
// between.
var unchanged = []string{"Conv", "Gemm", "MatMul", "Add", "BatchNormalization", "Relu", "Clip", "Tanh", "MaxPool", "GlobalMaxPool", "AveragePool", "GlobalAveragePool", "ReduceMean",
	"Flatten", "Reshape", "Identity", "Constant", "Concat", "Slice", "Pad", "Transpose", "DepthToSpace", "SpaceToDepth"}

// modernise raises the opset version if that changes no node.
func (c *converter) modernise(nodes []*graph.Node) {
	if v := c.new.Opsets[""]; v < modernFrom || v >= modern {
		return
	}
	if !slices.ContainsFunc(nodes, func(n *graph.Node) bool { return n.Domain != "" || !slices.Contains(unchanged, n.Op) }) {
		c.new.Opsets[""] = modern
	}
}

func isSoftmax(n *graph.Node) bool {
	return n.Domain == "" && (n.Op == "Softmax" || n.Op == "LogSoftmax")
}

// converter appends the nodes of old to new.
type converter struct {
	Options
	old, new *graph.Graph
	levels   map[string]graph.Quantiser // of values of levels
	renamed  map[string]string
}

func (c *converter) refuse(n *graph.Node, field, expected, found, hint string) error {
	return &safe.FormatError{File: c.old.File, Where: n.Label(), Field: field, Expected: expected, Found: found, Hint: hint}
}

// input quantises the network's input.
func (c *converter) input() error {
	x := c.old.Inputs[0].Name
	q := graph.Quantiser{Levels: cmp.Or(c.InputLevels, c.Levels), Low: c.Input.Low, High: c.Input.High}
	c.renamed[x] = x + ".levels"
	c.levels[c.renamed[x]] = q
	return c.new.AddQuantiser(q, x, c.renamed[x])
}

// output quantises sums that are the network's output, if they are to be levels.
func (c *converter) output(sums string) error {
	if c.OutputLevels == 0 {
		return nil
	}
	if q, ok := c.levels[sums]; ok {
		return &safe.FormatError{File: c.old.File, Field: "output levels", Expected: "a layer of sums at the end", Found: fmt.Sprintf("an activation of %d levels", q.Levels)}
	}
	q := graph.Quantiser{Levels: c.OutputLevels, Low: c.Input.Low, High: c.Input.High}
	return c.new.AddQuantiser(q, sums, c.old.Outputs[0].Name)
}

// keeps are the operators that pass levels on.
var keeps = []string{"MaxPool", "GlobalMaxPool", "Flatten", "Reshape", "Squeeze", "Unsqueeze", "Identity", "Dropout"}

// averages are the operators whose output takes the levels of their input.
var averages = []string{"AveragePool", "GlobalAveragePool", "ReduceMean"}

func (c *converter) node(old *graph.Node) error {
	n := *old
	n.Inputs = slices.Clone(old.Inputs)
	for i, x := range n.Inputs {
		if name, ok := c.renamed[x]; ok {
			n.Inputs[i] = name
		}
	}
	n.Outputs = slices.Clone(old.Outputs)
	for i, y := range n.Outputs {
		if name, ok := c.renamed[y]; ok {
			n.Outputs[i] = name
		}
	}
	y := n.Outputs[0]
	switch q, ok, err := c.activation(&n); {
	case err != nil:
		return err
	case ok:
		c.levels[y] = q
		return c.new.AddQuantiser(q, n.Inputs[0], y)
	case n.Domain == "" && slices.Contains(averages, n.Op):
		q, ok := c.levels[n.Inputs[0]]
		if !ok {
			return c.refuse(old, "input", "levels", "another value", "put an activation in front of it")
		}
		n.Name, n.Outputs[0] = n.Name+".mean", y+".mean" // the quantiser takes the name
		c.new.Nodes = append(c.new.Nodes, &n)
		q.Tanh = false
		if m, ok := c.Measured[y]; ok && q.Low == 0 {
			q.High = m
		}
		c.levels[y] = q
		return c.new.AddQuantiser(q, n.Outputs[0], y)
	case addsSums(c.old, old):
		q := graph.Quantiser{Levels: c.Levels, High: c.bound(old.Inputs[1])}
		q.Low = -q.High
		x := n.Inputs[1]
		n.Inputs[1] = y + ".levels"
		if err := c.new.AddQuantiser(q, x, n.Inputs[1]); err != nil {
			return err
		}
	case n.Moves() || n.Domain == "" && slices.Contains(keeps, n.Op):
		if q, ok := c.levels[n.Inputs[0]]; ok {
			c.levels[y] = q
		}
	}
	c.new.Nodes = append(c.new.Nodes, &n)
	return nil
}

// activation is what quantises the output of n, if n is an activation.
func (c *converter) activation(n *graph.Node) (q graph.Quantiser, ok bool, err error) {
	q = graph.Quantiser{Levels: c.Levels}
	if n.IsQuantiser() {
		if q, err = n.Quantiser(); err == nil {
			q.Levels = c.Levels
		}
		return q, true, err
	}
	if n.Domain != "" {
		return q, false, nil
	}
	switch n.Op {
	case "Tanh":
		q.Tanh, q.Low, q.High = true, -1, 1
		return q, true, nil
	case "Relu":
		q.High = float32(math.Inf(1))
	case "Clip":
		if q.Low, q.High, err = c.clip(n); err != nil {
			return q, false, err
		}
	default:
		return q, false, nil
	}
	q.High = min(q.High, c.bound(n.Outputs[0]))
	return q, true, nil
}

// bound is the upper bound of the value x.
func (c *converter) bound(x string) float32 {
	if m, ok := c.Measured[x]; ok {
		return m
	}
	return c.Bound
}

// addsSums reports whether n adds two values that layers with weights make.
func addsSums(g *graph.Graph, n *graph.Node) bool {
	if n.Domain != "" || n.Op != "Add" {
		return false
	}
	for _, x := range n.Inputs {
		p := g.Producer(x)
		if p == nil || p.Domain != "" || !slices.Contains([]string{"Conv", "Gemm", "MatMul", "BatchNormalization"}, p.Op) {
			return false
		}
	}
	return true
}

// clip is the range of a Clip node, whose lower bound must be given.
func (c *converter) clip(n *graph.Node) (low, high float32, err error) {
	low, high = n.Float("min", float32(math.Inf(-1))), n.Float("max", float32(math.Inf(1)))
	for i, bound := range []*float32{&low, &high} {
		if i+1 >= len(n.Inputs) || n.Inputs[i+1] == "" {
			continue
		}
		t := c.old.Stored(n.Inputs[i+1])
		if t == nil || t.DType != tensor.Float32 || t.Elems() != 1 {
			return low, high, c.refuse(n, "bounds", "constants", "computed values", "")
		}
		*bound = t.Float32s()[0]
	}
	if !(low > float32(math.Inf(-1))) {
		return low, high, c.refuse(n, "bounds", "a lower one", fmt.Sprint(low), "")
	}
	return low, high, nil
}

// Unbounded lists the values whose upper bound Convert takes from Options:
// outputs of Relu and Clip, and sums that are added to others.
func Unbounded(g *graph.Graph) []string {
	var names []string
	for _, n := range g.Nodes {
		if n.Domain == "" && (n.Op == "Relu" || n.Op == "Clip") {
			names = append(names, n.Outputs[0])
		}
		if addsSums(g, n) {
			names = append(names, n.Inputs[1])
		}
	}
	return names
}
