package lutra

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"

	"lutra/internal/data"
	"lutra/internal/emitc"
	"lutra/internal/graph"
	"lutra/internal/lut"
	"lutra/internal/safe"
)

// EmitOptions say what EmitC writes.
type EmitOptions struct {
	Target  string // "c": C99, the default; "wasm": a WebAssembly module with a loader in JavaScript
	Name    string // C identifier that prefixes all names; "": made of the model's
	Vectors int    // random inputs of the self-test
	Seed    uint64 // of these inputs
	// Preprocess says how bytes become inputs: the library then takes pixels or
	// features by tables. nil: as the model carries it, if it does. The
	// preprocessing "speech" makes it take sound, too.
	Preprocess *Preprocess
	// Int16 is the number that a sample of 16 bits is counted in: sample x is the
	// number x*Int16, as 1.0/32768 for sound from -1 to 1. The library then takes
	// samples, too. 0: it does not. In C only.
	Int16  float64
	Narrow bool // products of 8 bits where that moves sums by a quarter of a level at most
	Rate   int  // of sound, samples a second: 8000 (also 0) or 16000
	// Stream adds functions that compute the network row by row, with sound half
	// a frame by half a frame (docs/lut.md). In C only.
	Stream bool
	// Error adds, of an auto-encoder with levels as output, how far the output is
	// from the input: a sum of squares that says whether the input is an anomaly.
	Error bool
}

// Names of package emitc that belong to the public API.
type (
	// CLibrary is emitted files by name, and a report of what they take.
	CLibrary = emitc.Library
	// CReport says what an emitted library takes.
	CReport = emitc.Report
)

// EmitC writes m, a network of lookup tables (docs/lut.md), as a C99 library
// that neither multiplies nor uses floating point, or as a WebAssembly module
// (docs/embedded.md). Its numbers are those of mode lut16, but with Narrow. It fails with a *FormatError that names the operators without
// a form in C, and nodes of them.
func (m *Model) EmitC(o EmitOptions) (*CLibrary, error) {
	tables := m.cTables()
	tables.Narrow = o.Narrow
	n, err := lut.Build(m.graph, tables)
	if err != nil {
		return nil, err
	}
	if n.Name == "" {
		n.Name = m.path
	}
	options := emitc.Options{Name: o.Name, Labels: m.Labels(), Tool: "lutra " + Version(), Error: o.Error}
	if err := m.inputBytes(n, o, &options); err != nil {
		return nil, err
	}
	if err := inputSamples(n, o, &options); err != nil {
		return nil, err
	}
	switch o.Target {
	case "", "c":
		options.Vectors, options.Stream = drawLevels(n, o.Vectors, o.Seed), o.Stream
		return emitc.Emit(n, options)
	case "wasm":
		if o.Stream {
			return nil, &FormatError{Field: "stream", Expected: "target c", Found: o.Target}
		}
		return emitc.EmitWasm(n, options)
	}
	return nil, &FormatError{Field: "target", Expected: "c or wasm", Found: o.Target}
}

// drawLevels draws levels of all inputs of n.
func drawLevels(n *lut.Network, count int, seed uint64) [][]uint8 {
	rng := rand.New(rand.NewPCG(seed, 0))
	vectors := make([][]uint8, count)
	for i := range vectors {
		for _, in := range n.Inputs {
			t := &n.Tensors[in.Tensor]
			for range t.Elems() {
				vectors[i] = append(vectors[i], uint8(rng.IntN(t.Quantiser.Levels)))
			}
		}
	}
	return vectors
}

// inputBytes says in e which levels bytes become, if o or the model tells their
// preprocessing, and whether they are spectra of sound.
func (m *Model) inputBytes(n *lut.Network, o EmitOptions, e *emitc.Options) error {
	p := o.Preprocess
	if p == nil {
		own, known, err := m.Preprocess()
		if !known || err != nil {
			return err
		}
		p = &own
	}
	if len(n.Inputs) != 1 {
		return nil
	}
	t := &n.Tensors[n.Inputs[0].Tensor]
	if t.C != p.Channels() {
		return &safe.FormatError{File: m.path, Field: "input " + n.Inputs[0].Name, Expected: fmt.Sprintf("%d channels, as the preprocessing yields", p.Channels()),
			Found: fmt.Sprint(t.C), Hint: "see --order"}
	}
	for c := range t.C {
		e.Bytes = append(e.Bytes, bytesOf(t.Quantiser, p.Table(c)))
	}
	if speech, err := data.Preset("speech"); err == nil && reflect.DeepEqual(*p, speech) {
		e.Rate = cmp.Or(o.Rate, 8000)
	}
	return nil
}

// inputSamples says in e which levels samples of 16 bits become.
func inputSamples(n *lut.Network, o EmitOptions, e *emitc.Options) error {
	switch {
	case o.Int16 == 0:
		return nil
	case !(o.Int16 > 0) || math.IsInf(o.Int16, 0):
		return &FormatError{Field: "int16", Expected: "a number above 0", Found: fmt.Sprint(o.Int16)}
	case o.Target == "wasm":
		return &FormatError{Field: "int16", Expected: "target c", Found: o.Target}
	}
	e.Samples = new(emitc.Samples)
	for i := range e.Samples {
		e.Samples[i] = n.Tensors[n.Inputs[0].Tensor].Quantiser.Index(float32(float64(i+math.MinInt16) * o.Int16))
	}
	return nil
}

// bytesOf is the levels of the numbers that bytes become.
func bytesOf(q graph.Quantiser, table *[256]float32) (b emitc.Bytes) {
	for i, v := range table {
		b[i] = q.Index(v)
	}
	return b
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
