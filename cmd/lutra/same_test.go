package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
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
	all := []setting{{"", 1, 1}, {"", 8, 8}, {"avx2", 2, 1}, {"generic", 2, 2}}
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
		all["calibrate"] = "calibrate in/small.onnx --data in/bars --limit 8 -o"
		all["permute"] = "compress in/net.onnx --calib in/bars --limit 8 --k 16 --permute -o"
		all["target size"] = "compress in/net.onnx --calib in/bars --limit 8 --target-size 9KiB -o"
		all["train pairs"] = "train mlp --lut --pairs 20 --levels 16 --width 0.3 --data in/bars --epochs 1 --batch 12 -o"
		all["train ds-cnn"] = "train ds-cnn --width 0.3 --data in/bars --epochs 1 --batch 12 -o"
	}
	return all
}

// make runs a maker with the tool, which may have an emulator before it, and returns the files that it writes.
func (w *workshop) make(line string, s setting, tool ...string) map[string]string {
	w.Helper()
	out := "out/a.onnx"
	if strings.HasPrefix(line, "emit-c") {
		out = "out"
	}
	w.clear(nil)
	words := append(append(tool, strings.Fields(line)...), out, "--threads", fmt.Sprint(s.threads))
	cmd := exec.Command(words[0], words[1:]...)
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
// instruction set.
func TestSameBytes(t *testing.T) {
	for name, line := range makers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorkshop(t)
			all := settings()
			want := w.make(line, all[0], w.tool)
			for _, s := range all[1:] {
				if l, err := kernel.ParseLevel(s.cpu); s.cpu != "" && (err != nil || !l.Supported()) {
					continue
				}
				w.same(line, s, w.make(line, s, w.tool), want)
			}
		})
	}
}

func (w *workshop) same(line string, by any, got, want map[string]string) {
	w.Helper()
	for name, text := range want {
		if got[name] != text {
			w.Errorf("%s, %v: %s differs", line, by, name)
		}
	}
}

// builds are other builds of the command, of which some need an emulator.
var builds = []struct {
	name     string
	emulator string
	env      []string
	flags    []string
}{
	{name: "purego", flags: []string{"-tags", "purego"}},
}

// TestSameBuilds demands that builds without the assembly, and those for other
// processors, write the same files.
func TestSameBuilds(t *testing.T) {
	if !*full {
		t.Skip("builds the command several times")
	}
	w := newWorkshop(t)
	want := map[string]map[string]string{}
	for name, line := range makers() {
		want[name] = w.make(line, setting{"", 2, 2}, w.tool)
	}
	for _, b := range builds {
		t.Run(b.name, func(t *testing.T) {
			tool := []string{filepath.Join(t.TempDir(), "lutra")}
			cmd := exec.Command("go", append([]string{"build", "-o", tool[0]}, append(b.flags, ".")...)...)
			cmd.Env = append(append(os.Environ(), "CGO_ENABLED=0"), b.env...)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			if b.emulator != "" {
				path, err := exec.LookPath(b.emulator)
				if err != nil {
					t.Skip("no " + b.emulator)
				}
				tool = append([]string{path}, tool...)
			}
			for name, line := range makers() {
				w.same(line, b.name, w.make(line, setting{"", 1, 1}, tool...), want[name])
			}
		})
	}
}
