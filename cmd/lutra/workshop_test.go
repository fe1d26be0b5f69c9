package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// tests removes what workshops have in common after the last of them.
type tests struct{ *testing.M }

func (m tests) Run() int {
	defer func() { os.RemoveAll(common.dir) }()
	return m.M.Run()
}

// common is a folder with the command, built as it is distributed, and in/, made once.
var common struct {
	sync.Once
	dir string
	err error
}

func build() error {
	cmd := exec.Command("go", "build", "-o", filepath.Join(common.dir, "lutra"), ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	in := filepath.Join(common.dir, "in")
	if err := os.Mkdir(in, 0o755); err != nil {
		return err
	}
	if err := drawBarSet(filepath.Join(in, "bars"), 40, 5); err != nil {
		return err
	}
	for _, line := range []string{
		"train resnet8 --width 0.25 --data in/bars -o in/net.onnx --epochs 1 --batch 18",
		"train mlp --lut --levels 16 --weights 20 --width 0.1 --data in/bars -o in/tables.onnx --epochs 1 --batch 18",
		"compress in/net.onnx -o in/small.onnx --calib in/bars --limit 8 --k 16 --card=false",
	} {
		cmd := exec.Command("./lutra", strings.Fields(line)...)
		cmd.Dir = common.dir
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w: %s", line, err, out)
		}
	}
	return nil
}

// workshop is a folder with inputs below in/, and what commands write below out/.
type workshop struct {
	*testing.T
	tool, root string
}

// product is a command line that writes below out/. Exact are the files that have
// the same bytes each time; others tell times, too.
type product struct {
	name  string
	args  []string
	exact []string
}

const (
	halfNet = "in/net.onnx"
	oldText = "an older file"
)

// products are the commands that write files. A run of each takes a tenth of a second.
func products() []product {
	steps := []string{"--data", "in/bars", "--batch", "18", "--threads", "1", "--every", "1ns"}
	return []product{
		{"compress", []string{"compress", halfNet, "-o", "out/a.onnx", "--calib", "in/bars", "--limit", "8", "--k", "16", "--report", "out/a.html"}, []string{"a.onnx", "a.onnx.md"}},
		{"train", append([]string{"train", "resnet8", "--width", "0.25", "-o", "out/a.onnx", "--epochs", "2", "--log", "out/a.jsonl", "--curves", "out/a.svg"}, steps...), []string{"a.onnx"}},
		{"train tables", append([]string{"train", "mlp", "--lut", "--levels", "16", "--weights", "20", "--width", "0.1", "-o", "out/a.onnx", "--epochs", "2"}, steps...), []string{"a.onnx"}},
		{"tune", append([]string{"tune", "in/small.onnx", "--teacher", halfNet, "-o", "out/a.onnx", "--epochs", "2", "--codes", "2", "--report", "out/a.html"}, steps...), []string{"a.onnx"}},
		{"convert", []string{"convert", halfNet, "-o", "out/a.onnx"}, []string{"a.onnx"}},
		{"emit-c", []string{"emit-c", "in/tables.onnx", "-o", "out", "--name", "a"}, nil},
		{"inspect", []string{"inspect", "in/small.onnx", "--report", "out/a.html"}, nil},
	}
}

func newWorkshop(t *testing.T) *workshop {
	t.Helper()
	if testing.Short() {
		t.Skip("builds and runs the command repeatedly")
	}
	common.Do(func() {
		if common.dir, common.err = os.MkdirTemp("", "lutra"); common.err == nil {
			common.err = build()
		}
	})
	w := &workshop{t, filepath.Join(common.dir, "lutra"), t.TempDir()}
	w.check(common.err)
	w.check(os.CopyFS(filepath.Join(w.root, "in"), os.DirFS(filepath.Join(common.dir, "in"))))
	return w
}

func (w *workshop) check(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// run runs the command undisturbed.
func (w *workshop) run(args []string) (int, string) {
	cmd := exec.Command(w.tool, args...)
	cmd.Dir = w.root
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	cmd.Run()
	return cmd.ProcessState.ExitCode(), stderr.String()
}

// clear makes out/ hold nothing but old files of these names.
func (w *workshop) clear(names []string) {
	out := filepath.Join(w.root, "out")
	w.check(os.RemoveAll(out))
	w.check(os.Mkdir(out, 0o755))
	for _, name := range names {
		path := filepath.Join(out, name)
		w.check(os.MkdirAll(filepath.Dir(path), 0o755))
		w.check(os.WriteFile(path, []byte(oldText), 0o644))
	}
}

// files are those below out/.
func (w *workshop) files() map[string]string {
	w.Helper()
	found := map[string]string{}
	out := filepath.Join(w.root, "out")
	w.check(filepath.WalkDir(out, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		found[strings.TrimPrefix(path, out+"/")] = string(b)
		return err
	}))
	return found
}

// again is the command line that goes on after an interruption.
func (w *workshop) again(p product) []string {
	if _, err := os.Stat(filepath.Join(w.root, "out", "a.onnx.checkpoint")); err == nil {
		return append(slices.Clone(p.args), "--resume")
	}
	return p.args
}

// good demands what holds of out/ at any time: files of earlier runs are whole,
// and either the old or the new ones.
func (w *workshop) good(p product, want map[string]string, what string) {
	w.Helper()
	for name, text := range w.files() {
		wanted, ours := want[name]
		exact := p.exact == nil && !strings.HasSuffix(name, ".html") || slices.Contains(p.exact, name)
		if ours && text != oldText && (exact && text != wanted || tail(text) != tail(wanted)) {
			w.Errorf("%s: %s holds other bytes, %d instead of %d", what, name, len(text), len(wanted))
		}
	}
}

// tail is the end of a file, which tells whether it is whole.
func tail(text string) string {
	text = strings.TrimRight(text, "\n")
	return text[max(0, len(text)-1):]
}

// ends demands that the command, started again, comes to its end and leaves what
// an undisturbed one does.
func (w *workshop) ends(p product, want map[string]string, what string) {
	w.Helper()
	if code, errs := w.run(w.again(p)); code != exitOK {
		w.Errorf("%s: started again: exit code %d: %s", what, code, errs)
		return
	}
	w.complete(p, want, what+", started again")
}

// complete demands that out/ holds what an undisturbed run leaves, and nothing else.
func (w *workshop) complete(p product, want map[string]string, what string) {
	w.Helper()
	w.good(p, want, what)
	found := w.files()
	for name := range want {
		if text, ok := found[name]; !ok || text == oldText {
			w.Errorf("%s: no new %s", what, name)
		}
		delete(found, name)
	}
	for name := range found {
		w.Errorf("%s: left %s", what, name)
	}
}

// undisturbed runs p and returns what it writes, and how long that takes.
func (w *workshop) undisturbed(p product) (want map[string]string, took time.Duration) {
	w.Helper()
	w.clear(nil)
	start := time.Now()
	if code, errs := w.run(p.args); code != exitOK {
		w.Fatalf("exit code %d: %s", code, errs)
	}
	return w.files(), time.Since(start)
}
