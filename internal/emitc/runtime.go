package emitc

import (
	"embed"
	"fmt"
	"strings"

	"lutra/internal/lut"
)

//go:embed c/*.c
var runtime embed.FS

// order is that of the pieces of the runtime.
var order = []string{"common", "filters", "rows", "columns", "pair", "scalar", "narrow", "depthwise_types", "depthwise", "depthwise_3x3", "depthwise_slide", "pool", "sum", "concat", "gather", "input", "samples", "error", "spectrum", "stream", "mean", "hear"}

// needs says what the layers of a kind need, besides levels.
type needs struct{ Scores, Added bool }

// needsOf are those of the linear layers of a kind.
func (g *generator) needsOf(kind string) (n needs) {
	for _, l := range g.net.Layers {
		if l, ok := l.(*lut.Linear); ok && l.Groups == 1 && kindOf(l.Table) == kind {
			n.Scores = n.Scores || l.Activation.Bins == 0
			n.Added = n.Added || l.Residual >= 0
		}
	}
	return n
}

// runtimeText is the kernels that the network needs.
func (g *generator) runtimeText() (string, error) {
	g.use("common")
	var b strings.Builder
	write := func(text, kind string) {
		outputs := "4"
		if kind == "pair" {
			outputs = "8"
		}
		b.WriteString(strings.NewReplacer("@&kind&", g.prefix+"_"+kind, "&outputs&", outputs, "@", g.prefix+"_").Replace(text))
	}
	add := func(piece, kind string) error {
		source, err := execute(runtime, "c/"+piece+".c", g.needsOf(kind))
		write("\n"+string(source), kind)
		return err
	}
	for _, piece := range order {
		if !g.pieces[piece] {
			continue
		}
		if piece == "filters" { // no kernel: the type of the biases of those that follow
			write("\n"+g.biasText("@filter", "filter"), "")
			continue
		}
		if _, linear := entryShift[piece]; !linear {
			if err := add(piece, ""); err != nil {
				return "", err
			}
			continue
		}
		write(g.entryTypes(piece), piece)
		finish := "scalar_finish"
		if piece == "pair" {
			finish = "pair_finish"
		}
		for _, part := range []string{"linear", finish, "convolve", "dense"} {
			if (part == "convolve" || part == "dense") && !g.pieces[piece+"_"+part] {
				continue
			}
			if err := add(part, piece); err != nil {
				return "", err
			}
		}
	}
	return b.String(), nil
}

// entryTypes are the types of codes and biases of a kind of linear layers, and
// how they and entries of a row are read.
func (g *generator) entryTypes(kind string) string {
	code, entry := "u8", map[string]string{"pair": "u32", "scalar": "u16", "narrow": "u8"}[kind]
	if g.wideCodes(kind) {
		code = "u16"
	}
	offset := fmt.Sprintf("@%s(c)", code)
	if shift := entryShift[kind]; shift > g.codeShift(kind) {
		offset = fmt.Sprintf("((uint32_t)@%s(c) << %d)", code, shift)
	}
	return fmt.Sprintf("\ntypedef %s @&kind&_code;\n", types[code]) + g.biasText("@&kind&", kind) +
		fmt.Sprintf("\n/* Entry of code *c in the row that begins at r. */\n#define @&kind&_entry(r, c) @%s((const %s *)(const void *)((r) + %s))\n", entry, types[entry], offset)
}

// biasText is the type of biases of a kind, and how they are read.
func (g *generator) biasText(name, kind string) string {
	bias := g.biasType(kind)
	return fmt.Sprintf("typedef %s %s_bias;\n#define %s_bias_at(p) @%s(p)\n", types[bias], name, name, bias)
}

// types are those that are read from constants, by the names of what reads them.
var types = map[string]string{"u8": "uint8_t", "u16": "uint16_t", "i16": "int16_t", "u32": "uint32_t", "i32": "int32_t"}
