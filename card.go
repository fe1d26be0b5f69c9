package lutra

import (
	_ "embed"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"text/template"
)

//go:embed card.md
var cardText string

var cardTemplate = template.Must(template.New("card").Funcs(template.FuncMap{
	"cell":  cell,
	"error": func(e *float64) string { return optional("%.4f", e) },
}).Parse(cardText))

// Card writes a model card as Markdown: what the file stores, what its inputs
// mean, what compressing cost by layer, and how to run it. name is that of the file.
func (m *Model) Card(w io.Writer, name string) error {
	in, err := m.Inspect(nil)
	if err != nil {
		return err
	}
	p, known, err := m.Preprocess()
	if err != nil {
		return err
	}
	card := struct {
		*Inspection
		File, Input, Ratio string
		Labels             []string
		Quantised          bool
		Preprocess         []string
		Provenance         string
	}{Inspection: in, File: filepath.Base(name), Labels: m.Labels(), Provenance: in.Metadata["lutra.provenance"]}
	for _, l := range in.Layers {
		card.Quantised = card.Quantised || l.Storage == "codebook"
	}
	card.Ratio = fmt.Sprintf("%.1f", 4*float64(in.Parameters)/float64(max(in.FileBytes, 1)))
	if len(in.Inputs) > 0 {
		card.Input = in.Inputs[0].Name
	}
	if known {
		card.Preprocess = p.Steps()
	}
	return cardTemplate.Execute(w, card)
}

// cell is text that stays within a cell of a table.
func cell(text any) string {
	return strings.NewReplacer("|", `\|`, "\n", " ", "`", "'").Replace(fmt.Sprint(text))
}

func optional(format string, v *float64) string {
	if v == nil {
		return ""
	}
	return fmt.Sprintf(format, *v)
}
