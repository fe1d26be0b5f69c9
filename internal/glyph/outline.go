package glyph

import (
	"fmt"
	"image"
	"strings"
	"sync"

	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/gobolditalic"
	"golang.org/x/image/font/gofont/goitalic"
	"golang.org/x/image/font/gofont/gomedium"
	"golang.org/x/image/font/gofont/gomono"
	"golang.org/x/image/font/gofont/gomonobold"
	"golang.org/x/image/font/gofont/gomonoitalic"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/gofont/gosmallcaps"
	"golang.org/x/image/font/sfnt"
	"golang.org/x/image/math/fixed"
	"golang.org/x/image/vector"
)

// point is in pixels, y downwards.
type point struct{ x, y float64 }

// outline is a glyph as closed polygons around the origin, about 1 high.
type outline [][]point

// outlines returns the outlines of every face and class. They are parsed once
// and never change.
var outlines = sync.OnceValue(func() [][Classes]outline {
	faces := []struct {
		ttf   []byte
		chars string // the character of each class
	}{
		{goregular.TTF, characters}, {gomedium.TTF, characters}, {gobold.TTF, characters},
		{goitalic.TTF, characters}, {gobolditalic.TTF, characters},
		{gomono.TTF, characters}, {gomonobold.TTF, characters}, {gomonoitalic.TTF, characters},
		{gosmallcaps.TTF, strings.ToLower(characters)}, // its small letters are small capitals
	}
	all := make([][Classes]outline, len(faces))
	for i, f := range faces {
		var err error
		if all[i], err = parseFace(f.ttf, f.chars); err != nil {
			panic(fmt.Sprintf("glyph: font %d of golang.org/x/image: %v", i, err)) // no input can cause it
		}
	}
	return all
})

func parseFace(ttf []byte, chars string) (all [Classes]outline, err error) {
	f, err := sfnt.Parse(ttf)
	if err != nil {
		return all, err
	}
	var buf sfnt.Buffer
	for class, char := range chars {
		g, err := f.GlyphIndex(&buf, char)
		if err != nil {
			return all, err
		}
		segments, err := f.LoadGlyph(&buf, g, fixed.I(1024), nil)
		if err != nil {
			return all, err
		}
		all[class] = flatten(segments)
	}
	return all, nil
}

// curveSteps is the number of lines that stand for a quadratic curve. At 32
// pixels four cannot be told from more.
const curveSteps = 4

// flatten turns the contours into polygons, centred and scaled so that the
// higher of height and 0.8 width becomes 1.
func flatten(segments sfnt.Segments) outline {
	b := segments.Bounds()
	cx, cy := int(b.Min.X+b.Max.X)/2, int(b.Min.Y+b.Max.Y)/2
	extent := float64(max(int(b.Max.Y-b.Min.Y), int(b.Max.X-b.Min.X)*4/5))
	at := func(x, y int) point { return point{float64(x-cx) / extent, float64(y-cy) / extent} }
	var o outline
	var pen fixed.Point26_6
	add := func(x, y int) { o[len(o)-1] = append(o[len(o)-1], at(x, y)) }
	for _, s := range segments {
		end := s.Args[0]
		switch s.Op {
		case sfnt.SegmentOpMoveTo:
			o = append(o, nil)
			add(int(end.X), int(end.Y))
		case sfnt.SegmentOpLineTo:
			add(int(end.X), int(end.Y))
		case sfnt.SegmentOpQuadTo: // the only curve of TrueType
			end = s.Args[1]
			for t := 1; t <= curveSteps; t++ {
				u := curveSteps - t
				blend := func(a, b, c fixed.Int26_6) int {
					return (u*u*int(a) + 2*u*t*int(b) + t*t*int(c)) / (curveSteps * curveSteps)
				}
				add(blend(pen.X, s.Args[0].X, end.X), blend(pen.Y, s.Args[0].Y, end.Y))
			}
		}
		pen = end
	}
	return o
}

// affine maps (x, y) to (a*x + b*y + c, d*x + e*y + f).
type affine struct{ a, b, c, d, e, f float64 }

// apply does not fuse: the conversions round every product.
func (m affine) apply(p point) (x, y float32) {
	return float32(float64(m.a*p.x) + float64(m.b*p.y) + m.c), float32(float64(m.d*p.x) + float64(m.e*p.y) + m.f)
}

// mask is the coverage of every pixel, 0 to 255.
type mask [Size * Size]uint8

// rasterize draws an outline with anti-aliasing. Only lines are given to the
// rasterizer: its curves are flattened in arithmetic that differs between machines.
func rasterize(o outline, m affine) *mask {
	z := vector.NewRasterizer(Size, Size)
	for _, polygon := range o {
		z.MoveTo(m.apply(polygon[0]))
		for _, p := range polygon[1:] {
			z.LineTo(m.apply(p))
		}
		z.ClosePath()
	}
	var out mask
	r := image.Rect(0, 0, Size, Size)
	z.Draw(&image.Alpha{Pix: out[:], Stride: Size, Rect: r}, r, image.Opaque, image.Point{})
	return &out
}
