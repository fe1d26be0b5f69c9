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
var order = []string{"common", "rows", "columns", "pair", "scalar", "narrow", "depthwise_types", "depthwise", "depthwise_3x3", "depthwise_slide", "pool", "sum", "concat", "gather", "input", "spectrum", "stream", "mean", "hear"}

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
	add := func(piece, kind string) error {
		source, err := execute(runtime, "c/"+piece+".c", g.needsOf(kind))
		if err != nil {
			return err
		}
		outputs := "4"
		if kind == "pair" {
			outputs = "8"
		}
		text := strings.NewReplacer("@&kind&", g.prefix+"_"+kind, "&outputs&", outputs, "@", g.prefix+"_").Replace(string(source))
		b.WriteString("\n" + text)
		return nil
	}
	for _, piece := range order {
		if piece == "rows" && g.pieces["filters"] {
			fmt.Fprintf(&b, "\ntypedef %s %s_filter_bias;\n", g.biasType("filter"), g.prefix)
		}
		if !g.pieces[piece] {
			continue
		}
		if _, linear := entryShift[piece]; !linear {
			if err := add(piece, ""); err != nil {
				return "", err
			}
			continue
		}
		b.WriteString(g.entryTypes(piece))
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
// how an entry of a row is read.
func (g *generator) entryTypes(kind string) string {
	code := "uint8_t"
	if g.wideCodes(kind) {
		code = "uint16_t"
	}
	entry := map[string]string{"pair": "uint32_t", "scalar": "uint16_t", "narrow": "uint8_t"}[kind]
	offset := "(c)"
	if shift := entryShift[kind]; shift > g.codeShift(kind) {
		offset = fmt.Sprintf("((uint32_t)(c) << %d)", shift)
	}
	p := g.prefix + "_" + kind
	bias := "u" + g.biasType(kind)
	return fmt.Sprintf("\ntypedef %s %s_code;\ntypedef %s %s_bias;\n\n/* Entry c of the row that begins at r. */\n#define %s_entry(r, c) (*(const %s *)(const void *)((r) + %s))\n",
		code, p, bias, p, p, entry, offset)
}
