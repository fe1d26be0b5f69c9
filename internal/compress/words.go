package compress

import (
	"lutra/internal/graph"
	"lutra/internal/tensor"
)

// Codewords is the precision in which codewords are stored.
type Codewords uint8

const (
	// Float16Words are numbers in half precision.
	Float16Words Codewords = iota
	// Float32Words are numbers in single precision.
	Float32Words
	// Int8Words are bytes and one scale for the codebook: half the size, and
	// without error in 8-bit execution. Codebooks that bytes render badly, and
	// those that were recognised in the weights and are not bytes already, are
	// stored as Float16Words.
	Int8Words
)

var codewordsNames = [...]string{Float16Words: "float16", Float32Words: "float32", Int8Words: "int8"}

// String is the name that ParseCodewords reads.
func (c Codewords) String() string { return nameOf(codewordsNames[:], int(c)) }

// MarshalText is String.
func (c Codewords) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// ParseCodewords reads "float16", "float32" or "int8".
func ParseCodewords(s string) (Codewords, error) {
	i, err := parseName("codewords", codewordsNames[:], s)
	return Codewords(i), err
}

// CodewordsNames lists what ParseCodewords reads.
func CodewordsNames() []string { return codewordsNames[:] }

// maxNoise is the energy of rounding errors, relative to the codewords', up to
// which codewords become bytes. Gaussian ones have 0.0001.
const maxNoise = 0.001

// round replaces words by numbers near them that can be stored. weight, if not
// nil, says how much the error of each number counts. scale is the step of
// bytes, 0 for numbers of floating point.
func (c Codewords) round(words []float32, weight []float64) (scale float32) {
	if c == Int8Words {
		q, scale, noise := graph.RoundWords(words, weight)
		if noise <= maxNoise {
			for i, v := range q {
				words[i] = float32(v) * scale
			}
			return scale
		}
	}
	if c != Float32Words {
		for i, v := range words {
			words[i] = tensor.FromHalf(tensor.ToHalf(min(max(v, -maxHalf), maxHalf)))
		}
	}
	return 0
}

// roundExact is round for codewords that represent the weights without error:
// they become bytes only if that changes nothing but the last bits.
func (c Codewords) roundExact(words []float32) (scale float32) {
	if c == Int8Words {
		if _, _, noise := graph.RoundWords(words, nil); noise > negligible {
			c = Float16Words
		}
	}
	return c.round(words, nil)
}

// tensor holds words, [k, d], as round has left them with that scale.
func (c Codewords) tensor(words []float32, scale float32, k, d int) *tensor.Tensor {
	switch {
	case scale != 0:
		q := make([]int8, len(words))
		for i, v := range words {
			q[i] = int8(v / scale)
		}
		return tensor.Of(q, k, d)
	case c == Float32Words:
		return tensor.Of(words, k, d)
	}
	return toHalf(tensor.Of(words, k, d))
}

// bytes is the storage of codewords of n numbers in all.
func (c Codewords) bytes(n int) int {
	switch c {
	case Int8Words:
		return n
	case Float32Words:
		return 4 * n
	}
	return 2 * n
}

// precision is that of the codewords of c.
func precision(c *graph.Codebook) Codewords {
	switch c.Words.DType {
	case tensor.Int8:
		return Int8Words
	case tensor.Float32:
		return Float32Words
	}
	return Float16Words
}

// maxHalf is the largest finite float16 number.
const maxHalf = 65504
