package network_test

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"

	"lutra/internal/engine"
	"lutra/internal/graph"
	"lutra/internal/network"
	"lutra/internal/onnx"
	"lutra/internal/tensor"
)

// TestParameters compares with the counts of the sources, of which some count
// what these networks leave out: biases in front of a batch normalisation, and
// its running statistics.
func TestParameters(t *testing.T) {
	for _, c := range []struct {
		name string
		want int
		why  string
	}{
		{"mlp", 266_610, "LeNet-300-100: 784*300+300 + 300*100+100 + 100*10+10"},
		{"lenet", 431_080, "Caffe's LeNet"},
		{"resnet20", 269_722, "0.27 M in He et al., table 6; count of the PyTorch networks with option A"},
		{"resnet32", 464_154, "0.46 M"},
		{"resnet44", 658_586, "0.66 M"},
		{"resnet56", 853_018, "0.85 M"},
		{"resnet110", 1_727_962, "1.7 M"},
		{"resnet8", 78_666 - 240 - 480, "MLPerf Tiny: 78,666 with 240 such biases and 480 statistics"},
		{"ds-cnn", 24_908 - 9*64 - 9*128, "MLPerf Tiny: 24,908"},
		{"autoencoder-ad", 269_992 - 2*(8*128+8), "MLPerf Tiny: 269,992 with statistics of nine layers"},
		{"vgg-small", 4_574_592 + 81_930 + 2*1792, "LQ-Nets: 4.66 M"},
		{"parabola", 2*16 + 17*16 + 17, ""},
	} {
		g := build(t, c.name, network.Options{})
		if got := network.Parameters(g); got != c.want {
			t.Errorf("%s: %d parameters, want %d (%s)", c.name, got, c.want, c.why)
		}
	}
}

func build(t *testing.T, name string, o network.Options) *graph.Graph {
	t.Helper()
	n, err := network.Lookup(name)
	if err != nil {
		t.Fatal(err)
	}
	g, err := n.Build(o)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// TestEveryNetworkRuns sends each network, with each activation, through an
// ONNX file and demands the declared shape and the same finite output.
func TestEveryNetworkRuns(t *testing.T) {
	for _, n := range network.All() {
		if n.Name == "vgg-small" && testing.Short() {
			continue
		}
		for _, act := range network.Activations() {
			if slices.Contains([]string{"resnet32", "resnet44", "resnet56", "resnet110"}, n.Name) && act != "relu" {
				continue // only deeper than resnet20
			}
			t.Run(n.Name+"/"+act, func(t *testing.T) {
				g := build(t, n.Name, network.Options{Activation: act, Seed: 3})
				b, err := onnx.Encode(g)
				if err != nil {
					t.Fatal(err)
				}
				read, err := onnx.Decode("net.onnx", b, nil)
				if err != nil {
					t.Fatal(err)
				}
				want, got := run(t, g, 2), run(t, read, 2)
				if !want.Shape.Equal(got.Shape) || !slices.Equal(want.Float32s(), got.Float32s()) {
					t.Error("the network read from its file yields another output")
				}
				shape := tensor.Shape{2}
				for _, d := range g.Outputs[0].Dims[1:] {
					shape = append(shape, d.Size)
				}
				if !got.Shape.Equal(shape) {
					t.Errorf("output %v, declared %v", got.Shape, shape)
				}
				// Initial outputs must neither vanish nor explode; untrained batch
				// normalisations do not normalise yet.
				low, high := 1e-2, 1e2
				if slices.ContainsFunc(g.Nodes, func(n *graph.Node) bool { return n.Op == "BatchNormalization" }) {
					low, high = 1e-9, 1e12
				}
				if rms := rootMeanSquare(got.Float32s()); !(rms > low && rms < high) {
					t.Errorf("root mean square of the outputs is %g", rms)
				}
			})
		}
	}
}

func run(t *testing.T, g *graph.Graph, batch int) *tensor.Tensor {
	t.Helper()
	shape := tensor.Shape{batch}
	for _, d := range g.Inputs[0].Dims[1:] {
		shape = append(shape, d.Size)
	}
	x := tensor.New(tensor.Float32, shape...)
	for i := range x.Float32s() {
		x.Float32s()[i] = float32(math.Sin(float64(7 * i)))
	}
	m, err := engine.Compile(g, engine.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	plan, err := m.Plan(map[string]tensor.Shape{"input": shape}, nil)
	if err != nil {
		t.Fatal(err)
	}
	out, err := m.NewSession().Run(context.Background(), plan, map[string]*tensor.Tensor{"input": x})
	if err != nil {
		t.Fatal(err)
	}
	return out[g.Outputs[0].Name]
}

func rootMeanSquare(v []float32) float64 {
	sum := 0.
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	return math.Sqrt(sum / float64(len(v)))
}

func TestWeightsFollowTheSeed(t *testing.T) {
	a := build(t, "resnet20", network.Options{Seed: 1})
	b := build(t, "resnet20", network.Options{Seed: 1})
	c := build(t, "resnet20", network.Options{Seed: 2})
	const w = "layer2.1.conv1.weight"
	if !slices.Equal(a.Consts[w].Float32s(), b.Consts[w].Float32s()) {
		t.Error("the same seed gives other weights")
	}
	if slices.Equal(a.Consts[w].Float32s(), c.Consts[w].Float32s()) {
		t.Error("another seed gives the same weights")
	}
	// The same layer in a deeper network, with another number of classes.
	d := build(t, "resnet56", network.Options{Seed: 1, Outputs: 100})
	if !slices.Equal(a.Consts[w].Float32s(), d.Consts[w].Float32s()) {
		t.Error("weights depend on other layers")
	}
}

func TestInitialVariance(t *testing.T) {
	for _, c := range []struct {
		net, activation, weight string
		want                    float64 // standard deviation
	}{
		{"resnet20", "relu", "layer3.1.conv1.weight", math.Sqrt(2. / (64 * 9))},
		{"resnet20", "tanh", "layer3.1.conv1.weight", math.Sqrt(2. / (128 * 9))},
		{"mlp", "relu", "fc1.weight", math.Sqrt(2. / 784)},
		{"mlp", "relu", "fc3.weight", math.Sqrt(2. / 110)},
		{"ds-cnn", "relu6", "dw2.weight", math.Sqrt(2. / 9)},
	} {
		g := build(t, c.net, network.Options{Activation: c.activation, Seed: 5})
		v := g.Consts[c.weight].Float32s()
		tolerance := 4 / math.Sqrt(2*float64(len(v))) // four standard errors
		if got := rootMeanSquare(v); math.Abs(got/c.want-1) > tolerance {
			t.Errorf("%s, %s: standard deviation of %s is %g, want %g", c.net, c.activation, c.weight, got, c.want)
		}
	}
}

func TestOptions(t *testing.T) {
	g := build(t, "resnet20", network.Options{Width: 0.5, Outputs: 36, Input: tensor.Shape{1, 20, 28}})
	if s := g.Consts["layer3.2.conv2.weight"].Shape; !s.Equal(tensor.Shape{32, 32, 3, 3}) {
		t.Errorf("weight of the last convolution: %v", s)
	}
	if out := run(t, g, 3); !out.Shape.Equal(tensor.Shape{3, 36}) {
		t.Errorf("output %v", out.Shape)
	}
	for _, c := range []struct {
		net  string
		o    network.Options
		want string
	}{
		{"mlp", network.Options{Activation: "gelu"}, `activation "gelu": expected one of`},
		{"mlp", network.Options{Outputs: -1}, "outputs -1: expected 1 to"},
		{"mlp", network.Options{Input: tensor.Shape{784}}, "expected 3 dimensions"},
		{"mlp", network.Options{Input: tensor.Shape{1, 0, 28}}, "expected dimensions of 1 to 4096"},
		{"resnet20", network.Options{Width: -1}, "width -1"},
		{"resnet20", network.Options{Width: math.NaN()}, "width NaN"},
		{"vgg-small", network.Options{Width: 16}, "at most 4096 channels, found 8192"},
		{"lenet", network.Options{Input: tensor.Shape{1, 10, 10}}, "smaller than the filter"},
		{"lenet", network.Options{Input: tensor.Shape{1, 13, 4}}, "smaller than the filter"},
		{"autoencoder-cifar", network.Options{Input: tensor.Shape{3, 18, 16}}, "that 4 divides"},
		{"autoencoder-mnist", network.Options{Outputs: 10}, "expected none"},
	} {
		n, err := network.Lookup(c.net)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := n.Build(c.o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %+v: error %v, want %q", c.net, c.o, err, c.want)
		}
	}
	if _, err := network.Lookup("resnet21"); err == nil || !strings.Contains(err.Error(), "expected one of mlp, lenet") {
		t.Errorf("unknown network: %v", err)
	}
}
