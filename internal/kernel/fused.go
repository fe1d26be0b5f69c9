package kernel

// widen converts src to dst.
func widen(dst []wide, src []float32) {
	for i, v := range src[:len(dst)] {
		dst[i] = wide(v)
	}
}

// fusedRows is the number of rows of a tile that share widened weights.
const fusedRows = 8

// tileFused sums as the vectors do.
func tileFused(t *TileArgs) {
	nr := tileSizes[Fused].nr
	var sums [fusedRows][maxNR]wide
	var row [maxNR]wide
	for i := 0; i < t.M; i += fusedRows {
		clear(sums[:])
		m, b := min(fusedRows, t.M-i), t.B
		for _, s := range t.Segs {
			for j := range s.Len {
				widen(row[:t.N], b)
				for r := range m {
					fmaMultiple(sums[r][:t.N], wide(t.A[(i+r)*t.Lda+s.Off+j]), row[:t.N])
				}
				b = b[nr:]
			}
		}
		for r := range m {
			var sum [maxNR]float32
			for n, v := range sums[r][:t.N] {
				sum[n] = float32(v)
			}
			t.finishRow(i+r, sum[:t.N], true)
		}
	}
}

// depthwiseFused sums as the vectors do.
func depthwiseFused(d *DepthwiseArgs) {
	for x := range d.Width {
		out := d.Out[x*d.OutStep:][:d.Channels]
		clear(out)
		for ky := range d.KH {
			for kx := range d.KW {
				fmaEach(out, d.In[ky*d.Row+x*d.Step+kx*d.Tap:], d.Weights[(ky*d.KW+kx)*d.Channels:])
			}
		}
		for c, v := range out {
			out[c] = clamp(fma(v, element(d.Scale, c, 1), element(d.Bias, c, 0)), d.Min, d.Max)
		}
	}
}

// outerFused sums as the vectors do.
func outerFused(o *OuterArgs) {
	o.blocks(func(i, j, m, n int) {
		var sums [outerBlock][outerBlock]wide
		o.products(i, j, func(a, b []float32) { outerStepFused(sums[:m], a, b[:n]) })
		for r := range m {
			c := o.C[(i+r)*o.Ldc+j:][:n]
			for k := range c {
				c[k] += float32(sums[r][k])
			}
		}
	})
}

// outerStepFused adds one product.
func outerStepFused(sums [][outerBlock]wide, a, b []float32) {
	var room [outerBlock]wide
	row := room[:len(b)]
	widen(row, b)
	for i := range sums {
		fmaMultiple(sums[i][:len(b)], wide(a[i]), row)
	}
}

// gramFused does n vectors, a multiple of gramLanes.
func gramFused(sum []float64, x []float32, stride, d, n int) {
	for i := range d {
		for j := range i + 1 {
			sum[i*d+j] += float64(dotFused(x[i*stride:][:n], x[j*stride:][:n]))
		}
	}
}

// dotFused is the product of a and b, of the same multiple of gramLanes numbers:
// the sums of the lanes, of which the higher half is added to the lower one again
// and again.
func dotFused(a, b []float32) float32 {
	var lanes [gramLanes]float32
	for t := 0; t < len(a); t += gramLanes {
		fmaEach(lanes[:], a[t:], b[t:])
	}
	for half := gramLanes / 2; half > 0; half /= 2 {
		for k := range half {
			lanes[k] += lanes[k+half]
		}
	}
	return lanes[0]
}
