package kernel

// OuterArgs describes a sum of outer products, the gradient of the weights of
// a convolution or matrix product:
//
//	for p := range Planes {
//		for y := range Rows {
//			for x := range Width {
//				a, b := A[p*PlaneA+y*RowA+x*StepA:], B[p*PlaneB+y*RowB+x*StepB:]
//				for i := range M {
//					for n := range N {
//						sum[i][n] += a[i] * b[n]
//					}
//				}
//			}
//		}
//	}
//
// where sum starts at zero, and then C[i*Ldc+n] += sum[i][n]. The order of a
// sum is that of the loops for every M and N.
type OuterArgs struct {
	A                   []float32
	PlaneA, RowA, StepA int // floats between planes, rows, neighbours of a row; >= 0
	B                   []float32
	PlaneB, RowB, StepB int
	Planes, Rows, Width int // any >= 0
	C                   []float32
	Ldc                 int // >= N if M > 1
	M, N                int // any >= 0
}

// Outer computes o. C may overlap neither A nor B.
func (l Level) Outer(o *OuterArgs) {
	if o.Planes <= 0 || o.Rows <= 0 || o.Width <= 0 || o.M <= 0 || o.N <= 0 {
		return
	}
	o.check()
	outer(l, o)
}

// check panics if o reads or writes outside its slices.
func (o *OuterArgs) check() {
	if min(o.PlaneA, o.RowA, o.StepA, o.PlaneB, o.RowB, o.StepB, o.Ldc) < 0 || o.M > 1 && o.Ldc < o.N {
		panic("kernel: outer: size out of range")
	}
	need(o.A, (o.Planes-1)*o.PlaneA+(o.Rows-1)*o.RowA+(o.Width-1)*o.StepA+o.M)
	need(o.B, (o.Planes-1)*o.PlaneB+(o.Rows-1)*o.RowB+(o.Width-1)*o.StepB+o.N)
	need(o.C, (o.M-1)*o.Ldc+o.N)
}

// outerPlain computes o without vectors.
func outerPlain(l Level, o *OuterArgs) {
	if l == Fused {
		outerFused(o)
	} else {
		outerGeneric(o)
	}
}

// outerBlock is the number of rows and columns of a block of sums.
const outerBlock = 16

// blocks visits the blocks of C: m rows from row i on, n columns from column j on.
func (o *OuterArgs) blocks(visit func(i, j, m, n int)) {
	for i := 0; i < o.M; i += outerBlock {
		for j := 0; j < o.N; j += outerBlock {
			visit(i, j, min(outerBlock, o.M-i), min(outerBlock, o.N-j))
		}
	}
}

// products visits what is multiplied for the block of row i and column j.
func (o *OuterArgs) products(i, j int, visit func(a, b []float32)) {
	for p := range o.Planes {
		for y := range o.Rows {
			a, b := o.A[p*o.PlaneA+y*o.RowA+i:], o.B[p*o.PlaneB+y*o.RowB+j:]
			for x := range o.Width {
				visit(a[x*o.StepA:], b[x*o.StepB:])
			}
		}
	}
}

// outerGeneric keeps the sums of a few rows and columns in registers and the
// first level of cache.
func outerGeneric(o *OuterArgs) {
	o.blocks(func(i, j, m, n int) {
		var sums [outerBlock][outerBlock]float32
		o.products(i, j, func(a, b []float32) { outerStep(sums[:m], a, b[:n]) })
		for r := range m {
			c := o.C[(i+r)*o.Ldc+j:][:n]
			for k := range c {
				c[k] += sums[r][k]
			}
		}
	})
}

// outerStep adds one product.
func outerStep(sums [][outerBlock]float32, a, b []float32) {
	for i := range sums {
		v, sum := a[i], sums[i][:len(b)]
		for j, w := range b {
			sum[j] += v * w
		}
	}
}
