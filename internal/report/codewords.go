package report

import (
	"image"
	"image/color"
	"math"
)

// Codewords draws k codewords of rows x columns numbers, in the order given, as
// tiles of a square: blue below zero, red above, pale near it.
func Codewords(words []float32, k, rows, columns int, order []int) image.Image {
	across := int(math.Ceil(math.Sqrt(float64(k) * float64(rows+1) / float64(columns+1))))
	down := (k + across - 1) / across
	img := image.NewNRGBA(image.Rect(0, 0, across*(columns+1)-1, down*(rows+1)-1))
	largest := float32(0)
	for _, v := range words {
		largest = max(largest, v, -v)
	}
	for at, word := range order {
		x0, y0 := at%across*(columns+1), at/across*(rows+1)
		for i, v := range words[word*rows*columns:][:rows*columns] {
			img.SetNRGBA(x0+i%columns, y0+i/columns, diverging(v/max(largest, math.SmallestNonzeroFloat32)))
		}
	}
	return img
}

// diverging maps -1...1 to blue...pale grey...red. The root shows differences
// near zero, where most weights are.
func diverging(v float32) color.NRGBA {
	end := [3]float64{0xb2, 0x18, 0x2b}
	if v < 0 {
		end = [3]float64{0x21, 0x66, 0xac}
	}
	t := math.Sqrt(math.Abs(float64(v)))
	at := func(i int) uint8 { return uint8(math.Round(0xee*(1-t) + end[i]*t)) }
	return color.NRGBA{at(0), at(1), at(2), 255}
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
