package kernel

// OuterArgs describes a sum of outer products, the gradient of the weights of
// a convolution or matrix product:
//
//	for y := range Rows {
//		for x := range Width {
//			a, b := A[y*RowA+x*StepA:], B[y*RowB+x*StepB:]
//			for i := range M {
//				for n := range N {
//					sum[i][n] += a[i] * b[n]
//				}
//			}
//		}
//	}
//
// where sum starts at zero, and then C[i*Ldc+n] += sum[i][n]. The order of a
// sum is that of the loops for every M and N.
type OuterArgs struct {
	A           []float32
	RowA, StepA int // floats between rows, between neighbours of a row; >= 0
	B           []float32
	RowB, StepB int
	Rows, Width int // any >= 0
	C           []float32
	Ldc         int // >= N if M > 1
	M, N        int // any >= 0
}

// Outer computes o. C may overlap neither A nor B.
func (l Level) Outer(o *OuterArgs) {
	if o.Rows <= 0 || o.Width <= 0 || o.M <= 0 || o.N <= 0 {
		return
	}
	o.check()
	outer(l, o)
}

// check panics if o reads or writes outside its slices.
func (o *OuterArgs) check() {
	if o.RowA < 0 || o.StepA < 0 || o.RowB < 0 || o.StepB < 0 || o.Ldc < 0 || o.M > 1 && o.Ldc < o.N {
		panic("kernel: outer: size out of range")
	}
	need(o.A, (o.Rows-1)*o.RowA+(o.Width-1)*o.StepA+o.M)
	need(o.B, (o.Rows-1)*o.RowB+(o.Width-1)*o.StepB+o.N)
	need(o.C, (o.M-1)*o.Ldc+o.N)
}

// outerGeneric keeps the sums of a few rows and columns in registers and the
// first level of cache.
func outerGeneric(o *OuterArgs) {
	const block = 16
	var sums [block][block]float32
	for i0 := 0; i0 < o.M; i0 += block {
		m := min(block, o.M-i0)
		for n0 := 0; n0 < o.N; n0 += block {
			n := min(block, o.N-n0)
			clear(sums[:])
			for y := range o.Rows {
				for x := range o.Width {
					a := o.A[y*o.RowA+x*o.StepA+i0:][:m]
					b := o.B[y*o.RowB+x*o.StepB+n0:][:n]
					for i, v := range a {
						sum := sums[i][:len(b)]
						for j, w := range b {
							sum[j] += v * w
						}
					}
				}
			}
			for i := range m {
				c := o.C[(i0+i)*o.Ldc+n0:][:n]
				for j := range c {
					c[j] += sums[i][j]
				}
			}
		}
	}
}
