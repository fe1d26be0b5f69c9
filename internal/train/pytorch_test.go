package train

import (
	"encoding/json"
	"math"
	"os"
	"testing"

	"lutra/internal/graph"
	"lutra/internal/kernel"
	"lutra/internal/tensor"
)

// golden is what oracle/train/golden.py writes.
type golden struct {
	Logits                  []float32
	Loss                    float64
	Grads                   map[string][]float32
	Distillation, Soft, MSE struct {
		Loss float64
		Grad []float32
	}
	SGD, Nesterov, Adam, AdamW, Clipped goldenSteps
}

type goldenSteps struct {
	Losses []float64
	State  map[string][]float32
}

const goldenBatch = 8

// pattern is the function of that name of golden.py.
func pattern(seed int, shape ...int) *tensor.Tensor {
	t := tensor.New(tensor.Float32, shape...)
	for i := range t.Float32s() {
		t.Float32s()[i] = float32(float64((i*7919+seed*104729+i*i%977*31)%2003)/1001 - 1)
	}
	return t
}

// goldenGraph builds the network of golden.py.
type goldenGraph struct {
	*testGraph
	seed int
}

// param adds a parameter as fresh does.
func (g *goldenGraph) param(name string, shape ...int) {
	g.seed++
	v := pattern(g.seed, shape...)
	for i, x := range v.Float32s() {
		if len(shape) > 1 {
			x = float32(float64(x) / math.Sqrt(float64(v.Elems()/shape[0])))
		} else if v.Elems() > 5 {
			x = 1 + x/4
		}
		v.Float32s()[i] = x
	}
	g.constant(name, v)
}

func (g *goldenGraph) conv(x, name string, shape []int, bias bool, attrs ...graph.Attr) {
	inputs := []string{x, name + ".weight"}
	g.param(inputs[1], shape...)
	if bias {
		inputs = append(inputs, name+".bias")
		g.param(inputs[2], shape[0])
	}
	g.node("Conv", inputs, name, append(attrs, graph.IntsAttr("pads", 1, 1, 1, 1))...)
}

func (g *goldenGraph) norm(x, name string, channels int) {
	inputs := []string{x, name + ".weight", name + ".bias", name + ".running_mean", name + ".running_var"}
	g.param(inputs[1], channels)
	g.param(inputs[2], channels)
	ones := tensor.New(tensor.Float32, channels)
	for i := range ones.Float32s() {
		ones.Float32s()[i] = 1
	}
	g.constant(inputs[3], tensor.New(tensor.Float32, channels)).constant(inputs[4], ones)
	g.node("BatchNormalization", inputs, name)
}

func goldenNet(t *testing.T, level kernel.Level) *Net {
	t.Helper()
	g := &goldenGraph{testGraph: newTestGraph(0, goldenBatch, 3, 12, 12)}
	g.conv("x", "conv1", []int{8, 3, 3, 3}, false)
	g.norm("conv1", "bn1", 8)
	g.node("Relu", in("bn1"), "relu")
	g.node("MaxPool", in("relu"), "pool", graph.IntsAttr("kernel_shape", 3, 3), graph.IntsAttr("strides", 2, 2), graph.IntsAttr("pads", 1, 1, 1, 1))
	g.conv("pool", "conv2", []int{8, 1, 3, 3}, true, graph.IntAttr("group", 8))
	g.norm("conv2", "bn2", 8)
	g.node("HardSwish", in("bn2"), "swish").node("Add", in("swish", "pool"), "sum").node("Relu", in("sum"), "block")
	g.conv("block", "conv3", []int{12, 4, 3, 3}, false, graph.IntAttr("group", 2), graph.IntsAttr("strides", 2, 2))
	g.norm("conv3", "bn3", 12)
	g.param("prelu.weight", 12)
	g.Consts["prelu.weight"] = g.Consts["prelu.weight"].Reshape(12, 1, 1)
	g.node("PRelu", in("bn3", "prelu.weight"), "prelu").node("GlobalAveragePool", in("prelu"), "mean").node("Flatten", in("mean"), "flat")
	g.param("fc.weight", 5, 12)
	g.param("fc.bias", 5)
	g.node("Gemm", in("flat", "fc.weight", "fc.bias"), "y", graph.IntAttr("transB", 1))
	n, err := Compile(t.Context(), g.Graph, Options{Batch: goldenBatch, Threads: 2, Level: &level})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func goldenBatchOf(step int) (map[string]*tensor.Tensor, []int) {
	labels := make([]int, goldenBatch)
	for i := range labels {
		labels[i] = (i*3 + step) % 5
	}
	return map[string]*tensor.Tensor{"x": pattern(100+step, goldenBatch, 3, 12, 12)}, labels
}

func readGolden(t *testing.T) *golden {
	t.Helper()
	b, err := os.ReadFile("testdata/steps.json")
	if err != nil {
		t.Fatal(err)
	}
	g := new(golden)
	if err := json.Unmarshal(b, g); err != nil {
		t.Fatal(err)
	}
	return g
}

// near fails unless two losses agree.
func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if !(math.Abs(got-want) <= 1e-5*math.Abs(want)) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// TestPyTorch compares outputs, gradients and losses with PyTorch's.
func TestPyTorch(t *testing.T) {
	want := readGolden(t)
	for level := kernel.Generic; level <= kernel.AVX512; level++ {
		if level.Supported() {
			t.Run(level.String(), func(t *testing.T) { comparePyTorch(t, goldenNet(t, level), want) })
		}
	}
}

func comparePyTorch(t *testing.T, n *Net, want *golden) {
	t.Helper()
	x, labels := goldenBatchOf(0)
	if err := n.Forward(t.Context(), x, true); err != nil {
		t.Fatal(err)
	}
	y := n.Output("y")
	compare(t, "logits", y.Data, want.Logits, 1e-5)
	loss, err := CrossEntropy(y, 1, labels, 0.1)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "loss", loss, want.Loss)
	if err := n.Backward(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, p := range n.Params() {
		compareGradient(t, p.Name, p.Grad, want.Grads[p.Name])
	}
	compareLosses(t, y, want)
}

func compareLosses(t *testing.T, y *Output, want *golden) {
	t.Helper()
	teacher := pattern(77, goldenBatch, 5).Float32s()
	soft := make([]float32, len(teacher))
	for i := range teacher {
		teacher[i] *= 3
	}
	for r := 0; r < len(teacher); r += 5 {
		total := logSum(teacher[r:r+5], 1)
		for i, v := range teacher[r : r+5] {
			soft[r+i] = float32(math.Exp(float64(v) - total))
		}
	}
	for _, c := range []struct {
		name string
		f    func() (float64, error)
		loss float64
		grad []float32
	}{
		{"distillation", func() (float64, error) { return Distillation(y, 1, teacher, 3) }, want.Distillation.Loss, want.Distillation.Grad},
		{"soft", func() (float64, error) { return SoftCrossEntropy(y, 1, soft) }, want.Soft.Loss, want.Soft.Grad},
		{"mse", func() (float64, error) { return MSE(y, 1, teacher) }, want.MSE.Loss, want.MSE.Grad},
	} {
		clear(y.Grad)
		loss, err := c.f()
		if err != nil {
			t.Fatal(err)
		}
		near(t, c.name, loss, c.loss)
		compare(t, c.name, y.Grad, c.grad, 1e-5)
	}
}

// compareGradient allows for gradients that are zero but for rounding: those of
// a bias that a normalisation takes out again.
func compareGradient(t *testing.T, name string, got, want []float32) {
	t.Helper()
	if name == "conv2.bias" {
		for i, v := range got {
			if math.Abs(float64(v)) > 1e-6 {
				t.Errorf("%s[%d] = %v, want 0", name, i, v)
			}
		}
		return
	}
	compare(t, "gradient of "+name, got, want, 5e-5)
}

// TestPyTorchSteps compares ten training steps with PyTorch's.
func TestPyTorchSteps(t *testing.T) {
	want := readGolden(t)
	for _, c := range []struct {
		name    string
		options OptimiserOptions
		rate    float64
		want    goldenSteps
	}{
		{"SGD", OptimiserOptions{Momentum: 0.9, Decay: 1e-2}, 0.05, want.SGD},
		{"Nesterov", OptimiserOptions{Momentum: 0.9, Nesterov: true}, 0.05, want.Nesterov},
		{"Adam", OptimiserOptions{Rule: Adam, Decay: 1e-2}, 3e-3, want.Adam},
		{"AdamW", OptimiserOptions{Rule: AdamW, Decay: 1e-1}, 3e-3, want.AdamW},
		{"clipped", OptimiserOptions{Momentum: 0.9, Clip: 0.25}, 0.1, want.Clipped},
	} {
		t.Run(c.name, func(t *testing.T) {
			tr := NewTrainer(goldenNet(t, kernel.Best()), c.options, Schedule{Base: c.rate})
			for step, loss := range c.want.Losses {
				x, labels := goldenBatchOf(step)
				got, err := tr.Step(t.Context(), x, func(n *Net) (float64, error) { return CrossEntropy(n.Output("y"), 1, labels, 0.1) })
				if err != nil {
					t.Fatal(err)
				}
				if math.Abs(got-loss) > 1e-4*loss {
					t.Fatalf("step %d: loss %v, want %v", step, got, loss)
				}
			}
			for _, p := range tr.Net.Params() {
				if p.Name == "conv2.bias" && c.options.Rule != SGD {
					continue // Adam scales the rounding errors of its zero gradient up
				}
				compare(t, p.Name, p.Value, c.want.State[p.Name], 1e-4)
			}
			for _, b := range tr.Net.Buffers() {
				if b.Name == "bn2.running_mean" && c.options.Rule != SGD {
					continue // moves with conv2.bias
				}
				compare(t, b.Name, b.Value, c.want.State[b.Name], 1e-4)
			}
		})
	}
}
