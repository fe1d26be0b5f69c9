package engine

import (
	"fmt"

	"lutra/internal/kernel"
	"lutra/internal/tensor"
)

// border counts zero rows and columns kept around every image of a value, so
// that a convolution with padding reads them like any other pixels.
type border struct{ top, left, bottom, right int }

func (b border) union(c border) border {
	return border{max(b.top, c.top), max(b.left, c.left), max(b.bottom, c.bottom), max(b.right, c.right)}
}

// layout says how a value lies in memory: plain is ONNX's row-major order of
// the declared shape; otherwise the value is a batch of images [N, C, H, W]
// stored as [N, H, W, C], each surrounded by a border.
type layout struct {
	plain  bool
	border border
}

var plainLayout = layout{plain: true}

// String is "plain", "nhwc", or "nhwc+1,1,1,1" with the border's top, left,
// bottom and right.
func (l layout) String() string {
	switch {
	case l.plain:
		return "plain"
	case l.border == border{}:
		return "nhwc"
	}
	b := l.border
	return fmt.Sprintf("nhwc+%d,%d,%d,%d", b.top, b.left, b.bottom, b.right)
}

// layoutText is the layout of v, with "u8 " or "bf16 " before it where v is kept
// in 8 bits or bfloat16.
func (v *value) layoutText() string {
	if v.quant != nil {
		return "u8 " + v.layout.String()
	}
	if v.half {
		return "bf16 " + v.layout.String()
	}
	return v.layout.String()
}

// image addresses a value in image layout: pixel (n, y, x) starts at element
// off + n*img + y*row + x*c.
type image struct {
	n, h, w, c    int
	off, row, img int
	border        border
}

// newImage is the addressing of a value of shape [N, C, H, W].
func newImage(s tensor.Shape, b border) image {
	m := image{n: s[0], c: s[1], h: s[2], w: s[3], border: b}
	m.row = (b.left + m.w + b.right) * m.c
	m.img = (b.top + m.h + b.bottom) * m.row
	m.off = b.top*m.row + b.left*m.c
	return m
}

// dense reports whether rows follow each other without a border.
func (m image) dense() bool { return m.border == border{} }

// at is the offset of pixel (y, x) of image n; y and x may lie in the border.
func (m image) at(n, y, x int) int { return m.off + n*m.img + y*m.row + x*m.c }

// elements is the storage of the value, border included.
func (m image) elements() int { return m.n * m.img }

// fillBorder writes v to the border of every image.
func fillBorder[T float32 | uint8 | kernel.BF16](m image, x []T, v T) {
	if m.dense() {
		return
	}
	fill := func(x []T) {
		for i := range x {
			x[i] = v
		}
	}
	for n := range m.n {
		img := x[n*m.img : (n+1)*m.img]
		fill(img[:m.border.top*m.row])
		fill(img[(m.border.top+m.h)*m.row:])
		left, right := m.border.left*m.c, m.border.right*m.c
		for y := range m.h {
			row := img[(m.border.top+y)*m.row:][:m.row]
			fill(row[:left])
			fill(row[m.row-right:])
		}
	}
}

// sameInEveryLayout reports whether [N, C, H, W] and [N, H, W, C] without a
// border are the same sequence of numbers.
func sameInEveryLayout(s tensor.Shape) bool {
	return len(s) == 4 && (s[1] == 1 || s[2]*s[3] == 1)
}
