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
// one weight (D1) or pairs (D2), and of 16 and 256 levels; and beside them a
// dense float32 convolution of the same shape. They take turns. It reports
// multiply-accumulates in a second of processor time, in billions.
func BenchmarkConv(b *testing.B) {
	for _, c := range alexNet {
		k := c.inputs * c.kernel * c.kernel
		macs := float64(k) * float64(c.outputs*c.size*c.size)
		for _, level := range []kernel.Level{kernel.Generic, kernel.AVX2, kernel.AVX512} {
			if !level.Supported() {
				continue
			}
			b.Run(fmt.Sprintf("%s/%v", c.name, level), func(b *testing.B) {
				names, runs := []string{"float32"}, []func(){denseConv(b, c.inputs, c.size, c.outputs, c.kernel, c.pad, level)}
				for _, form := range []struct {
					name      string
					d, levels int
				}{{"D1", 1, 32}, {"D2", 2, 32}, {"L16", 1, 16}, {"L256", 1, 256}} {
					s := newSketch(1, c.inputs, c.size, c.size)
					x := s.quantise("x", graph.Quantiser{Levels: form.levels, High: 6})
					y := s.quantise(s.conv(x, s.book(256, form.d), form.d, c.outputs, c.kernel, 1, c.pad, 1, 1), s.bounds(x, k, form.levels, 0))
					names, runs = append(names, form.name), append(runs, levelConv(s.network(b, Options{}, y), level, form.levels))
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
