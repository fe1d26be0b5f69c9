//go:build !purego

package kernel

// transposeCall is what the assembly of Transpose reads; strides are in bytes.
type transposeCall struct {
	dst, src *float32
	ldd, lds int
	squares  int // of 8 x 8, side by side in src; >= 1
}

func transpose(l Level, dst []float32, ldd int, src []float32, lds, rows, cols int) {
	const square = 8
	i, j := rows-rows%square, cols-cols%square
	if l <= Fused || i == 0 || j == 0 {
		transposeGeneric(dst, ldd, src, lds, rows, cols)
		return
	}
	// In strips of columns, so that the lines of dst that a row of squares fills
	// in part are still there for the next row.
	const strip = 64
	c := transposeCall{ldd: 4 * ldd, lds: 4 * lds}
	for k := 0; k < j; k += strip {
		c.squares = min(strip, j-k) / square
		for r := 0; r < i; r += square {
			c.dst, c.src = &dst[k*ldd+r], &src[r*lds+k]
			transposeAVX2(&c)
		}
	}
	if j < cols {
		transposeGeneric(dst[j*ldd:], ldd, src[j:], lds, i, cols-j)
	}
	if i < rows {
		transposeGeneric(dst[i:], ldd, src[i*lds:], lds, rows-i, cols)
	}
}
