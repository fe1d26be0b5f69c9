package main

import (
	"fmt"
	"io"
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
	cmd.Flags().Visit(func(flag *pflag.Flag) { line = append(line, "--"+flag.Name+"="+flag.Value.String()) })
	p.Foot = fmt.Sprintf("%s (lutra %s, %s/%s)", strings.Join(line, " "), lutra.Version(), runtime.GOOS, runtime.GOARCH)
	return safe.WriteFile(f.path, func(w io.Writer) error { return p.Write(w) })
}

// inspectPage shows what a file stores.
func inspectPage(m *lutra.Model, in *lutra.Inspection) (*report.Page, error) {
	sections, err := storageSections(m, in)
	return &report.Page{
		Title: in.Model,
		Facts: []report.Fact{
			{Value: bytesText(in.FileBytes), Name: "file"},
			{Value: fmt.Sprintf("%.1fx", 4*float64(in.Parameters)/float64(in.FileBytes)), Name: fmt.Sprintf("smaller than %d parameters as float32", in.Parameters)},
			{Value: fmt.Sprintf("%.2f", in.BitsPerWeight), Name: "bits per weight in the layers"},
		},
		Sections: sections,
	}, err
}

// savedPage is inspectPage of a model that was saved at path, in so many bytes.
func savedPage(m *lutra.Model, path string, bytes int64) (*report.Page, error) {
	in, err := m.Inspect(nil)
	if err != nil {
		return nil, err
	}
	in.Model, in.FileBytes = path, bytes
	return inspectPage(m, in)
}

// compressPage shows what became of a network.
func compressPage(made *lutra.Model, path string, inBytes, outBytes int64) (*report.Page, error) {
	page, err := savedPage(made, path, outBytes)
	if err != nil {
		return nil, err
	}
	page.Facts = append([]report.Fact{{Value: fmt.Sprintf("%.1fx", float64(inBytes)/float64(outBytes)), Name: "smaller: " + bytesText(inBytes) + " before"}}, page.Facts...)
	return page, nil
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

// sizeSection draws the bytes of every weight as float32 and as stored.
func sizeSection(in *lutra.Inspection) report.Section {
	bars := plot.Bars{Title: "KiB by weight", Format: func(v float64) string { return fmt.Sprintf("%.*f", decimals(v), v) }, Groups: []plot.Group{{Name: "as float32"}, {Name: "stored"}}}
	bits := plot.Bars{Title: "bits per weight", Groups: []plot.Group{{}}}
	for _, l := range in.Layers {
		bars.Names = append(bars.Names, layerName(l.Name))
		bars.Groups[0].Values = append(bars.Groups[0].Values, float64(4*l.Weights)/1024)
		bars.Groups[1].Values = append(bars.Groups[1].Values, float64(l.Bytes)/1024)
		bits.Groups[0].Values = append(bits.Groups[0].Values, l.BitsPerWeight)
	}
	bits.Names = bars.Names
	return report.Section{Title: "Size", Figures: []report.Figure{report.Drawing("", bars), report.Drawing("", bits)}}
}

// layerName is the name of a weight without what all weights have in common.
func layerName(weight string) string { return strings.TrimSuffix(weight, ".weight") }

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

// errorSection draws the errors that compressing noted; nil if there are none.
func errorSection(in *lutra.Inspection) *report.Section {
	weights, outputs := plot.Bars{Title: "error of the weights", Groups: []plot.Group{{}}}, plot.Bars{Title: "error of the outputs", Groups: []plot.Group{{}}}
	add := func(b *plot.Bars, name string, v *float64) {
		if v != nil {
			b.Names, b.Groups[0].Values = append(b.Names, name), append(b.Groups[0].Values, *v)
		}
	}
	for _, l := range in.Layers {
		add(&weights, layerName(l.Name), l.WeightError)
		add(&outputs, layerName(l.Name), l.OutputError)
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

// codebookSection shows every codebook as a picture with the use of its
// codewords, most used first; nil if the model has none.
func codebookSection(m *lutra.Model, in *lutra.Inspection) (*report.Section, error) {
	s := &report.Section{Title: "Codebooks", Text: "Codewords, most used first: rows of a tile are rows of kernels, red above zero, blue below. " +
		"Beneath, how often each of them is used, and the bits that an entropy coder would need for a code."}
	for _, l := range in.Layers {
		c, err := m.Codebook(l.Name)
		if err != nil {
			return nil, err
		}
		if c == nil {
			continue
		}
		card, err := codebookCard(&l, c)
		if err != nil {
			return nil, err
		}
		s.Cards = append(s.Cards, *card)
	}
	if s.Cards == nil {
		return nil, nil
	}
	return s, nil
}

// mostTiles bounds the codewords of a picture: more are too small to be seen.
const mostTiles = 1024

func codebookCard(l *lutra.Layer, c *lutra.Codebook) (*report.Card, error) {
	order := make([]int, c.K)
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return c.Counts[b] - c.Counts[a] })
	counts := make([]int, c.K)
	for i, k := range order {
		counts[i] = c.Counts[k]
	}
	height, width := 1, 1
	if len(c.Shape) == 4 {
		height, width = c.Shape[2], c.Shape[3]
	}
	rows, columns := report.TileShape(c.D, height, width)
	shown := order[:min(len(order), mostTiles)]
	picture, err := report.Picture(report.Codewords(c.Words, len(shown), rows, columns, shown), 2, fmt.Sprintf("%d codewords of %s", len(shown), l.Name))
	if err != nil {
		return nil, err
	}
	spark := report.Drawing("", plot.Spark{Counts: counts})
	return &report.Card{Image: picture + spark.Image, Lines: []string{
		layerName(l.Name), fmt.Sprintf("%d codewords of %d", c.K, c.D), fmt.Sprintf("%d used, %.2f bits", l.Distinct, l.Entropy),
	}}, nil
}
