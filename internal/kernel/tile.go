package kernel

// Segment is a run of the sum index that is contiguous in a row of A: Len
// floats that start Off floats after the row.
type Segment struct{ Off, Len int }

// TileArgs describes C[M x N] (+)= A[M x K] * B[K x N], the inner step of every
// convolution and matrix product:
//
//	k := 0
//	for _, s := range Segs {
//		for j := range s.Len {
//			for i := range M {
//				for n := range N {
//					sum[i][n] += A[i*Lda+s.Off+j] * B[k*nr+n]
//				}
//			}
//			k++
//		}
//	}
//
// where sum starts at zero, and then, per element,
//
//	y := sum[i][n]
//	if !First { y += C[i*Ldc+n] }
//	if Last   { y = clamp(y*Scale[n] + Bias[n] + Residual[i*Ldr+n], Min, Max) }
//	C[i*Ldc+n] = y
//
// K is the sum of the Len. The order of the sum over k is that of the loop for
// every M and N.
type TileArgs struct {
	A    []float32 // row i starts at i*Lda
	Lda  int       // floats between rows; any value >= 0
	Segs []Segment // Off >= 0; Len may be 0

	B []float32 // [K][nr], nr from TileSize: a panel of weights

	C    []float32 // row i starts at i*Ldc
	Ldc  int       // >= N if M > 1
	M, N int       // any M >= 0; 1 <= N <= nr

	First, Last bool      // first and last block of the sum
	Scale, Bias []float32 // N each, read if Last; nil: 1 and 0
	Residual    []float32 // row i starts at i*Ldr, read if Last; nil: 0. May be C itself
	Ldr         int
	Min, Max    float32 // bounds, applied if Last; infinite: none
}

// TileSize is the shape of a tile: Tile works fastest when M is a multiple of
// mr (it cuts other M evenly), and B has nr columns.
func (l Level) TileSize() (mr, nr int) { return tileSizes[l].mr, tileSizes[l].nr }

var tileSizes = [levels]struct{ mr, nr int }{Generic: {4, 8}, Fused: {8, 16}, NEON: {4, 8}, AVX2: {6, 16}, AVXVNNI: {6, 16}, AVX512: {14, 32}, VNNI: {14, 32}, AMX: {14, 32}}

// Tile computes t. C may overlap neither A nor B.
func (l Level) Tile(t *TileArgs) {
	_, nr := l.TileSize()
	t.check(nr)
	if t.M > 0 {
		tile(l, t)
	}
}

// check panics if t reads or writes outside its slices.
func (t *TileArgs) check(nr int) {
	if t.M < 0 || t.N < 1 || t.N > nr || t.Lda < 0 || t.Ldc < 0 || t.Ldr < 0 {
		panic("kernel: tile: size out of range")
	}
	depth, reach := 0, 0
	for _, s := range t.Segs {
		if s.Off < 0 || s.Len < 0 {
			panic("kernel: tile: negative segment")
		}
		depth += s.Len
		reach = max(reach, s.Off+s.Len)
	}
	need(t.B, depth*nr)
	if t.M == 0 {
		return
	}
	need(t.A, (t.M-1)*t.Lda+reach)
	need(t.C, (t.M-1)*t.Ldc+t.N)
	if t.M > 1 && t.Ldc < t.N {
		panic("kernel: tile: rows of C overlap")
	}
	if !t.Last {
		return
	}
	if t.Scale != nil {
		need(t.Scale, t.N)
	}
	if t.Bias != nil {
		need(t.Bias, t.N)
	}
	if t.Residual != nil {
		need(t.Residual, (t.M-1)*t.Ldr+t.N)
	}
}

// maxNR is the largest nr of TileSize.
const maxNR = 32

// tilePlain computes t without vectors.
func tilePlain(l Level, t *TileArgs) {
	if l == Fused {
		tileFused(t)
	} else {
		tileGeneric(t, tileSizes[l].nr)
	}
}

func tileGeneric(t *TileArgs, nr int) {
	for i := range t.M {
		var sums [maxNR]float32
		sum := sums[:nr]
		b := t.B
		for _, s := range t.Segs {
			for _, a := range t.A[i*t.Lda+s.Off:][:s.Len] {
				row := b[:len(sum)]
				for n := range sum {
					sum[n] += a * row[n]
				}
				b = b[nr:]
			}
		}
		t.finishRow(i, sum[:t.N], false)
	}
}

// finishRow adds C to the sums of row i, applies the epilogue and stores. Fused,
// the bias is added to a product that was not rounded.
func (t *TileArgs) finishRow(i int, sum []float32, fused bool) {
	c := t.C[i*t.Ldc:][:len(sum)]
	if !t.First {
		for n, v := range c {
			sum[n] += v
		}
	}
	if t.Last {
		for n, v := range sum {
			if fused {
				v = fma(v, element(t.Scale, n, 1), element(t.Bias, n, 0))
			} else {
				v = v*element(t.Scale, n, 1) + element(t.Bias, n, 0)
			}
			if t.Residual != nil {
				v += t.Residual[i*t.Ldr+n]
			}
			sum[n] = clamp(v, t.Min, t.Max)
		}
	}
	copy(c, sum)
}

// element is x[i], and v if x is nil.
func element(x []float32, i int, v float32) float32 {
	if x == nil {
		return v
	}
	return x[i]
}

// clamp passes NaN and -0; see the package documentation.
func clamp(y, lo, hi float32) float32 {
	if y < lo {
		y = lo
	}
	if y > hi {
		y = hi
	}
	return y
}
