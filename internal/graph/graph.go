// Package graph is the network between file and plan: nodes with ONNX operator
// names, tensors, the operator table, validation, shape inference and folding.
//
// Edges are names, as in ONNX: a node reads and writes values by name, every
// name has one producer (an input, a constant or a node), nodes are in
// topological order after Validate.
package graph

import "lutra/internal/tensor"

// Graph is one network as the file states it.
type Graph struct {
	File      string // where it was read from, for messages; "" if built in memory
	External  int64  // bytes of the files beside it that hold its external data
	Name, Doc string
	Inputs    []Value // without those that have an initializer
	Outputs   []Value
	Nodes     []*Node
	Consts    map[string]*tensor.Tensor // initializers
	ConstDocs map[string]string         // doc strings of initializers
	// ConstOrder is the order of the initializers in the file; writing puts
	// those that it does not name last. ConstUnknown is like Unknown, per initializer.
	ConstOrder   []string
	ConstUnknown map[string][]byte
	ValueInfo    []Value
	Functions    []*Function
	Opsets       map[string]int64 // domain -> version; "" is ai.onnx
	Meta         map[string]string

	IRVersion       int64
	ProducerName    string
	ProducerVersion string
	ModelDomain     string
	ModelVersion    int64
	ModelDoc        string
	// Unknown holds the protobuf fields of model and graph that lutra does not
	// interpret, in wire format, so that writing preserves them.
	Unknown, UnknownGraph []byte
}

// Value is the declared type of a graph input, output or inner value.
type Value struct {
	Name, Doc string
	DType     tensor.DType
	Dims      []Dim
	NoShape   bool // the file states no shape at all (Dims is empty, but not a scalar)
	// Denotation is ONNX's note on what the value stands for ("IMAGE", ...).
	Denotation string
	Unknown    []byte // see Graph.Unknown
}

// Dim is one declared dimension: a size, or a name (or nothing) when Size < 0.
type Dim struct {
	Size       int
	Param      string
	Denotation string // ONNX's note on what the dimension stands for ("DATA_BATCH", ...)
}

// Node applies the operator Op of Domain to named values. An empty input name
// is an omitted optional input.
type Node struct {
	Name, Doc       string
	Op, Domain      string
	Inputs, Outputs []string
	Attrs           []Attr // in the file's order
	Unknown         []byte
}

// AttrKind says which field of an Attr holds its value. The values are those
// of ONNX AttributeProto.AttributeType.
type AttrKind uint8

// The attribute kinds of ONNX.
const (
	AttrFloat   AttrKind = 1
	AttrInt     AttrKind = 2
	AttrString  AttrKind = 3
	AttrTensor  AttrKind = 4
	AttrGraph   AttrKind = 5
	AttrFloats  AttrKind = 6
	AttrInts    AttrKind = 7
	AttrStrings AttrKind = 8
)

// Attr is a named attribute of a node. Kinds that lutra does not interpret
// (sub-graphs, sparse tensors, ...) are kept in Raw as the wire bytes of the
// whole AttributeProto. Ref names the attribute of the enclosing function that
// supplies the value, inside function bodies only.
type Attr struct {
	Name, Doc string
	Kind      AttrKind
	Ref       string
	Int       int64
	Float     float32
	Str       []byte
	Tensor    *tensor.Tensor
	Ints      []int64
	Floats    []float32
	Strs      [][]byte
	Raw       []byte
	// Unknown is like Graph.Unknown. TensorUnknown, too, is in wire format: the
	// tensor's name, doc string and fields that lutra does not interpret.
	Unknown, TensorUnknown []byte
}

// Function is a model-local function: a named sub-graph of standard operators.
type Function struct {
	Domain, Name, Doc string
	Inputs, Outputs   []string
	Attrs             []string // names without a default
	Defaults          []Attr   // attributes with a default
	Nodes             []*Node
	Opsets            map[string]int64
	Unknown           []byte
}

// Attr finds an attribute by name; ok is false if n has none of that name.
func (n *Node) Attr(name string) (a *Attr, ok bool) {
	for i := range n.Attrs {
		if n.Attrs[i].Name == name {
			return &n.Attrs[i], true
		}
	}
	return nil, false
}

// Int is the integer attribute name, or def.
func (n *Node) Int(name string, def int64) int64 {
	if a, ok := n.Attr(name); ok && a.Kind == AttrInt {
		return a.Int
	}
	return def
}

// Float is the float attribute name, or def.
func (n *Node) Float(name string, def float32) float32 {
	if a, ok := n.Attr(name); ok && a.Kind == AttrFloat {
		return a.Float
	}
	return def
}

// String is the string attribute name, or def.
func (n *Node) String(name, def string) string {
	if a, ok := n.Attr(name); ok && a.Kind == AttrString {
		return string(a.Str)
	}
	return def
}

// Ints is the integer-list attribute name, or nil.
func (n *Node) Ints(name string) []int64 {
	if a, ok := n.Attr(name); ok && a.Kind == AttrInts {
		return a.Ints
	}
	return nil
}

// Label names n in messages: its name, or its operator and first output.
func (n *Node) Label() string {
	if n.Name != "" {
		return "node \"" + n.Name + "\" (" + n.Op + ")"
	}
	if len(n.Outputs) > 0 {
		return n.Op + " node writing \"" + n.Outputs[0] + "\""
	}
	return n.Op + " node"
}

// Int, Float, String and list attributes, for building nodes.

// IntAttr is an integer attribute.
func IntAttr(name string, v int64) Attr { return Attr{Name: name, Kind: AttrInt, Int: v} }

// FloatAttr is a float attribute.
func FloatAttr(name string, v float32) Attr { return Attr{Name: name, Kind: AttrFloat, Float: v} }

// StringAttr is a string attribute.
func StringAttr(name, v string) Attr { return Attr{Name: name, Kind: AttrString, Str: []byte(v)} }

// IntsAttr is an integer-list attribute.
func IntsAttr(name string, v ...int64) Attr { return Attr{Name: name, Kind: AttrInts, Ints: v} }

// TensorAttr is a tensor attribute.
func TensorAttr(name string, t *tensor.Tensor) Attr {
	return Attr{Name: name, Kind: AttrTensor, Tensor: t}
}

// RefAttr takes its value from the attribute ref of the enclosing function.
func RefAttr(name string, kind AttrKind, ref string) Attr {
	return Attr{Name: name, Kind: kind, Ref: ref}
}

// Producer is the node that writes the value name, or nil for inputs and constants.
func (g *Graph) Producer(name string) *Node {
	for _, n := range g.Nodes {
		for _, o := range n.Outputs {
			if o == name {
				return n
			}
		}
	}
	return nil
}

// Function finds a model-local function; nil if there is none.
func (g *Graph) Function(domain, name string) *Function {
	for _, f := range g.Functions {
		if f.Domain == domain && f.Name == name {
			return f
		}
	}
	return nil
}
