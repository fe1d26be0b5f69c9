//go:build unix

package lut

import (
	"context"
	"fmt"
	"syscall"
	"testing"
	"time"

	"lutra/internal/engine"
	"lutra/internal/graph"
	"lutra/internal/kernel"
	"lutra/internal/tensor"
)

// alexNet is the geometry of AlexNet's conv2 to conv5, ungrouped.
var alexNet = []struct {
	name                               string
	inputs, size, outputs, kernel, pad int
}{
	{"conv2", 96, 27, 256, 5, 2},
	{"conv3", 256, 13, 384, 3, 1},
	{"conv4", 384, 13, 384, 3, 1},
	{"conv5", 384, 13, 256, 3, 1},
}

// BenchmarkConv runs layers of 256 codewords by every engine: of 32 levels and
// one weight, products exact or rounded (D1), or pairs (D2), and of 16 and 256
// levels; and beside them a dense float32 convolution of the same shape. They take turns. It reports
// multiply-accumulates in a second of processor time, in billions.
func BenchmarkConv(b *testing.B) {
	for _, c := range alexNet {
		k := c.inputs * c.kernel * c.kernel
		macs := float64(k) * float64(c.outputs*c.size*c.size)
		for _, level := range []kernel.Level{kernel.Generic, kernel.AVX2, kernel.AVXVNNI, kernel.AVX512, kernel.VNNI} {
			if !level.Supported() {
				continue
			}
			b.Run(fmt.Sprintf("%s/%v", c.name, level), func(b *testing.B) {
				names, runs := []string{"float32"}, []func(){denseConv(b, c.inputs, c.size, c.outputs, c.kernel, c.pad, level)}
				for _, form := range []struct {
					name      string
					d, levels int
					exact     bool
				}{{"exact", 1, 32, true}, {"D1", 1, 32, false}, {"D2", 2, 32, false}, {"L16", 1, 16, false}, {"L256", 1, 256, false}} {
					s := newSketch(1, c.inputs, c.size, c.size)
					x := s.quantise("x", graph.Quantiser{Levels: form.levels, High: 6})
					y := s.quantise(s.conv(x, s.book(256, form.d), form.d, c.outputs, c.kernel, 1, c.pad, 1, 1), s.bounds(x, k, form.levels, 0))
					names, runs = append(names, form.name), append(runs, levelConv(s.network(b, Options{Exact: form.exact}, y), level, form.levels))
				}
				least := make([]time.Duration, len(runs))
				for b.Loop() {
					for i, run := range runs {
						start := processorTime(b)
						run()
						if d := processorTime(b) - start; d < least[i] || least[i] == 0 {
							least[i] = d
						}
					}
				}
				for i, name := range names {
					b.ReportMetric(macs/float64(least[i].Nanoseconds()), name+"-GMAC/s")
				}
			})
		}
	}
}

// processorTime is what this process has used.
func processorTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// levelConv runs n, whose input has that many levels.
func levelConv(n *Network, level kernel.Level, levels int) func() {
	s := n.Compile(level).NewSession()
	in := s.Levels(n.Inputs[0].Tensor)
	for i := range in {
		in[i] = uint8(i * 7 % levels)
	}
	return s.Run
}

// denseConv is a convolution with a relu by the float32 engine, on one thread.
func denseConv(b testing.TB, inputs, size, outputs, window, pad int, level kernel.Level) func() {
	g := &graph.Graph{Consts: map[string]*tensor.Tensor{}, Opsets: map[string]int64{"": 17}}
	g.Inputs = []graph.Value{{Name: "x", DType: tensor.Float32, Dims: []graph.Dim{{Size: 1}, {Size: inputs}, {Size: size}, {Size: size}}}}
	g.Outputs = []graph.Value{{Name: "y", DType: tensor.Float32, NoShape: true}}
	w := tensor.New(tensor.Float32, outputs, inputs, window, window)
	for i := range w.Float32s() {
		w.Float32s()[i] = float32(i%7) - 3
	}
	g.Consts["w"] = w
	p := int64(pad)
	g.Nodes = []*graph.Node{
		{Op: "Conv", Inputs: []string{"x", "w"}, Outputs: []string{"c"}, Attrs: []graph.Attr{graph.IntsAttr("pads", p, p, p, p)}},
		{Op: "Relu", Inputs: []string{"c"}, Outputs: []string{"y"}},
	}
	if err := g.Validate(); err != nil {
		b.Fatal(err)
	}
	m, err := engine.Compile(g, engine.Options{Threads: 1, Level: &level})
	if err != nil {
		b.Fatal(err)
	}
	plan, err := m.Plan(map[string]tensor.Shape{"x": {1, inputs, size, size}}, nil)
	if err != nil {
		b.Fatal(err)
	}
	session, in := m.NewSession(), map[string]*tensor.Tensor{"x": tensor.New(tensor.Float32, 1, inputs, size, size)}
	return func() {
		if _, err := session.Run(context.Background(), plan, in); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkNetwork runs whole networks of random weights by every engine, one
// sample at a time from its numbers to the scores: the keyword spotter DS-CNN
// and MobileNet (0.25, 96 pixels), MLPerf's for small devices. It reports the
// processor time of the run that took least.
func BenchmarkNetwork(b *testing.B) {
	for name, draw := range map[string]func(testing.TB) *Network{"DS-CNN": dsCNN, "MobileNet": mobileNet} {
		n := draw(b)
		for _, level := range []kernel.Level{kernel.Generic, kernel.AVX2, kernel.AVX512} {
			if !level.Supported() {
				continue
			}
			b.Run(fmt.Sprintf("%s/%v", name, level), func(b *testing.B) {
				s, x := n.Compile(level).NewSession(), make([]float32, n.Tensors[n.Inputs[0].Tensor].Elems())
				for i := range x {
					x[i] = float32(i%97) / 97
				}
				var least time.Duration
				for b.Loop() {
					start := processorTime(b)
					s.Quantize("x", x)
					s.Run()
					if d := processorTime(b) - start; d < least || least == 0 {
						least = d
					}
				}
				b.ReportMetric(float64(least.Nanoseconds())/1e3, "least-µs")
			})
		}
	}
}

// block is a convolution with 32 levels behind it.
func (s *sketch) block(x string, outputs, window, stride, pad, groups int) string {
	k := s.shapes[x][1] / groups * window * window
	return s.quantise(s.conv(x, s.book(256, 1), 1, outputs, window, stride, pad, 1, groups), s.bounds(x, k, 32, 0))
}

// separable is a depthwise convolution and one of 1x1.
func (s *sketch) separable(x string, outputs, stride int) string {
	channels := s.shapes[x][1]
	return s.block(s.block(x, channels, 3, stride, 1, channels), outputs, 1, 1, 0, 1)
}

// classify averages planes and ends in scores.
func (s *sketch) classify(x string, classes int) string {
	in := s.shapes[x]
	p := s.node("GlobalAveragePool", []string{x}, tensor.Shape{1, in[1], 1, 1})
	return s.dense(s.quantise(p, s.quants[x]), s.book(256, 1), 1, classes)
}

func dsCNN(t testing.TB) *Network {
	s := newSketch(1, 1, 49, 10)
	x := s.block(s.quantise("x", graph.Quantiser{Levels: 32, High: 1}), 64, 7, 2, 3, 1)
	for range 4 {
		x = s.separable(x, 64, 1)
	}
	return s.network(t, Options{}, s.classify(x, 12))
}

func mobileNet(t testing.TB) *Network {
	s := newSketch(1, 3, 96, 96)
	x := s.block(s.quantise("x", graph.Quantiser{Levels: 32, High: 1}), 8, 3, 2, 1, 1)
	for _, l := range [][2]int{{16, 1}, {32, 2}, {32, 1}, {64, 2}, {64, 1}, {128, 2}, {128, 1}, {128, 1}, {128, 1}, {128, 1}, {128, 1}, {256, 2}, {256, 1}} {
		x = s.separable(x, l[0], l[1])
	}
	return s.network(t, Options{}, s.classify(x, 2))
}
