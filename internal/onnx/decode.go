package onnx

import (
	"fmt"
	"io/fs"
	"slices"

	"lutra/internal/graph"
	"lutra/internal/onnx/onnxpb"
	"lutra/internal/safe"
	"lutra/internal/tensor"
)

// decoder converts the messages of one file.
type decoder struct {
	source
	external external
	nodes    int // of the graph and all functions
}

// Decode reads a model from its bytes, which it does not keep; name is the
// file's, for messages. External data is read from dir; nil allows none.
func Decode(name string, b []byte, dir fs.FS) (*graph.Graph, error) {
	d := decoder{source: source(name), external: external{dir: dir}}
	defer d.external.close()
	m, p := &onnxpb.ModelProto{}, &onnxpb.GraphProto{}
	if err := d.checkBudget(b, m.ProtoReflect().Descriptor()); err != nil {
		return nil, err
	}
	var weights [][]byte
	found := false
	err := split(b, fieldGraph, m, func(part []byte) error {
		found = true
		return split(part, fieldInitializer, p, func(t []byte) error {
			weights = append(weights, t)
			return nil
		})
	})
	if err != nil {
		return nil, fileError(name, err)
	}
	g := &graph.Graph{File: name}
	if err := d.model(g, m); err != nil {
		return nil, err
	}
	if !found {
		return nil, d.errorf("model", "graph", "a graph", "none")
	}
	if err := d.graph(g, p, weights); err != nil {
		return nil, err
	}
	g.External = d.external.total
	return g, nil
}

func (d *decoder) model(g *graph.Graph, m *onnxpb.ModelProto) (err error) {
	if m.IrVersion < minIR || m.IrVersion > maxIR {
		e := &safe.FormatError{File: string(d.source), Where: "model", Field: "ir_version",
			Expected: fmt.Sprintf("%d to %d", minIR, maxIR), Found: fmt.Sprint(m.IrVersion)}
		if m.IrVersion == 0 {
			e.Hint = "is this an ONNX file?"
		}
		return e
	}
	g.IRVersion, g.ModelVersion = m.IrVersion, m.ModelVersion
	g.ProducerName, g.ProducerVersion = m.ProducerName, m.ProducerVersion
	g.ModelDomain, g.ModelDoc = m.Domain, m.DocString
	g.Unknown = m.ProtoReflect().GetUnknown()
	if g.Opsets, err = d.opsets("model", m.OpsetImport); err != nil {
		return err
	}
	if v, ok := g.Opsets[""]; !ok || v < graph.MinOpset || v > graph.MaxOpset {
		return d.errorf("model", "opset", fmt.Sprintf("%d to %d", graph.MinOpset, graph.MaxOpset), fmt.Sprint(v))
	}
	if g.Meta, err = d.metadata(m.MetadataProps); err != nil {
		return err
	}
	g.Functions, err = d.functions(m.Functions)
	return err
}

// opsets maps domains to versions; "ai.onnx" is "".
func (d *decoder) opsets(where string, imports []*onnxpb.OperatorSetIdProto) (map[string]int64, error) {
	versions := make(map[string]int64, len(imports))
	for _, o := range imports {
		if err := d.names(where, "opset_import", o.Domain); err != nil {
			return nil, err
		}
		domain := o.Domain
		if domain == "ai.onnx" {
			domain = ""
		}
		if _, twice := versions[domain]; twice {
			return nil, d.errorf(where, "opset_import", "one version a domain", fmt.Sprintf("two of %q", o.Domain))
		}
		if o.Version < 1 {
			return nil, d.errorf(where, "opset_import", fmt.Sprintf("a version of %q", o.Domain), fmt.Sprint(o.Version))
		}
		versions[domain] = o.Version
	}
	return versions, nil
}

func (d *decoder) metadata(props []*onnxpb.StringStringEntryProto) (map[string]string, error) {
	meta := make(map[string]string, len(props))
	for _, kv := range props {
		if err := d.names("model", "metadata key", kv.Key); err != nil {
			return nil, err
		}
		where := fmt.Sprintf("metadata %q", kv.Key)
		if len(kv.Value) > safe.MaxMetaBytes {
			return nil, d.errorf(where, "", fmt.Sprintf("at most %d bytes", safe.MaxMetaBytes), fmt.Sprint(len(kv.Value)))
		}
		if _, twice := meta[kv.Key]; twice {
			return nil, d.errorf(where, "", "one value", "two")
		}
		meta[kv.Key] = kv.Value
	}
	return meta, nil
}

func (d *decoder) graph(g *graph.Graph, p *onnxpb.GraphProto, weights [][]byte) (err error) {
	g.Name, g.Doc = p.Name, p.DocString
	g.UnknownGraph = p.ProtoReflect().GetUnknown()
	if len(p.SparseInitializer) > 0 {
		return d.errorf(fmt.Sprintf("initializer %q", p.SparseInitializer[0].GetValues().GetName()), "", "a dense tensor", "a sparse one")
	}
	if err := d.initializers(g, weights); err != nil {
		return err
	}
	// Up to IR version 3 initializers had to be inputs, too.
	inputs := slices.DeleteFunc(p.Input, func(v *onnxpb.ValueInfoProto) bool { return g.Consts[v.Name] != nil })
	if g.Inputs, err = d.values("input", inputs); err != nil {
		return err
	}
	if g.Outputs, err = d.values("output", p.Output); err != nil {
		return err
	}
	if err := d.valueInfo(g, p.ValueInfo); err != nil {
		return err
	}
	g.Nodes, err = d.nodeList("graph", p.Node, false)
	return err
}

func (d *decoder) initializers(g *graph.Graph, weights [][]byte) error {
	if len(weights) > safe.MaxTensors {
		return d.errorf("graph", "initializers", fmt.Sprintf("at most %d", safe.MaxTensors), fmt.Sprint(len(weights)))
	}
	g.Consts = make(map[string]*tensor.Tensor, len(weights))
	g.ConstDocs, g.ConstUnknown = map[string]string{}, map[string][]byte{}
	for i, b := range weights {
		p := &onnxpb.TensorProto{}
		raw, err := splitTensor(b, p)
		where := fmt.Sprintf("initializer %d", i)
		if err != nil {
			return &safe.FormatError{File: string(d.source), Where: where, Err: err}
		}
		if err := d.names(where, "name", p.Name); err != nil {
			return err
		}
		if p.Name == "" || g.Consts[p.Name] != nil {
			return d.errorf(where, "name", "a name of its own", fmt.Sprintf("%q", p.Name))
		}
		t, err := d.tensor(fmt.Sprintf("initializer %q", p.Name), p, raw)
		if err != nil {
			return err
		}
		g.Consts[p.Name] = t
		g.ConstOrder = append(g.ConstOrder, p.Name)
		if p.DocString != "" {
			g.ConstDocs[p.Name] = p.DocString
		}
		if u := p.ProtoReflect().GetUnknown(); len(u) > 0 {
			g.ConstUnknown[p.Name] = u
		}
	}
	return nil
}

func (d *decoder) functions(ps []*onnxpb.FunctionProto) ([]*graph.Function, error) {
	type key struct{ domain, name string }
	seen := make(map[key]bool, len(ps))
	var all []*graph.Function
	for i, p := range ps {
		where := fmt.Sprintf("function %d", i)
		for _, names := range [][]string{{p.Domain, p.Name}, p.Input, p.Output, p.Attribute} {
			if err := d.names(where, "name", names...); err != nil {
				return nil, err
			}
		}
		where = fmt.Sprintf("function \"%s.%s\"", p.Domain, p.Name)
		if k := (key{p.Domain, p.Name}); p.Name == "" || seen[k] {
			return nil, d.errorf(where, "name", "a name of its own", "none, or that of another function")
		} else {
			seen[k] = true
		}
		f, err := d.function(where, p)
		if err != nil {
			return nil, err
		}
		all = append(all, f)
	}
	return all, nil
}

func (d *decoder) function(where string, p *onnxpb.FunctionProto) (f *graph.Function, err error) {
	f = &graph.Function{
		Domain: p.Domain, Name: p.Name, Doc: p.DocString,
		Inputs: p.Input, Outputs: p.Output, Attrs: p.Attribute,
		Unknown: p.ProtoReflect().GetUnknown(),
	}
	if f.Opsets, err = d.opsets(where, p.OpsetImport); err != nil {
		return nil, err
	}
	if v, ok := f.Opsets[""]; ok && (v < graph.MinOpset || v > graph.MaxOpset) {
		return nil, d.errorf(where, "opset", fmt.Sprintf("%d to %d", graph.MinOpset, graph.MaxOpset), fmt.Sprint(v))
	}
	if f.Defaults, err = d.attrs(where, p.AttributeProto, false); err != nil {
		return nil, err
	}
	f.Nodes, err = d.nodeList(where, p.Node, true)
	return f, err
}
