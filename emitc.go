package lutra

import (
	"math"
	"math/rand/v2"

	"lutra/internal/emitc"
	"lutra/internal/lut"
)

// EmitOptions say what EmitC writes.
type EmitOptions struct {
	Name    string // C identifier that prefixes all names; "": made of the model's
	Vectors int    // random inputs of the self-test
	Seed    uint64 // of these inputs
}

// Names of package emitc that belong to the public API.
type (
	// CLibrary is emitted C files by name, and a report of what they take.
	CLibrary = emitc.Library
	// CReport says what a C library takes.
	CReport = emitc.Report
)

// EmitC writes m, a network of lookup tables (docs/lut.md), as a C99 library
// that neither multiplies nor uses floating point (docs/embedded.md). It fails
// with a *FormatError that names all nodes without a form in C.
func (m *Model) EmitC(o EmitOptions) (*CLibrary, error) {
	n, err := lut.Build(m.graph, lut.Options{Shared: true, Block: m.pairTaps()})
	if err != nil {
		return nil, err
	}
	if n.Name == "" {
		n.Name = m.path
	}
	rng := rand.New(rand.NewPCG(o.Seed, 0))
	vectors := make([][]uint8, o.Vectors)
	for i := range vectors {
		for _, in := range n.Inputs {
			t := &n.Tensors[in.Tensor]
			for range t.Elems() {
				vectors[i] = append(vectors[i], uint8(rng.IntN(t.Quantiser.Levels)))
			}
		}
	}
	return emitc.Emit(n, emitc.Options{Name: o.Name, Labels: m.Labels(), Vectors: vectors, Tool: "lutra " + Version()})
}

// pairTaps is lut.Options.Block: all taps where codewords are pairs, whose sums
// the C adds up in 16 bits.
func (m *Model) pairTaps() int {
	books, err := m.graph.Codebooks()
	if err != nil {
		return 0
	}
	for _, c := range books {
		if c.D == 2 {
			return math.MaxInt32
		}
	}
	return 0
}
