package graph

import (
	"bytes"
	"slices"

	"lutra/internal/tensor"
)

// Compact makes the file of g smaller and leaves alone what g computes. Inputs,
// outputs and weights (HasWeight) keep their names; all other values get short
// ones, also in the ranges that g carries, and nodes none. Notes, declared
// types of inner values and attributes that have their default go, and equal
// lists of integers become one.
func (g *Graph) Compact() error {
	g.ValueInfo, g.ConstDocs = nil, nil
	for _, n := range g.Nodes {
		n.Name, n.Doc = "", ""
		n.Attrs = slices.DeleteFunc(slices.Clone(n.Attrs), n.isDefault)
	}
	if slices.ContainsFunc(g.Nodes, (*Node).hasGraph) { // whose names lutra does not read
		return nil
	}
	g.liftConstants()
	g.mergeIntegers()
	return g.rename(g.shortNames())
}

// hasGraph reports whether n has a graph among its attributes.
func (n *Node) hasGraph() bool {
	return slices.ContainsFunc(n.Attrs, func(a Attr) bool { return a.Raw != nil })
}

// all is the default of an attribute that lists one number for each dimension.
type all int64

// defaults are what attributes are if a node does not have them, in every opset
// version that lutra reads.
var defaults = map[string]map[string]any{
	"Conv":               {"auto_pad": "NOTSET", "dilations": all(1), "group": int64(1), "pads": all(0), "strides": all(1)},
	"MaxPool":            {"auto_pad": "NOTSET", "ceil_mode": int64(0), "dilations": all(1), "pads": all(0), "storage_order": int64(0), "strides": all(1)},
	"AveragePool":        {"auto_pad": "NOTSET", "ceil_mode": int64(0), "count_include_pad": int64(0), "dilations": all(1), "pads": all(0), "strides": all(1)},
	"Gemm":               {"alpha": float32(1), "beta": float32(1), "transA": int64(0), "transB": int64(0)},
	"BatchNormalization": {"epsilon": float32(1e-5), "momentum": float32(0.9), "training_mode": int64(0)},
	"Flatten":            {"axis": int64(1)},
	"Gather":             {"axis": int64(0)},
	"ReduceMean":         {"keepdims": int64(1)},
	"Pad":                {"mode": "constant"},
	"Reshape":            {"allowzero": int64(0)},
}

// isDefault reports whether a is what it would be without being there.
func (n *Node) isDefault(a Attr) bool {
	if n.Domain != "" || a.Ref != "" {
		return false
	}
	switch d := defaults[n.Op][a.Name].(type) {
	case int64:
		return a.Kind == AttrInt && a.Int == d
	case float32:
		return a.Kind == AttrFloat && a.Float == d
	case string:
		return a.Kind == AttrString && string(a.Str) == d
	case all:
		return a.Kind == AttrInts && !slices.ContainsFunc(a.Ints, func(v int64) bool { return v != int64(d) })
	}
	return false
}

// liftConstants makes initializers of Constant nodes with a tensor.
func (g *Graph) liftConstants() {
	outputs := g.outputNames()
	g.Nodes = slices.DeleteFunc(g.Nodes, func(n *Node) bool {
		a, ok := n.Attr("value")
		if n.Op != "Constant" || n.Domain != "" || !ok || a.Tensor == nil || outputs[n.Outputs[0]] {
			return false
		}
		g.Consts[n.Outputs[0]] = a.Tensor
		return true
	})
}

func (g *Graph) outputNames() map[string]bool {
	names := map[string]bool{}
	for _, v := range g.Outputs {
		names[v.Name] = true
	}
	return names
}

// mergeIntegers makes equal int64 initializers one. Others may be parameters,
// which training must not tie.
func (g *Graph) mergeIntegers() {
	outputs := g.outputNames()
	var kept []string
	same := map[string]string{}
	for _, name := range g.constNames() {
		t := g.Consts[name]
		if t.DType != tensor.Int64 || outputs[name] {
			continue
		}
		i := slices.IndexFunc(kept, func(k string) bool {
			return g.Consts[k].Shape.Equal(t.Shape) && bytes.Equal(g.Consts[k].Bytes(), t.Bytes())
		})
		if i < 0 {
			kept = append(kept, name)
			continue
		}
		same[name] = kept[i]
		delete(g.Consts, name)
	}
	for _, n := range g.Nodes {
		n.Inputs = slices.Clone(n.Inputs)
		for i, in := range n.Inputs {
			if to, ok := same[in]; ok {
				n.Inputs[i] = to
			}
		}
	}
}

// constNames lists the initializers in the order in which nodes read them.
func (g *Graph) constNames() (names []string) {
	seen := map[string]bool{}
	for _, n := range g.Nodes {
		for _, in := range n.Inputs {
			if g.Consts[in] != nil && !seen[in] {
				seen[in] = true
				names = append(names, in)
			}
		}
	}
	return names
}

// shortNames gives every value that may be renamed a name, the shortest to
// those that occur first.
func (g *Graph) shortNames() map[string]string {
	to := map[string]string{"": ""}
	taken := map[string]bool{}
	keep := func(name string) { to[name], taken[name] = name, true }
	for _, v := range slices.Concat(g.Inputs, g.Outputs) {
		keep(v.Name)
	}
	for _, n := range g.Nodes {
		if n.HasWeight() {
			keep(n.Inputs[1])
		}
	}
	next := 0
	for _, n := range g.Nodes {
		for _, name := range slices.Concat(n.Inputs, n.Outputs) {
			if _, ok := to[name]; ok {
				continue
			}
			short := identifier(next)
			for next++; taken[short]; next++ {
				short = identifier(next)
			}
			to[name] = short
		}
	}
	return to
}

// identifier is the i-th of the shortest names of letters, digits and "_" that
// begin with a letter: ONNX demands identifiers of C.
func identifier(i int) string {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"
	const first = 52
	name := []byte{letters[i%first]}
	for i /= first; i > 0; i /= len(letters) {
		i--
		name = append(name, letters[i%len(letters)])
	}
	return string(name)
}

// rename gives values the names that to has for them.
func (g *Graph) rename(to map[string]string) error {
	for _, n := range g.Nodes {
		n.Inputs, n.Outputs = renamed(n.Inputs, to), renamed(n.Outputs, to)
	}
	g.ConstOrder = renamed(g.ConstOrder, to)
	g.Consts, g.ConstUnknown = renamedKeys(g.Consts, to), renamedKeys(g.ConstUnknown, to)
	ranges, err := g.Ranges()
	if err != nil || ranges == nil {
		return err
	}
	return g.SetRanges(renamedKeys(ranges, to))
}

func renamed(names []string, to map[string]string) []string {
	out := make([]string, 0, len(names))
	for _, name := range names {
		if short, ok := to[name]; ok {
			out = append(out, short)
		}
	}
	return out
}

// renamedKeys is m without what nothing reads.
func renamedKeys[T any](m map[string]T, to map[string]string) map[string]T {
	if m == nil {
		return nil
	}
	out := make(map[string]T, len(m))
	for name, v := range m {
		if short, ok := to[name]; ok {
			out[short] = v
		}
	}
	return out
}
