package main

import (
	"cmp"
	"fmt"
	"io"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"lutra"
	"lutra/internal/plot"
	"lutra/internal/report"
	"lutra/internal/safe"
)

// reportFlag is the name of an HTML file that tells the result; "" for none.
type reportFlag struct{ path string }

func (f *reportFlag) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.path, "report", "", "HTML file that shows the result: one page that needs no network")
}

// check demands the name of an HTML file, before any work.
func (f *reportFlag) check(cmd *cobra.Command) error {
	if f.path != "" && !strings.HasSuffix(strings.ToLower(f.path), ".html") {
		return usagef("%s: expected a file that ends in .html (--report OUT.html), found %q", cmd.Name(), f.path)
	}
	if f.path != "" {
		return safe.Writable(f.path)
	}
	return nil
}

// write writes the page, if one was asked for, with the command line that made it.
func (f *reportFlag) write(cmd *cobra.Command, page func() (*report.Page, error)) error {
	if f.path == "" {
		return nil
	}
	p, err := page()
	if err != nil {
		return err
	}
	line := append([]string{cmd.CommandPath()}, cmd.Flags().Args()...)
	cmd.Flags().Visit(func(flag *pflag.Flag) { line = append(line, flagText(flag)) })
	p.Foot = fmt.Sprintf("%s (lutra %s, %s/%s)", strings.Join(line, " "), lutra.Version(), runtime.GOOS, runtime.GOARCH)
	return safe.WriteFile(f.path, func(w io.Writer) error { return p.Write(w) })
}

// flagText is a flag as one would type it.
func flagText(flag *pflag.Flag) string {
	values := []string{flag.Value.String()}
	if list, ok := flag.Value.(pflag.SliceValue); ok {
		if values = list.GetSlice(); flag.Value.Type() != "stringArray" {
			values = []string{strings.Join(values, ",")}
		}
	}
	var parts []string
	for _, v := range values {
		if flag.Value.Type() == "bool" && v == "true" {
			parts = append(parts, "--"+flag.Name)
		} else {
			parts = append(parts, "--"+flag.Name+"="+v)
		}
	}
	return strings.Join(parts, " ")
}

// inspectPage shows what a file stores.
func inspectPage(m *lutra.Model, in *lutra.Inspection) (*report.Page, error) {
	sections, err := storageSections(m, in)
	return &report.Page{
		Title: filepath.Base(in.Model),
		Facts: []report.Fact{
			{Value: bytesText(in.FileBytes), Name: "file"},
			{Value: fmt.Sprintf("%.1fx", 4*float64(in.Parameters)/float64(in.FileBytes)), Name: "smaller than " + countText(in.Parameters) + " parameters as float32"},
			{Value: fmt.Sprintf("%.2f", in.BitsPerWeight), Name: "bits per weight in the layers"},
		},
		Sections: sections,
	}, err
}

// countText is a number of things as one would say it.
func countText(n int) string {
	switch v := float64(n); {
	case n < 10_000:
		return fmt.Sprint(n)
	case n < 1_000_000:
		return fmt.Sprintf("%.3g thousand", v/1e3)
	default:
		return fmt.Sprintf("%.3g million", v/1e6)
	}
}

// savedPage is inspectPage of a model that was saved at path, in so many bytes.
// Nodes have the names that they have in the original, where there is one:
// compressing leaves them out of the file.
func savedPage(m, original *lutra.Model, path string, bytes int64) (*report.Page, error) {
	in, err := m.Inspect(nil)
	if err != nil {
		return nil, err
	}
	if original != nil {
		was, err := original.Inspect(nil)
		if err != nil {
			return nil, err
		}
		for i := range in.Layers {
			l := &in.Layers[i]
			if k := slices.IndexFunc(was.Layers, func(o lutra.Layer) bool { return o.Name == l.Name }); k >= 0 {
				l.Node = was.Layers[k].Node
			}
		}
	}
	in.Model, in.FileBytes = path, bytes
	return inspectPage(m, in)
}

// storageSections show what a file stores: bytes and errors of its layers, and codebooks.
func storageSections(m *lutra.Model, in *lutra.Inspection) ([]report.Section, error) {
	sections := []report.Section{sizeSection(in)}
	if s := errorSection(in); s != nil {
		sections = append(sections, *s)
	}
	books, err := codebookSection(m, in)
	if err != nil || books == nil {
		return sections, err
	}
	return append(sections, *books), nil
}

// sizeSection draws the bytes of every weight, beside how many times more it would be as float32.
func sizeSection(in *lutra.Inspection) report.Section {
	bytes := plot.Bars{Title: "KiB stored, and how many times smaller", Groups: []plot.Group{{}}}
	bits := plot.Bars{Title: "bits per weight", Groups: []plot.Group{{}}}
	for _, l := range in.Layers {
		stored := float64(l.Bytes) / 1024
		bytes.Names = append(bytes.Names, layerTitle(l.Name, l.Node))
		bytes.Groups[0].Values = append(bytes.Groups[0].Values, stored)
		bytes.Groups[0].Labels = append(bytes.Groups[0].Labels, fmt.Sprintf("%.*f · %.3gx", decimals(stored), stored, 4*float64(l.Weights)/float64(l.Bytes)))
		bits.Groups[0].Values = append(bits.Groups[0].Values, l.BitsPerWeight)
	}
	bits.Names = bytes.Names
	return report.Section{Title: "Size by layer", Figures: []report.Figure{report.Drawing("", bytes), report.Drawing("", bits)}}
}

// layerName is the name of a weight without what all weights have in common.
func layerName(weight string) string { return strings.TrimSuffix(weight, ".weight") }

// madeUp reports whether PyTorch made the name of a weight up: onnx::Conv_253.
func madeUp(weight string) bool { return strings.HasPrefix(weight, "onnx::") }

// weightTitle is the name of a weight, with that of its node where PyTorch made
// the weight's up.
func weightTitle(weight, node string) string {
	if title := nodeTitle(node); title != "" && madeUp(weight) {
		return weight + " " + title
	}
	return weight
}

// layerTitle is what a person calls a layer: the name of its weight or, where
// PyTorch made that up, of its node, if that has one.
func layerTitle(weight, node string) string {
	if !madeUp(weight) {
		return layerName(weight)
	}
	return cmp.Or(nodeTitle(node), weight)
}

// decimals is how many digits after the point a number of up to three digits needs.
func decimals(v float64) int {
	switch {
	case v < 10:
		return 2
	case v < 100:
		return 1
	}
	return 0
}

// exactError is what rounding alone makes: nothing that one would draw.
const exactError = 1e-6

// errorText is an error as its bar says it.
func errorText(v float64) string {
	if v < exactError {
		return "none"
	}
	return fmt.Sprintf("%.3g", v)
}

// errorSection draws the errors that compressing noted; nil if there are none.
func errorSection(in *lutra.Inspection) *report.Section {
	bars := func(title string) plot.Bars {
		return plot.Bars{Title: title, Format: errorText, Groups: []plot.Group{{}}}
	}
	weights, outputs := bars("error of the weights"), bars("error of the outputs")
	add := func(b *plot.Bars, name string, v *float64) {
		if v != nil {
			b.Names, b.Groups[0].Values = append(b.Names, name), append(b.Groups[0].Values, *v)
		}
	}
	for _, l := range in.Layers {
		add(&weights, layerTitle(l.Name, l.Node), l.WeightError)
		add(&outputs, layerTitle(l.Name, l.Node), l.OutputError)
	}
	s := &report.Section{Title: "Error by layer", Text: "Weights: the norm of the difference over that of the weights. Outputs: the root of the squared error over the variance, " +
		"on the calibration data. Errors of outputs, which the choice of codewords makes small, may be much below those of the weights."}
	for _, b := range []plot.Bars{weights, outputs} {
		if len(b.Names) > 0 {
			s.Figures = append(s.Figures, report.Drawing("", b))
		}
	}
	if len(s.Figures) == 0 {
		return nil
	}
	return s
}
