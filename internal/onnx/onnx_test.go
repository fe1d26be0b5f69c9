package onnx

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"lutra/internal/graph"
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
