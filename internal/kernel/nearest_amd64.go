//go:build !purego

package kernel

// nearestCall is what the assembly of Nearest reads and writes, for a block of
// 4 (AVX2) or 8 (AVX512) vectors.
type nearestCall struct {
	x, planes, half *float32
	step, planeStep int // bytes between vectors, planes
	d, k            int // k: a positive multiple of the lanes
	best            [8]float32
	word            [8]uint32
}

func nearest(l Level, dst []uint16, x []float32, d int, planes, half []float32) {
	vectors, lanes := 4, 8
	if l >= AVX512 {
		vectors, lanes = 8, 16
	}
	whole := len(half) / lanes * lanes // the Go loop does the rest
	if l <= Fused || len(dst) < vectors || whole == 0 {
		nearestGeneric(dst, x, d, planes, half)
		return
	}
	c := nearestCall{
		planes: &planes[0], half: &half[0],
		step: 4 * d, planeStep: 4 * len(half), d: d, k: whole,
	}
	for i := 0; i < len(dst); i += vectors {
		i = min(i, len(dst)-vectors) // the last block may overlap the one before it
		c.x = &x[i*d]
		if l >= AVX512 {
			nearestAVX512(&c)
		} else {
			nearestAVX2(&c)
		}
		for v := range vectors {
			dst[i+v] = nearestFrom(whole, c.best[v], int(c.word[v]), x[(i+v)*d:][:d], planes, half)
		}
	}
}
