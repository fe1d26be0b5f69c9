package main

// genTranspose writes the transposition of squares of 8 x 8.
func genTranspose(f *file) {
	const args, dst, src, n = "AX", "DI", "SI", "CX"
	from := strides{src, "R8", "R9", "R10", "R11"}
	to := strides{dst, "R12", "R13", "BX", "DX"}
	f.begin("transposeAVX2", "c *transposeCall", "transposes 8 rows; see Transpose.")
	f.op("MOVQ c+0(FP), %s", args)
	f.op("MOVQ transposeCall_dst(%s), %s", args, dst)
	f.op("MOVQ transposeCall_src(%s), %s", args, src)
	f.op("MOVQ transposeCall_ldd(%s), %s", args, to.one)
	f.op("MOVQ transposeCall_lds(%s), %s", args, from.one)
	f.op("MOVQ transposeCall_squares(%s), %s", args, n)
	to.load(f)
	from.load(f)
	f.label("square")
	for half := range 2 {
		for i := range 4 {
			// Rows i and i+4 side by side: then no shuffle crosses a lane.
			f.op("VMOVUPS %d%s, X%d", 16*half, from.at(i), i)
			f.op("VINSERTF128 $1, %d%s, Y%d, Y%d", 16*half, from.at(i+4), i, i)
		}
		f.op("VUNPCKLPS Y1, Y0, Y4")
		f.op("VUNPCKHPS Y1, Y0, Y5")
		f.op("VUNPCKLPS Y3, Y2, Y6")
		f.op("VUNPCKHPS Y3, Y2, Y7")
		f.op("VUNPCKLPD Y6, Y4, Y0")
		f.op("VUNPCKHPD Y6, Y4, Y1")
		f.op("VUNPCKLPD Y7, Y5, Y2")
		f.op("VUNPCKHPD Y7, Y5, Y3")
		for i := range 4 {
			f.op("VMOVUPS Y%d, %s", i, to.at(4*half+i))
		}
	}
	f.op("ADDQ $32, %s", src)
	f.op("LEAQ (%s)(%s*8), %s", dst, to.one, dst)
	f.op("DECQ %s", n)
	f.op("JNZ square")
	f.end()
}
