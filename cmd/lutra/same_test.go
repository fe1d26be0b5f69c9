package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"lutra/internal/kernel"
)

// setting is what must not change a file.
type setting struct {
	cpu            string // of LUTRA_CPU
	procs, threads int
}

func (s setting) String() string {
	return fmt.Sprintf("LUTRA_CPU=%s GOMAXPROCS=%d --threads %d", s.cpu, s.procs, s.threads)
}

// settings are threads and processors on the best level, then lower levels; with
// -full all.
func settings() []setting {
	all := []setting{{"", 1, 1}, {"", 8, 8}, {"avx2", 2, 1}}
	if !*full {
		return all
	}
	for _, procs := range []int{1, 2, 8} {
		for _, threads := range []int{1, 2, 8} {
			all = append(all, setting{"", procs, threads})
		}
	}
	for _, cpu := range []string{"avxvnni", "avx512", "vnni", "amx"} {
		all = append(all, setting{cpu, 2, 2})
	}
	return all
}

// makers are commands that compute files, without their output.
func makers() map[string]string {
	all := map[string]string{
		"compress":     "compress in/net.onnx --calib in/bars --limit 8 --k 16 -o",
		"anneal":       "compress in/net.onnx --calib in/bars --limit 8 --k 16 --share --permute --anneal -o",
		"tune":         "tune in/small.onnx --teacher in/net.onnx --data in/bars --epochs 1 --pieces 1 --batch 12 --lr 0.01 --codes 2 -o",
		"train":        "train resnet8 --width 0.3 --data in/bars --epochs 1 --batch 12 -o",
		"train tables": "train resnet8 --lut --levels 16 --weights 20 --width 0.3 --data in/bars --epochs 2 --batch 12 -o",
		"emit-c":       "emit-c in/tables.onnx -o",
	}
	if *full {
		all["share"] = "compress in/net.onnx --calib in/bars --limit 8 --k 16 --share -o"
		all["permute"] = "compress in/net.onnx --calib in/bars --limit 8 --k 16 --permute -o"
		all["target size"] = "compress in/net.onnx --calib in/bars --limit 8 --target-size 9KiB -o"
		all["train pairs"] = "train mlp --lut --pairs 20 --levels 16 --width 0.3 --data in/bars --epochs 1 --batch 12 -o"
		all["train ds-cnn"] = "train ds-cnn --width 0.3 --data in/bars --epochs 1 --batch 12 -o"
	}
	return all
}

// make runs a maker and returns the files that it writes.
func (w *workshop) make(line, tool string, s setting) map[string]string {
	w.Helper()
	out := "out/a.onnx"
	if strings.HasPrefix(line, "emit-c") {
		out = "out"
	}
	w.clear(nil)
	cmd := exec.Command(tool, append(strings.Fields(line), out, "--threads", fmt.Sprint(s.threads))...)
	cmd.Dir = w.root
	cmd.Env = append(os.Environ(), "LUTRA_CPU="+s.cpu, fmt.Sprint("GOMAXPROCS=", s.procs))
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Run(); err != nil {
		w.Fatalf("%s, %v: %v: %s", line, s, err, &stderr)
	}
	return w.files()
}

// TestSameBytes demands the same files whatever the threads, processors and
// instruction set, as far as it has vectors.
func TestSameBytes(t *testing.T) {
	for name, line := range makers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorkshop(t)
			all := settings()
			want := w.make(line, w.tool, all[0])
			for _, s := range all[1:] {
				if l, err := kernel.ParseLevel(s.cpu); s.cpu != "" && (err != nil || !l.Supported()) {
					continue
				}
				w.same(line, s, w.make(line, w.tool, s), want)
			}
		})
	}
}

func (w *workshop) same(line string, s setting, got, want map[string]string) {
	w.Helper()
	for name, text := range want {
		if got[name] != text {
			w.Errorf("%s, %v: %s differs", line, s, name)
		}
	}
}

// TestSameWithoutAssembly demands that a build without assembly writes what level
// generic does, and both the C of the others. What is computed in float32 may
// differ from the other levels, which add products without rounding them.
func TestSameWithoutAssembly(t *testing.T) {
	if !*full {
		t.Skip("builds the command once more")
	}
	w := newWorkshop(t)
	pure := filepath.Join(w.root, "purego")
	cmd := exec.Command("go", "build", "-tags", "purego", "-o", pure, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var others []string
	for name, line := range makers() {
		generic := setting{"generic", 2, 2}
		want := w.make(line, w.tool, generic)
		w.same(line, setting{"", 1, 1}, w.make(line, pure, setting{"", 1, 1}), want)
		if best := w.make(line, w.tool, setting{"", 1, 1}); best["a.onnx"] != want["a.onnx"] {
			others = append(others, name)
		} else {
			w.same(line, generic, want, best)
		}
	}
	slices.Sort(others)
	t.Logf("vectors make other files of %s", strings.Join(others, ", "))
	if slices.Contains(others, "emit-c") {
		t.Error("C depends on the level")
	}
}
