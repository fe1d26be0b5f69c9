package emitc

import (
	"fmt"
	"math"
	"slices"

	"lutra/internal/lut"
	"lutra/internal/safe"
)

// Samples is the level of every sample of 16 bits, that of -32768 first. More
// is never a lower level.
type Samples [1 << 16]uint8

// samplesPage is what templates read about samples of 16 bits as input.
type samplesPage struct {
	Bounds        string
	Count, Lowest int
	Sum           string // of the levels of noise
}

// samplesInput writes the bounds of levels, if samples are taken.
func (g *generator) samplesInput() {
	if g.o.Samples == nil {
		return
	}
	g.use("samples")
	s := g.o.Samples
	lowest, highest := int(s[0]), int(s[len(s)-1])
	var bounds []int16
	for level := lowest + 1; level <= highest; level++ {
		first, _ := slices.BinarySearch(s[:], uint8(level))
		bounds = append(bounds, int16(first+math.MinInt16))
	}
	p := &samplesPage{Count: len(bounds), Lowest: lowest}
	if len(bounds) == 0 { // C has no empty arrays
		bounds = []int16{0}
	}
	p.Bounds = integers(&g.arrays, "int16_t", "bounds", 2, bounds)
	var sum checksum
	state := noise(1)
	for range g.net.Tensors[g.net.Inputs[0].Tensor].Elems() {
		sum.add(uint32(s[int(int16(state.next()>>16))-math.MinInt16]))
	}
	p.Sum = fmt.Sprintf("0x%08xu", sum)
	g.samplesPage = p
}

// checkSamples refuses samples for networks of several inputs, and levels that
// do not ascend.
func checkSamples(n *lut.Network, s *Samples) error {
	if s == nil {
		return nil
	}
	if len(n.Inputs) != 1 {
		return &safe.FormatError{File: n.Name, Field: "input", Expected: "one, of samples of 16 bits", Found: fmt.Sprintf("%d inputs", len(n.Inputs))}
	}
	if !slices.IsSorted(s[:]) {
		return &safe.FormatError{File: n.Name, Field: "samples", Expected: "levels that ascend with the samples", Found: "others"}
	}
	return nil
}
