package onnx

import (
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protowire"

	"lutra/internal/graph"
	"lutra/internal/onnx/onnxpb"
	"lutra/internal/tensor"
)

// typeNames names the kinds of TypeProto, by field number, that are not tensors.
var typeNames = map[protowire.Number]string{4: "a sequence", 5: "a map", 7: "an opaque type", 8: "a sparse tensor", 9: "an optional value"}

// notTensor is what p is if it is not a dense tensor, else "".
func notTensor(p *onnxpb.TypeProto) string {
	for num, name := range typeNames {
		if hasField(p.ProtoReflect().GetUnknown(), num) {
			return name
		}
	}
	return ""
}

// values converts the inputs or outputs of the graph, which must be tensors.
func (d *decoder) values(kind string, ps []*onnxpb.ValueInfoProto) ([]graph.Value, error) {
	all := make([]graph.Value, 0, len(ps))
	for i, p := range ps {
		if p.Name == "" {
			return nil, d.errorf(fmt.Sprintf("%s %d", kind, i), "name", "a name", "none")
		}
		if err := d.names(fmt.Sprintf("%s %d", kind, i), "name", p.Name); err != nil {
			return nil, err
		}
		where := fmt.Sprintf("%s %q", kind, p.Name)
		if name := notTensor(p.GetType()); name != "" {
			return nil, d.errorf(where, "type", "a dense tensor", name)
		}
		v, err := d.value(where, p)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, nil
}

// valueInfo converts the types of inner values. Those that are not tensors
// join the unknown fields of the graph.
func (d *decoder) valueInfo(g *graph.Graph, ps []*onnxpb.ValueInfoProto) error {
	var tensors []*onnxpb.ValueInfoProto
	for _, p := range ps {
		if notTensor(p.GetType()) == "" {
			tensors = append(tensors, p)
			continue
		}
		b, err := marshal(p)
		if err != nil {
			return fileError(string(d.source), err)
		}
		g.UnknownGraph = protowire.AppendTag(g.UnknownGraph, fieldValueInfo, protowire.BytesType)
		g.UnknownGraph = protowire.AppendBytes(g.UnknownGraph, b)
	}
	var err error
	g.ValueInfo, err = d.values("value", tensors)
	return err
}

func (d *decoder) value(where string, p *onnxpb.ValueInfoProto) (graph.Value, error) {
	v := graph.Value{
		Name: p.Name, Doc: p.DocString, NoShape: true,
		Denotation: p.GetType().GetDenotation(), Unknown: p.ProtoReflect().GetUnknown(),
	}
	typ := p.GetType().GetTensorType()
	if e := typ.GetElemType(); e == int32(tensor.String) {
		v.DType = tensor.String // named here, refused where it is used
	} else if e != 0 {
		var err error
		if v.DType, err = d.dtype(where, e); err != nil {
			return v, err
		}
	}
	if typ.GetShape() == nil {
		return v, nil
	}
	v.NoShape = false
	if n := len(typ.Shape.Dim); n > tensor.MaxRank {
		return v, d.errorf(where, "shape", fmt.Sprintf("rank at most %d", tensor.MaxRank), fmt.Sprint(n))
	}
	v.Dims = make([]graph.Dim, 0, len(typ.Shape.Dim))
	for _, dim := range typ.Shape.Dim {
		g, err := d.dim(where, dim)
		if err != nil {
			return v, err
		}
		v.Dims = append(v.Dims, g)
	}
	return v, nil
}

// dim converts one dimension. Some exporters write -1 for an unknown size.
func (d *decoder) dim(where string, p *onnxpb.TensorShapeProto_Dimension) (graph.Dim, error) {
	g := graph.Dim{Size: -1, Denotation: p.Denotation}
	switch v := p.Value.(type) {
	case *onnxpb.TensorShapeProto_Dimension_DimParam:
		if err := d.names(where, "dim_param", v.DimParam); err != nil {
			return g, err
		}
		g.Param = v.DimParam
	case *onnxpb.TensorShapeProto_Dimension_DimValue:
		if v.DimValue > math.MaxInt32 {
			return g, d.errorf(where, "dim_value", fmt.Sprintf("at most %d", math.MaxInt32), fmt.Sprint(v.DimValue))
		}
		g.Size = int(max(v.DimValue, -1))
	}
	return g, nil
}

// valueProtos is the inverse of values.
func valueProtos(values []graph.Value) []*onnxpb.ValueInfoProto {
	ps := make([]*onnxpb.ValueInfoProto, len(values))
	for i, v := range values {
		p := &onnxpb.ValueInfoProto{Name: v.Name, DocString: v.Doc}
		p.ProtoReflect().SetUnknown(v.Unknown)
		if v.DType != tensor.Invalid || !v.NoShape || v.Denotation != "" {
			p.Type = &onnxpb.TypeProto{Denotation: v.Denotation, TensorType: &onnxpb.TypeProto_Tensor{ElemType: int32(v.DType)}}
		}
		if !v.NoShape {
			p.Type.TensorType.Shape = shapeProto(v.Dims)
		}
		ps[i] = p
	}
	return ps
}

func shapeProto(dims []graph.Dim) *onnxpb.TensorShapeProto {
	p := &onnxpb.TensorShapeProto{}
	for _, d := range dims {
		dim := &onnxpb.TensorShapeProto_Dimension{Denotation: d.Denotation}
		switch {
		case d.Size >= 0:
			dim.Value = &onnxpb.TensorShapeProto_Dimension_DimValue{DimValue: int64(d.Size)}
		case d.Param != "":
			dim.Value = &onnxpb.TensorShapeProto_Dimension_DimParam{DimParam: d.Param}
		}
		p.Dim = append(p.Dim, dim)
	}
	return p
}
