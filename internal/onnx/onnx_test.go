package onnx

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"lutra/internal/graph"
	"lutra/internal/onnx/onnxpb"
	"lutra/internal/safe"
	"lutra/internal/tensor"
)

// TestCodebook writes a codebook and finds it in what is read back.
func TestCodebook(t *testing.T) {
	g := codebookModel(t)
	want, err := g.Codebook("w")
	if err != nil {
		t.Fatal(err)
	}
	b, err := Encode(g)
	if err != nil {
		t.Fatal(err)
	}
	back, err := Decode("back", b, nil)
	if err != nil {
		t.Fatal(err)
	}
	if back.IRVersion != functionIR {
		t.Errorf("functions written in IR version %d", back.IRVersion)
	}
	c, err := back.Codebook("w")
	if err != nil || c == nil {
		t.Fatalf("codebook %v, %v", c, err)
	}
	if !slices.Equal(c.Codes, want.Codes) || !slices.Equal(c.Decode().Float32s(), want.Decode().Float32s()) {
		t.Error("the codebook has changed")
	}
}

// TestConstOrder keeps the order of the file; new initializers come last, by name.
func TestConstOrder(t *testing.T) {
	g := codebookModel(t)
	one := tensor.New(tensor.Float32, 1)
	g.Consts = map[string]*tensor.Tensor{"d": one, "a": one, "c": one, "b": one}
	g.ConstOrder = []string{"c", "removed", "b", "c"}
	b, err := Encode(g)
	if err != nil {
		t.Fatal(err)
	}
	back, err := Decode("back", b, nil)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"c", "b", "a", "d"}; !slices.Equal(back.ConstOrder, want) {
		t.Errorf("%q, want %q", back.ConstOrder, want)
	}
}

// TestEncodeRefuses names what cannot be written.
func TestEncodeRefuses(t *testing.T) {
	for want, spoil := range map[string]func(*graph.Graph){
		`initializer "nil"`: func(g *graph.Graph) { g.Consts["nil"] = nil },
		`attribute "kind"`:  func(g *graph.Graph) { g.Nodes[1].Attrs = []graph.Attr{{Name: "kind", Kind: 77}} },
		`attribute "t"`:     func(g *graph.Graph) { g.Nodes[1].Attrs = []graph.Attr{{Name: "t", Kind: graph.AttrTensor}} },
		"UTF-8":             func(g *graph.Graph) { g.Doc = "\xff" },
	} {
		g := codebookModel(t)
		g.File = "m.onnx"
		spoil(g)
		path := filepath.Join(t.TempDir(), "out.onnx")
		err := WriteFile(path, g)
		var fe *safe.FormatError
		if !errors.As(err, &fe) || fe.File != "m.onnx" || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v", want, err)
		}
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: a file is there: %v", want, err)
		}
	}
}

// TestFileErrors names the file once and keeps the cause.
func TestFileErrors(t *testing.T) {
	path := filepath.Join(t.TempDir(), "missing", "m.onnx")
	_, err := ReadFile(path)
	if !errors.Is(err, fs.ErrNotExist) || strings.Count(err.Error(), path) != 1 {
		t.Errorf("reading: %v", err)
	}
	if err := WriteFile(path, codebookModel(t)); !errors.Is(err, fs.ErrNotExist) || strings.Count(err.Error(), path) != 1 {
		t.Errorf("writing: %v", err)
	}
	if _, err := ReadFile(filepath.Dir(filepath.Dir(path))); err == nil {
		t.Error("a folder was read")
	}
	path = filepath.Join(t.TempDir(), "text.onnx")
	if err := os.WriteFile(path, []byte("# not a model\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err = ReadFile(path)
	if fe := (*safe.FormatError)(nil); !errors.As(err, &fe) || fe.File != path {
		t.Errorf("text: %v", err)
	}
	t.Log(err)
}

// TestFunctionDefaults keeps attributes of functions that have a default, and
// declared types of inner values that are not tensors.
func TestFunctionDefaults(t *testing.T) {
	m := valid()
	m.Functions = []*onnxpb.FunctionProto{{
		Domain: "d", Name: "f", Attribute: []string{"required"},
		AttributeProto: []*onnxpb.AttributeProto{{Name: "alpha", Type: 1, F: proto.Float32(0.5), DocString: "slope"}},
	}}
	sequence := &onnxpb.ValueInfoProto{Name: "list", Type: &onnxpb.TypeProto{}}
	sequence.Type.ProtoReflect().SetUnknown(protowire.AppendBytes(protowire.AppendTag(nil, 4, protowire.BytesType), nil))
	m.Graph.ValueInfo = []*onnxpb.ValueInfoProto{sequence}
	b, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	g, err := Decode("m", b, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := graph.FloatAttr("alpha", 0.5)
	want.Doc = "slope"
	if f := g.Function("d", "f"); f == nil || !cmp.Equal(f.Defaults, []graph.Attr{want}, equal) || !slices.Equal(f.Attrs, []string{"required"}) {
		t.Errorf("function %+v", f)
	}
	if len(g.ValueInfo) != 0 {
		t.Errorf("a sequence became a tensor: %+v", g.ValueInfo)
	}
	if out := rewrite(t, g); !bytes.Contains(out, []byte("list")) {
		t.Error("the declared sequence is lost")
	}
}
