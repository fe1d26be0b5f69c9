package train

// sumColumns writes the sum of the rows of src, each as long as dst, to the
// gradient of dst.
func sumColumns(c *crew, dst *operand, src []float32) {
	n := dst.elems()
	pieces := min(len(src)/n, parts(len(src)))
	sums := c.shared(pieces * n)
	c.each(pieces, func(_ *worker, u int) {
		sum := sums[u*n:][:n]
		clear(sum)
		from, to := part(len(src)/n, pieces, u)
		for r := from; r < to; r++ {
			for i, v := range src[r*n:][:n] {
				sum[i] += v
			}
		}
	})
	addParts(dst, sums, pieces)
}

// addParts adds pieces of sums up, into the gradient of dst.
func addParts(dst *operand, sums []float32, pieces int) {
	n := len(dst.grad)
	for p := 1; p < pieces; p++ {
		for i, v := range sums[p*n:][:n] {
			sums[i] += v
		}
	}
	store(dst, sums[:n])
}

// store writes src to the gradient of dst, or adds it.
func store(dst *operand, src []float32) {
	if !dst.add {
		copy(dst.grad, src)
		return
	}
	for i, v := range src {
		dst.grad[i] += v
	}
}
