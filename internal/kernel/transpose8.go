package kernel

// TransposeU8 copies a matrix of bytes with its rows and columns exchanged:
// dst[j*ldd+i] = src[i*lds+j]. The operands do not overlap.
func (l Level) TransposeU8(dst []uint8, ldd int, src []uint8, lds, rows, cols int) {
	if rows <= 0 || cols <= 0 {
		return
	}
	if lds < 0 || ldd < rows && cols > 1 {
		panic("kernel: transpose: rows overlap")
	}
	need(src, (rows-1)*lds+cols)
	need(dst, (cols-1)*ldd+rows)
	transpose8(l, dst, ldd, src, lds, rows, cols)
}

func transpose8Generic(dst []uint8, ldd int, src []uint8, lds, rows, cols int) {
	for i := range rows {
		for j, v := range src[i*lds:][:cols] {
			dst[j*ldd+i] = v
		}
	}
}
