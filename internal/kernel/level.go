package kernel

//go:generate go run -C _gen .

import (
	"fmt"
	"strings"
)

// Level is an instruction set, in ascending order of speed.
type Level uint8

const (
	Generic Level = iota // plain Go
	Fused                // plain Go with the float32 sums of the levels with vectors, bit by bit, and slower for it
	NEON                 // every arm64 processor; table products only, the rest is plain Go
	AVX2                 // AVX2 and FMA
	AVXVNNI              // AVX2 and AVX-VNNI (Alder Lake and later without AVX-512); in float32 the same as AVX2
	AVX512               // AVX-512 F, BW, DQ, VL and VBMI (Ice Lake, Zen 4 and later)
	VNNI                 // AVX512 and AVX-512 VNNI; in float32 the same as AVX512
	AMX                  // VNNI and AMX-INT8 (Sapphire Rapids and later, on Linux)
	levels
)

var levelNames = [levels]string{"generic", "fused", "neon", "avx2", "avxvnni", "avx512", "vnni", "amx"}

// Best is the fastest level that this machine supports.
func Best() Level {
	for l := levels - 1; l > Fused; l-- {
		if l.Supported() {
			return l
		}
	}
	return Generic
}

// Supported reports whether this machine, its operating system and this build
// can run l. Methods of an unsupported level may crash.
func (l Level) Supported() bool { return l <= Fused || l < levels && supported(l) }

// DotsBytes reports whether l has an instruction that multiplies bytes exactly,
// so that products of bytes are faster than tables of them.
func (l Level) DotsBytes() bool { return l == AVXVNNI || l >= VNNI }

// Portable is l if its float32 kernels have the bits of all levels with vectors,
// and else Fused: for what computes files, which do not depend on the machine.
func (l Level) Portable() Level {
	if l < AVX2 {
		return Fused
	}
	return l
}

// String is the name that ParseLevel reads: "generic", "fused", "neon", "avx2",
// "avxvnni", "avx512", "vnni", "amx".
func (l Level) String() string {
	if l < levels {
		return levelNames[l]
	}
	return fmt.Sprintf("level(%d)", uint8(l))
}

// ParseLevel is the level of that name; "auto" and "" are the best one. It
// fails if the name is unknown or the level is not supported.
func ParseLevel(name string) (Level, error) {
	if name == "" || name == "auto" {
		return Best(), nil
	}
	for l, n := range levelNames {
		if n != name {
			continue
		}
		if !Level(l).Supported() {
			return Generic, fmt.Errorf("cpu level %s is not supported by this machine (best: %s)", name, Best())
		}
		return Level(l), nil
	}
	return Generic, fmt.Errorf("unknown cpu level %q (known: auto, %s)", name, strings.Join(levelNames[:], ", "))
}

// need panics if x has less than n elements. (The slice expression x[:n] would
// let n reach into the capacity.)
func need[T any](x []T, n int) {
	if len(x) < n {
		panic("kernel: slice too short")
	}
}
