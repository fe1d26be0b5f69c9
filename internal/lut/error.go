package lut

import (
	"fmt"
	"math"

	"lutra/internal/safe"
)

// ReconstructionError is how far what an auto-encoder makes of an input is from
// that input: a sum of squares, which are looked up. A large one says that the
// input is not of the kind that the network was trained on.
type ReconstructionError struct {
	At      []int32  // per level of the input, where it lies among those of the output
	Squares []uint32 // of distances, in levels of the output
	Unit    float64  // a sum s stands for the mean square s*Unit
}

// ReconstructionError is that of n, whose only output must be levels, evenly
// spaced, in the shape of its only input.
func (n *Network) ReconstructionError() (*ReconstructionError, error) {
	refuse := func(expected, found string) error {
		return &safe.FormatError{File: n.Name, Field: "reconstruction error", Expected: expected, Found: found, Hint: "train with --output-levels"}
	}
	if len(n.Inputs) != 1 || len(n.Outputs) != 1 {
		return nil, refuse("one input and one output", fmt.Sprintf("%d and %d", len(n.Inputs), len(n.Outputs)))
	}
	in, out := &n.Tensors[n.Inputs[0].Tensor], &n.Tensors[n.Outputs[0].Tensor]
	switch {
	case in.C != out.C || in.H != out.H || in.W != out.W:
		return nil, refuse("an output in the shape of the input", fmt.Sprintf("%dx%dx%d and %dx%dx%d", out.C, out.H, out.W, in.C, in.H, in.W))
	case out.Scores():
		return nil, refuse("levels as output", "scores")
	}
	low := float64(out.Quantiser.Value(0))
	step := (float64(out.Quantiser.Value(uint8(out.Quantiser.Levels-1))) - low) / float64(out.Quantiser.Levels-1)
	e := &ReconstructionError{Unit: step * step / float64(in.Elems())}
	farthest := 0
	for a := range in.Quantiser.Levels {
		at := math.Floor((float64(in.Quantiser.Value(uint8(a)))-low)/step + 0.5)
		if math.Abs(at) > 1<<12 {
			return nil, refuse("levels of the output near those of the input", fmt.Sprintf("a level of the input at %g of the output", at))
		}
		e.At = append(e.At, int32(at))
		farthest = max(farthest, int(math.Abs(at)), int(math.Abs(at-float64(out.Quantiser.Levels-1))))
	}
	for d := range farthest + 1 {
		e.Squares = append(e.Squares, uint32(d*d))
	}
	if uint64(in.Elems())*uint64(farthest*farthest) > math.MaxUint32 {
		return nil, refuse("a sum of squares of 32 bits", fmt.Sprintf("%d squares up to %d", in.Elems(), farthest*farthest))
	}
	return e, nil
}

// Of is the error of output levels about input levels, in the same order.
func (e *ReconstructionError) Of(input, output []uint8) uint32 {
	var sum uint32
	for i, a := range input {
		d := int32(output[i]) - e.At[a]
		if d < 0 {
			d = -d
		}
		sum += e.Squares[d]
	}
	return sum
}
