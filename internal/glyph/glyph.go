// Package glyph is the data set of the demo: digits and capital letters drawn
// on the fly from Go's fonts under random affine maps, colours, blur and
// noise, and a small network that reads them.
//
// Drawing uses only integer arithmetic and unfused float operations, so that
// an image is the same on every machine.
package glyph

import (
	"math/rand/v2"
)

const (
	Size    = 32 // pixels, both ways
	Classes = 36 // 0-9, A-Z
)

const characters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"

// Labels returns the names of the classes, in class order.
func Labels() []string {
	l := make([]string, Classes)
	for i := range l {
		l[i] = characters[i : i+1]
	}
	return l
}

// Draw draws image i of the stream that seed names: Size x Size RGB pixels,
// 3 bytes each, rows from the top. It is safe for concurrent use, and images
// can be drawn in any order. The network was trained on seed 1.
func Draw(seed uint64, i int) (pix []uint8, label int) {
	r := random{rand.New(rand.NewPCG(seed, uint64(i)))}
	label = r.IntN(Classes)
	face := r.IntN(len(outlines()))
	mask := rasterize(outlines()[face][label], r.placement())
	r.clutter(mask)
	r.blur(mask)
	pix = make([]uint8, 3*Size*Size)
	r.paint(pix, mask)
	return pix, label
}

// random draws the parameters of an image.
type random struct{ *rand.Rand }

// between is uniform in [lo, hi).
func (r random) between(lo, hi float64) float64 { return lo + float64(r.Float64()*(hi-lo)) }
