package kernel

// Gram adds the second moments of n vectors of d numbers to sum, the lower
// half of [d][d]:
//
//	sum[i*d+j] += sum over t < n of x[i*stride+t]*x[j*stride+t], j <= i
//
// x is [d][stride]: number i of all vectors, then number i+1. The inner sum is
// in float32: cut long runs into calls of some hundreds of vectors. The result
// depends on the cutting; all levels but Generic and NEON have the same bits.
func (l Level) Gram(sum []float64, x []float32, stride, d, n int) {
	if d < 1 || n < 0 || stride < n {
		panic("kernel: gram: size out of range")
	}
	need(sum, d*d)
	need(x, (d-1)*stride+n)
	if n > 0 {
		gram(l, sum, x, stride, d, n)
	}
}

// gramLanes is the number of partial sums of a product, on levels with vectors
// and on Fused.
const gramLanes = 16

// gramPlain computes Gram without vectors.
func gramPlain(l Level, sum []float64, x []float32, stride, d, n int) {
	whole := 0
	if l == Fused {
		whole = n - n%gramLanes
	}
	if whole < n {
		gramGeneric(sum, x, stride, d, whole, n)
	}
	if whole > 0 {
		gramFused(sum, x, stride, d, whole)
	}
}

// gramGeneric sums the vectors from, from+1, ...
func gramGeneric(sum []float64, x []float32, stride, d, from, n int) {
	for i := range d {
		a := x[i*stride:][from:n]
		for j := range i + 1 {
			b := x[j*stride:][from:n]
			var even, odd float32 // two chains hide the latency of an addition
			for t := 0; t+1 < len(a); t += 2 {
				even += float32(a[t] * b[t])
				odd += float32(a[t+1] * b[t+1])
			}
			if len(a)%2 > 0 {
				even += float32(a[len(a)-1] * b[len(a)-1])
			}
			sum[i*d+j] += float64(even) + float64(odd)
		}
	}
}
