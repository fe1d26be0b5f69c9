package compress

// patches describes how a layer reads its input: the im2col of a convolution
// without making it. A matrix product is a 1x1 convolution over rows of
// channels (channelsLast).
type patches struct {
	batch          int // images in one sample: 1, but for graphs that fold space into it
	channels, h, w int // of one image
	outH, outW     int
	kh, kw         int
	strideY        int
	strideX        int
	dilY, dilX     int
	padY, padX     int // zeros in front
	groups         int
	channelsLast   bool
}

// count is the number of patches of one image.
func (p *patches) count() int { return p.outH * p.outW }

// row is the number of inputs of a patch within one group.
func (p *patches) row() int { return p.channels / p.groups * p.kh * p.kw }

// accumulate adds the patches of one sample x to cell c of m: block c/groups
// of group c%groups.
func (p *patches) accumulate(m *moments, c int, x []float32, l *lanes) {
	first, group := c/p.groups*m.d, c%p.groups
	size := p.channels * p.h * p.w
	for image := range p.batch {
		for from := 0; from < p.count(); {
			n := min(laneRoom, p.count()-from)
			for t := range m.d {
				p.fill(l.lane(t, n), x[image*size:][:size], group, first+t, from)
			}
			m.add(c, l, n)
			from += n
		}
	}
}

// fill writes element j of the patches from, from+1, ... of a group to dst.
func (p *patches) fill(dst, x []float32, group, j, from int) {
	if p.channelsLast {
		for i := range dst {
			dst[i] = x[(from+i)*p.channels+j]
		}
		return
	}
	channel := group*(p.channels/p.groups) + j/(p.kh*p.kw)
	ky, kx := j/p.kw%p.kh, j%p.kw
	plane := x[channel*p.h*p.w:][:p.h*p.w]
	for len(dst) > 0 {
		oy, ox := from/p.outW, from%p.outW
		n := min(p.outW-ox, len(dst))
		iy := oy*p.strideY + ky*p.dilY - p.padY
		if iy < 0 || iy >= p.h {
			clear(dst[:n])
		} else {
			p.fillRow(dst[:n], plane[iy*p.w:][:p.w], ox*p.strideX+kx*p.dilX-p.padX)
		}
		dst = dst[n:]
		from += n
	}
}

// fillRow writes row[ix], row[ix+stride], ... to dst, zero outside of row.
func (p *patches) fillRow(dst, row []float32, ix int) {
	i := 0
	for ; i < len(dst) && ix < 0; i++ {
		dst[i] = 0
		ix += p.strideX
	}
	if p.strideX == 1 {
		i += copy(dst[i:], row[min(ix, len(row)):])
	} else {
		for ; i < len(dst) && ix < len(row); i++ {
			dst[i] = row[ix]
			ix += p.strideX
		}
	}
	clear(dst[i:])
}
