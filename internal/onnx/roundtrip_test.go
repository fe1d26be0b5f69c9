package onnx

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"lutra/internal/graph"
	"lutra/internal/onnx/onnxpb"
	"lutra/internal/realdata"
	"lutra/internal/tensor"
)

// rewrite is stable and demands that the graph read back is equal. It returns the bytes.
func rewrite(t testing.TB, g *graph.Graph) []byte {
	t.Helper()
	b, back := stable(t, g)
	if n, err := Size(g); err != nil || n != int64(len(b)) {
		t.Fatalf("size %d, error %v, of %d bytes", n, err, len(b))
	}
	want := *g
	want.IRVersion = max(want.IRVersion, initializerIR)
	if len(g.Functions) > 0 {
		want.IRVersion = max(want.IRVersion, functionIR)
	}
	if want.Name == "" {
		want.Name = "graph"
	}
	if d := cmp.Diff(&want, back, equal); d != "" {
		t.Fatalf("read back:\n%s", d)
	}
	return b
}

// stable writes g, reads it back and demands the same bytes when written once more.
func stable(t testing.TB, g *graph.Graph) (b []byte, back *graph.Graph) {
	t.Helper()
	b, err := Encode(g)
	if err != nil {
		t.Fatalf("written: %v", err)
	}
	if back, err = Decode("back", b, nil); err != nil {
		t.Fatalf("read back: %v", err)
	}
	if again, err := Encode(back); err != nil || !bytes.Equal(b, again) {
		t.Fatalf("written again: other bytes, %v", err)
	}
	return b, back
}

// dataFiles lists files of the data folder (see README.md); it skips the test
// if there is none.
func dataFiles(t *testing.T, pattern string) []string {
	t.Helper()
	dir := realdata.Path(t, ".")
	files, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 && os.Getenv("LUTRA_REQUIRE_DATA") == "1" {
		t.Fatalf("no %s in %s", pattern, dir)
	}
	if len(files) == 0 {
		t.Skipf("no %s in %s: set LUTRA_DATA", pattern, dir)
	}
	return files
}

func TestRoundTripModels(t *testing.T) {
	for _, pattern := range []string{"models/*/*.onnx", "onnx-conformance/*/*/model.onnx"} {
		files := dataFiles(t, pattern)
		refused := 0
		for _, path := range files {
			g, err := ReadFile(path)
			if err != nil {
				t.Log(err)
				refused++
				continue
			}
			rewrite(t, g)
		}
		if refused > len(files)/400 { // one of the conformance cases takes a sequence
			t.Errorf("%s: %d of %d refused", pattern, refused, len(files))
		}
	}
}

func TestRoundTripTensors(t *testing.T) {
	refused := 0
	files := dataFiles(t, "onnx-conformance/*/*/test_data_set_*/*.pb")
	for _, path := range files {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		name, x, err := DecodeTensor(path, b)
		if err != nil {
			t.Log(err)
			refused++
			continue
		}
		if b, err = EncodeTensor(name, x); err != nil {
			t.Fatal(err)
		}
		if again, y, err := DecodeTensor(path, b); err != nil || again != name || !cmp.Equal(x, y, equal) {
			t.Errorf("%s: changed, %v", path, err)
		}
	}
	if refused > 2 { // two sequences
		t.Errorf("%d of %d refused", refused, len(files))
	}
}

// TestRoundTripGolden demands that writing keeps all that the golden file holds.
func TestRoundTripGolden(t *testing.T) {
	rewrite(t, readGolden(t, "types.onnx"))
	rewrite(t, readGolden(t, "external.onnx"))
}

// TestUnknownFieldsSurvive plants a field that no version of ONNX has in every
// message whose unknown fields lutra keeps.
func TestUnknownFieldsSurvive(t *testing.T) {
	b, err := os.ReadFile("testdata/types.onnx")
	if err != nil {
		t.Fatal(err)
	}
	m := &onnxpb.ModelProto{}
	if err := proto.Unmarshal(b, m); err != nil {
		t.Fatal(err)
	}
	attr := m.Graph.Node[2].Attribute
	messages := map[string]proto.Message{
		"model": m, "graph": m.Graph, "node": m.Graph.Node[0], "sub-graph": m.Graph.Node[1].Attribute[0],
		"attribute": attr[0], "initializer": m.Graph.Initializer[3], "input": m.Graph.Input[0],
		"value info": m.Graph.ValueInfo[0], "function": m.Functions[0], "function node": m.Functions[0].Node[0],
	}
	for _, a := range attr {
		if a.T != nil {
			messages["attribute's tensor"] = a.T
		}
	}
	for name, p := range messages {
		u := protowire.AppendTag(p.ProtoReflect().GetUnknown(), 9999, protowire.BytesType)
		p.ProtoReflect().SetUnknown(protowire.AppendString(u, "unknown field of "+name))
	}
	m.Graph.Input[0].Type.Denotation = "IMAGE"
	m.Graph.Input[0].Type.TensorType.Shape.Dim[1].Denotation = "DATA_CHANNEL"
	if b, err = proto.Marshal(m); err != nil {
		t.Fatal(err)
	}
	g, err := Decode("planted", b, nil)
	if err != nil {
		t.Fatal(err)
	}
	out := rewrite(t, g)
	for name := range messages {
		if n := bytes.Count(out, []byte("unknown field of "+name)); n == 0 {
			t.Errorf("unknown field of %s is lost", name)
		}
	}
	for _, s := range []string{"IMAGE", "DATA_CHANNEL", "inner name"} {
		if !bytes.Contains(out, []byte(s)) {
			t.Errorf("%s is lost", s)
		}
	}
}

// TestTensorRoundTrip writes and reads tensors of all types and shapes.
func TestTensorRoundTrip(t *testing.T) {
	types := []tensor.DType{
		tensor.Float32, tensor.Uint8, tensor.Int8, tensor.Uint16, tensor.Int16, tensor.Int32, tensor.Int64, tensor.Bool,
		tensor.Float16, tensor.Float64, tensor.Uint32, tensor.Uint64, tensor.BFloat16, tensor.Float8E4M3FN,
		tensor.Float8E5M2, tensor.Uint4, tensor.Int4, tensor.Uint2, tensor.Int2,
	}
	rapid.Check(t, func(t *rapid.T) {
		x := tensor.New(rapid.SampledFrom(types).Draw(t, "type"), rapid.SliceOfN(rapid.IntRange(0, 5), 0, 4).Draw(t, "shape")...)
		for i := range x.Bytes() {
			v := rapid.Byte().Draw(t, "byte")
			switch bits := x.DType.Bits(); {
			case x.DType == tensor.Bool:
				v &= 1
			case x.DType == tensor.Int4 || x.DType == tensor.Int2:
				v = byte(int8(v<<(8-bits)) >> (8 - bits))
			case bits < 8:
				v &= 1<<bits - 1
			}
			x.Bytes()[i] = v
		}
		b, err := EncodeTensor("x", x)
		if err != nil {
			t.Fatal(err)
		}
		name, y, err := DecodeTensor("x.pb", b)
		if err != nil || name != "x" || !cmp.Equal(x, y, equal) {
			t.Fatalf("%v % x read back as %v, %v", x.Shape, x.Bytes(), y, err)
		}
	})
}

// TestSubByte pins the order of packed numbers, in raw and in typed data: the
// first element is in the lowest bits.
func TestSubByte(t *testing.T) {
	for _, c := range []struct {
		dtype tensor.DType
		raw   []byte
		want  []int8
	}{
		{tensor.Uint4, []byte{0x21, 0x0f}, []int8{1, 2, 15}},
		{tensor.Int4, []byte{0x81, 0x07}, []int8{1, -8, 7}},
		{tensor.Uint2, []byte{0b_11_10_01_00, 0b01}, []int8{0, 1, 2, 3, 1}},
		{tensor.Int2, []byte{0b_11_10_01_00, 0b11}, []int8{0, 1, -2, -1, -1}},
	} {
		typed := make([]int32, len(c.raw))
		for i, v := range c.raw {
			typed[i] = int32(v)
		}
		for _, p := range []*onnxpb.TensorProto{{RawData: c.raw}, {Int32Data: typed}} {
			p.DataType, p.Dims = int32(c.dtype), []int64{int64(len(c.want))}
			b, err := proto.Marshal(p)
			if err != nil {
				t.Fatal(err)
			}
			_, x, err := DecodeTensor("x", b)
			if err != nil {
				t.Fatal(err)
			}
			for i, v := range x.Bytes() {
				if int8(v) != c.want[i] {
					t.Errorf("%v[%d] = %d, want %d", c.dtype, i, int8(v), c.want[i])
				}
			}
		}
	}
}
