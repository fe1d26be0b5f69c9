//go:build unix

package onnx

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestExternalPipe refuses a pipe without waiting for its writer.
func TestExternalPipe(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o644); err != nil {
		t.Skip(err)
	}
	x := external{dir: folder(dir)}
	if _, err := x.locate(extent{location: "pipe", length: 8}); err == nil || !strings.Contains(err.Error(), "regular") {
		t.Errorf("error %v", err)
	}
}
