package onnx

import (
	"os"
	"path/filepath"
	"testing"

	"google.golang.org/protobuf/proto"

	"lutra/internal/graph"
	"lutra/internal/onnx/onnxpb"
	"lutra/internal/tensor"
)

// codebookModel is a graph of one Gemm with codes of 10 bits.
func codebookModel(t testing.TB) *graph.Graph {
	c := &graph.Codebook{
		Name: "w", K: 600, D: 2, Blocks: 2, Outputs: 4, Codes: []uint16{0, 1, 2, 255, 256, 511, 512, 599},
		Words: tensor.New(tensor.Float16, 600, 2), Shape: tensor.Shape{4, 4}, Perm: []int{1, 0},
	}
	for i := range c.Words.Elems() {
		tensor.Slice[uint16](c.Words)[i] = tensor.ToHalf(float32(i))
	}
	g := &graph.Graph{
		Name: "codebook", IRVersion: 3, Opsets: map[string]int64{"": 13}, Consts: map[string]*tensor.Tensor{},
		Inputs:  []graph.Value{{Name: "x", DType: tensor.Float32, Dims: []graph.Dim{{Size: -1, Param: "batch"}, {Size: 4}}}},
		Outputs: []graph.Value{{Name: "y", DType: tensor.Float32, Dims: []graph.Dim{{Size: -1, Param: "batch"}, {Size: 4}}}},
		Nodes:   []*graph.Node{{Op: "MatMul", Inputs: []string{"x", "w"}, Outputs: []string{"y"}}},
	}
	if err := g.AddCodebook(c); err != nil {
		t.Fatal(err)
	}
	return g
}

// FuzzDecode demands an error that names the file, or a graph that is stable
// under writing and reading: two files that lutra reads as the same graph are
// written as the same bytes.
func FuzzDecode(f *testing.F) {
	files, err := filepath.Glob("testdata/*.onnx")
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range files {
		b, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
		f.Add(b[:len(b)/2])
	}
	b, err := Encode(codebookModel(f))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	bytes := codebookModel(f)
	c, err := bytes.Codebook("w")
	if err != nil {
		f.Fatal(err)
	}
	q, scale, _ := graph.RoundWords(c.FloatWords(), nil)
	c.Words, c.Scale = tensor.Of(q, c.K, c.D), scale
	if err := bytes.AddCodebook(c); err != nil {
		f.Fatal(err)
	}
	if b, err = Encode(bytes); err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	// Other bytes for the same graph: the fields of a message in two parts, in
	// another order, and numbers in more bytes than they need.
	m := valid()
	graphOnly, rest := &onnxpb.ModelProto{Graph: m.Graph}, &onnxpb.ModelProto{IrVersion: m.IrVersion, OpsetImport: m.OpsetImport}
	var parts [][]byte
	for _, p := range []proto.Message{graphOnly, &onnxpb.ModelProto{Graph: &onnxpb.GraphProto{DocString: "second part"}}, rest} {
		b, err := proto.Marshal(p)
		if err != nil {
			f.Fatal(err)
		}
		parts = append(parts, b)
	}
	f.Add(append(append(append([]byte{}, parts[0]...), parts[1]...), parts[2]...))
	f.Add(append(append([]byte{0x08, 0x88, 0x80, 0x00}, parts[2]...), parts[0]...))
	f.Fuzz(func(t *testing.T, b []byte) {
		if g, err := decodeBounded(t, "fuzz", b); err == nil {
			stable(t, g)
		}
	})
}

// FuzzDecodeTensor is FuzzDecode for TensorProto files.
func FuzzDecodeTensor(f *testing.F) {
	for _, p := range []*onnxpb.TensorProto{
		{Name: "x", Dims: []int64{2, 2}, DataType: 1, RawData: make([]byte, 16)},
		{Dims: []int64{3}, DataType: 10, Int32Data: []int32{1, 65535, 0}},
		{Dims: []int64{3}, DataType: 22, RawData: []byte{0x81, 0x07}},
		{DataType: 7, Int64Data: []int64{-1}, DocString: "doc"},
		{Dims: []int64{1 << 40}, DataType: 13, Uint64Data: []uint64{1}},
	} {
		b, err := proto.Marshal(p)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		name, x, err := DecodeTensor("fuzz.pb", b)
		if err != nil {
			return
		}
		out, err := EncodeTensor(name, x)
		if err != nil {
			t.Fatal(err)
		}
		again, y, err := DecodeTensor("back", out)
		if err != nil || again != name || !y.Shape.Equal(x.Shape) || string(y.Bytes()) != string(x.Bytes()) {
			t.Fatalf("read back as %q %v, %v", again, y, err)
		}
	})
}
