//go:build !purego

package kernel

// outerCall is what the assembly of one tile reads; steps are in bytes.
type outerCall struct {
	a, b, c             *float32
	planeA, rowA, stepA int
	planeB, rowB, stepB int
	ldc                 int
	planes, rows, width int // >= 1; planes is counted down
	m                   int // 1...mr
	mask                uint32
	lanes               *int32 // AVX2: eight masks
}

// laneMasks are, from element 8-n, the masks of the first n lanes.
var laneMasks = [16]int32{-1, -1, -1, -1, -1, -1, -1, -1}

// outer cuts the columns into wide tiles and the rest into narrow ones, and
// the rows of each evenly.
func outer(l Level, o *OuterArgs) {
	if l <= Fused {
		outerPlain(l, o)
		return
	}
	lanes := l.lanes()
	c := outerCall{
		planeA: 4 * o.PlaneA, rowA: 4 * o.RowA, stepA: 4 * o.StepA,
		planeB: 4 * o.PlaneB, rowB: 4 * o.RowB, stepB: 4 * o.StepB,
		ldc: 4 * o.Ldc, rows: o.Rows, width: o.Width,
	}
	for n := 0; n < o.N; {
		size, mr := min(lanes, o.N-n), 2*lanes-4
		wide := o.N-n >= 2*lanes || l >= AVX512 && o.N-n > lanes
		if wide {
			size, mr = min(2*lanes, o.N-n), lanes-2
		}
		c.mask = uint32(1<<size - 1)
		c.lanes = &laneMasks[8-min(size, 8)]
		c.columns(l, o, n, mr, wide)
		n += size
	}
}

// columns computes the columns of one tile from column n on.
func (c *outerCall) columns(l Level, o *OuterArgs, n, mr int, wide bool) {
	i := 0
	for left := (o.M + mr - 1) / mr; left > 0; left-- {
		c.m = (o.M - i + left - 1) / left
		c.a, c.b, c.c, c.planes = &o.A[i], &o.B[n], &o.C[i*o.Ldc+n], o.Planes
		switch {
		case l >= AVX512 && wide:
			outerAVX512(c)
		case l >= AVX512:
			outerNarrowAVX512(c)
		case wide:
			outerAVX2(c)
		default:
			outerNarrowAVX2(c)
		}
		i += c.m
	}
}
