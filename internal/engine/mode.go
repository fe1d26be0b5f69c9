package engine

import (
	"slices"
	"strings"

	"lutra/internal/safe"
)

// Mode is the arithmetic of convolutions and matrix products.
type Mode uint8

const (
	// Float32 computes everything in float32.
	Float32 Mode = iota
	// BF16 keeps activations and weights in bfloat16 and sums in float32. It
	// needs no ranges, and differs from float32 by a few thousandths.
	BF16
	// Int8 multiplies 8-bit activations by 8-bit weights wherever the graph
	// carries the range of a layer's input; it refuses graphs without ranges.
	Int8
	// Auto is Int8 that keeps to the float32 results: weights that 8 bits
	// render badly get 16, layers whose inputs they render badly stay in
	// float32. BF16 takes the place of float32, or of everything, where it is
	// predicted to be faster. Graphs without ranges run in float32.
	Auto
)

var modeNames = [...]string{Float32: "fp32", BF16: "bf16", Int8: "int8", Auto: "auto"}

// Modes lists the names that ParseMode reads.
func Modes() []string { return modeNames[:] }

// ParseMode is the mode of that name; "" is Float32.
func ParseMode(name string) (Mode, error) {
	if name == "" {
		return Float32, nil
	}
	if i := slices.Index(modeNames[:], name); i >= 0 {
		return Mode(i), nil
	}
	return 0, safe.Optionf("mode %q: expected one of %s", name, strings.Join(modeNames[:], ", "))
}

func (m Mode) String() string { return modeNames[m] }
