package lutra_test

import (
	"context"
	"math"
	"strings"
	"testing"

	"lutra"
	"lutra/internal/graph"
	"lutra/internal/onnx"
	"lutra/internal/tensor"
)

// integerModel is a small network of levels and codes as an ONNX file:
// ClipD, Conv, TanhD, Gemm.
func integerModel(t *testing.T) []byte {
	t.Helper()
	g := &graph.Graph{Name: "small", Consts: map[string]*tensor.Tensor{}, Opsets: map[string]int64{"": 17}}
	g.Inputs = []graph.Value{{Name: "x", DType: tensor.Float32, Dims: []graph.Dim{{Size: -1, Param: "N"}, {Size: 2}, {Size: 6}, {Size: 6}}}}
	g.Outputs = []graph.Value{{Name: "y", DType: tensor.Float32, Dims: []graph.Dim{{Size: -1, Param: "N"}, {Size: 5}}}}
	words := make([]float32, 100)
	for i := range words {
		words[i] = float32(i-50) / 100
	}
	book := func(name string, shape ...int) {
		k := tensor.Shape(shape[1:]).Elems()
		c := &graph.Codebook{Name: name, K: 100, D: 1, Blocks: k, Outputs: shape[0], Shape: shape, Words: tensor.Of(words, 100, 1), Codes: make([]uint16, k*shape[0])}
		for i := range shape {
			c.Perm = append(c.Perm, i)
		}
		for i := range c.Codes {
			c.Codes[i] = uint16(i * 37 % 100)
		}
		if err := g.AddCodebook(c); err != nil {
			t.Fatal(err)
		}
	}
	quantise := func(q graph.Quantiser, x, y string) {
		if err := g.AddQuantiser(q, x, y); err != nil {
			t.Fatal(err)
		}
	}
	node := func(op string, in []string, y string, attrs ...graph.Attr) {
		g.Nodes = append(g.Nodes, &graph.Node{Name: y, Op: op, Inputs: in, Outputs: []string{y}, Attrs: attrs})
	}
	book("w1", 4, 2, 3, 3)
	book("w2", 5, 64)
	quantise(graph.Quantiser{Levels: 32, Low: -2, High: 2}, "x", "x0")
	node("Conv", []string{"x0", "w1"}, "c1")
	quantise(graph.Quantiser{Tanh: true, Levels: 32, Low: -1, High: 1}, "c1", "x1")
	node("Flatten", []string{"x1"}, "f1")
	node("Gemm", []string{"f1", "w2"}, "y", graph.IntAttr("transB", 1))
	b, err := onnx.Encode(g)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func openMode(t *testing.T, b []byte, mode string) *lutra.Model {
	t.Helper()
	m, err := lutra.Decode("small.onnx", b, lutra.Options{Mode: mode, Threads: 2})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestModeLUT runs a file in integers and in float32: nearly equal outputs, for any batch.
func TestModeLUT(t *testing.T) {
	for _, mode := range []string{"lut", "lut16"} {
		t.Run(mode, func(t *testing.T) { testIntegers(t, mode) })
	}
}

func testIntegers(t *testing.T, mode string) {
	b := integerModel(t)
	float, integer := openMode(t, b, ""), openMode(t, b, mode)
	if found, err := integer.Mode(); err != nil || found != mode {
		t.Errorf("mode %q, %v", found, err)
	}
	for _, batch := range []int{1, 2, 7} {
		x := float.SampleInputs(batch, 3)["x"]
		var out [2][]float32
		for i, m := range []*lutra.Model{float, integer} {
			s, err := m.NewSession()
			if err != nil {
				t.Fatal(err)
			}
			y, err := s.Predict(context.Background(), x)
			if err != nil {
				t.Fatal(err)
			}
			if !y.Shape.Equal(lutra.Shape{batch, 5}) {
				t.Fatalf("shape %v", y.Shape)
			}
			out[i] = y.Float32s()
		}
		for i, want := range out[0] {
			if d := math.Abs(float64(out[1][i] - want)); !(d < 0.1) {
				t.Errorf("batch %d: output %d is %v, float32 %v", batch, i, out[1][i], want)
			}
		}
	}
	in, err := float.Inspect(nil)
	if err != nil || in.LUT == nil || in.LUT.Total.Weights != 4*18+5*64 || in.LUT.Total.Packed >= in.LUT.Total.Stored {
		t.Errorf("inspection %+v, %v", in, err)
	}
	p, err := integer.Plan(1)
	if err != nil || p.MACs != 4*16*18+5*64 || !strings.Contains(p.String(), "conv 3x3") {
		t.Errorf("plan %v, %v", p, err)
	}
}

// TestModeLUTRefuses: what has no form in tables is named.
func TestModeLUTRefuses(t *testing.T) {
	demo, err := lutra.DemoModel(lutra.Options{Mode: "lut"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = demo.NewSession()
	if err == nil || !strings.Contains(err.Error(), "lookup tables") {
		t.Errorf("error %v", err)
	}
	s, err := openMode(t, integerModel(t), "lut").NewSession()
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []*lutra.Tensor{lutra.NewTensor(make([]float32, 8), 1, 8), nil} {
		if _, err := s.Run(context.Background(), map[string]*lutra.Tensor{"x": x}); err == nil {
			t.Errorf("input %v: no error", x)
		}
	}
}
