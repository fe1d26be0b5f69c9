//go:build !purego

package kernel

// gramRows is the most products that the assembly computes at once.
const gramRows = 8

// dotsCall is what the assembly of Gram reads and writes.
type dotsCall struct {
	a, b    *float32
	stride  int // bytes between rows of b
	rows    int // 1...gramRows
	vectors int // >= 1
	sums    [gramRows]float32
}

func gram(l Level, sum []float64, x []float32, stride, d, n int) {
	whole := wholeVectors(l, n)
	if whole < n {
		gramGeneric(sum, x, stride, d, whole, n)
	}
	if whole == 0 {
		return
	}
	c := dotsCall{stride: 4 * stride, vectors: whole / l.lanes()}
	for i := range d {
		c.a = &x[i*stride]
		for j := 0; j <= i; j += gramRows {
			c.b, c.rows = &x[j*stride], min(i+1-j, gramRows)
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
