package compress

// moments accumulates the first and second moments of the inputs that the
// blocks of a layer multiply, over every patch of every image. A cell is one
// block of one group; its input is a vector of d numbers per patch.
type moments struct {
	d, cells int
	patches  int       // vectors seen by each cell
	sum      []float64 // [cells, d, d] sums of products; lower half only
	mean     []float64 // [cells, d] sums
}

func newMoments(cells, d int) *moments {
	return &moments{d: d, cells: cells, sum: make([]float64, cells*d*d), mean: make([]float64, cells*d)}
}

// second writes the second moment of cell c, divided by the number of
// patches, to dst [d, d]; about the mean if centred.
func (m *moments) second(c int, centred bool, dst []float64) {
	d := m.d
	n := float64(max(m.patches, 1))
	sum, mean := m.sum[c*d*d:][:d*d], m.mean[c*d:][:d]
	for i := range d {
		for j := 0; j <= i; j++ {
			v := sum[i*d+j] / n
			if centred {
				v -= mean[i] / n * mean[j] / n
			}
			dst[i*d+j], dst[j*d+i] = v, v
		}
	}
}

// lanes holds the inputs of one cell for a run of patches: lane t is element t
// of every vector.
type lanes struct {
	d    int
	data []float32 // [d, stride]
	step int       // stride: the room for patches
}

// laneRoom is the number of patches that are summed in float32 before they go
// into a float64 sum: few enough for full accuracy, and to stay in the L1 cache.
const laneRoom = 512

func newLanes(d int) *lanes {
	return &lanes{d: d, data: make([]float32, d*laneRoom), step: laneRoom}
}

func (l *lanes) lane(t, n int) []float32 { return l.data[t*l.step:][:n] }

// add puts the first n patches of l into cell c. It leaves m.patches alone.
func (m *moments) add(c int, l *lanes, n int) {
	d := m.d
	sum, mean := m.sum[c*d*d:][:d*d], m.mean[c*d:][:d]
	for i := range d {
		a := l.lane(i, n)
		mean[i] += total(a)
		j := 0
		for ; j+1 <= i; j += 2 {
			p, q := dot2(a, l.lane(j, n), l.lane(j+1, n))
			sum[i*d+j] += p
			sum[i*d+j+1] += q
		}
		if j == i {
			p, _ := dot2(a, a, a)
			sum[i*d+i] += p
		}
	}
}

func total(a []float32) float64 {
	var s0, s1 float32
	for len(a) >= 2 {
		s0 += a[0]
		s1 += a[1]
		a = a[2:]
	}
	if len(a) > 0 {
		s0 += a[0]
	}
	return float64(s0) + float64(s1)
}

// dot2 is the products a.b and a.c.
func dot2(a, b, c []float32) (float64, float64) {
	var p0, p1, q0, q1 float32
	b, c = b[:len(a)], c[:len(a)]
	i := 0
	for ; i+1 < len(a); i += 2 {
		x, y := a[i], a[i+1]
		p0 += x * b[i]
		p1 += y * b[i+1]
		q0 += x * c[i]
		q1 += y * c[i+1]
	}
	if i < len(a) {
		p0 += a[i] * b[i]
		q0 += a[i] * c[i]
	}
	return float64(p0) + float64(p1), float64(q0) + float64(q1)
}
