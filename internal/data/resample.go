package data

import (
	"fmt"
	"math"

	"lutra/internal/safe"
)

// Filter is an interpolation of Pillow's Image.resize. All but Nearest widen
// their support when shrinking (antialiasing).
type Filter string

// The filters. Bilinear is torchvision's default.
const (
	Nearest  Filter = "nearest"
	Box      Filter = "box"
	Bilinear Filter = "bilinear"
	Bicubic  Filter = "bicubic" // a = -0.5
	Lanczos  Filter = "lanczos" // 3 lobes
)

// filters are those that Resize has.
var filters = []Filter{Nearest, Box, Bilinear, Bicubic, Lanczos}

// FilterNames lists the names of interpolations.
func FilterNames() []string {
	names := make([]string, len(filters))
	for i, f := range filters {
		names[i] = string(f)
	}
	return names
}

// window is a filter's half width in samples and its weight at x.
type window struct {
	support float64
	weight  func(x float64) float64
}

var windows = map[Filter]window{
	Box: {0.5, func(x float64) float64 {
		if x > -0.5 && x <= 0.5 {
			return 1
		}
		return 0
	}},
	Bilinear: {1, func(x float64) float64 { return max(0, 1-math.Abs(x)) }},
	Bicubic:  {2, bicubic},
	Lanczos: {3, func(x float64) float64 {
		if x < -3 || x >= 3 {
			return 0
		}
		return sinc(x) * sinc(x/3)
	}},
}

func bicubic(x float64) float64 {
	const a = -0.5
	x = math.Abs(x)
	// The conversions keep the compiler from fusing multiplications with
	// additions, which would change the last bit on some machines.
	switch {
	case x < 1:
		return float64((float64((a+2)*x)-(a+3))*x*x) + 1
	case x < 2:
		return (float64((float64((x-5)*x)+8)*x) - 4) * a
	}
	return 0
}

func sinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	x *= math.Pi
	return math.Sin(x) / x
}

// weightBits is the fixed-point precision of the weights: Pillow's
// PRECISION_BITS, 32 bits less 8 of the pixel and 2 of head room.
const weightBits = 22

// taps are the samples that make one output sample: at first, first+1, ...
type taps struct {
	first   int
	weights []int32 // sum close to 1 << weightBits
}

// filterTaps ports Pillow's precompute_coeffs and normalize_coeffs_8bpc.
func (w window) filterTaps(in, out int) []taps {
	scale := float64(in) / float64(out)
	stretch := max(scale, 1)
	support := w.support * stretch
	all := make([]taps, out)
	var k []float64
	for i := range all {
		center := float64((float64(i) + 0.5) * scale)
		lo := max(int(center-support+0.5), 0)
		hi := min(int(center+support+0.5), in)
		k = k[:0]
		var sum float64
		for x := lo; x < hi; x++ {
			v := w.weight((float64(x) - center + 0.5) * (1 / stretch))
			k = append(k, v)
			sum += v
		}
		t := taps{first: lo, weights: make([]int32, len(k))}
		for j, v := range k {
			if sum != 0 {
				v /= sum
			}
			t.weights[j] = int32(math.Copysign(0.5, v) + float64(v*(1<<weightBits)))
		}
		all[i] = t
	}
	return all
}

// Resize returns m at w x h pixels, byte for byte as Pillow's Image.resize
// does: horizontally, then vertically, rounding to 8 bits in between. It
// returns m itself if the size is already right.
func (m *Image) Resize(w, h int, f Filter) (*Image, error) {
	n, err := safe.Mul(w, h)
	if err != nil || n == 0 || n > safe.MaxPixels {
		return nil, fmt.Errorf("cannot resize to %dx%d: expected 1 to %d pixels", w, h, safe.MaxPixels)
	}
	if w == m.W && h == m.H {
		return m, nil
	}
	if f == Nearest {
		return m.nearest(w, h), nil
	}
	win, ok := windows[f]
	if !ok {
		return nil, unknownFilter(f)
	}
	if w != m.W {
		m = m.resizeRows(win.filterTaps(m.W, w))
	}
	if h != m.H {
		m = m.resizeColumns(win.filterTaps(m.H, h))
	}
	return m, nil
}

func unknownFilter(f Filter) error {
	return notAmong("interpolation", string(f), FilterNames())
}

func (m *Image) resizeRows(all []taps) *Image {
	d := NewImage(len(all), m.H)
	o := d.Pix
	for y := range m.H {
		row := m.Pix[y*m.W*3:][:m.W*3]
		for _, t := range all {
			const half = 1 << (weightBits - 1)
			var r, g, b int32 = half, half, half
			px := row[t.first*3:]
			for _, k := range t.weights {
				r += int32(px[0]) * k
				g += int32(px[1]) * k
				b += int32(px[2]) * k
				px = px[3:]
			}
			o[0], o[1], o[2] = clip8(r>>weightBits), clip8(g>>weightBits), clip8(b>>weightBits)
			o = o[3:]
		}
	}
	return d
}

func (m *Image) resizeColumns(all []taps) *Image {
	d := NewImage(m.W, len(all))
	sum := make([]int32, m.W*3)
	for y, t := range all {
		for x := range sum {
			sum[x] = 1 << (weightBits - 1)
		}
		for j, k := range t.weights {
			row := m.Pix[(t.first+j)*len(sum):][:len(sum)]
			for x, v := range row {
				sum[x] += int32(v) * k
			}
		}
		o := d.Pix[y*len(sum):][:len(sum)]
		for x, v := range sum {
			o[x] = clip8(v >> weightBits)
		}
	}
	return d
}

// nearest ports ImagingScaleAffine, including the way its positions accumulate.
func (m *Image) nearest(w, h int) *Image {
	positions := func(in, out int) []int {
		step := float64(in) / float64(out)
		p := make([]int, out)
		at := float64(step * 0.5)
		for i := range p {
			p[i] = min(int(at), in-1)
			at += step
		}
		return p
	}
	xs, ys := positions(m.W, w), positions(m.H, h)
	d := NewImage(w, h)
	o := d.Pix
	for _, y := range ys {
		row := m.Pix[y*m.W*3:][:m.W*3]
		for _, x := range xs {
			copy(o, row[3*x:3*x+3])
			o = o[3:]
		}
	}
	return d
}

// ResizeShort resizes so that the short side has size pixels and the long one
// keeps the aspect ratio, rounded down: torchvision's Resize(size).
func (m *Image) ResizeShort(size int, f Filter) (*Image, error) {
	w, h := shortSide(m.W, m.H, size)
	return m.Resize(w, h, f)
}

func shortSide(w, h, size int) (int, int) {
	if w <= h {
		return size, int(int64(size) * int64(h) / int64(w))
	}
	return int(int64(size) * int64(w) / int64(h)), size
}

// CenterCrop cuts size x size pixels out of the middle as torchvision's
// CenterCrop does, padding smaller images with black first.
func (m *Image) CenterCrop(size int) *Image {
	x, y := cropOffset(m.W, size), cropOffset(m.H, size)
	if x == 0 && y == 0 && m.W == size && m.H == size {
		return m
	}
	d := NewImage(size, size)
	x0, x1 := max(x, 0), min(x+size, m.W)
	for dy := range size {
		if sy := y + dy; sy >= 0 && sy < m.H {
			copy(d.Pix[(dy*size+x0-x)*3:], m.Pix[(sy*m.W+x0)*3:(sy*m.W+x1)*3])
		}
	}
	return d
}

// cropOffset is where the crop begins in an image of n pixels: Python's
// int(round((n-size)/2)), which rounds halves to even. It is negative where
// torchvision pads, with (size-n)//2 pixels on this side.
func cropOffset(n, size int) int {
	if n < size {
		return -((size - n) / 2)
	}
	return int(math.RoundToEven(float64(n-size) / 2))
}
