//go:build !purego

package kernel

// transpose8Call is what the assembly of TransposeU8 reads.
type transpose8Call struct {
	dst, src *uint8
	ldd, lds int
	n        int // times 8 rows of src, of 32 columns; >= 1
}

func transpose8(l Level, dst []uint8, ldd int, src []uint8, lds, rows, cols int) {
	const height, width = 8, 32
	i, j := rows-rows%height, cols-cols%width
	if l <= Fused || i == 0 || j == 0 {
		transpose8Generic(dst, ldd, src, lds, rows, cols)
		return
	}
	for c := 0; c < j; c += width {
		transpose8AVX2(&transpose8Call{&dst[c*ldd], &src[c], ldd, lds, i / height})
	}
	if j < cols {
		transpose8Generic(dst[j*ldd:], ldd, src[j:], lds, i, cols-j)
	}
	if i < rows {
		transpose8Generic(dst[i:], ldd, src[i*lds:], lds, rows-i, cols)
	}
}
