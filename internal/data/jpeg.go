package data

import (
	"fmt"
	"image"
)

// fromJPEG converts the planes of image/jpeg as libjpeg-turbo 2.1 and Pillow do.
func fromJPEG(m image.Image) (*Image, error) {
	switch m := m.(type) {
	case *image.Gray:
		return gather(m.Rect, m.Pix, m.Stride, 1, [3]int{}), nil
	case *image.RGBA:
		return gather(m.Rect, m.Pix, m.Stride, 4, [3]int{0, 1, 2}), nil
	case *image.YCbCr:
		return fromYCbCr(m)
	case *image.CMYK:
		return fromCMYK(m), nil
	}
	return nil, fmt.Errorf("unexpected pixel type %T", m)
}

// sampling maps a subsampling to its horizontal and vertical ratios.
var sampling = map[image.YCbCrSubsampleRatio][2]int{
	image.YCbCrSubsampleRatio444: {1, 1}, image.YCbCrSubsampleRatio422: {2, 1},
	image.YCbCrSubsampleRatio440: {1, 2}, image.YCbCrSubsampleRatio420: {2, 2},
	image.YCbCrSubsampleRatio411: {4, 1}, image.YCbCrSubsampleRatio410: {4, 2},
}

func fromYCbCr(m *image.YCbCr) (*Image, error) {
	r, ok := sampling[m.SubsampleRatio]
	if !ok {
		return nil, fmt.Errorf("unexpected chroma subsampling %v", m.SubsampleRatio)
	}
	d := NewImage(m.Rect.Dx(), m.Rect.Dy())
	cb := newChroma(m.Cb, m.CStride, d.W, d.H, r)
	cr := newChroma(m.Cr, m.CStride, d.W, d.H, r)
	o := d.Pix
	for y := range d.H {
		u, v := cb.row(y), cr.row(y)
		for x, l := range m.Y[y*m.YStride:][:d.W] {
			yccToRGB(o, int32(l), int32(u[x])-128, int32(v[x])-128)
			o = o[3:]
		}
	}
	return d, nil
}

// yccToRGB is libjpeg's 16-bit fixed-point conversion (jdcolor.c).
func yccToRGB(o []uint8, y, cb, cr int32) {
	o[0] = clip8(y + (91881*cr+32768)>>16)
	o[1] = clip8(y + (-22554*cb-46802*cr+32768)>>16)
	o[2] = clip8(y + (116130*cb+32768)>>16)
}

func clip8(v int32) uint8 {
	if uint32(v) > 255 {
		return uint8(^(v >> 31))
	}
	return uint8(v)
}

// chroma upsamples one plane row by row as libjpeg does: "fancy" triangle
// interpolation for ratios of 2, replication for ratios of 4 and for planes
// too narrow for the filter (jdsample.c).
type chroma struct {
	pix    []uint8
	stride int
	w, h   int // samples that belong to the image
	rx, ry int // pixels a sample
	out    []uint8
	sum    []int32 // vertically filtered samples, times 4
}

func newChroma(pix []uint8, stride, width, height int, ratio [2]int) *chroma {
	c := &chroma{pix: pix, stride: stride, rx: ratio[0], ry: ratio[1]}
	c.w, c.h = (width+c.rx-1)/c.rx, (height+c.ry-1)/c.ry
	c.out = make([]uint8, c.w*c.rx)
	c.sum = make([]int32, c.w)
	return c
}

func (c *chroma) sample(y int) []uint8 { return c.pix[y*c.stride:][:c.w] }

// neighbours returns the nearest and second nearest sample row of pixel row y.
func (c *chroma) neighbours(y int) (near, far []uint8) {
	n := y / 2
	f := n - 1 + 2*(y&1)
	return c.sample(n), c.sample(min(max(f, 0), c.h-1))
}

// row returns pixel row y; it is valid until the next call.
func (c *chroma) row(y int) []uint8 {
	fancy := c.rx <= 2 && (c.rx == 1 || c.w > 2)
	switch {
	case c.rx == 1 && c.ry == 1:
		return c.sample(y)
	case fancy && c.rx == 1:
		c.vertical(y)
	case fancy && c.ry == 1:
		c.horizontal(y)
	case fancy:
		c.both(y)
	default:
		for x, v := range c.sample(y / c.ry) {
			for k := range c.rx {
				c.out[x*c.rx+k] = v
			}
		}
	}
	return c.out
}

func (c *chroma) vertical(y int) {
	near, far := c.neighbours(y)
	bias := int32(1 + y&1)
	for x := range c.out {
		c.out[x] = uint8((3*int32(near[x]) + int32(far[x]) + bias) >> 2)
	}
}

func (c *chroma) horizontal(y int) {
	for x, v := range c.sample(y) {
		c.sum[x] = int32(v)
	}
	c.spread(1, 2, 2)
}

func (c *chroma) both(y int) {
	near, far := c.neighbours(y)
	for x := range c.sum {
		c.sum[x] = 3*int32(near[x]) + int32(far[x])
	}
	c.spread(8, 7, 4)
}

// spread filters c.sum horizontally into twice as many pixels: left pixels are
// (3*this + previous + left) >> shift, right ones (3*this + next + right) >> shift.
func (c *chroma) spread(left, right int32, shift uint) {
	s, last := c.sum, len(c.sum)-1
	for x, v := range s {
		prev, next := s[max(x-1, 0)], s[min(x+1, last)]
		c.out[2*x] = uint8((3*v + prev + left) >> shift)
		c.out[2*x+1] = uint8((3*v + next + right) >> shift)
	}
}

// fromCMYK converts Adobe's inks (image/jpeg has already inverted them) as Pillow's cmyk2rgb does.
func fromCMYK(m *image.CMYK) *Image {
	d := NewImage(m.Rect.Dx(), m.Rect.Dy())
	o := d.Pix
	for y := range d.H {
		row := m.Pix[y*m.Stride:][:4*d.W]
		for ; len(row) > 0; row, o = row[4:], o[3:] {
			white := 255 - int32(row[3])
			for k := range 3 {
				t := int32(row[k])*white + 128
				o[k] = clip8(white - (t>>8+t)>>8)
			}
		}
	}
	return d
}

// jpegNeed is the number of bytes that decoding takes for 64 pixels: a byte a
// sample and, in a progressive file, a 4-byte coefficient too. It assumes the
// most where it does not find the frame header.
func jpegNeed(b []byte) int {
	const most = 64 * 4 * 5
	for at := 2; at+4 <= len(b) && b[at] == 0xff; {
		marker, size := b[at+1], int(b[at+2])<<8|int(b[at+3])
		if marker == 0xff { // a fill byte
			at++
			continue
		}
		body := b[at+4:]
		if marker < 0xc0 || marker > 0xc2 {
			at += 2 + size
			continue
		}
		if len(body) < 6 || len(body) < 6+3*int(body[5]) {
			return most
		}
		perSample := 1
		if marker == 0xc2 {
			perSample = 5
		}
		return perSample * samplesPerBlock(body[6:][:3*int(body[5])])
	}
	return most
}

// samplesPerBlock is the number of samples of 64 pixels, by the sampling
// factors in a frame header's components of 3 bytes.
func samplesPerBlock(components []byte) int {
	sum, most := 0, 1
	for i := 1; i < len(components); i += 3 {
		n := int(components[i]>>4) * int(components[i]&15)
		sum += n
		most = max(most, n)
	}
	return min(64*sum/most, 64*4)
}
