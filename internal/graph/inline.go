package graph

import (
	"fmt"
	"slices"
	"strings"

	"lutra/internal/safe"
)

// inline replaces calls of model-local functions by their bodies and drops
// the functions that are gone. The codebook functions and the quantisers stay:
// the engines read them by name.
//
// A body may import another version of a domain than the model; ONNX demands
// that the operators used are the same in both, so the model's version counts.
func (g *Graph) inline() error {
	in := inliner{g: g, functions: map[opKey]*Function{}, sizes: map[*Function]int{}, used: g.names(), calls: map[string]int{}}
	kept := g.Functions[:0:0]
	for _, f := range g.Functions {
		if f.known() {
			kept = append(kept, f)
			continue
		}
		key := opKey{f.Domain, f.Name}
		if in.functions[key] != nil {
			return g.errorf("model", fmt.Sprintf("function %q", f.Name), "one definition", "several")
		}
		in.functions[key] = f
	}
	if len(in.functions) == 0 {
		return nil
	}
	for _, n := range g.Nodes {
		if err := in.add(n, nil); err != nil {
			return err
		}
	}
	g.Nodes, g.Functions = in.nodes, kept
	return nil
}

// names is the set of value names in g.
func (g *Graph) names() map[string]bool {
	used := map[string]bool{}
	for name := range g.Consts {
		used[name] = true
	}
	for _, v := range g.Inputs {
		used[v.Name] = true
	}
	for _, n := range g.Nodes {
		for _, o := range n.Outputs {
			used[o] = true
		}
	}
	return used
}

type inliner struct {
	g         *Graph
	functions map[opKey]*Function
	sizes     map[*Function]int
	used      map[string]bool // value names taken
	nodes     []*Node         // the result
	calls     map[string]int  // expansions by prefix
	visited   int             // nodes seen on the way, calls included
	nameBytes int             // length of all names made up
}

// Bounds on the names made up for inner values, so that a small file cannot
// ask for much memory.
const (
	maxPrefix    = 128
	maxNameBytes = 32 << 20
)

// add appends n, or the body of the function it calls. stack holds the
// functions being expanded.
func (in *inliner) add(n *Node, stack []*Function) error {
	f := in.functions[opKey{n.Domain, n.Op}]
	ahead := 0 // rather refused than built first
	if len(stack) == 0 {
		ahead = in.size(f, 0)
	}
	if in.visited++; in.visited+ahead > safe.MaxNodes {
		return in.g.errorf("model", "functions", fmt.Sprintf("at most %d nodes after inlining", safe.MaxNodes), "more")
	}
	if f == nil {
		in.nodes = append(in.nodes, n)
		return nil
	}
	if slices.Contains(stack, f) {
		return in.g.errorf(n.Label(), "function", "no recursion", fmt.Sprintf("a call of %s.%s within itself", f.Domain, f.Name))
	}
	if len(stack) >= safe.MaxNesting {
		return in.g.errorf(n.Label(), "function", fmt.Sprintf("calls nested at most %d deep", safe.MaxNesting), "more")
	}
	if len(n.Inputs) > len(f.Inputs) || len(n.Outputs) > len(f.Outputs) {
		return in.g.errorf(n.Label(), "function", fmt.Sprintf("at most %d inputs and %d outputs", len(f.Inputs), len(f.Outputs)),
			fmt.Sprintf("%d and %d", len(n.Inputs), len(n.Outputs)))
	}
	return in.expand(n, f, append(stack[:len(stack):len(stack)], f))
}

// size is the number of nodes that a call of f stands for, calls included, at
// most one more than are allowed; 0 for nil. Calls that nest too deeply, or
// within themselves, count as nothing here.
func (in *inliner) size(f *Function, depth int) int {
	if n, known := in.sizes[f]; f == nil || known || depth >= safe.MaxNesting {
		return n
	}
	in.sizes[f] = 0
	n := 0
	for _, node := range f.Nodes {
		n = min(n+1+in.size(in.functions[opKey{node.Domain, node.Op}], depth+1), safe.MaxNodes+1)
	}
	in.sizes[f] = n
	return n
}

// expand appends the body of f with the names and attributes of the call.
func (in *inliner) expand(call *Node, f *Function, stack []*Function) error {
	for domain, version := range f.Opsets {
		if in.g.opset(domain) == 0 {
			in.g.Opsets[domain] = version
		}
	}
	scope := map[string]string{"": ""} // name in the body -> name in the graph
	for i, formal := range f.Inputs {
		scope[formal] = ""
		if i < len(call.Inputs) {
			scope[formal] = call.Inputs[i]
		}
	}
	prefix := in.prefix(call, f)
	for i, formal := range f.Outputs {
		if i >= len(call.Outputs) || call.Outputs[i] == "" {
			continue
		}
		if from, isInput := scope[formal]; isInput {
			pass := &Node{Name: prefix + "/" + formal, Op: "Identity", Inputs: []string{from}, Outputs: call.Outputs[i : i+1]}
			in.nodes = append(in.nodes, pass)
			continue
		}
		scope[formal] = call.Outputs[i]
	}
	for _, body := range f.Nodes {
		n := &Node{Name: prefix + "/" + body.Name, Doc: body.Doc, Op: body.Op, Domain: body.Domain, Unknown: body.Unknown}
		n.Inputs = in.rename(body.Inputs, scope, prefix)
		n.Outputs = in.rename(body.Outputs, scope, prefix)
		n.Attrs = bindAttrs(body.Attrs, call, f)
		if in.nameBytes += len(n.Name); in.nameBytes > maxNameBytes {
			return in.g.errorf(call.Label(), "function", "shorter names", fmt.Sprintf("more than %d bytes of them", maxNameBytes))
		}
		if err := in.add(n, stack); err != nil {
			return err
		}
	}
	return nil
}

// prefix is what the names inside this expansion begin with: the name of the
// call, made unique.
func (in *inliner) prefix(call *Node, f *Function) string {
	p := call.Name
	if p == "" {
		p = f.Name
	}
	if len(p) > maxPrefix {
		p = strings.ToValidUTF8(p[:maxPrefix], "")
	}
	in.calls[p]++
	if k := in.calls[p]; k > 1 {
		p = fmt.Sprintf("%s.%d", p, k)
	}
	return p
}

// rename maps names of a body to names of the graph, new ones where needed.
func (in *inliner) rename(names []string, scope map[string]string, prefix string) []string {
	out := make([]string, len(names))
	for i, name := range names {
		to, ok := scope[name]
		if !ok {
			to = in.local(scope, prefix, name)
		}
		out[i] = to
	}
	return out
}

// local gives a value of a body a name that the graph does not have yet.
func (in *inliner) local(scope map[string]string, prefix, name string) string {
	unique := prefix + "/" + name
	for i := 2; in.used[unique]; i++ {
		unique = fmt.Sprintf("%s/%s.%d", prefix, name, i)
	}
	in.used[unique] = true
	in.nameBytes += len(unique)
	scope[name] = unique
	return unique
}

// bindAttrs replaces references by the attributes of the call or the defaults
// of the function; an attribute that neither has is left out.
func bindAttrs(attrs []Attr, call *Node, f *Function) []Attr {
	out := make([]Attr, 0, len(attrs))
	for _, a := range attrs {
		if a.Ref == "" {
			out = append(out, a)
			continue
		}
		value, ok := call.Attr(a.Ref)
		if !ok {
			i := slices.IndexFunc(f.Defaults, func(d Attr) bool { return d.Name == a.Ref })
			if i < 0 {
				continue
			}
			value = &f.Defaults[i]
		}
		bound := *value
		bound.Name = a.Name
		out = append(out, bound)
	}
	return out
}
