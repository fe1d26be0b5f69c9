package main

import (
	"bytes"
	"encoding/json"
	"image/color"
	"image/png"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"lutra/internal/graph"
	"lutra/internal/onnx"
	"lutra/internal/tensor"
)

// viewed is what Netron shows of a file: what oracle/netron.mjs --json prints.
type viewed struct {
	Properties map[string]string
	Nodes      []struct {
		Type, Domain    string
		Inputs, Outputs []string
	}
	Initializers map[string]struct {
		Type, State string
		Values      []float64
	}
}

// netronScript is oracle/netron.mjs, which needs node and what oracle/fetch.sh fetches.
func netronScript(t *testing.T) string {
	t.Helper()
	script, err := filepath.Abs("../../oracle/netron.mjs")
	if err != nil {
		t.Fatal(err)
	}
	_, missing := os.Stat(filepath.Join(filepath.Dir(script), "node_modules/@visualdl/netron"))
	if _, err := exec.LookPath("node"); err != nil || missing != nil {
		if os.Getenv("LUTRA_REQUIRE_TOOLS") != "" {
			t.Fatalf("node: %v; Netron: %v", err, missing)
		}
		t.Skip("needs node, and Netron from oracle/fetch.sh")
	}
	return script
}

// stored writes files that have weights in every form there is, and names them.
func stored(w *workshop) []string {
	w.clear(nil)
	compress := "compress in/net.onnx --calib in/bars --limit 8 --card=false "
	lines := map[string]string{
		"out/float16.onnx": compress + "--k 16 --codebook float16 --half-vectors",
		"out/float32.onnx": compress + "--k 16 --codebook float32 --first codebook --ranges none",
		"out/wide.onnx":    compress + "--codebook float16 --rule *=d:1,k:300",
		"out/int8.onnx":    compress + "--codebook int8 --rule *=d:1,k:300 --keep-names",
		"out/share.onnx":   compress + "--k 16 --share --permute",
		"out/budget.onnx":  compress + "--target-size 9KiB",
		"out/convert.onnx": "convert in/net.onnx",
		"out/tune.onnx":    "tune in/small.onnx --teacher in/net.onnx --data in/bars --epochs 1 --pieces 1 --batch 12 --codes 1",
		"out/pairs.onnx":   "train resnet8 --lut --pairs 20 --levels 16 --width 0.3 --data in/bars --epochs 1 --batch 12",
	}
	for name, line := range lines {
		if code, errs := w.run(append(strings.Fields(line), "-o", name)); code != exitOK {
			w.Fatalf("%s: exit code %d: %s", line, code, errs)
		}
	}
	return append(slices.Sorted(maps.Keys(lines)), "in/net.onnx", "in/tables.onnx", "in/small.onnx")
}

// TestNetron opens with Netron's own parser what every command writes, and demands
// that it shows what is in the file, and what inspect --netron says of it.
func TestNetron(t *testing.T) {
	script := netronScript(t)
	w := newWorkshop(t)
	files := stored(w)
	out := w.output("node", append([]string{script, "--json"}, files...)...)
	kinds := map[string]bool{}
	for decoder := json.NewDecoder(bytes.NewReader(out)); decoder.More(); files = files[1:] {
		var v viewed
		w.check(decoder.Decode(&v))
		for _, n := range v.Nodes {
			kinds[n.Type] = kinds[n.Type] || n.Domain == graph.CodebookDomain
		}
		t.Run(files[0], func(t *testing.T) {
			v.holds(t, filepath.Join(w.root, files[0]))
			v.isAsTold(t, w.output(w.tool, "inspect", files[0], "--netron"))
		})
	}
	for _, kind := range []string{"Codebook", "CodebookWide", "CodebookInt8", "CodebookWideInt8", "ReluD"} {
		if !kinds[kind] {
			t.Errorf("no file has a %s", kind)
		}
	}
	if len(files) > 0 {
		t.Errorf("Netron tells nothing of %v", files)
	}
}

// TestNetronPage has Netron's page draw a file: the script demands that all nodes
// are there, and nothing is on the browser's console.
func TestNetronPage(t *testing.T) {
	script := netronScript(t)
	if _, err := exec.LookPath("chromium"); err != nil {
		if os.Getenv("LUTRA_REQUIRE_TOOLS") != "" {
			t.Fatal("chromium is not installed")
		}
		t.Skip("chromium is not installed")
	}
	w := newWorkshop(t)
	w.output("node", script, "--picture", "picture.png", "in/small.onnx")
	f, err := os.Open(filepath.Join(w.root, "picture.png"))
	w.check(err)
	defer f.Close()
	picture, err := png.Decode(f)
	w.check(err)
	colours := map[color.Color]bool{}
	for y := range picture.Bounds().Dy() {
		for x := range picture.Bounds().Dx() {
			colours[picture.At(x, y)] = true
		}
	}
	if len(colours) < 10 {
		t.Errorf("the picture has %d colours", len(colours))
	}
}

// output runs a program in the workshop and returns what it prints.
func (w *workshop) output(program string, args ...string) []byte {
	w.Helper()
	cmd := exec.Command(program, args...)
	cmd.Dir = w.root
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		w.Fatalf("%v: %s", err, &stderr)
	}
	return out
}

// holds demands that Netron shows the nodes, properties and numbers of a file.
func (v *viewed) holds(t *testing.T, path string) {
	g, err := onnx.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !maps.Equal(v.Properties, g.Meta) {
		t.Errorf("properties %v, of the file %v", v.Properties, g.Meta)
	}
	if len(v.Nodes) != len(g.Nodes) {
		t.Fatalf("%d nodes, of the file %d", len(v.Nodes), len(g.Nodes))
	}
	for i, n := range g.Nodes {
		if shown := v.Nodes[i]; shown.Type != n.Op || shown.Domain != n.Domain || !slices.Equal(shown.Outputs, n.Outputs) {
			t.Errorf("node %v, of the file %s of %v", shown, n.Op, n.Outputs)
		}
		for _, name := range n.Inputs {
			if c, shown := g.Consts[name], v.Initializers[name]; c != nil && (shown.Type != c.DType.String()+listed(c.Shape) || !slices.Equal(shown.Values, numbers(c))) {
				t.Errorf("%s: %s %s, of the file %v%s; or other values", name, shown.Type, shown.State, c.DType, listed(c.Shape))
			}
		}
	}
}

// listed is a shape as Netron writes it.
func listed(s tensor.Shape) string {
	if len(s) == 0 {
		return ""
	}
	parts := make([]string, len(s))
	for i, d := range s {
		parts[i] = strconv.Itoa(d)
	}
	return "[" + strings.Join(parts, ",") + "]"
}

// numbers are the elements of a tensor of the types that lutra writes.
func numbers(c *tensor.Tensor) []float64 {
	switch c.DType {
	case tensor.Uint8:
		return floats(c.Bytes())
	case tensor.Int8:
		return floats(tensor.Slice[int8](c))
	case tensor.Uint16:
		return floats(tensor.Slice[uint16](c))
	case tensor.Int64:
		return floats(c.Int64s())
	}
	return floats(c.AsFloat32().Float32s())
}

func floats[T tensor.Element](v []T) []float64 {
	all := make([]float64, len(v))
	for i, x := range v {
		all[i] = float64(x)
	}
	return all
}

// isAsTold demands of what Netron shows what inspect --netron said of it.
func (v *viewed) isAsTold(t *testing.T, text []byte) {
	said := func(expression string) string {
		if m := regexp.MustCompile(expression).FindSubmatch(text); m != nil {
			return string(m[1])
		}
		return ""
	}
	count := func(what, expression string, n int) {
		if number := said(expression); number != strconv.Itoa(n) && (number != "" || n > 0) {
			t.Errorf("%d %s; said is %q", n, what, number)
		}
	}
	var books, halves []string
	dense := 0
	for _, n := range v.Nodes {
		switch {
		case strings.HasPrefix(n.Type, "Codebook"):
			books = append(books, n.Outputs[0])
		case n.Type == "Cast" && strings.HasPrefix(v.Initializers[n.Inputs[0]].Type, "float16["):
			halves = append(halves, n.Outputs[0])
		case (n.Type == "Conv" || n.Type == "Gemm" || n.Type == "MatMul") && slices.Contains(halves, n.Inputs[1]):
			dense++
		}
	}
	count("nodes of codebooks", `(\d+) of \d+ weights are calls`, len(books))
	count("weights of float16 behind a Cast", `Dense weights: (\d+) of float16, each behind a Cast`, dense)
	if name := said(`search \(Control-F\) for (.*)\.\n`); name != "" && !slices.Contains(books, name) || name == "" && len(books) > 0 {
		t.Errorf("no node of a codebook has the output %q; they have %v", name, books)
	}
	if suffix := said(`NAME(\.[a-z]+)`); (suffix != "") != slices.ContainsFunc(books, func(name string) bool { return strings.HasSuffix(name, ".matrix") }) {
		t.Errorf("matrices of pairs are called %q among %v", suffix, books)
	}
	if keys := strings.Join(slices.Sorted(maps.Keys(v.Properties)), ", "); keys != said(`hold (.*)\.\n`) {
		t.Errorf("properties %s; said is %s", keys, said(`hold (.*)\.\n`))
	}
}
