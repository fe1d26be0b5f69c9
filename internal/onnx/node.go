package onnx

import (
	"fmt"

	"google.golang.org/protobuf/proto"

	"lutra/internal/graph"
	"lutra/internal/onnx/onnxpb"
	"lutra/internal/safe"
)

// maxAttrs bounds the attributes of one node.
const maxAttrs = 1024

// nodeList converts the nodes of the graph or of a function, called where.
// Only in a function may attributes refer to those of the call.
func (d *decoder) nodeList(where string, ps []*onnxpb.NodeProto, inFunction bool) ([]*graph.Node, error) {
	d.nodes += len(ps)
	if d.nodes > safe.MaxNodes {
		return nil, d.errorf("model", "nodes", fmt.Sprintf("at most %d", safe.MaxNodes), fmt.Sprint(d.nodes))
	}
	nodes := make([]*graph.Node, len(ps))
	for i, p := range ps {
		for _, names := range [][]string{{p.Name, p.OpType, p.Domain}, p.Input, p.Output} {
			if err := d.names(fmt.Sprintf("%s: node %d", where, i), "name", names...); err != nil {
				return nil, err
			}
		}
		n := &graph.Node{
			Name: p.Name, Doc: p.DocString, Op: p.OpType, Domain: p.Domain,
			Inputs: p.Input, Outputs: p.Output, Unknown: p.ProtoReflect().GetUnknown(),
		}
		if n.Op == "" {
			return nil, d.errorf(fmt.Sprintf("%s: node %d", where, i), "op_type", "an operator", "none")
		}
		label := n.Label()
		if inFunction {
			label = where + ": " + label
		}
		var err error
		if n.Attrs, err = d.attrs(label, p.Attribute, inFunction); err != nil {
			return nil, err
		}
		nodes[i] = n
	}
	return nodes, nil
}

func (d *decoder) attrs(where string, ps []*onnxpb.AttributeProto, inFunction bool) ([]graph.Attr, error) {
	if len(ps) == 0 {
		return nil, nil
	}
	if len(ps) > maxAttrs {
		return nil, d.errorf(where, "attributes", fmt.Sprintf("at most %d", maxAttrs), fmt.Sprint(len(ps)))
	}
	attrs := make([]graph.Attr, len(ps))
	seen := map[string]bool{"": true}
	for i, p := range ps {
		if err := d.names(where, "attribute", p.Name, p.RefAttrName); err != nil {
			return nil, err
		}
		if seen[p.Name] {
			return nil, d.errorf(where, fmt.Sprintf("attribute %d", i), "a name of its own", fmt.Sprintf("%q", p.Name))
		}
		seen[p.Name] = true
		field := fmt.Sprintf("attribute %q", p.Name)
		if p.Type < 1 || p.Type > 255 {
			return nil, d.errorf(where, field, "a type", fmt.Sprint(p.Type))
		}
		if p.RefAttrName != "" && !inFunction {
			return nil, d.errorf(where, field, "a value", fmt.Sprintf("a reference to %q outside of a function", p.RefAttrName))
		}
		var err error
		if attrs[i], err = d.attr(where+": "+field, p); err != nil {
			return nil, err
		}
	}
	return attrs, nil
}

func (d *decoder) attr(where string, p *onnxpb.AttributeProto) (graph.Attr, error) {
	a := graph.Attr{
		Name: p.Name, Doc: p.DocString, Kind: graph.AttrKind(p.Type), Ref: p.RefAttrName,
		Unknown: p.ProtoReflect().GetUnknown(),
	}
	if a.Ref != "" {
		return a, nil
	}
	var err error
	switch a.Kind {
	case graph.AttrFloat:
		a.Float = p.GetF()
	case graph.AttrInt:
		a.Int = p.GetI()
	case graph.AttrString:
		a.Str = p.GetS()
	case graph.AttrFloats:
		a.Floats = p.Floats
	case graph.AttrInts:
		a.Ints = p.Ints
	case graph.AttrStrings:
		a.Strs = p.Strings
	case graph.AttrTensor:
		if p.T == nil {
			return a, d.errorf(where, "", "a tensor", "none")
		}
		if a.Tensor, err = d.tensor(where, p.T, p.T.RawData); err != nil {
			return a, err
		}
		a.TensorUnknown, err = marshal(&onnxpb.TensorProto{Name: p.T.Name, DocString: p.T.DocString})
		a.TensorUnknown = append(a.TensorUnknown, p.T.ProtoReflect().GetUnknown()...)
	default:
		a.Unknown = nil
		a.Raw, err = marshal(p)
	}
	return a, fileError(string(d.source), err)
}

// nodeProtos is the inverse of nodeList.
func nodeProtos(nodes []*graph.Node) ([]*onnxpb.NodeProto, error) {
	ps := make([]*onnxpb.NodeProto, len(nodes))
	for i, n := range nodes {
		p := &onnxpb.NodeProto{Name: n.Name, DocString: n.Doc, OpType: n.Op, Domain: n.Domain, Input: n.Inputs, Output: n.Outputs}
		p.ProtoReflect().SetUnknown(n.Unknown)
		var err error
		if p.Attribute, err = attrProtos(n.Label(), n.Attrs); err != nil {
			return nil, err
		}
		ps[i] = p
	}
	return ps, nil
}

func attrProtos(where string, attrs []graph.Attr) ([]*onnxpb.AttributeProto, error) {
	ps := make([]*onnxpb.AttributeProto, len(attrs))
	for i := range attrs {
		var err error
		if ps[i], err = attrProto(fmt.Sprintf("%s: attribute %q", where, attrs[i].Name), &attrs[i]); err != nil {
			return nil, err
		}
	}
	return ps, nil
}

// attrProto is the inverse of decoder.attr.
func attrProto(where string, a *graph.Attr) (*onnxpb.AttributeProto, error) {
	p := &onnxpb.AttributeProto{Name: a.Name, DocString: a.Doc, Type: int32(a.Kind), RefAttrName: a.Ref}
	p.ProtoReflect().SetUnknown(a.Unknown)
	if a.Ref != "" {
		return p, nil
	}
	var err error
	switch a.Kind {
	case graph.AttrFloat:
		p.F = &a.Float
	case graph.AttrInt:
		p.I = &a.Int
	case graph.AttrString:
		p.S = append([]byte{}, a.Str...) // not nil: present, even if empty
	case graph.AttrFloats:
		p.Floats = a.Floats
	case graph.AttrInts:
		p.Ints = a.Ints
	case graph.AttrStrings:
		p.Strings = a.Strs
	case graph.AttrTensor:
		if p.T, err = tensorProto(where, a.Tensor); err == nil {
			p.T.ProtoReflect().SetUnknown(a.TensorUnknown)
		}
	default:
		p = &onnxpb.AttributeProto{}
		if err = proto.Unmarshal(a.Raw, p); err != nil || len(a.Raw) == 0 {
			err = &safe.FormatError{Where: where, Expected: "a value of a known type, or its bytes", Found: fmt.Sprintf("type %d", a.Kind), Err: err}
		}
	}
	return p, err
}
