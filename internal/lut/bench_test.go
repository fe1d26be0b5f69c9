package lut

import (
	"fmt"
	"testing"

	"lutra/internal/graph"
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

// BenchmarkConv reports multiply-accumulates a second, in billions.
func BenchmarkConv(b *testing.B) {
	for _, c := range alexNet {
		for d := 1; d <= 2; d++ {
			s := newSketch(1, c.inputs, c.size, c.size)
			x := s.quantise("x", graph.Quantiser{Levels: 32, High: 6})
			k := c.inputs * c.kernel * c.kernel
			y := s.quantise(s.conv(x, s.book(256, d), d, c.outputs, c.kernel, 1, c.pad, 1, 1), s.bounds(x, k, 32, 0))
			n := s.network(b, Options{}, y)
			b.Run(fmt.Sprintf("%s/D%d", c.name, d), func(b *testing.B) {
				run := n.NewSession()
				levels := run.Levels(n.Inputs[0].Tensor)
				for i := range levels {
					levels[i] = uint8(i * 7 % 32)
				}
				for b.Loop() {
					run.Run()
				}
				macs := float64(k) * float64(c.outputs*c.size*c.size)
				b.ReportMetric(macs/float64(b.Elapsed().Nanoseconds())*float64(b.N), "GMAC/s")
			})
		}
	}
}
