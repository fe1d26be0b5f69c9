// Package report writes a result as one HTML page that needs nothing but itself:
// no network, no script; light and dark, readable on a phone.
package report

import (
	"bytes"
	_ "embed"
	"encoding/base64"
	"html/template"
	"image"
	"image/jpeg"
	"image/png"
	"io"

	"lutra/internal/plot"
)

// Page is a page: facts first, then sections in order.
type Page struct {
	Title    string
	Lead     string // a sentence or two
	Facts    []Fact
	Sections []Section
	Foot     string // how the page was made
}

// Fact is a figure with its name, in large type.
type Fact struct{ Value, Name string }

// Section is a heading with what follows; empty parts are left out.
type Section struct {
	Title   string
	Text    string
	Figures []Figure
	Table   *Table
	Cards   []Card
	Large   bool // cards, for pictures of many details
	Small   bool // figures, as many beside each other as fit
}

// Table has names of columns and rows of as many cells. The first column is
// text, the others are numbers, which align to the right.
type Table struct {
	Columns []string
	Rows    [][]string
}

// Figure is a drawing or a picture with a caption.
type Figure struct {
	Caption string
	Image   template.HTML
	Wide    bool // among small ones, in a line of its own
}

// Card is a small picture with lines of text below it, each of which is cut off
// at the edge; of a Marked one the border says that something is wrong.
type Card struct {
	Image  template.HTML
	Head   string // in bold
	Lines  []string
	Note   string // in small type, last
	Marked bool
}

// Drawing is the SVG of charts as a figure.
func Drawing(caption string, charts ...plot.Drawing) Figure {
	var b bytes.Buffer
	if err := plot.WriteInline(&b, charts...); err != nil {
		panic(err) // a buffer takes everything
	}
	return Figure{Caption: caption, Image: template.HTML(b.String())} //nolint:gosec // plot escapes all names
}

// Picture is img, scaled by an integer without smoothing, in the page itself;
// description is what is read out in its place.
func Picture(img image.Image, scale int, description string) (template.HTML, error) {
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		return "", err
	}
	return embed("data:image/png;base64,", b.Bytes(), img.Bounds().Size().Mul(scale), "pixels", description)
}

// photoQuality is that of JPEG: small pages, and nothing to be seen of it.
const photoQuality = 85

// Photo is Picture of a photograph at its size, smoothed where it is scaled.
func Photo(img image.Image, description string) (template.HTML, error) {
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: photoQuality}); err != nil {
		return "", err
	}
	return embed("data:image/jpeg;base64,", b.Bytes(), img.Bounds().Size(), "photo", description)
}

// embed is an element with an image that we have encoded ourselves.
func embed(scheme string, encoded []byte, size image.Point, class, description string) (template.HTML, error) {
	var out bytes.Buffer
	err := pictureTemplate.Execute(&out, struct {
		Source        template.URL
		Width, Height int
		Class         string
		Description   string
	}{template.URL(scheme + base64.StdEncoding.EncodeToString(encoded)), size.X, size.Y, class, description}) //nolint:gosec // base64
	return template.HTML(out.String()), err //nolint:gosec // the template escaped it
}

//go:embed page.html
var pageText string

var (
	pageTemplate    = template.Must(template.New("page").Parse(pageText))
	pictureTemplate = template.Must(template.New("picture").Parse(
		`<img src="{{.Source}}" width="{{.Width}}" height="{{.Height}}" class="{{.Class}}" alt="{{.Description}}">`))
)

// Write writes the page.
func (p *Page) Write(w io.Writer) error {
	return pageTemplate.Execute(w, struct {
		*Page
		Style template.HTML
	}{p, plot.Style})
}
