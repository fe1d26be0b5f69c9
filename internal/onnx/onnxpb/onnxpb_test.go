package onnxpb

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestGenerated regenerates the messages and compares: lutra_onnx.proto and
// lutra_onnx.pb.go belong together.
func TestGenerated(t *testing.T) {
	if _, err := exec.LookPath("protoc"); err != nil {
		t.Skip("protoc is not installed")
	}
	dir := t.TempDir()
	plugin := filepath.Join(dir, "protoc-gen-go")
	run := func(name string, args ...string) {
		t.Helper()
		if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", name, err, out)
		}
	}
	run("go", "build", "-o", plugin, "google.golang.org/protobuf/cmd/protoc-gen-go")
	run("protoc", "--plugin="+plugin, "--go_out="+dir, "--go_opt=paths=source_relative", "lutra_onnx.proto")
	want, err := os.ReadFile(filepath.Join(dir, "lutra_onnx.pb.go"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("lutra_onnx.pb.go")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(code(got), code(want)) {
		t.Error("lutra_onnx.pb.go is not what lutra_onnx.proto gives: run go generate")
	}
}

// code is a generated file without its header, which states the version of protoc.
func code(b []byte) []byte {
	_, after, _ := bytes.Cut(b, []byte("\npackage "))
	return after
}
