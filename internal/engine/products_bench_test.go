package engine_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"lutra/internal/engine"
	"lutra/internal/graph"
	"lutra/internal/kernel"
	"lutra/internal/realdata"
	"lutra/internal/tensor"
	"lutra/internal/torch"
)

// form is a way to compute a convolution whose weight is a codebook.
type form struct {
	name     string
	mode     engine.Mode
	products engine.Products
	dense    bool // the codebook is decoded beforehand
}

var forms = []form{
	{"dense fp32", engine.Float32, engine.ProductsFastest, true},
	{"A fp32: codes decoded inside", engine.Float32, engine.ProductsFastest, false},
	{"A int8", engine.Int8, engine.ProductsDirect, false},
	{"B int8: tables", engine.Int8, engine.ProductsByTables, false},
	{"C int8: sums", engine.Int8, engine.ProductsBySums, false},
}

// BenchmarkForms times the three layers of Kersner's post on codebooks, with
// the codes of a released network: the fastest of many runs of that step, one
// thread. LUTRA_CPU chooses the instruction set.
func BenchmarkForms(b *testing.B) {
	all, err := torch.Import(realdata.Path(b, "compressed/kill-the-bits/resnet18_small_blocks.pth"), torch.ImportOptions{})
	if err != nil {
		b.Fatal(err)
	}
	level, err := kernel.ParseLevel(os.Getenv("LUTRA_CPU"))
	if err != nil {
		b.Fatal(err)
	}
	for _, layer := range []struct {
		weight string
		c, hw  int
	}{{"layer4.1.conv1.weight", 512, 7}, {"layer3.1.conv1.weight", 256, 14}, {"layer2.1.conv1.weight", 128, 28}} {
		book, err := all.Codebook(layer.weight)
		if err != nil || book == nil {
			b.Fatal(err)
		}
		for _, f := range forms {
			b.Run(fmt.Sprintf("%dx%dx%d/%s", layer.hw, layer.hw, layer.c, f.name), func(b *testing.B) {
				best := timeOfLayer(b, book, layer.c, layer.hw, f, level)
				b.ReportMetric(float64(best)/1e3, "us")
				b.ReportMetric(float64(layer.hw*layer.hw*layer.c*layer.c*9)/float64(best), "GMAC/s")
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}

// timeOfLayer is the least time of the step of a 3x3 convolution between two
// values of bytes.
func timeOfLayer(b *testing.B, book *graph.Codebook, c, hw int, f form, level kernel.Level) time.Duration {
	g := layerGraph(b, book, c, hw, f.dense)
	m, err := engine.Compile(g, engine.Options{Threads: 1, Level: &level, Mode: f.mode, Products: f.products})
	if err != nil {
		b.Fatal(err)
	}
	p, err := m.Plan(map[string]tensor.Shape{"x": {1, c, hw, hw}}, nil)
	if err != nil {
		b.Fatal(err)
	}
	s := m.NewSession()
	s.Timed(true)
	best := time.Hour
	for b.Loop() {
		if _, err := s.Run(context.Background(), p, map[string]*tensor.Tensor{"x": layerInput(c, hw)}); err != nil {
			b.Fatal(err)
		}
		for i, d := range s.Profile() {
			if strings.Contains(p.Steps()[i].Kernel, "3x3") {
				best = min(best, d)
			}
		}
	}
	return best
}

func layerInput(c, hw int) *tensor.Tensor {
	rng := rand.New(rand.NewPCG(1, 1))
	x := tensor.New(tensor.Float32, 1, c, hw, hw)
	for i := range x.Float32s() {
		x.Float32s()[i] = float32(max(0, rng.NormFloat64()))
	}
	return x
}

// layerGraph is the convolution, a rectifier and a maximum: what keeps both
// ends in bytes.
func layerGraph(b *testing.B, book *graph.Codebook, c, hw int, dense bool) *graph.Graph {
	ints := func(name string, v ...int64) graph.Attr { return graph.IntsAttr(name, v...) }
	g := &graph.Graph{
		IRVersion: 8, Opsets: map[string]int64{"": 13}, Consts: map[string]*tensor.Tensor{},
		Inputs:  []graph.Value{{Name: "x", DType: tensor.Float32, Dims: []graph.Dim{{Size: 1}, {Size: c}, {Size: hw}, {Size: hw}}}},
		Outputs: []graph.Value{{Name: "z", DType: tensor.Float32, NoShape: true}},
		Nodes: []*graph.Node{
			{Op: "Conv", Inputs: []string{"x", book.Name}, Outputs: []string{"c"}, Attrs: []graph.Attr{ints("pads", 1, 1, 1, 1)}},
			{Op: "Relu", Inputs: []string{"c"}, Outputs: []string{"y"}},
			{Op: "MaxPool", Inputs: []string{"y"}, Outputs: []string{"z"}, Attrs: []graph.Attr{ints("kernel_shape", 2, 2), ints("strides", 2, 2)}},
		},
	}
	if dense {
		g.Consts[book.Name] = book.Decode()
	} else if err := g.AddCodebook(book); err != nil {
		b.Fatal(err)
	}
	if err := g.SetRanges(map[string]graph.Range{"x": {Hi: 4}, "y": {Hi: 8}, "z": {Hi: 8}}); err != nil {
		b.Fatal(err)
	}
	return g
}
