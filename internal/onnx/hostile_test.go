package onnx

import (
	"errors"
	"os"
	"runtime/metrics"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"lutra/internal/graph"
	"lutra/internal/onnx/onnxpb"
	"lutra/internal/safe"
	"lutra/internal/tensor"
)

// allocated is the number of bytes that f allocates, freed or not.
func allocated(f func()) int {
	total := func() uint64 {
		s := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
		metrics.Read(s)
		return s[0].Value.Uint64()
	}
	before := total()
	f()
	return int(total() - before)
}

// decodeBounded decodes b, demands a FormatError or a graph that can be
// written, and bounds the memory.
func decodeBounded(t testing.TB, what string, b []byte) (*graph.Graph, error) {
	t.Helper()
	var g *graph.Graph
	var err error
	if n := allocated(func() { g, err = Decode("hostile.onnx", b, nil) }); n > 4*len(b)+64<<20 {
		t.Errorf("%s: %d MiB allocated for %d bytes", what, n>>20, len(b))
	}
	if err == nil {
		return g, nil
	}
	var fe *safe.FormatError
	if !errors.As(err, &fe) || fe.File != "hostile.onnx" {
		t.Fatalf("%s: error %T without the file: %v", what, err, err)
	}
	return nil, err
}

// TestDamaged decodes every prefix and every single-bit flip of a model of 2 KB.
func TestDamaged(t *testing.T) {
	b, err := os.ReadFile("testdata/types.onnx")
	if err != nil {
		t.Fatal(err)
	}
	for n := range b {
		if g, err := decodeBounded(t, "prefix", b[:n]); err == nil {
			stable(t, g)
		}
	}
	refused := 0
	for i := range b {
		for bit := range 8 {
			b[i] ^= 1 << bit
			if g, err := decodeBounded(t, "bit flip", b); err != nil {
				refused++
			} else {
				stable(t, g)
			}
			b[i] ^= 1 << bit
		}
	}
	if refused == 0 || refused == 8*len(b) {
		t.Errorf("%d of %d bit flips refused", refused, 8*len(b))
	}
}

// valid is a small model that tests spoil.
func valid() *onnxpb.ModelProto {
	return &onnxpb.ModelProto{
		IrVersion:   8,
		OpsetImport: []*onnxpb.OperatorSetIdProto{{Version: 13}},
		Graph: &onnxpb.GraphProto{
			Name:        "g",
			Node:        []*onnxpb.NodeProto{{Name: "n", OpType: "Add", Input: []string{"x", "w"}, Output: []string{"y"}}},
			Input:       []*onnxpb.ValueInfoProto{{Name: "x", Type: &onnxpb.TypeProto{TensorType: &onnxpb.TypeProto_Tensor{ElemType: 1}}}},
			Output:      []*onnxpb.ValueInfoProto{{Name: "y"}},
			Initializer: []*onnxpb.TensorProto{{Name: "w", Dims: []int64{2}, DataType: 1, RawData: make([]byte, 8)}},
		},
	}
}

// TestRefused spoils a valid model in one place and looks for the words that say where.
func TestRefused(t *testing.T) {
	type model = onnxpb.ModelProto
	long := strings.Repeat("n", safe.MaxNameBytes+1)
	attr := func(a ...*onnxpb.AttributeProto) func(*model) {
		return func(m *model) { m.Graph.Node[0].Attribute = a }
	}
	weight := func(f func(w *onnxpb.TensorProto)) func(*model) {
		return func(m *model) { f(m.Graph.Initializer[0]) }
	}
	typed := func(dtype tensor.DType, v ...int32) func(*model) {
		return weight(func(w *onnxpb.TensorProto) { w.DataType, w.RawData, w.Int32Data = int32(dtype), nil, v })
	}
	dim := func(n int64) func(*model) {
		return func(m *model) {
			d := &onnxpb.TensorShapeProto_Dimension{Value: &onnxpb.TensorShapeProto_Dimension_DimValue{DimValue: n}}
			m.Graph.Input[0].Type.TensorType.Shape = &onnxpb.TensorShapeProto{Dim: []*onnxpb.TensorShapeProto_Dimension{d}}
		}
	}
	for _, c := range []struct {
		name  string
		spoil func(*model)
		want  []string
	}{
		{"no IR version", func(m *model) { m.IrVersion = 0 }, []string{"ir_version", "found 0", "is this an ONNX file?"}},
		{"old IR version", func(m *model) { m.IrVersion = 2 }, []string{"ir_version", "found 2"}},
		{"future IR version", func(m *model) { m.IrVersion = 99 }, []string{"ir_version", "found 99"}},
		{"no opset", func(m *model) { m.OpsetImport = nil }, []string{"opset", "found 0"}},
		{"future opset", func(m *model) { m.OpsetImport[0].Version = 99 }, []string{"opset", "found 99"}},
		{"two opsets", func(m *model) {
			m.OpsetImport = append(m.OpsetImport, &onnxpb.OperatorSetIdProto{Domain: "ai.onnx", Version: 9})
		}, []string{"opset_import", "ai.onnx"}},
		{"opset of version 0", func(m *model) {
			m.OpsetImport = append(m.OpsetImport, &onnxpb.OperatorSetIdProto{Domain: "d"})
		}, []string{"opset_import", `"d"`}},
		{"no graph", func(m *model) { m.Graph = nil }, []string{"graph", "none"}},
		{"metadata twice", func(m *model) {
			m.MetadataProps = []*onnxpb.StringStringEntryProto{{Key: "k", Value: "1"}, {Key: "k", Value: "2"}}
		}, []string{`metadata "k"`}},
		{"metadata too long", func(m *model) {
			m.MetadataProps = []*onnxpb.StringStringEntryProto{{Key: "k", Value: strings.Repeat("v", safe.MaxMetaBytes+1)}}
		}, []string{`metadata "k"`, "at most"}},
		{"function twice", func(m *model) { m.Functions = []*onnxpb.FunctionProto{{Name: "f"}, {Name: "f"}} }, []string{"function", "f"}},
		{"function opset", func(m *model) {
			m.Functions = []*onnxpb.FunctionProto{{Name: "f", OpsetImport: []*onnxpb.OperatorSetIdProto{{Version: 99}}}}
		}, []string{`function ".f"`, "opset"}},
		{"invalid UTF-8", func(m *model) { m.Graph.ProtoReflect().SetUnknown([]byte("\x12\x01\xff")) }, []string{"UTF-8"}},

		{"long node name", func(m *model) { m.Graph.Node[0].Name = long }, []string{"node 0", "513 bytes"}},
		{"long value name", func(m *model) { m.Graph.Node[0].Input[1] = long }, []string{"node 0", "513 bytes"}},
		{"node without operator", func(m *model) { m.Graph.Node[0].OpType = "" }, []string{"node 0", "op_type"}},
		{"attribute without name", attr(&onnxpb.AttributeProto{Type: 2}), []string{`"n"`, "attribute 0"}},
		{"attribute twice", attr(&onnxpb.AttributeProto{Name: "a", Type: 2}, &onnxpb.AttributeProto{Name: "a", Type: 2}), []string{"attribute 1", `"a"`}},
		{"attribute without type", attr(&onnxpb.AttributeProto{Name: "a"}), []string{`attribute "a"`, "type"}},
		{"attribute type out of range", attr(&onnxpb.AttributeProto{Name: "a", Type: 258}), []string{`attribute "a"`, "258"}},
		{"attribute reference", attr(&onnxpb.AttributeProto{Name: "a", Type: 2, RefAttrName: "b"}), []string{`attribute "a"`, "reference"}},
		{"attribute without tensor", attr(&onnxpb.AttributeProto{Name: "a", Type: 4}), []string{`attribute "a"`, "tensor"}},
		{"string attribute tensor", attr(&onnxpb.AttributeProto{Name: "a", Type: 4, T: &onnxpb.TensorProto{DataType: 8}}), []string{`"n"`, `attribute "a"`, "string"}},

		{"input without name", func(m *model) { m.Graph.Input[0].Name = "" }, []string{"input 0", "name"}},
		{"sequence input", func(m *model) {
			m.Graph.Input[0].Type = &onnxpb.TypeProto{}
			m.Graph.Input[0].Type.ProtoReflect().SetUnknown(protowire.AppendBytes(protowire.AppendTag(nil, 4, protowire.BytesType), nil))
		}, []string{`input "x"`, "sequence"}},
		{"complex input", func(m *model) { m.Graph.Input[0].Type.TensorType.ElemType = 14 }, []string{`input "x"`, "complex64"}},
		{"absurd dimension", dim(1 << 40), []string{`input "x"`, "dim_value"}},

		{"sparse initializer", func(m *model) {
			m.Graph.SparseInitializer = []*onnxpb.SparseTensorProto{{Values: &onnxpb.TensorProto{Name: "s"}}}
		}, []string{`initializer "s"`, "sparse"}},
		{"initializer without name", weight(func(w *onnxpb.TensorProto) { w.Name = "" }), []string{"initializer 0", "name"}},
		{"initializer twice", func(m *model) { m.Graph.Initializer = append(m.Graph.Initializer, m.Graph.Initializer[0]) }, []string{"initializer 1", `"w"`}},
		{"string initializer", weight(func(w *onnxpb.TensorProto) { w.DataType = 8 }), []string{`initializer "w"`, "string"}},
		{"unknown type", weight(func(w *onnxpb.TensorProto) { w.DataType = 99 }), []string{`initializer "w"`, "dtype(99)"}},
		{"type out of range", weight(func(w *onnxpb.TensorProto) { w.DataType = 257 }), []string{`initializer "w"`, "257"}},
		{"negative dimension", weight(func(w *onnxpb.TensorProto) { w.Dims = []int64{-2} }), []string{`initializer "w"`, "dims"}},
		{"dimensions that overflow", weight(func(w *onnxpb.TensorProto) { w.Dims = []int64{1 << 31, 1 << 31, 1 << 31} }), []string{`initializer "w"`, "dims"}},
		{"rank", weight(func(w *onnxpb.TensorProto) { w.Dims = make([]int64, 9) }), []string{`initializer "w"`, "dims"}},
		{"raw data too short", weight(func(w *onnxpb.TensorProto) { w.Dims[0] = 3 }), []string{`initializer "w"`, "raw_data", "12 bytes", "8 bytes"}},
		{"raw and typed data", weight(func(w *onnxpb.TensorProto) { w.FloatData = []float32{1, 2} }), []string{`initializer "w"`, "typed"}},
		{"other typed field", typed(tensor.Float32, 1, 2), []string{`initializer "w"`, "float_data"}},
		{"too few typed values", typed(tensor.Int8, 1), []string{`initializer "w"`, "int32_data", "found 1"}},
		{"uint8 out of range", typed(tensor.Uint8, 1, 256), []string{"int32_data[1]", "uint8", "256"}},
		{"int8 out of range", typed(tensor.Int8, -129, 0), []string{"int32_data[0]", "int8", "-129"}},
		{"float16 out of range", typed(tensor.Float16, 0, -1), []string{"int32_data[1]", "float16"}},
		{"int4 out of range", typed(tensor.Int4, 256), []string{"int32_data[0]", "int4"}},
		{"uint32 out of range", weight(func(w *onnxpb.TensorProto) {
			w.DataType, w.RawData, w.Uint64Data = 12, nil, []uint64{0, 1 << 32}
		}), []string{"uint64_data[1]", "4294967296"}},
		{"data location", weight(func(w *onnxpb.TensorProto) { w.DataLocation = 2 }), []string{"data_location"}},
		{"data in both places", weight(func(w *onnxpb.TensorProto) { w.DataLocation = 1 }), []string{"external_data", "both"}},
	} {
		m := valid()
		c.spoil(m)
		b, err := proto.Marshal(m)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		_, err = decodeBounded(t, c.name, b)
		if err == nil {
			t.Errorf("%s: accepted", c.name)
			continue
		}
		for _, w := range c.want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%s: %q does not mention %q", c.name, err, w)
			}
		}
	}
	b, err := proto.Marshal(valid())
	if err != nil {
		t.Fatal(err)
	}
	if g, err := decodeBounded(t, "valid", b); err != nil {
		t.Error(err)
	} else {
		rewrite(t, g)
	}
}

// TestAmplification feeds files that are many times larger in memory.
func TestAmplification(t *testing.T) {
	message := func(fields ...[]byte) []byte {
		var b []byte
		for i := 0; i+1 < len(fields); i += 2 {
			b = protowire.AppendTag(b, protowire.Number(fields[i][0]), protowire.BytesType)
			b = protowire.AppendBytes(b, fields[i+1])
		}
		return b
	}
	f := func(n byte) []byte { return []byte{n} }
	inGraph := func(field byte, b []byte, n int) []byte {
		part := message(f(field), b)
		return message(f(7), []byte(strings.Repeat(string(part), n)))
	}
	repeat := func(field byte, typ protowire.Type, n int) []byte {
		return []byte(strings.Repeat(string(protowire.AppendVarint(protowire.AppendTag(nil, protowire.Number(field), typ), 0)), n))
	}
	const n = 1 << 20
	for name, b := range map[string][]byte{
		"nodes":               inGraph(1, nil, n),
		"initializers":        inGraph(5, nil, n),
		"inputs":              inGraph(11, nil, n),
		"sparse initializers": inGraph(15, nil, n),
		"attributes":          inGraph(1, repeat(5, protowire.BytesType, n), 1),
		"node inputs":         inGraph(1, repeat(1, protowire.BytesType, n), 1),
		"attribute integers":  inGraph(1, message(f(5), message(f(8), make([]byte, 8*n))), 1),
		"attribute strings":   inGraph(1, message(f(5), repeat(9, protowire.BytesType, n)), 1),
		"attribute tensors":   inGraph(1, message(f(5), repeat(5, protowire.BytesType, n)), 1),
		"dimensions":          inGraph(11, message(f(2), message(f(1), message(f(2), repeat(1, protowire.BytesType, n)))), 1),
		"typed data":          inGraph(5, message(f(7), make([]byte, 8*n)), 1),
		"unpacked typed data": inGraph(5, repeat(7, protowire.VarintType, 4*n), 1),
		"unpacked dims":       inGraph(5, repeat(1, protowire.VarintType, 4*n), 1),
		"unknown fields":      inGraph(1, repeat(15, protowire.VarintType, 8*n), 1),
		"opset imports":       repeat(8, protowire.BytesType, n),
		"metadata":            repeat(14, protowire.BytesType, n),
		"functions":           repeat(25, protowire.BytesType, n),
		"graphs":              repeat(7, protowire.BytesType, n),
	} {
		if _, err := decodeBounded(t, name, b); err == nil {
			t.Errorf("%s: accepted", name)
		}
		if n := allocated(func() { DecodeTensor(name, b) }); n > 4*len(b)+64<<20 {
			t.Errorf("%s as a tensor: %d MiB allocated for %d bytes", name, n>>20, len(b))
		}
	}
}

// TestBudgetFits decodes files just inside of the budget: what is accepted stays in bounds.
func TestBudgetFits(t *testing.T) {
	many := func(n int, edit func(m *onnxpb.ModelProto, i int)) []byte {
		m := valid()
		for i := range n {
			edit(m, i)
		}
		b, err := proto.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	name := func(i int) string { return string(rune('a'+i%26)) + string(rune(0x4e00+i/26)) }
	for what, b := range map[string][]byte{
		"nodes": many(60000, func(m *onnxpb.ModelProto, i int) {
			m.Graph.Node = append(m.Graph.Node, &onnxpb.NodeProto{OpType: "A"})
		}),
		"initializers": many(50000, func(m *onnxpb.ModelProto, i int) {
			m.Graph.Initializer = append(m.Graph.Initializer, &onnxpb.TensorProto{Name: name(i), DataType: 2, RawData: []byte{1}})
		}),
		"attributes": many(60000, func(m *onnxpb.ModelProto, i int) {
			if i%1000 == 0 {
				m.Graph.Node = append(m.Graph.Node, &onnxpb.NodeProto{OpType: "A"})
			}
			n := m.Graph.Node[len(m.Graph.Node)-1]
			n.Attribute = append(n.Attribute, &onnxpb.AttributeProto{Name: name(i), Type: 9})
		}),
		"outputs": many(40000, func(m *onnxpb.ModelProto, i int) {
			d := &onnxpb.TensorShapeProto_Dimension{}
			shape := &onnxpb.TensorShapeProto{Dim: []*onnxpb.TensorShapeProto_Dimension{d}}
			typ := &onnxpb.TypeProto{TensorType: &onnxpb.TypeProto_Tensor{ElemType: 1, Shape: shape}}
			m.Graph.Output = append(m.Graph.Output, &onnxpb.ValueInfoProto{Name: name(i), Type: typ})
		}),
		"metadata": many(180000, func(m *onnxpb.ModelProto, i int) {
			m.MetadataProps = append(m.MetadataProps, &onnxpb.StringStringEntryProto{Key: name(i)})
		}),
	} {
		if _, err := decodeBounded(t, what, b); err != nil {
			t.Errorf("%s: %d bytes refused: %v", what, len(b), err)
		}
	}
}
