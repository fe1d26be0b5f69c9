package onnx

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"lutra/internal/graph"
	"lutra/internal/tensor"
)

// equal compares graphs, tensors and floats by their bits.
var equal = cmp.Options{
	cmpopts.EquateEmpty(),
	cmpopts.IgnoreFields(graph.Graph{}, "File", "External"),
	cmp.Comparer(func(a, b float32) bool { return math.Float32bits(a) == math.Float32bits(b) }),
	cmp.Comparer(func(a, b *tensor.Tensor) bool {
		if a == nil || b == nil {
			return a == b
		}
		return a.DType == b.DType && a.Shape.Equal(b.Shape) && bytes.Equal(a.Bytes(), b.Bytes())
	}),
}

func readGolden(t *testing.T, name string) *graph.Graph {
	t.Helper()
	g, err := ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// TestGoldenTypes reads every element type from raw and from typed data.
func TestGoldenTypes(t *testing.T) {
	g := readGolden(t, "types.onnx")
	inf := math.Inf(1)
	for name, want := range map[string]struct {
		dtype  tensor.DType
		values []float64 // inf: checked through the bits only
	}{
		"float32":  {tensor.Float32, []float64{0, 1.5, -2, 3.25e10, inf, 0}},
		"float64":  {tensor.Float64, []float64{0, 1.5, -2, inf, inf, 0}},
		"float16":  {tensor.Float16, []float64{0, 1.5, -2, 65504, 0x1p-24, 0}},
		"bfloat16": {tensor.BFloat16, []float64{0, 1.5, -2, inf, inf, 0}},
		"int8":     {tensor.Int8, []float64{0, 1, -1, 127, -128, 5}},
		"int16":    {tensor.Int16, []float64{0, 1, -1, 32767, -32768, 5}},
		"int32":    {tensor.Int32, []float64{0, 1, -1, 1 << 31, -1 << 31, 5}},
		"int64":    {tensor.Int64, []float64{0, 1, -1, 1 << 63, -1 << 63, 5}},
		"uint8":    {tensor.Uint8, []float64{0, 1, 2, 127, 128, 255}},
		"uint16":   {tensor.Uint16, []float64{0, 1, 2, 32767, 32768, 65535}},
		"uint32":   {tensor.Uint32, []float64{0, 1, 2, 1 << 31, 1 << 31, 1 << 32}},
		"uint64":   {tensor.Uint64, []float64{0, 1, 2, 1 << 63, 1 << 63, 1 << 64}},
		"bool":     {tensor.Bool, []float64{0, 1, 0, 1, 1, 0}},
	} {
		raw, typed := g.Consts[name+"_raw"], g.Consts[name+"_typed"]
		if raw == nil || raw.DType != want.dtype || !raw.Shape.Equal(tensor.Shape{2, 3}) {
			t.Fatalf("%s: %v", name, raw)
		}
		if !cmp.Equal(raw, typed, equal) {
			t.Errorf("%s: raw % x, typed % x", name, raw.Bytes(), typed.Bytes())
		}
		for i, v := range raw.AsFloat32().Float32s() {
			if w := want.values[i]; w != inf && v != float32(w) {
				t.Errorf("%s[%d] = %g, want %g", name, i, v, w)
			}
		}
	}
	if bits := math.Float32bits(g.Consts["float32_raw"].Float32s()[5]); bits != 1<<31 {
		t.Errorf("-0 read as %x", bits)
	}
	if s := g.Consts["scalar"]; len(s.Shape) != 0 || s.Float32s()[0] != 7 || g.ConstDocs["scalar"] != "a scalar" {
		t.Errorf("scalar %v, doc %q", s, g.ConstDocs["scalar"])
	}
	if e := g.Consts["empty"]; !e.Shape.Equal(tensor.Shape{0, 4}) || e.Elems() != 0 {
		t.Errorf("empty tensor %v", e.Shape)
	}
	if len(g.ConstOrder) != 28 || g.ConstOrder[0] != "float32_raw" || g.ConstOrder[27] != "empty" {
		t.Errorf("order %q", g.ConstOrder)
	}
}

// TestGoldenGraph reads everything but the initializers.
func TestGoldenGraph(t *testing.T) {
	g := readGolden(t, "types.onnx")
	raw := func(n *graph.Node) int { return len(n.Attrs[0].Raw) }
	if raw(g.Nodes[1]) == 0 {
		t.Error("the sub-graph is lost")
	}
	g.Nodes[1].Attrs = nil
	f := func(name string) graph.Attr { return graph.Attr{Name: name} }
	strs, floats, tensorAttr := f("ss"), f("fs"), graph.TensorAttr("t", tensor.Of([]int64{0, 1, 2}, 3))
	strs.Kind, strs.Strs = graph.AttrStrings, [][]byte{[]byte("a"), []byte("bc")}
	floats.Kind, floats.Floats = graph.AttrFloats, []float32{1, 2.5}
	tensorAttr.TensorUnknown = []byte("\x42\x0ainner name") // field 8, 10 bytes
	want := &graph.Graph{
		Name: "golden", Doc: "graph doc", ModelDoc: "model doc", ModelDomain: "org.example", ModelVersion: 3, IRVersion: 8,
		ProducerName: "make.py", ProducerVersion: "1", Opsets: map[string]int64{"": 15, "example": 1},
		Meta: map[string]string{"lutra.labels": "[]", "author": "someone"},
		Inputs: []graph.Value{{Name: "x", Doc: "image", DType: tensor.Float32,
			Dims: []graph.Dim{{Size: -1, Param: "batch"}, {Size: 3}, {Size: -1}, {Size: 8}}}},
		Outputs:   []graph.Value{{Name: "y", DType: tensor.Float32, NoShape: true}},
		ValueInfo: []graph.Value{{Name: "a", DType: tensor.Float16}},
		Functions: []*graph.Function{{
			Domain: "example", Name: "Double", Inputs: []string{"v"}, Outputs: []string{"w"}, Attrs: []string{"factor"},
			Opsets: map[string]int64{"": 15},
			Nodes: []*graph.Node{
				{Op: "Constant", Outputs: []string{"c"}, Attrs: []graph.Attr{graph.RefAttr("value_float", graph.AttrFloat, "factor")}},
				{Op: "Mul", Inputs: []string{"v", "c"}, Outputs: []string{"w"}},
			},
		}},
		Nodes: []*graph.Node{
			{Name: "call", Op: "Double", Domain: "example", Inputs: []string{"x"}, Outputs: []string{"a"},
				Attrs: []graph.Attr{graph.FloatAttr("factor", 2)}},
			{Op: "If", Inputs: []string{"bool_raw"}, Outputs: []string{"b"}},
			{Name: "all", Doc: "every kind of attribute", Op: "Pad", Inputs: []string{"a", "", "b"}, Outputs: []string{"y"},
				Attrs: []graph.Attr{
					floats, graph.FloatAttr("f", 0.5), graph.StringAttr("none", ""), graph.IntsAttr("ns", 1, -2, 3),
					graph.IntAttr("one", -1), graph.StringAttr("s", "text"), strs, tensorAttr, graph.IntAttr("zero", 0),
				}},
		},
	}
	byName := cmpopts.SortSlices(func(a, b graph.Attr) bool { return a.Name < b.Name })
	ignore := cmpopts.IgnoreFields(graph.Graph{}, "Consts", "ConstDocs", "ConstOrder")
	if d := cmp.Diff(want, g, equal, byName, ignore); d != "" {
		t.Error(d)
	}
}

// TestGoldenLegacy drops the inputs that are initializers.
func TestGoldenLegacy(t *testing.T) {
	g := readGolden(t, "legacy.onnx")
	if len(g.Inputs) != 1 || g.Inputs[0].Name != "x" || g.IRVersion != 3 {
		t.Fatalf("IR %d, inputs %+v", g.IRVersion, g.Inputs)
	}
	b, err := Encode(g)
	if err != nil {
		t.Fatal(err)
	}
	// The inputs are not written again, which IR 3 would demand.
	if g, err = Decode("", b, nil); err != nil || g.IRVersion != 4 {
		t.Errorf("written as IR %d, %v", g.IRVersion, err)
	}
}

// TestGoldenExternal reads external data and folds it into the file it writes.
func TestGoldenExternal(t *testing.T) {
	g := readGolden(t, "external.onnx")
	check := func(g *graph.Graph) {
		t.Helper()
		want := map[string]*tensor.Tensor{"w": tensor.Of([]float32{0, 1, 2, 3, 4, 5}, 2, 3), "v": tensor.Of([]int16{-2, -1, 0, 1}, 4)}
		if d := cmp.Diff(want, g.Consts, equal); d != "" {
			t.Error(d)
		}
	}
	check(g)
	if g.External != 33 {
		t.Errorf("%d bytes of external data", g.External)
	}
	path := filepath.Join(t.TempDir(), "copy.onnx")
	if err := WriteFile(path, g); err != nil {
		t.Fatal(err)
	}
	g, err := ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	check(g)
	b, err := os.ReadFile("testdata/external.onnx")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Decode("external.onnx", b, nil); err == nil {
		t.Error("external data read without a folder")
	}
}
