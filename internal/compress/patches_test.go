package compress

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// im2col is the definition of what patches reads: the inputs of group at
// output pixel (oy, ox), in the order of a weight's row.
func (p *patches) im2col(x []float32, image, group, oy, ox int) []float64 {
	var v []float64
	per := p.channels / p.groups
	for c := group * per; c < (group+1)*per; c++ {
		for ky := range p.kh {
			for kx := range p.kw {
				iy, ix := oy*p.strideY+ky*p.dilY-p.padY, ox*p.strideX+kx*p.dilX-p.padX
				if iy < 0 || ix < 0 || iy >= p.h || ix >= p.w {
					v = append(v, 0)
					continue
				}
				v = append(v, float64(x[((image*p.channels+c)*p.h+iy)*p.w+ix]))
			}
		}
	}
	return v
}

func TestMomentsOfConvolutions(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		small := func(name string, lo, hi int) int { return rapid.IntRange(lo, hi).Draw(t, name) }
		p := patches{
			batch: small("batch", 1, 2), groups: small("groups", 1, 3), kh: small("kh", 1, 3), kw: small("kw", 1, 3),
			strideY: small("sy", 1, 3), strideX: small("sx", 1, 3), dilY: small("dy", 1, 2), dilX: small("dx", 1, 2),
			padY: small("py", 0, 3), padX: small("px", 0, 3), h: small("h", 5, 8), w: small("w", 5, 40),
		}
		p.channels = p.groups * small("channels", 1, 3)
		p.outH = (p.h+2*p.padY-(p.kh-1)*p.dilY-1)/p.strideY + 1
		p.outW = (p.w+2*p.padX-(p.kw-1)*p.dilX-1)/p.strideX + 1
		d := p.kh * p.kw
		if p.row()%(2*d) == 0 {
			d *= 2
		}
		x := gaussian(newRNG(uint64(small("seed", 0, 1000))), p.batch*p.channels*p.h*p.w)
		m := newMoments(p.row()/d*p.groups, d)
		m.patches = p.batch * p.count()
		room := newLanes(d)
		for c := range m.cells {
			p.accumulate(m, c, x, room)
		}
		for c := range m.cells {
			checkCell(t, &p, m, c, x)
		}
	})
}

func checkCell(t *rapid.T, p *patches, m *moments, c int, x []float32) {
	d := m.d
	want := make([]float64, d*d)
	mean := make([]float64, d)
	for image := range p.batch {
		for oy := range p.outH {
			for ox := range p.outW {
				v := p.im2col(x, image, c%p.groups, oy, ox)[c/p.groups*d:][:d]
				for i := range d {
					mean[i] += v[i] / float64(m.patches)
					for j := range d {
						want[i*d+j] += v[i] * v[j] / float64(m.patches)
					}
				}
			}
		}
	}
	got := make([]float64, d*d)
	for _, centred := range []bool{false, true} {
		m.second(c, centred, got)
		for i := range d {
			for j := range d {
				w := want[i*d+j]
				if centred {
					w -= mean[i] * mean[j]
				}
				if math.Abs(got[i*d+j]-w) > 1e-5 {
					t.Fatalf("cell %d, centred %v: moment (%d,%d) is %g, want %g", c, centred, i, j, got[i*d+j], w)
				}
			}
		}
	}
}

func TestMomentsOfRows(t *testing.T) {
	p := patches{batch: 1, channels: 4, h: 1, w: 3, outH: 1, outW: 3, kh: 1, kw: 1, groups: 1, channelsLast: true}
	x := []float32{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}
	m := newMoments(2, 2)
	m.patches = 3
	for c := range 2 {
		p.accumulate(m, c, x, newLanes(2))
	}
	got := make([]float64, 4)
	m.second(1, false, got) // columns 3 7 11 and 4 8 12
	for i, want := range []float64{179. / 3, 200. / 3, 200. / 3, 224. / 3} {
		if math.Abs(got[i]-want) > 1e-9 {
			t.Errorf("moment %d is %g, want %g", i, got[i], want)
		}
	}
}

func TestMetricOfZeroActivations(t *testing.T) {
	m := metricOf(MetricPerBlock, newMoments(3, 2), false)
	if !m.shared() || m.s[0] != 1 || m.s[1] != 0 {
		t.Errorf("metric %v, want the identity", m.s)
	}
}
