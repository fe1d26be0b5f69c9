//go:build !purego

package kernel

// gramRows is the most products that the assembly computes at once: latency
// times throughput of an FMA, as far as registers go.
func gramRows(l Level) int {
	if l >= AVX512 {
		return 8
	}
	return 7
}

// dotsCall is what the assembly of Gram reads and writes.
type dotsCall struct {
	a, b    *float32
	stride  int // bytes between rows of b
	rows    int // 1...gramRows
	vectors int // of gramLanes, >= 1
	sums    [8]float32
}

func gram(l Level, sum []float64, x []float32, stride, d, n int) {
	if l <= Fused {
		gramPlain(l, sum, x, stride, d, n)
		return
	}
	whole := n - n%gramLanes
	if whole < n {
		gramGeneric(sum, x, stride, d, whole, n)
	}
	if whole == 0 {
		return
	}
	c := dotsCall{stride: 4 * stride, vectors: whole / gramLanes}
	for i := range d {
		c.a = &x[i*stride]
		for j := 0; j <= i; j += gramRows(l) {
			c.b, c.rows = &x[j*stride], min(i+1-j, gramRows(l))
			if l >= AVX512 {
				dotsAVX512(&c)
			} else {
				dotsAVX2(&c)
			}
			for k, v := range c.sums[:c.rows] {
				sum[i*d+j+k] += float64(v)
			}
		}
	}
}
