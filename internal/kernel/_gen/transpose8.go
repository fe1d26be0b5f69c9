package main

// genTranspose8 writes the transposition of bytes: 8 rows of 32 at a time, of
// which each column becomes 8 neighbouring bytes.
func genTranspose8(f *file) {
	const args, dst, src, ldd, lds, n = "AX", "DI", "SI", "R8", "R9", "CX"
	const low, high, lds3, row4 = "R10", "R11", "R12", "R13"
	f.begin("transpose8AVX2", "c *transpose8Call", "transposes; see TransposeU8.")
	f.op("MOVQ c+0(FP), %s", args)
	for _, p := range [][2]string{{"dst", dst}, {"src", src}, {"ldd", ldd}, {"lds", lds}, {"n", n}} {
		f.op("MOVQ transpose8Call_%s(%s), %s", p[0], args, p[1])
	}
	f.op("LEAQ (%[1]s)(%[1]s*2), %[2]s", lds, lds3)
	f.label("rows")
	f.op("LEAQ (%s)(%s*4), %s", src, lds, row4)
	for i, base := range []string{src, row4} {
		for j, at := range []string{"", "(" + lds + "*1)", "(" + lds + "*2)", "(" + lds3 + "*1)"} {
			f.op("VMOVDQU (%s)%s, Y%d", base, at, 4*i+j)
		}
	}
	for i := range 4 {
		f.op("VPUNPCKLBW Y%d, Y%d, Y%d", 2*i+1, 2*i, 8+i)
		f.op("VPUNPCKHBW Y%d, Y%d, Y%d", 2*i+1, 2*i, 12+i)
	}
	for i := range 4 { // registers 8+4h: columns from 8h, rows from 2i
		from := 8 + 4*(i/2) + 2*(i%2)
		f.op("VPUNPCKLWD Y%d, Y%d, Y%d", from+1, from, 4*(i/2)+i%2)
		f.op("VPUNPCKHWD Y%d, Y%d, Y%d", from+1, from, 4*(i/2)+i%2+2)
	}
	f.op("MOVQ %s, %s", dst, low)
	f.op("MOVQ %s, %s", ldd, high)
	f.op("SHLQ $4, %s", high)
	f.op("ADDQ %s, %s", dst, high)
	for i := range 4 { // columns 4i...4i+3, rows 0-3 and 4-7
		for j, op := range []string{"VPUNPCKLDQ", "VPUNPCKHDQ"} {
			r := 8 + 2*i + j
			f.op("%s Y%d, Y%d, Y%d", op, 2*i+1, 2*i, r)
			for _, to := range []string{low, high} {
				if to == high {
					f.op("VEXTRACTI128 $1, Y%d, X%d", r, r)
				}
				f.op("VMOVQ X%d, (%s)", r, to)
				f.op("VMOVHPS X%d, (%s)(%s*1)", r, to, ldd)
				f.op("LEAQ (%[1]s)(%[2]s*2), %[1]s", to, ldd)
			}
		}
	}
	f.op("LEAQ (%[1]s)(%[2]s*8), %[1]s", src, lds)
	f.op("ADDQ $8, %s", dst)
	f.op("DECQ %s", n)
	f.op("JNZ rows")
	f.end()
}
