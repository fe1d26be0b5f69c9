package torch

import (
	"compress/gzip"
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"lutra/internal/graph"
	"lutra/internal/tensor"
)

// TestLogits compares a small CIFAR ResNet with torch.
func TestLogits(t *testing.T) {
	g, err := Import("testdata/resnet.zip.pth", ImportOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var want []float64
	readGolden(t, "testdata/resnet.json", &want)
	checkLogits(t, g, 32, want, 1e-5)
}

// checkLogits runs g by the operators' reference definitions on the image
// sin(0.1 i) of side*side pixels and compares the first logits.
func checkLogits(t *testing.T, g *graph.Graph, side int, want []float64, tolerance float64) {
	t.Helper()
	if err := g.Validate(); err != nil {
		t.Fatal(err)
	}
	x := tensor.New(tensor.Float32, 1, 3, side, side)
	for i := range x.Float32s() {
		x.Float32s()[i] = float32(math.Sin(0.1 * float64(i)))
	}
	p, err := g.Specialize(map[string]graph.Type{"input": {DType: tensor.Float32, Shape: x.Shape}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	out, err := p.Eval(map[string]*tensor.Tensor{"input": x})
	if err != nil {
		t.Fatal(err)
	}
	for i, w := range want {
		if got := float64(out["logits"].Float32s()[i]); math.Abs(got-w) > tolerance*(1+math.Abs(w)) {
			t.Errorf("logit %d is %g, want %g", i, got, w)
		}
	}
}

// TestArchitectures infers every network known by name from the parameter
// shapes of torchvision (or of the CIFAR networks), and builds it.
func TestArchitectures(t *testing.T) {
	f, err := os.Open("testdata/architectures.json.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var nets map[string]map[string]tensor.Shape
	if err := json.NewDecoder(z).Decode(&nets); err != nil {
		t.Fatal(err)
	}
	for name, shapes := range nets {
		d, weights := &Dict{}, 0
		for key, s := range shapes {
			// Shapes only: building does not read float32 elements.
			d.set(key, &tensor.Tensor{DType: tensor.Float32, Shape: s})
			if len(s) >= 2 {
				weights++
			}
		}
		g, p, err := build("f.pth", d, ImportOptions{Arch: name})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if p.Arch != name || g.Name != name {
			t.Errorf("%s was taken for %s", name, p.Arch)
		}
		n := 0
		for _, node := range g.Nodes {
			if node.Op == "Conv" || node.Op == "Gemm" {
				n++
			}
		}
		if n != weights {
			t.Errorf("%s: %d layers, want %d", name, n, weights)
		}
	}
	if extra := len(architectures) - len(nets); extra != 1 { // resnext101_64x4d is not in torchvision 0.14
		t.Errorf("%d architectures are not tested", extra)
	}
}

// tiny is a CIFAR ResNet with one block in each stage: layer -> shape.
var tiny = []struct {
	layer string
	shape tensor.Shape
}{
	{"conv1", tensor.Shape{4, 3, 3, 3}},
	{"layer1.0.conv1", tensor.Shape{4, 4, 3, 3}}, {"layer1.0.conv2", tensor.Shape{4, 4, 3, 3}},
	{"layer2.0.conv1", tensor.Shape{8, 4, 3, 3}}, {"layer2.0.conv2", tensor.Shape{8, 8, 3, 3}}, {"layer2.0.shortcut.0", tensor.Shape{8, 4, 1, 1}},
	{"layer3.0.conv1", tensor.Shape{16, 8, 3, 3}}, {"layer3.0.conv2", tensor.Shape{16, 16, 3, 3}},
	{"linear", tensor.Shape{5, 16}},
}

func normOf(layer string) string {
	if base, ok := strings.CutSuffix(layer, ".0"); ok {
		return base + ".1"
	}
	return strings.Replace(layer, "conv", "bn", 1)
}

func floatsOf(rng *rand.Rand, shape ...int) *tensor.Tensor {
	t := tensor.New(tensor.Float32, shape...)
	for i := range t.Float32s() {
		t.Float32s()[i] = rng.Float32() - 0.5
	}
	return t
}

func dictOf(kv ...Value) *Dict {
	d := &Dict{}
	for i := 0; i < len(kv); i += 2 {
		d.set(kv[i], kv[i+1])
	}
	return d
}

// conventions makes the same network, all layers but the first coded with
// blocks of 4 (1x1 and linear) or 9 numbers and 300 codewords, in the
// conventions of kill-the-bits and PQF, and the dense weights.
func conventions(rng *rand.Rand) (ktb, pqf *Dict, dense map[string]*tensor.Tensor) {
	ktb, pqf, dense = &Dict{}, &Dict{}, map[string]*tensor.Tensor{}
	for _, l := range tiny {
		outputs, d := l.shape[0], 9
		if len(l.shape) == 2 || l.shape[2] == 1 {
			d = 4
		}
		if l.layer == "linear" {
			bias := floatsOf(rng, outputs)
			pqf.set("linear.bias", bias)
			ktb.set("linear_bias", dictOf("bias", bias))
		} else {
			scale, shift := floatsOf(rng, outputs), floatsOf(rng, outputs)
			pqf.set(normOf(l.layer)+".weight", scale)
			pqf.set(normOf(l.layer)+".bias", shift)
			ktb.set(normOf(l.layer), dictOf("weight", scale, "bias", shift))
		}
		if l.layer == "conv1" {
			dense["conv1"] = floatsOf(rng, l.shape...)
			pqf.set("conv1.weight", dense["conv1"])
			ktb.set("conv1", dictOf("weight", dense["conv1"]))
			continue
		}
		blocks := l.shape[1:].Elems() / d
		words := floatsOf(rng, 300, d)
		byRow, byBlock := make([]int16, outputs*blocks), make([]int16, outputs*blocks)
		w := tensor.New(tensor.Float32, l.shape...)
		for o := range outputs {
			for b := range blocks {
				k := rng.IntN(300)
				byRow[o*blocks+b], byBlock[b*outputs+o] = int16(k), int16(k)
				copy(w.Float32s()[(o*blocks+b)*d:], words.Float32s()[k*d:(k+1)*d])
			}
		}
		dense[l.layer] = w
		pqf.set(l.layer+".codes_matrix", tensor.Of(byRow, outputs, blocks))
		pqf.set(l.layer+".codebook", words)
		ktb.set(l.layer, dictOf("centroids", words, "assignments", tensor.Of(byBlock, outputs*blocks), "n_blocks", int64(blocks), "k", int64(3)))
	}
	return ktb, pqf, dense
}

// TestConventions: both conventions give the same codebooks, in block-major order.
func TestConventions(t *testing.T) {
	ktb, pqf, dense := conventions(rand.New(rand.NewPCG(1, 2)))
	for source, root := range map[string]*Dict{"kill-the-bits": ktb, "PQF": pqf} {
		g, p, err := build("f.pth", root, ImportOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if p.Source != source || p.Arch != "resnet" {
			t.Errorf("%s: provenance %+v", source, p)
		}
		if err := g.Validate(); err != nil {
			t.Error(err)
		}
		books, err := g.Codebooks()
		if err != nil {
			t.Fatal(err)
		}
		if len(books) != len(tiny)-1 {
			t.Errorf("%s: %d codebooks, want %d", source, len(books), len(tiny)-1)
		}
		for _, c := range books {
			want := dense[strings.TrimSuffix(c.Name, ".weight")]
			if got := c.Decode(); !got.Shape.Equal(want.Shape) || !slices.Equal(got.Float32s(), want.Float32s()) {
				t.Errorf("%s: %s is not the weight", source, c.Name)
			}
		}
		checkFixed(t, g, dense["conv1"])
	}
}

// checkFixed: the first convolution is stored in 16 bits, to half a step of its channel.
func checkFixed(t *testing.T, g *graph.Graph, want *tensor.Tensor) {
	t.Helper()
	p, err := g.Specialize(map[string]graph.Type{"input": {DType: tensor.Float32, Shape: tensor.Shape{1, 3, 32, 32}}}, []string{"conv1.weight"})
	if err != nil {
		t.Fatal(err)
	}
	out, err := p.Eval(map[string]*tensor.Tensor{"input": tensor.New(tensor.Float32, 1, 3, 32, 32)})
	if err != nil {
		t.Fatal(err)
	}
	row := want.Shape[1:].Elems()
	for o := range want.Shape[0] {
		w := want.Float32s()[o*row:][:row]
		step := max(slices.Max(w), -slices.Min(w)) / math.MaxInt16
		for i, v := range out["conv1.weight"].Float32s()[o*row:][:row] {
			if diff := math.Abs(float64(v - w[i])); diff > 0.501*float64(step) {
				t.Fatalf("conv1.weight[%d,%d] is off by %g, step %g", o, i, diff, step)
			}
		}
	}
}

// TestImportRefusals breaks one thing in a good network.
func TestImportRefusals(t *testing.T) {
	half := func(shape ...int) *tensor.Tensor { return tensor.New(tensor.Float16, shape...) }
	layer := func(d *Dict, name string) *Dict { v, _ := d.Get(name); return v.(*Dict) }
	nan := tensor.Of([]float32{1, 2, float32(math.NaN()), 4}, 4)
	for _, c := range []struct {
		name   string
		change func(ktb, pqf *Dict) Value
		arch   string
		want   string
	}{
		{"a number", func(_, _ *Dict) Value { return int64(1) }, "", "root object: expected a state dict, found int"},
		{"empty", func(_, _ *Dict) Value { return &Dict{} }, "", "a state dict"},
		{"itself inside", func(_, _ *Dict) Value { d := &Dict{}; d.set("state_dict", d); return d }, "", `state_dict: expected tensors, found "state_dict": dict`},
		{"integer key", func(k, _ *Dict) Value { k.set(int64(1), nil); return k }, "", "names of layers as keys"},
		{"a string", func(k, _ *Dict) Value { k.set("arch", "resnet"); return k }, "", "arch: expected a tensor or a layer, found str"},
		{"not a ResNet", func(_, _ *Dict) Value { return dictOf("features.0.weight", half(4, 3, 3, 3)) }, "", "the layers of a residual network"},
		{"Mask R-CNN", func(k, _ *Dict) Value { k.set("biases", dictOf("a", int64(1))); return k }, "", `biases: expected tensors, found "a": int`},
		{"another architecture", func(k, _ *Dict) Value { return k }, "resnet20", "expected resnet20 (stages of [3 3 3]"},
		{"unused vector", func(k, _ *Dict) Value { k.set("extra", dictOf("bias", half(3))); return k }, "", "extra.bias: expected only tensors of resnet"},
		{"unused weight", func(_, p *Dict) Value { p.set("aux.weight", half(3, 3)); return p }, "", "aux.weight: expected only tensors of resnet"},
		{"no classifier", func(k, _ *Dict) Value { k.set("linear", dictOf()); return k }, "", "linear: weight: expected a weight, found none"},
		{"no conv1", func(k, _ *Dict) Value { k.set("conv1", dictOf()); return k }, "", "conv1: weight: expected a weight"},
		{"7x7 first convolution", func(k, _ *Dict) Value { k.set("conv1", dictOf("weight", half(4, 3, 7, 7))); return k }, "", "conv1: weight: expected 4x3x3x3, found 4x3x7x7"},
		{"integers as weight", func(k, _ *Dict) Value {
			k.set("conv1", dictOf("weight", tensor.New(tensor.Int8, 4, 3, 3, 3)))
			return k
		}, "", "floating-point numbers"},
		{"NaN", func(k, _ *Dict) Value { k.set("bn1", dictOf("weight", nan, "bias", nan)); return k }, "", "bn1.weight: element 2: expected finite numbers"},
		{"no bias", func(k, _ *Dict) Value { k.set("bn1", dictOf("weight", half(4))); return k }, "", "bn1.bias: expected 4 numbers, found none"},
		{"bias of another length", func(k, _ *Dict) Value { k.set("bn1", dictOf("weight", half(4), "bias", half(5))); return k }, "", "bn1.bias: expected 4 numbers, found 5"},
		{"mean without variance", func(k, _ *Dict) Value {
			layer(k, "bn1").set("running_mean", half(4))
			return k
		}, "", "bn1.running_var: expected 4 numbers, found none"},
		{"code beyond the codebook", func(_, p *Dict) Value { p.set("linear.codebook", half(7, 4)); return p }, "", "linear: codes: expected 0 to 6, found "},
		{"negative code", func(_, p *Dict) Value { p.set("linear.codes_matrix", tensor.Of([]int32{-1}, 1, 1)); return p }, "", "codes: expected 0 to 299, found -1"},
		{"code beyond 32 bits", func(_, p *Dict) Value { p.set("linear.codes_matrix", tensor.Of([]int64{1<<32 + 1}, 1, 1)); return p }, "", "codes: expected 0 to 299, found 4294967297"},
		{"float codes", func(_, p *Dict) Value { p.set("linear.codes_matrix", half(5, 4)); return p }, "", "codes: expected integers"},
		{"no codebook", func(_, p *Dict) Value { p.set("linear.codebook", nil); return p }, "", "linear: codebook: expected a float16 or float32 matrix, found None"},
		{"codebook of rank 1", func(_, p *Dict) Value { p.set("linear.codebook", half(7)); return p }, "", "a float16 or float32 matrix"},
		{"codes of rank 1", func(_, p *Dict) Value { p.set("linear.codes_matrix", tensor.New(tensor.Uint8, 5)); return p }, "", "codes_matrix: expected a matrix"},
		{"empty codebook", func(_, p *Dict) Value { p.set("linear.codebook", half(7, 0)); return p }, "", "codes and codewords"},
		{"no codes", func(k, _ *Dict) Value {
			layer(k, "layer1.0.conv1").set("assignments", tensor.New(tensor.Uint8, 0))
			return k
		}, "", "codes and codewords"},
		{"n_blocks of 0", func(k, _ *Dict) Value { layer(k, "linear").set("n_blocks", int64(0)); return k }, "", "n_blocks codes for every output"},
		{"no centroids", func(k, _ *Dict) Value { layer(k, "linear").set("centroids", nil); return k }, "", "codebook: expected a float16 or float32 matrix"},
		{"n_blocks that does not divide", func(k, _ *Dict) Value {
			layer(k, "layer1.0.conv1").set("n_blocks", int64(3))
			return k
		}, "", "n_blocks codes for every output"},
		{"other block size", func(_, p *Dict) Value { p.set("layer1.0.conv1.codebook", half(300, 4)); return p }, "", "36 weights for every output (4x4x3x3), found 4 blocks of 4"},
		{"layer twice", func(_, p *Dict) Value { p.set("linear.weight", half(5, 16)); return p }, "", "linear: weight: expected each weight once"},
		{"no projection", func(_, p *Dict) Value {
			p.set("layer1.0.conv2.codes_matrix", tensor.New(tensor.Uint8, 6, 4))
			p.set("layer1.0.bn2.weight", half(6))
			p.set("layer1.0.bn2.bias", half(6))
			return p
		}, "", "layer1.0.downsample.0: weight: expected a projection from 4 to 6 channels, found none"},
		{"projection to other channels", func(_, p *Dict) Value {
			p.set("layer2.0.shortcut.0.codes_matrix", tensor.New(tensor.Uint8, 6, 1))
			return p
		}, "", "layer2.0.shortcut.0: weight: expected 8 outputs, found 6"},
	} {
		t.Run(c.name, func(t *testing.T) {
			ktb, pqf, _ := conventions(rand.New(rand.NewPCG(3, 4)))
			_, _, err := build("f.pth", c.change(ktb, pqf), ImportOptions{Arch: c.arch})
			checkRefused(t, err, c.want)
		})
	}
	for _, name := range []string{"state_dict", "model_state_dict", "model"} {
		ktb, _, _ := conventions(rand.New(rand.NewPCG(3, 4)))
		checkpoint := dictOf("epoch", int64(3))
		checkpoint.set(name, ktb)
		if _, _, err := build("f.pth", checkpoint, ImportOptions{}); err != nil {
			t.Errorf("a checkpoint that keeps its layers in %q: %v", name, err)
		}
	}
	ktb, _, _ := conventions(rand.New(rand.NewPCG(3, 4)))
	if _, _, err := build("f.pth", ktb, ImportOptions{Arch: "vgg16"}); err == nil || !strings.Contains(err.Error(), strings.Join(Architectures(), ", ")) {
		t.Errorf("unknown architecture: %v", err)
	}
}
