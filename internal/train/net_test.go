package train

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"lutra/internal/graph"
	"lutra/internal/kernel"
	"lutra/internal/tensor"
)

// smallNet is a residual network of images with classes of 5: a bit of everything.
func smallNet() *testGraph {
	g := newTestGraph(3, 1, 3, 8, 8)
	norm := func(in, out string, channels int) {
		ones := tensor.New(tensor.Float32, channels)
		for i := range ones.Float32s() {
			ones.Float32s()[i] = 1
		}
		zeros := tensor.New(tensor.Float32, channels)
		g.constant(out+".s", ones).constant(out+".t", zeros).constant(out+".m", zeros).constant(out+".v", ones)
		g.node("BatchNormalization", []string{in, out + ".s", out + ".t", out + ".m", out + ".v"}, out)
	}
	pad := graph.IntsAttr("pads", 1, 1, 1, 1)
	g.normal("w1", 8, 3, 3, 3).node("Conv", in("x", "w1"), "c1", pad)
	norm("c1", "n1", 8)
	g.node("Relu", in("n1"), "r1")
	g.normal("w2", 8, 8, 3, 3).node("Conv", in("r1", "w2"), "c2", pad)
	norm("c2", "n2", 8)
	g.node("Add", in("n2", "r1"), "a2").node("Relu", in("a2"), "r2")
	g.normal("w3", 12, 8, 3, 3).node("Conv", in("r2", "w3"), "c3", pad, graph.IntsAttr("strides", 2, 2))
	norm("c3", "n3", 12)
	g.constant("ratio", tensor.Of([]float32{0.1}))
	g.node("Relu", in("n3"), "r3").node("GlobalAveragePool", in("r3"), "p").node("Flatten", in("p"), "f")
	g.node("Dropout", in("f", "ratio"), "d")
	g.normal("w", 5, 12).normal("b", 5).node("Gemm", in("d", "w", "b"), "y", graph.IntAttr("transB", 1))
	for _, w := range []string{"w1", "w2", "w3", "w"} {
		v := g.Consts[w].Float32s()
		for i := range v {
			v[i] *= float32(1 / math.Sqrt(float64(len(v)/g.Consts[w].Shape[0])))
		}
	}
	return g
}

// task is a batch of images whose class shows in their channel means.
func task(rng *rand.Rand, batch int) (map[string]*tensor.Tensor, []int) {
	x, labels := tensor.New(tensor.Float32, batch, 3, 8, 8), make([]int, batch)
	for i := range labels {
		labels[i] = rng.IntN(5)
		for j := range 192 {
			x.Float32s()[i*192+j] = float32(rng.NormFloat64()) + float32((labels[i]*(1+j/64))%5)/2
		}
	}
	return map[string]*tensor.Tensor{"x": x}, labels
}

func newTask(t *testing.T, threads int, o OptimiserOptions) *Trainer {
	t.Helper()
	n, err := Compile(t.Context(), smallNet().Graph, Options{Batch: 24, Threads: threads, Seed: 5})
	if err != nil {
		t.Fatal(err)
	}
	return NewTrainer(n, o, Schedule{Base: 0.05, Warmup: 3, Cosine: true, Steps: 40})
}

// run makes steps on the batches that rng draws.
func (tr *Trainer) run(t *testing.T, rng *rand.Rand, steps int) (losses []float64) {
	t.Helper()
	for range steps {
		x, labels := task(rng, 24)
		loss, err := tr.Step(t.Context(), x, func(n *Net) (float64, error) { return CrossEntropy(n.Output("y"), 1, labels, 0.1) })
		if err != nil {
			t.Fatal(err)
		}
		losses = append(losses, loss)
	}
	return losses
}

func state(t *testing.T, tr *Trainer) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := tr.WriteState(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	if b.Len() != tr.StateBytes() {
		t.Fatalf("a state of %d bytes, expected %d", b.Len(), tr.StateBytes())
	}
	return b.Bytes()
}

func (tr *Trainer) restore(t *testing.T, state []byte) error {
	t.Helper()
	return tr.ReadState(t.Context(), bytes.NewReader(state), len(state))
}

// TestThreads: one seed, one result, for any number of threads.
func TestThreads(t *testing.T) {
	var want []byte
	for _, threads := range []int{1, 2, 3, 7} {
		tr := newTask(t, threads, OptimiserOptions{Momentum: 0.9, Decay: 1e-4})
		tr.run(t, rand.New(rand.NewPCG(1, 1)), 4)
		if got := state(t, tr); want == nil {
			want = got
		} else if !slices.Equal(got, want) {
			t.Errorf("%d threads: another result than 1 thread", threads)
		}
	}
}

// TestLearns: the loss falls, and the network that Graph returns classifies.
func TestLearns(t *testing.T) {
	tr := newTask(t, 2, OptimiserOptions{Momentum: 0.9, Nesterov: true, EMA: 0.9})
	losses := tr.run(t, rand.New(rand.NewPCG(1, 1)), 40)
	if first, last := losses[0], losses[len(losses)-1]; last > 0.75*first {
		t.Errorf("loss %v at first, %v in the end", first, last)
	}
	g := tr.Graph()
	if err := g.Validate(); err != nil {
		t.Fatal(err)
	}
	x, labels := task(rand.New(rand.NewPCG(2, 2)), 24)
	p, err := g.Specialize(map[string]graph.Type{"x": {DType: tensor.Float32, Shape: x["x"].Shape}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	y, err := p.Eval(x)
	if err != nil {
		t.Fatal(err)
	}
	right := 0
	for i, label := range labels {
		row := y["y"].Float32s()[i*5 : i*5+5]
		if slices.Max(row) == row[label] {
			right++
		}
	}
	if right < 18 {
		t.Errorf("%d of 24 right", right)
	}
}

// TestResume: a restored training goes on exactly.
func TestResume(t *testing.T) {
	for _, rule := range []Rule{SGD, Adam, AdamW} {
		o := OptimiserOptions{Rule: rule, Momentum: 0.9, EMA: 0.99, Decay: 1e-3, Clip: 1}
		rng := rand.New(rand.NewPCG(1, 1))
		a := newTask(t, 1, o)
		a.run(t, rng, 3)
		kept, again := state(t, a), *rand.NewPCG(9, 9)
		a.run(t, rand.New(&again), 3)
		b := newTask(t, 2, o)
		if err := b.restore(t, kept); err != nil {
			t.Fatal(err)
		}
		again = *rand.NewPCG(9, 9)
		b.run(t, rand.New(&again), 3)
		if !slices.Equal(state(t, a), state(t, b)) {
			t.Errorf("rule %d: the restored training differs", rule)
		}
		for _, bad := range [][]byte{nil, kept[:len(kept)-1], append([]byte("x"), kept[1:]...)} {
			if b.restore(t, bad) == nil {
				t.Errorf("a state of %d bytes is accepted", len(bad))
			}
		}
	}
}

// TestNotFinite: a step on bad numbers names the culprit and changes nothing.
func TestNotFinite(t *testing.T) {
	tr := newTask(t, 1, OptimiserOptions{})
	for _, c := range []struct {
		name  string
		spoil func(x map[string]*tensor.Tensor)
		want  string
	}{
		{"input", func(x map[string]*tensor.Tensor) { x["x"].Float32s()[5] = float32(math.NaN()) }, `input "x"`},
		{"overflow", func(x map[string]*tensor.Tensor) { x["x"].Float32s()[5] = 3e38 }, `node "n1"`},
		{"parameter", func(map[string]*tensor.Tensor) { tr.Net.Params()[0].Value[0] = float32(math.Inf(1)) }, `parameter "w1"`},
	} {
		x, labels := task(rand.New(rand.NewPCG(2, 2)), 24)
		c.spoil(x)
		_, err := tr.Step(t.Context(), x, func(n *Net) (float64, error) { return CrossEntropy(n.Output("y"), 1, labels, 0) })
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "step 1:") {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestRefused(t *testing.T) {
	for _, c := range []struct {
		op   string
		want string
	}{{"Floor", `node "y" (Floor)`}, {"Sign", "Sign"}} {
		g := newTestGraph(1, 2, 3).node(c.op, in("x"), "y")
		if _, err := Compile(t.Context(), g.Graph, Options{Batch: 2}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.op, err)
		}
	}
	if _, err := Compile(t.Context(), smallNet().Graph, Options{}); err == nil {
		t.Error("a batch of no images is accepted")
	}
	deep := newTestGraph(1, 1, 1<<13).normal("w", 1).node("Mul", in("x", "w"), "0")
	for i := range 60 {
		deep.node("Tanh", in(fmt.Sprint(i)), fmt.Sprint(i+1))
	}
	deep.node("Identity", in("60"), "y")
	all := Options{Batch: 1 << 15, Trainable: func(string) bool { return true }}
	if _, err := Compile(t.Context(), deep.Graph, all); err == nil || !strings.Contains(err.Error(), "smaller batch") {
		t.Errorf("60 GiB of activations: %v", err)
	}
	n, err := Compile(t.Context(), smallNet().Graph, Options{Batch: 2})
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Forward(t.Context(), map[string]*tensor.Tensor{"x": tensor.New(tensor.Float32, 1, 3, 8, 8)}, true); err == nil {
		t.Error("another batch is accepted")
	}
}

// TestInnerOutput: outputs may be inner values that others read, and their
// gradients add up.
func TestInnerOutput(t *testing.T) {
	level := kernel.Best()
	n, err := Compile(t.Context(), smallNet().Graph, Options{Batch: 4, Outputs: []string{"r2", "y"}, Level: &level})
	if err != nil {
		t.Fatal(err)
	}
	x, _ := task(rand.New(rand.NewPCG(2, 2)), 4)
	grads := map[string][]float32{}
	for _, both := range [][]string{{"r2"}, {"y"}, {"r2", "y"}} {
		n.passes = 0
		if err := n.Forward(t.Context(), x, false); err != nil {
			t.Fatal(err)
		}
		for _, name := range both {
			if _, err := MSE(n.Output(name), 1, make([]float32, len(n.Output(name).Data))); err != nil {
				t.Fatal(err)
			}
		}
		if err := n.Backward(t.Context()); err != nil {
			t.Fatal(err)
		}
		grads[fmt.Sprint(both)] = slices.Clone(n.Params()[0].Grad)
	}
	sum := slices.Clone(grads["[r2]"])
	for i, v := range grads["[y]"] {
		sum[i] += v
	}
	compare(t, "gradient", grads["[r2 y]"], sum, 1e-5)
}

// TestInnerInput: a part of a network computes what the whole does.
func TestInnerInput(t *testing.T) {
	whole, err := Compile(t.Context(), smallNet().Graph, Options{Batch: 4, Outputs: []string{"r1", "r3"}})
	if err != nil {
		t.Fatal(err)
	}
	dims := []graph.Dim{{Size: -1}, {Size: 8}, {Size: 8}, {Size: 8}}
	part, err := Compile(t.Context(), smallNet().Graph, Options{
		Batch: 4, Outputs: []string{"r3"}, Inputs: []graph.Value{{Name: "r1", DType: tensor.Float32, Dims: dims}},
	})
	if err != nil {
		t.Fatal(err)
	}
	x, _ := task(rand.New(rand.NewPCG(2, 2)), 4)
	if err := whole.Forward(t.Context(), x, false); err != nil {
		t.Fatal(err)
	}
	inner := tensor.Of(whole.Output("r1").Data, 4, 8, 8, 8)
	if err := part.Forward(t.Context(), map[string]*tensor.Tensor{"r1": inner}, false); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(part.Output("r3").Data, whole.Output("r3").Data) {
		t.Error("another result")
	}
	if got := part.Params()[0].Name; got != "w2" {
		t.Errorf("the first parameter of the part is %q", got)
	}
	if err := part.Backward(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := part.Graph().Validate(); err != nil {
		t.Errorf("the trained graph: %v", err)
	}
}
