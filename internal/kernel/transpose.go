package kernel

// Transpose writes the transpose of a matrix of rows x cols floats:
//
//	dst[j*ldd+i] = src[i*lds+j], i < rows, j < cols
//
// From NCHW to NHWC: rows = C, cols = H*W, per image (or cols = W, per row,
// where rows have borders); back: rows = H*W, cols = C. Other elements of dst
// are left alone. The slices must not overlap.
func (l Level) Transpose(dst []float32, ldd int, src []float32, lds, rows, cols int) {
	if rows <= 0 || cols <= 0 {
		return
	}
	if lds < 0 || ldd < 0 || cols > 1 && ldd < rows {
		panic("kernel: transpose: size out of range")
	}
	need(src, (rows-1)*lds+cols)
	need(dst, (cols-1)*ldd+rows)
	transpose(l, dst, ldd, src, lds, rows, cols)
}

// transposeGeneric works in squares, so that the lines of cache it reads and
// writes are used whole.
func transposeGeneric(dst []float32, ldd int, src []float32, lds, rows, cols int) {
	if rows == 3 {
		transpose3(dst, ldd, src, src[lds:], src[2*lds:], cols)
		return
	}
	const square = 16
	for i0 := 0; i0 < rows; i0 += square {
		i1 := min(i0+square, rows)
		for j0 := 0; j0 < cols; j0 += square {
			j1 := min(j0+square, cols)
			for i := i0; i < i1; i++ {
				for j, v := range src[i*lds+j0 : i*lds+j1] {
					dst[(j0+j)*ldd+i] = v
				}
			}
		}
	}
}

// transpose3 interleaves three rows: the colours of an image.
func transpose3(dst []float32, ldd int, r, g, b []float32, cols int) {
	r, g, b = r[:cols], g[:cols], b[:cols]
	for j, v := range r {
		pixel := dst[j*ldd:][:3]
		pixel[0], pixel[1], pixel[2] = v, g[j], b[j]
	}
}
