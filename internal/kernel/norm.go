package kernel

// Batch normalisation with training (Ioffe and Szegedy, ICML 2015). Arrays are
// rows of C channels, C the length of the per-channel slices; sums run over
// the rows, in order, in float32: cut many rows into several calls. Products are
// added by fused multiply-add on all levels, which have the same bits.

// Moments adds to sum[c] and squares[c], over all rows of x, the differences
// from shift[c] and their squares.
func (l Level) Moments(sum, squares, x, shift []float32) {
	checkRows(len(x), len(sum), squares, shift)
	if len(x) > 0 {
		moments(l, sum, squares, x, shift)
	}
}

// NormArgs are rows of inputs and of gradients of a normalisation and clamp
//
//	y := X[r*C+c]*Scale[c] + Shift[c]
//	g := Grad[r*C+c]; if !(Min < y && y < Max) { g = 0 }
type NormArgs struct {
	X, Grad, Scale, Shift []float32
	Min, Max              float32 // infinite: no clamp
}

// NormSums adds g to sum[c], and g*(X[r*C+c]-mean[c]) to dot[c].
func (l Level) NormSums(n *NormArgs, sum, dot, mean []float32) {
	checkRows(len(n.X), len(n.Scale), n.Shift, sum, dot, mean)
	need(n.Grad, len(n.X))
	if len(n.X) > 0 {
		normSums(l, n, sum, dot, mean)
	}
}

// NormInput writes Scale[c]*g + b[c]*X[r*C+c] + d[c] to dx[r*C+c], or adds it.
// dx may be Grad.
func (l Level) NormInput(n *NormArgs, dx, b, d []float32, add bool) {
	checkRows(len(n.X), len(n.Scale), n.Shift, b, d)
	need(n.Grad, len(n.X))
	need(dx, len(n.X))
	if len(n.X) > 0 {
		normInput(l, n, dx, b, d, add)
	}
}

// ClampGrad writes g[i] to dst[i], or adds it, where lo < y[i] && y[i] < hi, and
// 0 elsewhere. The slices have one length; dst may be g.
func (l Level) ClampGrad(dst, g, y []float32, lo, hi float32, add bool) {
	need(g, len(dst))
	need(y, len(dst))
	clampGrad(l, dst, g, y, lo, hi, add)
}

// checkRows panics unless size is rows of n channels and all others have n.
func checkRows(size, n int, others ...[]float32) {
	if n == 0 || size%n != 0 {
		panic("kernel: length is not a multiple of the channels")
	}
	for _, x := range others {
		need(x, n)
	}
}

// The generic loops do the channels from first on.

func momentsGeneric(sum, squares, x, shift []float32, first int) {
	for r := 0; r < len(x); r += len(sum) {
		for c := first; c < len(sum); c++ {
			d := x[r+c] - shift[c]
			sum[c] += d
			squares[c] = fma(d, d, squares[c])
		}
	}
}

// grad is the gradient of channel c of the row that starts at r.
func (n *NormArgs) grad(r, c int) float32 {
	y := float32(n.X[r+c]*n.Scale[c]) + n.Shift[c] // as ScaleShift, on all levels
	if n.Min < y && y < n.Max {
		return n.Grad[r+c]
	}
	return 0
}

func normSumsGeneric(n *NormArgs, sum, dot, mean []float32, first int) {
	for r := 0; r < len(n.X); r += len(n.Scale) {
		for c := first; c < len(n.Scale); c++ {
			g := n.grad(r, c)
			sum[c] += g
			dot[c] = fma(n.X[r+c]-mean[c], g, dot[c])
		}
	}
}

func normInputGeneric(n *NormArgs, dx, b, d []float32, add bool, first int) {
	for r := 0; r < len(n.X); r += len(n.Scale) {
		for c := first; c < len(n.Scale); c++ {
			v := fma(n.Scale[c], n.grad(r, c), fma(b[c], n.X[r+c], d[c]))
			if add {
				v += dx[r+c]
			}
			dx[r+c] = v
		}
	}
}

func clampGradGeneric(dst, g, y []float32, lo, hi float32, add bool) {
	for i := range dst {
		v := g[i]
		if !(lo < y[i] && y[i] < hi) {
			v = 0
		}
		if add {
			v += dst[i]
		}
		dst[i] = v
	}
}
