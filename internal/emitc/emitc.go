// Package emitc writes integer networks as C99: a library without
// multiplication, division, floating point, allocation or C library, for cores
// that have none of these. docs/lut.md specifies its integers, docs/embedded.md
// the files.
package emitc

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"lutra/internal/lut"
	"lutra/internal/safe"
)

// Options say what is emitted.
type Options struct {
	// Name prefixes all names and files: a C identifier. "" makes one of the
	// network's name.
	Name string
	// Labels are the names of the outputs' classes, for the example; may be nil.
	Labels []string
	// Vectors are inputs for the self-test, each the levels of all inputs, one
	// after the other, in the order of lut.Tensor.
	Vectors [][]uint8
	// Bytes are the levels of bytes, for each channel of the one input: the
	// library then takes pixels or features. nil: levels only.
	Bytes []Bytes
	// Samples are the levels of samples of 16 bits, in all channels: the library
	// then takes them, too. nil: it does not.
	Samples *Samples
	// Rate is the samples a second, 8000 or 16000, of the sound whose spectrum
	// (audio.Spectrum) the bytes are: the library then takes sound. 0: none.
	Rate int
	// Stream adds what computes a network row by row (lut.Network.Stream).
	Stream bool
	// Error adds how far what an auto-encoder makes of an input is from it
	// (lut.ReconstructionError).
	Error bool
	// Tool is the version that the files name.
	Tool string
}

// Library is the emitted files.
type Library struct {
	Name   string
	Files  map[string][]byte
	Report *Report
}

var identifier = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]{0,40}$`)

// Emit writes n. It fails with a *safe.FormatError that names all layers that
// have no form in C, and what to do.
func Emit(n *lut.Network, o Options) (*Library, error) {
	g, err := newGenerator(n, o)
	if err != nil {
		return nil, err
	}
	g.plan()
	if err := g.planStream(); err != nil {
		return nil, err
	}
	g.bytesInput()
	g.samplesInput()
	if err := g.reconstruction(); err != nil {
		return nil, err
	}
	if err := g.sound(); err != nil {
		return nil, err
	}
	if err := g.writeStream(); err != nil {
		return nil, err
	}
	for i, l := range n.Layers {
		g.rowsOf = append(g.rowsOf, g.layer(fmt.Sprintf("layer_%d", i), l))
	}
	lib := &Library{Name: g.prefix, Files: map[string][]byte{}, Report: g.report()}
	if err := g.files(lib); err != nil {
		return nil, err
	}
	return lib, nil
}

// newGenerator checks n and the name.
func newGenerator(n *lut.Network, o Options) (*generator, error) {
	if o.Name == "" {
		o.Name = nameOf(n.Name)
	}
	if !identifier.MatchString(o.Name) {
		return nil, &safe.FormatError{Field: "name", Expected: "a C identifier of at most 41 letters, digits and _", Found: fmt.Sprintf("%q", o.Name)}
	}
	if slices.Contains(taken, strings.ToLower(o.Name)) {
		return nil, &safe.FormatError{Field: "name", Expected: "a name that no header of C and no other emitted file has", Found: o.Name}
	}
	if err := check(n); err != nil {
		return nil, err
	}
	if err := checkInput(n, &o); err != nil {
		return nil, err
	}
	return &generator{net: n, o: o, arrays: arrays{prefix: o.Name, names: map[string]string{}}, pieces: map[string]bool{}, tables: map[*lut.Table]string{}}, nil
}

// taken are the names of other files: NAME.h would hide a header of C, NAME.c
// or NAME.json overwrite a file of the library.
var taken = []string{
	"assert", "complex", "ctype", "errno", "fenv", "float", "inttypes", "iso646", "limits", "locale", "math", "setjmp", "signal",
	"stdarg", "stdbool", "stddef", "stdint", "stdio", "stdlib", "string", "tgmath", "time", "wchar", "wctype",
	"example_main", "library", "package",
}

// nameOf is a C identifier like s.
func nameOf(s string) string {
	name := strings.Trim(regexp.MustCompile(`[^A-Za-z0-9]+`).ReplaceAllString(s, "_"), "_")
	if name == "" || name[0] < 'A' {
		name = "net_" + name
	}
	name = strings.ToLower(strings.TrimRight(name[:min(len(name), 32)], "_"))
	if slices.Contains(taken, name) {
		name = "net_" + name
	}
	return name
}

// maxTaps bounds the taps of a depthwise filter, whose rows lie on the stack.
const maxTaps = 25

// check refuses layers that have no form in C.
func check(n *lut.Network) error {
	var bad []string
	for _, l := range n.Layers {
		if why := refusal(n, l); why != "" {
			bad = append(bad, fmt.Sprintf("%s (%s)", l.Label(), why))
		}
	}
	if len(bad) == 0 {
		return nil
	}
	return &safe.FormatError{
		File: n.Name, Where: "layers", Expected: "layers that have a form in C", Found: strings.Join(bad, ", "),
		Hint: "change these layers of the network, or run it with lutra",
	}
}

// refusal says why l cannot be emitted, or "".
func refusal(n *lut.Network, l lut.Layer) string {
	scores := n.Tensors[l.Writes()].Scores()
	switch l := l.(type) {
	case *lut.Linear:
		switch {
		case l.Groups > 1 && (l.Groups != n.Tensors[l.In].C || l.Outputs != l.Groups):
			return fmt.Sprintf("a convolution of %d groups: 1, or one filter per channel", l.Groups)
		case l.Groups > 1 && (l.Residual >= 0 || scores):
			return "a filter per channel with a residual, or scores"
		case l.Table.Exact():
			return "exact products: build with rounded ones"
		case l.Groups > 1 && l.Table.D > 1:
			return "a filter per channel of pairs"
		case l.Groups > 1 && (l.K > maxTaps || l.Table.Words > 256):
			return fmt.Sprintf("a filter per channel of more than %d taps or 256 codewords", maxTaps)
		case l.Table.D > 1 && l.Block < l.K:
			return fmt.Sprintf("sums of pairs fit 16 bits for %d of %d taps only: build with larger blocks", l.Block, l.K)
		case l.Table.D > 1 && l.Table.Words > 256:
			return "more than 256 pairs"
		case l.Residual >= 0 && scores:
			return "scores with a residual"
		}
	case *lut.Sum:
		if l.LowBits > 0 {
			return "exact sums: build with rounded products"
		}
		if len(l.In) != 2 {
			return fmt.Sprintf("a sum of %d operands: 2", len(l.In))
		}
		if scores {
			return "a sum that is a score"
		}
	case *lut.AvgPool:
		if l.LowBits > 0 {
			return "exact sums: build with rounded products"
		}
		if scores {
			return "an average that is a score"
		}
	case *lut.Gather:
		if scores {
			return "scores that move: a slice, padding of channels, or a transposition"
		}
	case *lut.Concat, *lut.MaxPool:
	default:
		return fmt.Sprintf("%T", l)
	}
	return ""
}
