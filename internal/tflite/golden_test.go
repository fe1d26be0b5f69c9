package tflite_test

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"

	"lutra/internal/engine"
	"lutra/internal/graph"
	"lutra/internal/realdata"
	"lutra/internal/tensor"
	"lutra/internal/tflite"
)

// golden is what testdata/make.py computes of a file, for pattern as its input.
type golden struct {
	Input  tensor.Shape // channels last
	Output []float64
}

func goldens(t testing.TB, name string) map[string]golden {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	var g map[string]golden
	if err := json.Unmarshal(b, &g); err != nil {
		t.Fatal(err)
	}
	return g
}

// pattern is the input of the golden outputs, batch times, its channels first.
func pattern(s tensor.Shape, batch int) *tensor.Tensor {
	if len(s) == 2 {
		s = tensor.Shape{s[0], 1, 1, s[1]}
	}
	rows, channels := s[1]*s[2], s[3]
	x := tensor.New(tensor.Float32, batch, channels, s[1], s[2])
	for i := range x.Float32s() {
		n, c, at := i/(rows*channels), i/rows%channels, i%rows
		p := at*channels + c
		x.Float32s()[i] = float32(math.Sin(0.37*float64(p)*float64(p))*2) * float32(1-n)
	}
	return x
}

// check compares the outputs of a file with its golden ones: by the reference
// definitions of operators, and in the engine as the first of a batch of two.
func (want golden) check(t *testing.T, path string) {
	t.Helper()
	g, err := tflite.Import(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Validate(); err != nil {
		t.Fatal(err)
	}
	for name, got := range map[string][]float32{"definition": define(t, g, want.Input), "engine": run(t, g, want.Input)} {
		if len(got) != len(want.Output) {
			t.Fatalf("%s: %d outputs, want %d", name, len(got), len(want.Output))
		}
		var largest float64
		for _, v := range want.Output {
			largest = max(largest, math.Abs(v))
		}
		for i, v := range want.Output {
			if math.Abs(float64(got[i])-v) > 1e-5*largest {
				t.Errorf("%s: output %d is %v, want %v", name, i, got[i], v)
			}
		}
	}
}

// input is the pattern in the shape that g declares.
func input(g *graph.Graph, s tensor.Shape, batch int) map[string]*tensor.Tensor {
	x := pattern(s, batch)
	if len(s) == 2 {
		x = tensor.Of(x.Float32s(), batch, s[1])
	}
	return map[string]*tensor.Tensor{g.Inputs[0].Name: x}
}

func define(t *testing.T, g *graph.Graph, s tensor.Shape) []float32 {
	t.Helper()
	in := input(g, s, 1)
	p, err := g.Specialize(map[string]graph.Type{g.Inputs[0].Name: {DType: tensor.Float32, Shape: in[g.Inputs[0].Name].Shape}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	out, err := p.Eval(in)
	if err != nil {
		t.Fatal(err)
	}
	return out[g.Outputs[0].Name].Float32s()
}

func run(t *testing.T, g *graph.Graph, s tensor.Shape) []float32 {
	t.Helper()
	m, err := engine.Compile(g, engine.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	in := input(g, s, 2)
	p, err := m.Plan(map[string]tensor.Shape{g.Inputs[0].Name: in[g.Inputs[0].Name].Shape}, nil)
	if err != nil {
		t.Fatal(err)
	}
	out, err := m.NewSession().Run(t.Context(), p, in)
	if err != nil {
		t.Fatal(err)
	}
	y := out[g.Outputs[0].Name].Float32s()
	return y[:len(y)/2]
}

// TestNets compares with the small files, which cover all operators that are read.
func TestNets(t *testing.T) {
	for name, want := range goldens(t, "nets.json") {
		t.Run(name, func(t *testing.T) { want.check(t, filepath.Join("testdata", name)) })
	}
}

// TestReal compares with the files of MLPerf Tiny, float and bytes.
func TestReal(t *testing.T) {
	for name, want := range goldens(t, "real.json") {
		t.Run(name, func(t *testing.T) {
			if testing.Short() {
				t.Skip("short")
			}
			want.check(t, realdata.Path(t, "models/mlperf-tiny/tflite/"+name))
		})
	}
}

// TestDescription: what a file of bytes says about its input.
func TestDescription(t *testing.T) {
	g, err := tflite.Import("testdata/bytes.tflite")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := g.Meta["lutra.preprocess"], `{"mean":[62.5],"scale":0.5}`; got != want { // 0.5 * (v - 128 + 3)
		t.Errorf("preprocessing %s, want %s", got, want)
	}
	if in := g.Inputs[0]; in.Dims[0].Size != -1 || in.Dims[1].Size != 4 {
		t.Errorf("input %v", in.Dims)
	}
	if g.Consts["t1"] == nil || g.Producer("t3.sum") == nil || g.Producer("t3") == nil {
		t.Error("names other than those of the file")
	}
}
