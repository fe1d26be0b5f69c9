package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"image"
	"image/png"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/spf13/pflag"

	"lutra/internal/glyph"
	"lutra/internal/graph"
	"lutra/internal/onnx"
	"lutra/internal/tensor"
)

// full kills and disturbs everywhere instead of here and there.
var full = flag.Bool("full", false, "hundreds of kills and faults instead of a few")

func TestMain(m *testing.M) {
	if os.Getenv(superviseVariable) != "" {
		superviseSelf()
	}
	testscript.Main(tests{m}, map[string]func(){
		"lutra": main,
	})
}

// TestScripts runs the command lines in testdata. Besides the standard
// commands of testscript there are
//
//	glyphs DIR N SEED          draws a labelled data set: PNG files and labels.csv
//	bars DIR N SEED            draws a labelled data set of bars in four directions, easy to learn
//	large DIR                  many names of an image so large that reading it takes a while
//	glyphnet FILE              writes the demo's float network
//	fails, misused COMMAND ... run a command that must exit with 1, with 2, and say why in one line
//	interrupt FILE|- REGEXP COMMAND ...
//	                           sends it SIGINT when the file is there, or it has begun to work
//	json KEY ...               demands that the last stdout is one JSON object with these keys
//	jsonwithin KEY MIN MAX     and that a number of it lies between bounds
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:       "testdata",
		Condition: onLevel,
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"glyphs":     drawGlyphs,
			"bars":       drawBars,
			"large":      drawLarge,
			"fails":      fails,
			"misused":    misused,
			"interrupt":  interrupt,
			"glyphnet":   writeGlyphNet,
			"tablenet":   writeTableNet,
			"json":       wantJSON,
			"jsonwithin": wantNumber,
		},
	})
}

func drawGlyphs(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	seed, err := strconv.ParseUint(args[2], 10, 64)
	ts.Check(err)
	ts.Check(drawSet(ts.MkAbs(args[0]), n, seed))
}

func drawBars(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	seed, err := strconv.ParseUint(args[2], 10, 64)
	ts.Check(err)
	ts.Check(drawBarSet(ts.MkAbs(args[0]), n, seed))
}

// drawBarSet writes n images of bars with a table of their directions.
func drawBarSet(dir string, n int, seed uint64) error {
	r := rand.New(rand.NewPCG(seed, 0))
	const side = 16
	return writeSet(dir, n, side, func(int) ([]uint8, int) {
		pix, label, at := make([]uint8, 3*side*side), r.IntN(4), r.IntN(side)
		for p := range side * side {
			x, y := p%side, p/side
			if [4]bool{x == at, y == at, (x+y)%side == at, (x-y+side)%side == at}[label] {
				copy(pix[3*p:], []uint8{200, uint8(r.IntN(256)), 120})
			}
		}
		return pix, label
	})
}

// drawSet writes n glyphs as PNG files with a table of labels.
func drawSet(dir string, n int, seed uint64) error {
	return writeSet(dir, n, glyph.Size, func(i int) ([]uint8, int) { return glyph.Draw(seed, i) })
}

// writeSet writes n square images that draw makes, in RGB, with a table of their labels.
func writeSet(dir string, n, side int, draw func(i int) ([]uint8, int)) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	table := "file,class_index\n"
	for i := range n {
		pix, label := draw(i)
		img := image.NewNRGBA(image.Rect(0, 0, side, side))
		for p := range side * side {
			copy(img.Pix[4*p:], []byte{pix[3*p], pix[3*p+1], pix[3*p+2], 255})
		}
		var b bytes.Buffer
		if err := png.Encode(&b, img); err != nil {
			return err
		}
		name := fmt.Sprintf("%04d.png", i)
		if err := os.WriteFile(filepath.Join(dir, name), b.Bytes(), 0o644); err != nil {
			return err
		}
		table += fmt.Sprintf("%s,%d\n", name, label)
	}
	return os.WriteFile(filepath.Join(dir, "labels.csv"), []byte(table), 0o644)
}

func writeGlyphNet(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), glyph.Network(), 0o644))
}

func lastObject(ts *testscript.TestScript) map[string]any {
	dec := json.NewDecoder(strings.NewReader(ts.ReadFile("stdout")))
	var v map[string]any
	ts.Check(dec.Decode(&v))
	if dec.More() {
		ts.Fatalf("more than one JSON value on stdout")
	}
	return v
}

func wantJSON(ts *testscript.TestScript, _ bool, args []string) {
	v := lastObject(ts)
	for _, key := range args {
		if _, ok := v[key]; !ok {
			ts.Fatalf("no key %q in %v", key, v)
		}
	}
}

func wantNumber(ts *testscript.TestScript, _ bool, args []string) {
	x, ok := lastObject(ts)[args[0]].(float64)
	lo, errLo := strconv.ParseFloat(args[1], 64)
	hi, errHi := strconv.ParseFloat(args[2], 64)
	ts.Check(errLo)
	ts.Check(errHi)
	if !ok || x < lo || x > hi {
		ts.Fatalf("%s is %v, want %v to %v", args[0], x, lo, hi)
	}
}

// TestHelpHasExamples demands a description and an example in every command's
// help, and --json of those that have a result.
func TestHelpHasExamples(t *testing.T) {
	for _, cmd := range commands() {
		if cmd.Example == "" || cmd.Long == "" || cmd.Short == "" {
			t.Errorf("%s: help lacks an example or a description", cmd.Name())
		}
		if text := cmd.Name() != "completion" && cmd.Name() != "help"; text && cmd.Flags().Lookup("json") == nil {
			t.Errorf("%s: there is no --json", cmd.Name())
		}
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if f.Usage == "" || strings.HasSuffix(f.Usage, ".") {
				t.Errorf("%s --%s: usage %q", cmd.Name(), f.Name, f.Usage)
			}
		})
	}
}

// TestNamesDoNotDriveTheTerminal inspects a network whose names hold escape sequences.
func TestNamesDoNotDriveTheTerminal(t *testing.T) {
	const name = "w\x1b]0;title\x07\u009b31m"
	g := &graph.Graph{
		Opsets: map[string]int64{"": 17}, Consts: map[string]*tensor.Tensor{name: tensor.New(tensor.Float32, 3, 2)},
		Inputs:  []graph.Value{{Name: "x", DType: tensor.Float32, Dims: []graph.Dim{{Size: 1}, {Size: 2}}}},
		Outputs: []graph.Value{{Name: "y\x1b[2J", DType: tensor.Float32, Dims: []graph.Dim{{Size: 1}, {Size: 3}}}},
		Nodes:   []*graph.Node{{Name: "n\x1b[0m", Op: "Gemm", Inputs: []string{"x", name}, Outputs: []string{"y\x1b[2J"}, Attrs: []graph.Attr{graph.IntAttr("transB", 1)}}},
	}
	file := filepath.Join(t.TempDir(), "net.onnx")
	if err := onnx.WriteFile(file, g); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"inspect", file}, {"inspect", file, "--plan"}, {"compress", file, "--dry-run"}, {"emit-c", file, "-o", t.TempDir()}} {
		var out, errs bytes.Buffer
		run(t.Context(), args, &out, &errs)
		text := out.String() + errs.String()
		if strings.ContainsAny(text, "\x1b\x07\u009b") || text == "" {
			t.Errorf("%v: %q", args, text)
		}
	}
}

func TestBytesText(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 9999: "9999 B", 10240: "10.0 KiB", 1 << 20: "1.00 MiB", 46748540: "44.58 MiB"} {
		if got := bytesText(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}

func TestParseRule(t *testing.T) {
	r, err := parseRule(`layer4\..*=d:4,k:512,storage:codebook`)
	if err != nil || r.Pattern != `layer4\..*` || r.D != 4 || r.K != 512 {
		t.Errorf("%+v, %v", r, err)
	}
	for _, bad := range []string{"", "=d:4", "a=q:4", "a=d:x", "a=storage:int3", "a"} {
		if _, err := parseRule(bad); err == nil {
			t.Errorf("%q accepted", bad)
		}
	}
}
