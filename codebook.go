package lutra

import "lutra/internal/graph"

// Codebook is what a quantised weight is made of.
type Codebook struct {
	K, D   int       // codewords, and numbers in each
	Words  []float32 // K rows of D
	Counts []int     // blocks that are each codeword
	Shape  Shape     // of the weight; the kernel of a convolution is its last two dimensions
}

// Codebook shows the codewords of a weight as listed by Inspect; nil if it is
// not quantised.
func (m *Model) Codebook(weight string) (*Codebook, error) {
	c, shape, err := m.graph.WeightCodebook(weight)
	if err != nil || c == nil {
		return nil, err
	}
	return &Codebook{K: c.K, D: c.D, Words: c.FloatWords(), Counts: codeCounts(c), Shape: shape}, nil
}

// codeCounts counts the blocks that are each codeword.
func codeCounts(c *graph.Codebook) []int {
	counts := make([]int, c.K)
	for _, k := range c.Codes {
		counts[k]++
	}
	return counts
}
