package report

import (
	"image"
	"image/color"
	"math"
	"slices"
)

// Codewords draws k codewords of rows x columns numbers, in the order given, as
// tiles of a square: blue below zero, red above, the fainter the nearer to it,
// on light and on dark. The few largest numbers are cut off, or nothing else would be seen.
func Codewords(words []float32, k, rows, columns int, order []int) image.Image {
	across := int(math.Ceil(math.Sqrt(float64(k) * float64(rows+1) / float64(columns+1))))
	down := (k + across - 1) / across
	img := image.NewNRGBA(image.Rect(0, 0, across*(columns+1)-1, down*(rows+1)-1))
	full := fullColour(words)
	for at, word := range order {
		x0, y0 := at%across*(columns+1), at/across*(rows+1)
		for i, v := range words[word*rows*columns:][:rows*columns] {
			img.SetNRGBA(x0+i%columns, y0+i/columns, diverging(v/full))
		}
	}
	return img
}

// fullColour is the size that all but a fiftieth of the numbers stay below.
func fullColour(words []float32) float32 {
	sizes := make([]float32, len(words))
	for i, v := range words {
		sizes[i] = max(v, -v)
	}
	slices.Sort(sizes)
	full := float32(0)
	if n := len(sizes); n > 0 {
		full = sizes[n-1-n/50]
	}
	return max(full, math.SmallestNonzeroFloat32)
}

// diverging maps -1...1 to blue...grey...red, of which most of the grey is
// transparent: what remains shows the tile. The root shows differences near
// zero, where most weights are.
func diverging(v float32) color.NRGBA {
	const ground, grey = 0.14, 0x80
	end := [3]float64{0xd7, 0x38, 0x2c}
	if v < 0 {
		end = [3]float64{0x2b, 0x7c, 0xc4}
	}
	t := math.Sqrt(math.Min(1, math.Abs(float64(v))))
	alpha := t + (1-t)*ground
	at := func(i int) uint8 { return uint8(math.Round((end[i]*t + grey*(1-t)*ground) / alpha)) }
	return color.NRGBA{at(0), at(1), at(2), uint8(math.Round(255 * alpha))}
}

// TileShape is how a codeword of d numbers is best looked at: a stack of kernels
// of the given width where it is one, else nearly square. For kernel widths of
// 1 it is rows x columns = d.
func TileShape(d, kernelHeight, kernelWidth int) (rows, columns int) {
	if n := kernelHeight * kernelWidth; n > 1 && d%n == 0 {
		return d / kernelWidth, kernelWidth
	}
	for rows = int(math.Sqrt(float64(d))); d%rows != 0; rows-- {
	}
	return rows, d / rows
}
