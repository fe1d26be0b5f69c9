package emitc

import (
	"bytes"
	"embed"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"text/template"

	"lutra/internal/lut"
)

//go:embed templates
var templates embed.FS

// Flags are the options with which GCC leaves address arithmetic without
// multiplication, and loops without calls of a C library.
const Flags = "-fno-ivopts -fno-tree-scev-cprop -fno-tree-ter -fno-tree-loop-distribute-patterns"

// page is what templates read.
type page struct {
	Name, Upper, Title, Tool, Flags string
	Arena, Rows, ColumnsAt, SumsAt  int
	Chunk, Taps, Vectors            int
	Runtime, Layers, Calls          string
	Declared, Arrays                string
	VectorInputs, VectorSums        string
	Inputs, Outputs                 []port
	Labels                          []string
	Bytes                           *bytesPage   // nil: levels only
	Samples                         *samplesPage // nil: no samples
	Sound                           *soundPage   // nil: no sound
	Error                           *errorPage   // nil: no error
	Stream                          *streamPage  // nil: no stream
	Report                          *Report
}

// port is an input or an output.
type port struct {
	Name, Upper, Title string
	Count, H, W, C, At int
	Levels, Top        int
	Low, Step, Unit    string
	Scores, Classes    bool
	Type, Array        string // of elements, in C and in JavaScript
}

// port describes tensor t, number i of count inputs or outputs.
func (g *generator) port(kind, title string, t, i, count int) port {
	name := kind
	if count > 1 {
		name += strconv.Itoa(i)
	}
	x := &g.net.Tensors[t]
	p := port{
		Name: name, Upper: strings.ToUpper(name), Title: comment(title), Count: x.Elems(), H: x.H, W: x.W, C: x.C, At: g.at(t),
		Levels: x.Quantiser.Levels, Top: x.Quantiser.Levels - 1, Scores: x.Scores(), Type: "uint8_t", Array: "Uint8Array",
		Classes: len(g.o.Labels) == x.Elems(), Unit: strconv.FormatFloat(x.Unit, 'g', 6, 64),
	}
	if p.Scores {
		p.Type, p.Array = "int32_t", "Int32Array"
		return p
	}
	low, next := float64(x.Quantiser.Value(0)), float64(x.Quantiser.Value(1))
	p.Low, p.Step = strconv.FormatFloat(low, 'g', 6, 64), strconv.FormatFloat(next-low, 'g', 6, 64)
	return p
}

// ports describes all inputs and outputs.
func (g *generator) ports() (in, out []port) {
	for i, p := range g.net.Inputs {
		in = append(in, g.port("input", p.Name, p.Tensor, i, len(g.net.Inputs)))
	}
	for i, p := range g.net.Outputs {
		out = append(out, g.port("output", p.Name, p.Tensor, i, len(g.net.Outputs)))
	}
	return in, out
}

// comment is s without what could end a comment or a line, or start a trigraph.
func comment(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' || strings.ContainsRune(`*/\?`, r) {
			return '_'
		}
		return r
	}, s)
}

// quoted is s as a C string of printable ASCII; other bytes are octal escapes.
func quoted(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' || c == '?' {
			fmt.Fprintf(&b, `\%03o`, c)
		} else {
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// files fills in the templates.
func (g *generator) files(lib *Library) error {
	text, err := g.runtimeText()
	if err != nil {
		return err
	}
	sums := (g.arena + 7) &^ 7
	p := page{
		Name: g.prefix, Upper: strings.ToUpper(g.prefix), Title: comment(g.net.Name), Tool: comment(g.o.Tool), Flags: Flags,
		SumsAt: sums, ColumnsAt: sums + (g.sumBytes+7)&^7, Rows: g.rows, Chunk: chunk, Taps: max(g.taps, 1),
		Runtime: text, Layers: g.layers.String(), Calls: g.calls.String(), Declared: g.declared.String(), Arrays: g.text.String(),
		Vectors: len(g.o.Vectors), Report: lib.Report, Bytes: g.bytesPage, Samples: g.samplesPage, Sound: g.soundPage, Error: g.errorPage, Stream: g.streamPage,
	}
	p.Arena = p.ColumnsAt
	p.Inputs, p.Outputs = g.ports()
	if slices.ContainsFunc(p.Outputs, func(o port) bool { return o.Classes }) {
		for _, l := range g.o.Labels {
			p.Labels = append(p.Labels, quoted(l))
		}
	}
	if err := g.vectors(&p); err != nil {
		return err
	}
	if err := lib.addReport(); err != nil {
		return err
	}
	return lib.fill(p)
}

// fill executes all templates.
func (lib *Library) fill(p page) error {
	names := map[string]string{
		"header.h": p.Name + ".h", "runtime.c": p.Name + ".c", "data.h": p.Name + "_data.h", "data.c": p.Name + "_data.c",
		"selftest.c": p.Name + "_selftest.c", "example.c": "example_main.c",
	}
	return fs.WalkDir(templates, "templates", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := execute(templates, path, p)
		if err != nil {
			return err
		}
		name := strings.TrimPrefix(path, "templates/")
		if to := names[name]; to != "" {
			name = to
		}
		lib.Files[name] = text
		return nil
	})
}

// execute fills in a template.
func execute(files embed.FS, path string, data any) ([]byte, error) {
	source, err := files.ReadFile(path)
	if err != nil {
		return nil, err
	}
	t, err := template.New(path).Parse(string(source))
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := t.Execute(&b, data); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// vectors writes the inputs of the self-test and the checksums of what lutra's
// engine makes of them.
func (g *generator) vectors(p *page) error {
	s := g.net.NewSession()
	var in, sums strings.Builder
	for _, v := range g.o.Vectors {
		sum, err := Checksum(g.net, s, v)
		if err == nil && g.o.Error {
			err = (*checksum)(&sum).errorOf(g.net, s, v)
		}
		if err != nil {
			return err
		}
		in.WriteByte('\t')
		for _, x := range Interleave(g.net, v) {
			fmt.Fprintf(&in, "%d,", x)
		}
		in.WriteByte('\n')
		fmt.Fprintf(&sums, "\t0x%08xu,\n", sum)
	}
	p.VectorInputs, p.VectorSums = in.String(), sums.String()
	return nil
}

// Interleave is levels of all inputs, in the order of lut.Tensor, with
// channels last, as the C reads them.
func Interleave(n *lut.Network, levels []uint8) []uint8 {
	out := make([]uint8, 0, len(levels))
	for _, in := range n.Inputs {
		t := &n.Tensors[in.Tensor]
		out = append(out, channelsLast(t, levels[:t.Elems()])...)
		levels = levels[t.Elems():]
	}
	return out
}

// channelsLast is x, [C][H][W], as [H][W][C].
func channelsLast[T any](t *lut.Tensor, x []T) []T {
	y := make([]T, len(x))
	plane := t.H * t.W
	for c := range t.C {
		for i := range plane {
			y[i*t.C+c] = x[c*plane+i]
		}
	}
	return y
}

// Checksum runs s on levels of all inputs and folds all outputs, as the C's
// self-test does.
func Checksum(n *lut.Network, s *lut.Session, levels []uint8) (uint32, error) {
	for _, in := range n.Inputs {
		t := &n.Tensors[in.Tensor]
		if len(levels) < t.Elems() {
			return 0, fmt.Errorf("self-test: %d levels, input %s needs %d", len(levels), in.Name, t.Elems())
		}
		copy(s.Levels(in.Tensor), levels)
		levels = levels[t.Elems():]
	}
	s.Run()
	var sum checksum
	sum.outputs(n, s)
	return uint32(sum), nil
}

// outputs adds what s has computed.
func (c *checksum) outputs(n *lut.Network, s *lut.Session) {
	for _, o := range n.Outputs {
		t := &n.Tensors[o.Tensor]
		if t.Scores() {
			for _, v := range channelsLast(t, s.Scores(o.Tensor)) {
				c.add(uint32(v))
			}
			continue
		}
		for _, v := range channelsLast(t, s.Levels(o.Tensor)) {
			c.add(uint32(v))
		}
	}
}
