//go:build !purego

package kernel

func sum8(_ Level, sums [][cols8]int32, w *window8, x, c, n int) { sum8Generic(sums, w, x, c, n) }
func max8(_ Level, out []uint8, w *window8, x int)               { max8Generic(out, w, x) }
func quantize(_ Level, dst []uint8, src []float32, q Affine)     { quantizeGeneric(dst, src, q) }
func dequantize(_ Level, dst []float32, src []uint8, q Affine)   { dequantizeGeneric(dst, src, q) }
func add8(_ Level, dst, a, b []uint8, qa, qb, q Affine, lo, hi float32) {
	add8Generic(dst, a, b, qa, qb, q, lo, hi)
}
