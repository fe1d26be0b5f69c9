package onnx

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"google.golang.org/protobuf/proto"

	"lutra/internal/graph"
	"lutra/internal/onnx/onnxpb"
	"lutra/internal/safe"
)

// The IR versions that written models need.
const (
	initializerIR = 4 // initializers that are not inputs
	functionIR    = 8 // model-local functions
)

// Encode is the file of g: the same bytes for the same graph. Initializers
// come in the order of g.ConstOrder, those it does not name last, by name; all
// data is inside the file. The IR version is raised to what the file needs.
func Encode(g *graph.Graph) ([]byte, error) {
	m, err := modelProto(g)
	if err != nil {
		return nil, fileError(g.File, err)
	}
	if n := proto.Size(m); n > safe.MaxModelBytes {
		return nil, &safe.FormatError{File: g.File, Expected: fmt.Sprintf("a model of at most %d bytes", int64(safe.MaxModelBytes)), Found: fmt.Sprint(n)}
	}
	b, err := marshal(m)
	return b, fileError(g.File, err)
}

// Size is the length of what Encode makes.
func Size(g *graph.Graph) (int64, error) {
	m, err := modelProto(g)
	if err != nil {
		return 0, fileError(g.File, err)
	}
	return int64(proto.Size(m)), nil
}

func modelProto(g *graph.Graph) (m *onnxpb.ModelProto, err error) {
	m = &onnxpb.ModelProto{
		IrVersion: max(g.IRVersion, initializerIR), ModelVersion: g.ModelVersion,
		ProducerName: g.ProducerName, ProducerVersion: g.ProducerVersion,
		Domain: g.ModelDomain, DocString: g.ModelDoc,
		OpsetImport: opsetProtos(g.Opsets),
	}
	if len(g.Functions) > 0 {
		m.IrVersion = max(m.IrVersion, functionIR)
	}
	m.ProtoReflect().SetUnknown(g.Unknown)
	for _, k := range slices.Sorted(maps.Keys(g.Meta)) {
		m.MetadataProps = append(m.MetadataProps, &onnxpb.StringStringEntryProto{Key: k, Value: g.Meta[k]})
	}
	for _, f := range g.Functions {
		p, err := functionProto(f)
		if err != nil {
			return nil, err
		}
		m.Functions = append(m.Functions, p)
	}
	m.Graph, err = graphProto(g)
	return m, err
}

func graphProto(g *graph.Graph) (p *onnxpb.GraphProto, err error) {
	p = &onnxpb.GraphProto{
		Name:      cmp.Or(g.Name, "graph"), // ONNX demands a name
		DocString: g.Doc, Input: valueProtos(g.Inputs), Output: valueProtos(g.Outputs), ValueInfo: valueProtos(g.ValueInfo),
	}
	p.ProtoReflect().SetUnknown(g.UnknownGraph)
	for _, name := range constOrder(g) {
		t, err := tensorProto(fmt.Sprintf("initializer %q", name), g.Consts[name])
		if err != nil {
			return nil, err
		}
		t.Name, t.DocString = name, g.ConstDocs[name]
		t.ProtoReflect().SetUnknown(g.ConstUnknown[name])
		p.Initializer = append(p.Initializer, t)
	}
	p.Node, err = nodeProtos(g.Nodes)
	return p, err
}

// constOrder lists the initializers in the order they are written.
func constOrder(g *graph.Graph) []string {
	order := make([]string, 0, len(g.Consts))
	placed := make(map[string]bool, len(g.Consts))
	for _, name := range slices.Concat(g.ConstOrder, slices.Sorted(maps.Keys(g.Consts))) {
		if _, ok := g.Consts[name]; ok && !placed[name] {
			placed[name] = true
			order = append(order, name)
		}
	}
	return order
}

func functionProto(f *graph.Function) (p *onnxpb.FunctionProto, err error) {
	where := fmt.Sprintf("function \"%s.%s\"", f.Domain, f.Name)
	p = &onnxpb.FunctionProto{
		Domain: f.Domain, Name: f.Name, DocString: f.Doc,
		Input: f.Inputs, Output: f.Outputs, Attribute: f.Attrs,
		OpsetImport: opsetProtos(f.Opsets),
	}
	p.ProtoReflect().SetUnknown(f.Unknown)
	if p.AttributeProto, err = attrProtos(where, f.Defaults); err != nil {
		return nil, err
	}
	p.Node, err = nodeProtos(f.Nodes)
	return p, err
}

func opsetProtos(versions map[string]int64) []*onnxpb.OperatorSetIdProto {
	var ps []*onnxpb.OperatorSetIdProto
	for _, domain := range slices.Sorted(maps.Keys(versions)) {
		ps = append(ps, &onnxpb.OperatorSetIdProto{Domain: domain, Version: versions[domain]})
	}
	return ps
}
