//go:build !purego

package kernel

// normCall is what the assembly of a normalisation reads.
type normCall struct {
	x, grad, scale, shift *float32
	a, b, c               *float32 // see the functions
	rows, vectors         int      // >= 1
	stride                int      // bytes of a row
	mask                  uint32   // of the last vector
	lo, hi                float32
	add                   int // not 0: add to what is there
}

// newNormCall also says from which channel on the assembly leaves the work to
// Go: AVX2 has no cheap masks.
func newNormCall(l Level, size, channels int) (c normCall, first int) {
	if l <= Fused {
		return c, 0
	}
	lanes := l.lanes()
	c = normCall{rows: size / channels, vectors: channels / lanes, stride: 4 * channels, mask: 1<<lanes - 1}
	first = c.vectors * lanes
	if l >= AVX512 && first < channels {
		c.mask = uint32(1<<(channels-first) - 1)
		c.vectors++
		first = channels
	}
	return c, first
}

func moments(l Level, sum, squares, x, shift []float32) {
	c, first := newNormCall(l, len(x), len(sum))
	c.x, c.shift, c.a, c.b = &x[0], &shift[0], &sum[0], &squares[0]
	if c.vectors > 0 {
		if l >= AVX512 {
			momentsAVX512(&c)
		} else {
			momentsAVX2(&c)
		}
	}
	momentsGeneric(sum, squares, x, shift, first)
}

func normSums(l Level, n *NormArgs, sum, dot, mean []float32) {
	c, first := newNormCall(l, len(n.X), len(n.Scale))
	c.of(n)
	c.a, c.b, c.c = &sum[0], &dot[0], &mean[0]
	if c.vectors > 0 {
		if l >= AVX512 {
			normSumsAVX512(&c)
		} else {
			normSumsAVX2(&c)
		}
	}
	normSumsGeneric(n, sum, dot, mean, first)
}

func normInput(l Level, n *NormArgs, dx, b, d []float32, add bool) {
	c, first := newNormCall(l, len(n.X), len(n.Scale))
	c.of(n)
	c.a, c.b, c.c = &dx[0], &b[0], &d[0]
	if add {
		c.add = 1
	}
	if c.vectors > 0 {
		if l >= AVX512 {
			normInputAVX512(&c)
		} else {
			normInputAVX2(&c)
		}
	}
	normInputGeneric(n, dx, b, d, add, first)
}

func (c *normCall) of(n *NormArgs) {
	c.x, c.grad, c.scale, c.shift = &n.X[0], &n.Grad[0], &n.Scale[0], &n.Shift[0]
	c.lo, c.hi = n.Min, n.Max
}

func clampGrad(l Level, dst, g, y []float32, lo, hi float32, add bool) {
	whole := wholeVectors(l, len(dst))
	if whole > 0 {
		c := elementCall{dst: &dst[0], a: &g[0], b: &y[0], n: whole, lo: lo, hi: hi}
		switch {
		case l >= AVX512 && add:
			clampGradAddAVX512(&c)
		case l >= AVX512:
			clampGradAVX512(&c)
		case add:
			clampGradAddAVX2(&c)
		default:
			clampGradAVX2(&c)
		}
	}
	clampGradGeneric(dst[whole:], g[whole:], y[whole:], lo, hi, add)
}
