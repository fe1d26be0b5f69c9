package lut

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"lutra/internal/graph"
	"lutra/internal/kernel"
)

// TestDepthwise compares all engines with the simulation, on filters of one
// channel of all sizes, strides, dilations, paddings and multipliers.
func TestDepthwise(t *testing.T) {
	forms := map[string]int{}
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 5))
		size, stride, dilation, pad := 1+rng.IntN(7), 1+rng.IntN(3), 1+rng.IntN(2), rng.IntN(4)
		channels, times := 1+rng.IntN(9), 1+rng.IntN(mostFilters+2)
		extent := (size-1)*dilation + 1
		s := newSketch(seed, channels, extent+rng.IntN(12), extent+rng.IntN(90))
		levels, d := []int{2, 31, 32, 255}[rng.IntN(4)], 1
		if times%2 == 0 {
			d = 1 + rng.IntN(2)
		}
		x := s.quantise("x", graph.Quantiser{Levels: levels, Low: -2, High: 2})
		y := s.conv(x, s.book(100, d), d, channels*times, size, stride, pad, dilation, channels)
		y = s.quantise(y, s.bounds(x, size*size, levels, rng.IntN(3)))
		n := s.network(t, Options{Exact: seed%2 == 1}, y)
		n.Name = fmt.Sprintf("seed %d: %d filters of %dx%d for each of %d channels, stride %d, dilation %d, padding %d", seed, times, size, size, channels, stride, dilation, pad)
		compare(t, n, rng)
		l := n.Layers[0].(*Linear)
		for name, has := range map[string]bool{"several": times > 1, "blocks": l.Block < l.K, "map": l.Activation.Map != nil, "pairs": d == 2, "row of padding": l.Pad == levels, "exact": l.Table.Exact()} {
			if _, ok := n.Compile(kernel.AVX2).steps[0].(*vectorDepthwise); has && ok {
				forms[name]++
			}
		}
	}
	for _, name := range []string{"several", "blocks", "map", "pairs", "row of padding", "exact"} {
		if kernel.AVX2.Supported() && forms[name] < 3 {
			t.Errorf("%s: in %d networks", name, forms[name])
		}
	}
}
