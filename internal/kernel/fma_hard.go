//go:build arm64 || loong64 || ppc64 || ppc64le || riscv64 || s390x

package kernel

// wide is a float32 in the form that sums need. Here Go makes one instruction of
// a product and a sum. The language permits that, without demanding it:
// TestFMA demands it.
type wide = float32

// fma is a*b + c rounded once.
func fma(a, b, c float32) float32 { return a*b + c }

// fmaMultiple adds a*b to sum, number by number, as fma does.
func fmaMultiple(sum []wide, a wide, b []wide) {
	for i, v := range b[:len(sum)] {
		sum[i] = a*v + sum[i]
	}
}

// fmaEach adds a[i]*b[i] to sum[i] as fma does.
func fmaEach(sum, a, b []float32) {
	a, b = a[:len(sum)], b[:len(sum)]
	for i, v := range sum {
		sum[i] = a[i]*b[i] + v
	}
}
