package kernel

// TileI8Args describes C[M x N] = A[M x K] * B[K x N] of bytes, the inner step
// of 8-bit convolutions and matrix products. acc is the sum of Tile in int32,
// with K in bytes; then
//
//	y := float32(acc[i][n])*Scale[n] + Bias[n]
//	if Residual  != nil { y += ResidualScale * float32(Residual[i*Ldr+n]-ResidualZero) }
//	if ResidualF != nil { y += ResidualF[i*Ldr+n] }
//	y = clamp(y, Min, Max)
//	OutF[i*Ldc+n] = y, or
//	Out[i*Ldc+n] = clamp(round(y*OutScale) + OutZero, 0, 255), round to even
//
// Every product and sum is rounded to float32. The zero point of A is the
// caller's: he adds -zero*sum(B)*Scale to Bias.
//
// Weights in two planes, w = s*high + t*low, take two calls: the first with
// low into OutF, the second with high, and that as ResidualF.
type TileI8Args struct {
	A    []uint8   // row i starts at i*Lda
	Lda  int       // bytes between rows; any value >= 0
	Segs []Segment // bytes; Off >= 0; Len a multiple of 4, on level AMX best of 64 (see AlignI8)

	B    []int8 // [K/4][32][4]: a panel of weights, see PanelI8
	M, N int    // any M >= 0; 1 <= N <= 32. Columns of B behind N may hold anything

	Scale, Bias   []float32 // N each (32 save a copy); Bias nil: 0
	Residual      []uint8   // row i starts at i*Ldr; nil: none. May be Out itself
	ResidualScale float32
	ResidualZero  uint8
	ResidualF     []float32 // instead of Residual. May be OutF itself
	Ldr           int
	Min, Max      float32 // infinite: no bounds

	Out      []uint8 // row i starts at i*Ldc
	OutScale float32 // 1/scale of the result
	OutZero  uint8
	OutF     []float32 // instead of Out
	Ldc      int       // >= N if M > 1
}

// PanelCols is the number of outputs in a panel of 8-bit weights.
const PanelCols = cols8

// PanelI8 is the place in a panel of the weight of output n for input k.
func PanelI8(k, n int) int { return k/4*(4*cols8) + 4*n + k%4 }

// AlignI8 is what the length of segments should be a multiple of: TileI8 works
// with any multiple of 4, but not as fast. The bytes of A behind a shorter run
// may hold anything if their weights are zero.
func (l Level) AlignI8() int {
	if l == AMX {
		return 64
	}
	return 4
}

// RowsI8 is the number of rows that TileI8 sums at a time: it works fastest
// when M is a multiple.
func (l Level) RowsI8() int { return tileRows8[l] }

var tileRows8 = [levels]int{Generic: 4, Fused: 4, NEON: 4, AVX2: 2, AVXVNNI: 3, AVX512: 2, VNNI: 14, AMX: 32}

// TileI8 computes t. The result may overlap neither A nor B.
func (l Level) TileI8(t *TileI8Args) {
	depth := t.check()
	if t.M == 0 {
		return
	}
	e := epilogue8{
		n: t.N, scale: t.Scale, bias: t.Bias, min: t.Min, max: t.Max,
		residual: t.Residual, residualQ: Affine{t.ResidualScale, t.ResidualZero}, residualF: t.ResidualF, ldr: t.Ldr,
		out: t.Out, outScale: t.OutScale, outZero: t.OutZero, outF: t.OutF, ldc: t.Ldc,
	}
	e.check(t.M)
	if depth == 0 {
		l = Generic
	}
	tile8(l, t, &e)
}

// check panics if t reads outside A and B; it returns the length of the sums.
func (t *TileI8Args) check() (depth int) {
	if t.M < 0 || t.N < 1 || t.N > cols8 || t.Lda < 0 {
		panic("kernel: int8 tile: size out of range")
	}
	reach := 0
	for _, s := range t.Segs {
		if s.Off < 0 || s.Len < 0 || s.Len%4 != 0 {
			panic("kernel: int8 tile: bad segment")
		}
		depth += s.Len
		reach = max(reach, s.Off+s.Len)
	}
	need(t.B, depth*cols8)
	if t.M > 0 {
		need(t.A, (t.M-1)*t.Lda+reach)
	}
	return depth
}

func tile8Generic(t *TileI8Args, e *epilogue8) {
	for i := range t.M {
		var acc [cols8]int32
		b := t.B
		for _, s := range t.Segs {
			a := t.A[i*t.Lda+s.Off:][:s.Len]
			for j := 0; j < len(a); j += 4 {
				a0, a1, a2, a3 := int32(a[j]), int32(a[j+1]), int32(a[j+2]), int32(a[j+3])
				row := b[:4*cols8]
				for n := range acc {
					acc[n] += a0*int32(row[4*n]) + a1*int32(row[4*n+1]) + a2*int32(row[4*n+2]) + a3*int32(row[4*n+3])
				}
				b = b[4*cols8:]
			}
		}
		e.row(i, 0, &acc)
	}
}
