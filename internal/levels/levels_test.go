package levels_test

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"lutra/internal/graph"
	"lutra/internal/levels"
	"lutra/internal/lut"
	"lutra/internal/network"
	"lutra/internal/tensor"
)

var options = levels.Options{Levels: 16, Input: levels.Bounds{Low: -1, High: 2}, Bound: 6}

func build(t *testing.T, name, activation string, input ...int) *graph.Graph {
	t.Helper()
	n, err := network.Lookup(name)
	if err != nil {
		t.Fatal(err)
	}
	g, err := n.Build(network.Options{Input: input, Outputs: n.Outputs, Activation: activation, Width: 0.25, Seed: 3})
	if err != nil {
		t.Fatal(err)
	}
	scatter(g)
	return g
}

// scatter gives every constant of 1 dimension, biases and statistics, other numbers.
func scatter(g *graph.Graph) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, name := range g.ConstOrder {
		if c := g.Consts[name]; len(c.Shape) == 1 && c.DType == tensor.Float32 {
			for i := range c.Float32s() {
				c.Float32s()[i] = 0.5 + r.Float32()
			}
		}
	}
}

// eval computes the only output of g.
func eval(t *testing.T, g *graph.Graph, x *tensor.Tensor) []float32 {
	t.Helper()
	p, err := g.Specialize(map[string]graph.Type{g.Inputs[0].Name: {DType: x.DType, Shape: x.Shape}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	out, err := p.Eval(map[string]*tensor.Tensor{g.Inputs[0].Name: x})
	if err != nil {
		t.Fatal(err)
	}
	return out[g.Outputs[0].Name].Float32s()
}

func sample(shape ...int) *tensor.Tensor {
	x := tensor.New(tensor.Float32, shape...)
	r := rand.New(rand.NewPCG(4, 4))
	for i := range x.Float32s() {
		x.Float32s()[i] = 3*r.Float32() - 1
	}
	return x
}

// TestConvert: with many levels the converted network, batch normalisations
// folded, computes what the float network does, and it has a form in tables.
func TestConvert(t *testing.T) {
	for _, c := range []struct {
		name, activation string
		input            []int
	}{
		{"mlp", "relu6", []int{1, 8, 8}},
		{"mlp", "tanh", []int{1, 8, 8}},
		{"lenet", "relu6", []int{1, 28, 28}},
		{"ds-cnn", "relu6", []int{1, 49, 10}},
		{"vgg-small", "relu6", []int{3, 8, 8}},
		{"alexnet-cifar", "relu6", []int{3, 8, 8}},
		{"resnet8", "relu6", []int{3, 16, 16}},
		{"resnet20", "relu6", []int{3, 16, 16}},
		{"autoencoder-mnist", "relu6", []int{1, 8, 8}},
		{"autoencoder-cifar", "relu6", []int{3, 8, 8}},
	} {
		t.Run(c.name+"/"+c.activation, func(t *testing.T) {
			g := build(t, c.name, c.activation, c.input...)
			o := options
			o.Levels = 256
			h, err := levels.Convert(g, o)
			if err != nil {
				t.Fatal(err)
			}
			if h, err = levels.Finish(t.Context(), h, levels.Weights{Values: 60000, Method: "kmeans"}); err != nil {
				t.Fatal(err)
			}
			if _, err := lut.Build(h, lut.Options{}); err != nil {
				t.Fatal(err)
			}
			for _, n := range h.Nodes {
				if n.Op == "BatchNormalization" || n.Op == "Clip" || n.Op == "Tanh" {
					t.Errorf("%s is still there", n.Label())
				}
			}
			x := sample(append([]int{1}, c.input...)...)
			want, got := eval(t, g, x), eval(t, h, x)
			var off, size float64
			for i, v := range want {
				off += math.Abs(float64(got[i] - v))
				size += math.Abs(float64(v))
			}
			if !(off < 0.05*size) {
				t.Errorf("off by %v of %v", off, size)
			}
		})
	}
}

// TestFinishKeepsFewValues: at most so many different weights are left, in the
// network or in each layer, and layers share their codewords.
// TestOutputLevels: the output of an auto-encoder becomes levels between the
// bounds of the input; that of an activation is refused.
func TestOutputLevels(t *testing.T) {
	o := options
	o.OutputLevels = 101
	g, err := levels.Convert(build(t, "autoencoder-ad", "relu", 640), o)
	if err != nil {
		t.Fatal(err)
	}
	x := sample(2, 640)
	for i, v := range x.Float32s() { // beyond the bounds
		x.Float32s()[i] = 20 * v
	}
	low, high, seen := float32(math.Inf(1)), float32(math.Inf(-1)), map[float32]bool{}
	for _, v := range eval(t, g, x) {
		low, high, seen[v] = min(low, v), max(high, v), true
	}
	if low < -1 || high > 2 || len(seen) < 2 || len(seen) > 101 {
		t.Errorf("%d numbers from %g to %g, want at most 101 from -1 to 2", len(seen), low, high)
	}
	n := g.Producer(g.Outputs[0].Name)
	if q, err := n.Quantiser(); err != nil || q.Levels != 101 || q.Low != -1 || q.High != 2 {
		t.Errorf("the output is made by %s: %v, %v", n.Op, q, err)
	}
	end := build(t, "mlp", "relu", 1, 8, 8)
	for _, n := range end.Nodes {
		if n.Op == "Relu" { // the network ends here
			end.Outputs[0].Name = n.Outputs[0]
		}
	}
	if _, err := levels.Convert(end, o); err == nil || !strings.Contains(err.Error(), "output levels") {
		t.Errorf("an activation as output: %v", err)
	}
}

func TestFinishKeepsFewValues(t *testing.T) {
	g, err := levels.Convert(build(t, "vgg-small", "relu", 3, 8, 8), options)
	if err != nil {
		t.Fatal(err)
	}
	for _, method := range []string{"kmeans", "laplacian"} {
		for _, perLayer := range []bool{false, true} {
			h, err := levels.Finish(t.Context(), g, levels.Weights{Values: 25, Method: method, PerLayer: perLayer})
			if err != nil {
				t.Fatal(err)
			}
			books, err := h.Codebooks()
			if err != nil || len(books) != 7 {
				t.Fatal(len(books), err)
			}
			all := map[float32]bool{}
			for _, b := range books {
				own := map[float32]bool{}
				for _, v := range b.Decode().Float32s() {
					all[v], own[v] = true, true
				}
				if len(own) > 25 || len(own) < 10 {
					t.Errorf("%s: %d values in a layer", method, len(own))
				}
			}
			if perLayer != (len(all) > 25) {
				t.Errorf("%s, per layer %v: %d values", method, perLayer, len(all))
			}
		}
	}
}

// TestAbsorb: the network computes the same, and absorbing again changes nothing
// but by rounding.
func TestAbsorb(t *testing.T) {
	g := build(t, "ds-cnn", "relu", 1, 49, 10)
	x := sample(1, 1, 49, 10)
	want := eval(t, g, x)
	layers, err := levels.Layers(g)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		levels.Absorb(layers, func(name string) []float32 { return g.Consts[name].Float32s() })
		for i, v := range eval(t, g, x) {
			if math.Abs(float64(v-want[i])) > 1e-3*(1+math.Abs(float64(want[i]))) {
				t.Errorf("output %d: %v, was %v", i, v, want[i])
			}
		}
	}
}

func TestBounds(t *testing.T) {
	g := build(t, "mlp", "relu", 1, 8, 8)
	names := levels.Unbounded(g)
	if len(names) != 2 {
		t.Fatal(names)
	}
	o := options
	o.Measured = map[string]float32{names[1]: 2.5}
	h, err := levels.Convert(g, o)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]float32{names[0]: 6, names[1]: 2.5, "input.levels": 2}
	for _, n := range h.Nodes {
		if !n.IsQuantiser() {
			continue
		}
		q, err := n.Quantiser()
		if err != nil || q.High != want[n.Outputs[0]] || q.Levels != 16 {
			t.Errorf("%s: %+v, %v", n.Label(), q, err)
		}
		delete(want, n.Outputs[0])
	}
	if len(want) > 0 {
		t.Errorf("not quantised: %v", want)
	}
}

// TestOldOpset: a file of opset 11 is raised to 13 if its operators are the
// same in both, and not if one is not.
func TestOldOpset(t *testing.T) {
	old := build(t, "resnet8", "relu6", 3, 8, 8)
	old.Opsets[""] = 11
	h, err := levels.Convert(old, options)
	if err != nil || h.Opsets[""] != 13 || old.Opsets[""] != 11 {
		t.Error(err)
	}
	for _, n := range old.Nodes {
		if n.Op == "Flatten" {
			n.Op, n.Attrs = "Squeeze", []graph.Attr{graph.IntsAttr("axes", 2, 3)}
		}
	}
	if _, err := levels.Convert(old, options); err == nil || !strings.Contains(err.Error(), "opset") {
		t.Error(err)
	}
}

// TestRefused: what has no form is named.
func TestRefused(t *testing.T) {
	old := build(t, "mlp", "relu", 1, 8, 8)
	old.Opsets[""] = 10
	if _, err := levels.Convert(old, options); err == nil || !strings.Contains(err.Error(), "opset") {
		t.Error(err)
	}
	g := build(t, "ds-cnn", "relu", 1, 49, 10)
	for _, n := range g.Nodes {
		if n.Op == "BatchNormalization" && n.Name == "bn1" {
			n.Inputs[0], g.Nodes[0].Inputs[0] = "input", "bn1"
		}
	}
	if _, err := levels.Layers(g); err == nil || !strings.Contains(err.Error(), "bn1") {
		t.Error(err)
	}
	for _, w := range []levels.Weights{{Values: 1, Method: "kmeans"}, {Values: 1 << 17, Method: "kmeans"}, {Values: 5, Method: "guess"}} {
		if w.Check() == nil {
			t.Errorf("%+v is accepted", w)
		}
	}
}
