package data

import (
	"fmt"
	"image"
	"image/color"
)

// greyImage is an image of one byte a pixel.
func greyImage(w, h int, grey []uint8) *Image {
	m := NewImage(w, h)
	for p, v := range grey {
		m.Pix[3*p], m.Pix[3*p+1], m.Pix[3*p+2] = v, v, v
	}
	return m
}

// fromPNG converts as Pillow's convert("RGB") does: alpha and transparency are
// dropped without blending, 16 bits a channel keep their high byte, except
// that 16-bit grey (grey16, Pillow's mode I) is clipped to 255.
func fromPNG(m image.Image, grey16 bool) (*Image, error) {
	switch m := m.(type) {
	case *image.Gray:
		return gather(m.Rect, m.Pix, m.Stride, 1, [3]int{}), nil
	case *image.RGBA:
		return gather(m.Rect, m.Pix, m.Stride, 4, [3]int{0, 1, 2}), nil
	case *image.NRGBA:
		return gather(m.Rect, m.Pix, m.Stride, 4, [3]int{0, 1, 2}), nil
	case *image.RGBA64:
		return gather(m.Rect, m.Pix, m.Stride, 8, [3]int{0, 2, 4}), nil
	case *image.NRGBA64:
		if grey16 {
			return clip16(m.Rect, m.Pix, m.Stride, 8), nil
		}
		return gather(m.Rect, m.Pix, m.Stride, 8, [3]int{0, 2, 4}), nil
	case *image.Gray16:
		return clip16(m.Rect, m.Pix, m.Stride, 2), nil
	case *image.Paletted:
		return fromPalette(m), nil
	}
	return nil, fmt.Errorf("unexpected pixel type %T", m)
}

// gather picks three bytes of every pixel of step bytes.
func gather(r image.Rectangle, pix []uint8, stride, step int, at [3]int) *Image {
	d := NewImage(r.Dx(), r.Dy())
	o := d.Pix
	for y := range d.H {
		row := pix[y*stride:]
		for x := 0; x < d.W*step; x += step {
			o[0], o[1], o[2] = row[x+at[0]], row[x+at[1]], row[x+at[2]]
			o = o[3:]
		}
	}
	return d
}

// clip16 turns big-endian 16-bit grey values into min(v, 255).
func clip16(r image.Rectangle, pix []uint8, stride, step int) *Image {
	d := NewImage(r.Dx(), r.Dy())
	o := d.Pix
	for y := range d.H {
		row := pix[y*stride:]
		for x := 0; x < d.W*step; x += step {
			v := row[x+1]
			if row[x] != 0 {
				v = 255
			}
			o[0], o[1], o[2] = v, v, v
			o = o[3:]
		}
	}
	return d
}

func fromPalette(m *image.Paletted) *Image {
	var table [256][3]uint8
	for i, c := range m.Palette {
		switch c := c.(type) { // the two types image/png stores
		case color.RGBA: // opaque
			table[i] = [3]uint8{c.R, c.G, c.B}
		case color.NRGBA:
			table[i] = [3]uint8{c.R, c.G, c.B}
		}
	}
	d := NewImage(m.Rect.Dx(), m.Rect.Dy())
	o := d.Pix
	for y := range d.H {
		for _, v := range m.Pix[y*m.Stride:][:d.W] {
			copy(o, table[v][:])
			o = o[3:]
		}
	}
	return d
}
