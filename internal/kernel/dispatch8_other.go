//go:build !amd64 || purego

package kernel

func tile8(_ Level, t *TileI8Args, e *epilogue8)                 { tile8Generic(t, e) }
func finish8(_ Level, e *epilogue8, i int, sums [][cols8]int32)  { e.finishGeneric(i, sums) }
func sum8(_ Level, sums [][cols8]int32, w *window8, x, c, n int) { sum8Generic(sums, w, x, c, 0, n) }
func max8(_ Level, out []uint8, step, channels, pixels int, w *window8) {
	max8Generic(out, step, channels, pixels, w)
}
func decode8(_ Level, dst []int8, d *DecoderI8, c PanelCodes)  { decode8Generic(dst, d, c, 0) }
func quantize(_ Level, dst []uint8, src []float32, q Affine)   { quantizeGeneric(dst, src, q) }
func dequantize(_ Level, dst []float32, src []uint8, q Affine) { dequantizeGeneric(dst, src, q) }
func add8(_ Level, dst, a, b []uint8, qa, qb, q Affine, lo, hi float32) {
	add8Generic(dst, a, b, qa, qb, q, lo, hi)
}

func clamp8(_ Level, x, lower, upper []uint8) { clamp8Generic(x, lower, upper) }
func dotsBytes(Level) bool                    { return false }
func depthwise8(*DepthwiseI8Args)             {}
func quantizePlanes(_ Level, dst []uint8, src []float32, p *planes8, q Affine) {
	quantizePlanesGeneric(dst, src, p, 0, q)
}
func map8(_ Level, dst, src []uint8, table *[256]uint8) { map8Generic(dst, src, table) }
func shuffle8(_ Level, dst, src []uint8, groups int)    { shuffle8Generic(dst, src, groups) }
