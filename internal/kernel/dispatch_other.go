//go:build !amd64 || purego

package kernel

func tile(l Level, t *TileArgs)                          { tilePlain(l, t) }
func decode(l Level, d *DecodeArgs)                      { decodeGeneric(d, tileSizes[l].nr) }
func depthwise(l Level, d *DepthwiseArgs)                { depthwisePlain(l, d) }
func maxPool(_ Level, w *window)                         { maxPoolGeneric(w) }
func avgPool(_ Level, w *window)                         { avgPoolGeneric(w) }
func add(_ Level, dst, a, b []float32, lo, hi float32)   { addGeneric(dst, a, b, lo, hi) }
func mul(_ Level, dst, a, b []float32)                   { mulGeneric(dst, a, b) }
func fakeQuantize(_ Level, dst, x []float32, s Spacing)  { fakeQuantizeGeneric(dst, x, s) }
func clampAll(_ Level, dst, a []float32, lo, hi float32) { clampGeneric(dst, a, lo, hi) }
func scaleShift(_ Level, dst, a, scale, shift []float32, lo, hi float32) {
	scaleShiftGeneric(dst, a, scale, shift, lo, hi)
}
func exp(l Level, dst, x []float32)     { expPlain(l, dst, x) }
func sigmoid(l Level, dst, x []float32) { sigmoidPlain(l, dst, x) }
func silu(l Level, dst, x []float32)    { siluPlain(l, dst, x) }
func tanh(l Level, dst, x []float32)    { tanhPlain(l, dst, x) }
func hardSigmoid(_ Level, dst, x []float32, alpha, beta float32) {
	hardSigmoidGeneric(dst, x, alpha, beta)
}
func hardSwish(_ Level, dst, x []float32, alpha, beta float32) {
	hardSwishGeneric(dst, x, alpha, beta)
}
func transpose(_ Level, dst []float32, ldd int, src []float32, lds, rows, cols int) {
	transposeGeneric(dst, ldd, src, lds, rows, cols)
}
func nearest(_ Level, dst []uint16, x []float32, d int, planes, half []float32) {
	nearestGeneric(dst, x, d, planes, half)
}
func moments(_ Level, sum, squares, x, shift []float32) { momentsGeneric(sum, squares, x, shift, 0) }
func normSums(_ Level, n *NormArgs, sum, dot, mean []float32) {
	normSumsGeneric(n, sum, dot, mean, 0)
}
func normInput(_ Level, n *NormArgs, dx, b, d []float32, add bool) {
	normInputGeneric(n, dx, b, d, add, 0)
}
func clampGrad(_ Level, dst, g, y []float32, lo, hi float32, add bool) {
	clampGradGeneric(dst, g, y, lo, hi, add)
}
func depthwiseGrad(_ Level, d *DepthwiseGradArgs) { depthwiseGradGeneric(d, 0) }
func outer(l Level, o *OuterArgs)                 { outerPlain(l, o) }
func gram(l Level, sum []float64, x []float32, stride, d, n int) {
	gramPlain(l, sum, x, stride, d, n)
}
func adam(_ Level, a *AdamArgs)                                    { adamGeneric(a, 0) }
func sgd(_ Level, a *SGDArgs)                                      { sgdGeneric(a, 0) }
func blend(_ Level, dst, x []float32, keep float32)                { blendGeneric(dst, x, keep) }
func sumSquares(_ Level, lanes *[squareLanes]float64, x []float32) { sumSquaresGeneric(lanes, x) }
