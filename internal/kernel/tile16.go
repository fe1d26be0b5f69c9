package kernel

// TileBF16Args describes C[M x N] = A[M x K] * B[K x N] of bfloat16, the inner
// step of convolutions and matrix products in that form. acc is the sum of
// Tile in float32; then
//
//	y := acc[i][n]*Scale[n] + Bias[n]
//	if Residual  != nil { y += Residual[i*Ldr+n] }
//	if ResidualF != nil { y += ResidualF[i*Ldr+n] }
//	y = clamp(y, Lower[n], Upper[n])
//	OutF[i*Ldc+n] = y, or
//	Out[i*Ldc+n] = ToBF16(y)
//
// Products are exact. Each level adds them in its own order, rounding after
// one product or two, and may take denormal numbers and results for zero:
// levels differ by at most (K+4)/2^24 of the sum of magnitudes, and 2^-125 for
// every product.
type TileBF16Args struct {
	A    []BF16    // row i starts at i*Lda
	Lda  int       // any value >= 0
	Segs []Segment // of A; Off >= 0; Len a multiple of 2, on level AMX best of AlignBF16

	B    []BF16 // [K/2][32][2]: a panel of weights, see PanelBF16
	M, N int    // any M >= 0; 1 <= N <= 32. Columns of B behind N may hold anything

	Scale, Bias  []float32 // N each (32 save a copy); Bias nil: 0
	Lower, Upper []float32 // bounds, N each; nil: none
	Residual     []BF16    // row i starts at i*Ldr; nil: none. May be Out itself
	ResidualF    []float32 // instead of Residual. May be OutF itself
	Ldr          int

	Out  []BF16    // row i starts at i*Ldc
	OutF []float32 // instead of Out
	Ldc  int       // >= N if M > 1
}

// PanelBF16 is the place in a panel of the weight of output n for input k.
func PanelBF16(k, n int) int { return k/2*(2*cols8) + 2*n + k%2 }

// AlignBF16 is what the length of segments should be a multiple of: tiles of
// any even length are right, but not as fast. The numbers of A behind a
// shorter run may be any finite ones if their weights are zero.
func (l Level) AlignBF16() int {
	if l.tilesBF16() {
		return 32
	}
	return 2
}

// RowsBF16 is the number of rows that are summed at a time: products are
// fastest when M is a multiple.
func (l Level) RowsBF16() int {
	switch {
	case l.tilesBF16():
		return 32
	case l.HasBF16():
		return 14
	}
	return 4
}

// TileBF16 computes t. The result may overlap neither A nor B.
func (l Level) TileBF16(t *TileBF16Args) {
	depth := t.check()
	if t.M == 0 {
		return
	}
	if depth == 0 {
		l = Generic
	}
	tile16(l, t)
}

// check panics if t reads or writes outside its slices; it returns the length
// of the sums.
func (t *TileBF16Args) check() (depth int) {
	if t.M < 0 || t.N < 1 || t.N > cols8 || t.Lda < 0 || t.Ldc < 0 || t.Ldr < 0 || t.M > 1 && t.Ldc < t.N {
		panic("kernel: bf16 tile: size out of range")
	}
	depth, reach := extent16(t.Segs)
	need(t.B, depth*cols8)
	need(t.Scale, t.N)
	for _, x := range [][]float32{t.Bias, t.Lower, t.Upper} {
		if x != nil {
			need(x, t.N)
		}
	}
	if (t.Out == nil) == (t.OutF == nil) || t.Residual != nil && t.ResidualF != nil {
		panic("kernel: bf16 tile: one result and at most one residual")
	}
	if t.M == 0 {
		return depth
	}
	need(t.A, (t.M-1)*t.Lda+reach)
	last, lastR := (t.M-1)*t.Ldc+t.N, (t.M-1)*t.Ldr+t.N
	if t.Out != nil {
		need(t.Out, last)
	} else {
		need(t.OutF, last)
	}
	if t.Residual != nil {
		need(t.Residual, lastR)
	}
	if t.ResidualF != nil {
		need(t.ResidualF, lastR)
	}
	return depth
}

// extent16 is the sum of the lengths of segs and the end of the last.
func extent16(segs []Segment) (depth, reach int) {
	for _, s := range segs {
		if s.Off < 0 || s.Len < 0 || s.Len%2 != 0 {
			panic("kernel: bf16 tile: bad segment")
		}
		depth += s.Len
		reach = max(reach, s.Off+s.Len)
	}
	return depth, reach
}

func tile16Generic(t *TileBF16Args) {
	for i := range t.M {
		var acc [cols8]float32
		b := t.B
		for _, s := range t.Segs {
			a := t.A[i*t.Lda+s.Off:][:s.Len]
			for j := 0; j < len(a); j += 2 {
				a0, a1 := a[j].Float32(), a[j+1].Float32()
				row := b[:2*cols8]
				for n := range acc {
					acc[n] += a0*row[2*n].Float32() + a1*row[2*n+1].Float32()
				}
				b = b[2*cols8:]
			}
		}
		t.finish(i, &acc)
	}
}

// finish makes the results of row i of its sums.
func (t *TileBF16Args) finish(i int, sums *[cols8]float32) {
	for n, y := range sums[:t.N] {
		y *= t.Scale[n]
		if t.Bias != nil {
			y += t.Bias[n]
		}
		if t.Residual != nil {
			y += t.Residual[i*t.Ldr+n].Float32()
		}
		if t.ResidualF != nil {
			y += t.ResidualF[i*t.Ldr+n]
		}
		lo, hi := negInf, -negInf
		if t.Lower != nil {
			lo = t.Lower[n]
		}
		if t.Upper != nil {
			hi = t.Upper[n]
		}
		y = clamp(y, lo, hi)
		if t.Out != nil {
			t.Out[i*t.Ldc+n] = ToBF16(y)
		} else {
			t.OutF[i*t.Ldc+n] = y
		}
	}
}
