package graph

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"lutra/internal/safe"
	"lutra/internal/tensor"
)

// Validate checks g once, after loading, and brings it into the form that
// Specialize expects: calls of model-local functions other than lutra's
// codebook functions are inlined and nodes are in topological order. Errors
// are of type *safe.FormatError and name the node or value; all unsupported
// operators are listed in one error.
func (g *Graph) Validate() error {
	for _, step := range []func() error{
		g.checkLimits, g.checkOpset, g.checkDeclared, g.inline, g.renameDomain, g.checkOperators,
		g.checkArity, g.checkAttrs, g.checkEdges, g.sortNodes, g.checkCodebooks,
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// maxAttrs is the most attributes a node may have; standard operators have up to 12.
const maxAttrs = 256

// errorf is an error about g itself.
func (g *Graph) errorf(where, field, expected, found string) error {
	return &safe.FormatError{File: g.File, Where: where, Field: field, Expected: expected, Found: found}
}

// opset is the version of domain that g imports, 0 if it does not.
func (g *Graph) opset(domain string) int64 {
	if v, ok := g.Opsets[domain]; ok || canonicalDomain(domain) != "" {
		return v
	}
	return max(g.Opsets[""], g.Opsets["ai.onnx"])
}

func (g *Graph) checkLimits() error {
	if len(g.Nodes) > safe.MaxNodes {
		return g.errorf("graph", "nodes", fmt.Sprintf("at most %d", safe.MaxNodes), fmt.Sprint(len(g.Nodes)))
	}
	if len(g.Consts) > safe.MaxTensors {
		return g.errorf("graph", "initializers", fmt.Sprintf("at most %d", safe.MaxTensors), fmt.Sprint(len(g.Consts)))
	}
	bodies := [][]*Node{g.Nodes}
	for _, f := range g.Functions {
		bodies = append(bodies, f.Nodes)
	}
	for _, body := range bodies {
		for _, n := range body {
			if len(n.Attrs) > maxAttrs {
				return g.errorf(n.Label(), "attributes", fmt.Sprintf("at most %d", maxAttrs), fmt.Sprint(len(n.Attrs)))
			}
		}
	}
	return nil
}

// renameDomain gives all nodes of ai.onnx its short name.
func (g *Graph) renameDomain() error {
	for _, n := range g.Nodes {
		n.Domain = canonicalDomain(n.Domain)
	}
	return nil
}

func (g *Graph) checkOpset() error {
	if v := g.opset(""); v < MinOpset || v > MaxOpset {
		return g.errorf("model", "opset", fmt.Sprintf("%d to %d", MinOpset, MaxOpset), fmt.Sprint(v))
	}
	return nil
}

// checkDeclared refuses absurd shapes of inputs before anything is planned for them.
func (g *Graph) checkDeclared() error {
	for _, v := range g.Inputs {
		where := fmt.Sprintf("input %q", v.Name)
		if v.DType.Size() == 0 {
			return g.errorf(where, "type", "a numeric tensor", v.DType.String())
		}
		known := make(tensor.Shape, 0, len(v.Dims))
		for _, d := range v.Dims {
			if d.Size >= 0 {
				known = append(known, d.Size)
			}
		}
		if _, err := known.CheckedElems(safe.MaxActivations / v.DType.Size()); err != nil || len(v.Dims) > tensor.MaxRank {
			return g.errorf(where, "shape", fmt.Sprintf("rank at most %d and at most %d bytes", tensor.MaxRank, int64(safe.MaxActivations)), known.String())
		}
	}
	return nil
}

// checkOperators lists every operator that the table does not have.
func (g *Graph) checkOperators() error {
	missing := map[string]int{}
	for _, n := range g.Nodes {
		if n.IsCodebook() {
			continue
		}
		if _, ok := Lookup(n.Domain, n.Op, g.opset(n.Domain)); ok {
			continue
		}
		name := n.Op
		if n.Domain != "" {
			name = n.Domain + "." + name
		}
		missing[name]++
	}
	if len(missing) == 0 {
		return nil
	}
	names := make([]string, 0, len(missing))
	for name := range missing {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(cmp.Compare(missing[b], missing[a]), cmp.Compare(a, b))
	})
	for i, name := range names {
		names[i] = fmt.Sprintf("%s x%d", name, missing[name])
	}
	return &safe.FormatError{File: g.File, Field: "unsupported operators", Found: strings.Join(names, ", "), Hint: "docs/OPS.md lists those that are supported"}
}

func (g *Graph) checkArity() error {
	for _, n := range g.Nodes {
		if n.IsCodebook() {
			continue
		}
		row, _ := Lookup(n.Domain, n.Op, g.opset(n.Domain))
		if !row.In.holds(len(n.Inputs)) {
			return g.errorf(n.Label(), "inputs", row.In.String(), fmt.Sprint(len(n.Inputs)))
		}
		if !row.Out.holds(len(n.Outputs)) {
			return g.errorf(n.Label(), "outputs", row.Out.String(), fmt.Sprint(len(n.Outputs)))
		}
		if i := slices.Index(n.Inputs[:row.In.Min], ""); i >= 0 {
			return g.errorf(n.Label(), fmt.Sprintf("input %d", i), "a value", "none")
		}
	}
	return nil
}

func (a Arity) holds(n int) bool { return n >= a.Min && (a.Max < 0 || n <= a.Max) }

// String is the range in words: "2", "1 to 3" or "at least 1".
func (a Arity) String() string {
	switch {
	case a.Max < 0:
		return fmt.Sprintf("at least %d", a.Min)
	case a.Min == a.Max:
		return fmt.Sprint(a.Min)
	default:
		return fmt.Sprintf("%d to %d", a.Min, a.Max)
	}
}

// checkEdges demands that every value has one producer and every input is produced.
func (g *Graph) checkEdges() error {
	produced := make(map[string]bool, len(g.Nodes)+len(g.Consts)+len(g.Inputs))
	add := func(name, by string) error {
		if name == "" {
			return g.errorf(by, "output", "a name", "none")
		}
		if produced[name] {
			return g.errorf(by, fmt.Sprintf("value %q", name), "one producer", "several")
		}
		produced[name] = true
		return nil
	}
	for name := range g.Consts {
		if err := add(name, "initializer"); err != nil {
			return err
		}
	}
	for _, v := range g.Inputs {
		if err := add(v.Name, "graph input"); err != nil {
			return err
		}
	}
	for _, n := range g.Nodes {
		for _, o := range n.Outputs {
			if o == "" { // an output nobody wants
				continue
			}
			if err := add(o, n.Label()); err != nil {
				return err
			}
		}
	}
	for _, n := range g.Nodes {
		for _, in := range n.Inputs {
			if in != "" && !produced[in] {
				return g.errorf(n.Label(), fmt.Sprintf("input %q", in), "an input, an initializer or an output of a node", "nothing of that name")
			}
		}
	}
	return g.checkOutputs(produced)
}

func (g *Graph) checkOutputs(produced map[string]bool) error {
	if len(g.Outputs) == 0 {
		return g.errorf("graph", "outputs", "at least 1", "0")
	}
	seen := make(map[string]bool, len(g.Outputs))
	for _, v := range g.Outputs {
		if !produced[v.Name] {
			return g.errorf("graph output", fmt.Sprintf("value %q", v.Name), "a producer", "none")
		}
		if seen[v.Name] {
			return g.errorf("graph output", fmt.Sprintf("value %q", v.Name), "one mention", "several")
		}
		seen[v.Name] = true
	}
	return nil
}

func (g *Graph) checkCodebooks() error {
	for _, n := range g.Nodes {
		if err := g.checkCodebook(n); err != nil {
			return err
		}
	}
	return nil
}
