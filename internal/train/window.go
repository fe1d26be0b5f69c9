package train

import "lutra/internal/graph"

// axis is a sliding window along one dimension: output o reads, through tap k
// of the kernel, input o*stride + k*dilation - begin if that is in 0...in-1.
type axis struct {
	in, out, kernel, stride, dilation, begin int
}

// after is the number of zeros behind the input that the last windows read.
func (a axis) after() int {
	return max(0, (a.out-1)*a.stride+(a.kernel-1)*a.dilation-a.begin-a.in+1)
}

// phase is the inputs first, first+stride, ... of an axis: input number t is
// read through taps[i] by output t+shift[i], for every i where that is in
// 0...out-1. Shifts ascend.
type phase struct {
	first, count int
	taps, shift  []int
}

// phases cuts the inputs into those that the same taps read. The gradient of
// the inputs of a phase is a convolution of stride 1 with those taps.
func (a axis) phases() []phase {
	var all []phase
	for first := range min(a.stride, a.in) {
		p := phase{first: first, count: (a.in - first + a.stride - 1) / a.stride}
		for k := a.kernel - 1; k >= 0; k-- {
			if d := first + a.begin - k*a.dilation; d%a.stride == 0 {
				p.taps, p.shift = append(p.taps, k), append(p.shift, d/a.stride)
			}
		}
		all = append(all, p)
	}
	return all
}

// spacing is the distance of the shifts of p, which are evenly spaced: its taps
// are all of one remainder.
func (p phase) spacing() int {
	if len(p.shift) < 2 {
		return 1
	}
	return p.shift[1] - p.shift[0]
}

// reach is the number of outputs before the first and behind the last that
// phases would read; they are zeros.
func (a axis) reach(all []phase) (before, behind int) {
	for _, p := range all {
		if len(p.shift) > 0 {
			before = max(before, -p.shift[0])
			behind = max(behind, p.count-1+p.shift[len(p.shift)-1]-a.out+1)
		}
	}
	return before, behind
}

// window is the geometry of a convolution or pooling of images.
type window struct{ h, w axis }

// newWindow reads the geometry of node n; the operator table has checked it.
func newWindow(n *graph.Node, in, out []int, kh, kw int) window {
	x := window{
		h: axis{in: in[2], out: out[2], kernel: kh, stride: 1, dilation: 1},
		w: axis{in: in[3], out: out[3], kernel: kw, stride: 1, dilation: 1},
	}
	if s := n.Ints("strides"); len(s) == 2 {
		x.h.stride, x.w.stride = int(s[0]), int(s[1])
	}
	if d := n.Ints("dilations"); len(d) == 2 {
		x.h.dilation, x.w.dilation = int(d[0]), int(d[1])
	}
	switch mode := n.String("auto_pad", "NOTSET"); mode {
	case "SAME_UPPER", "SAME_LOWER":
		for _, a := range []*axis{&x.h, &x.w} {
			a.begin = max(0, (a.out-1)*a.stride+(a.kernel-1)*a.dilation+1-a.in)
			if mode == "SAME_LOWER" {
				a.begin++
			}
			a.begin /= 2
		}
	case "NOTSET":
		if p := n.Ints("pads"); len(p) == 4 {
			x.h.begin, x.w.begin = int(p[0]), int(p[1])
		}
	}
	return x
}

// taps is the number of places of the kernel.
func (x window) taps() int { return x.h.kernel * x.w.kernel }

// frame is images with zeros around them: rows of w pixels of c floats.
type frame struct {
	data    []float32
	h, w, c int
}

// row and plane are the number of floats between rows and between images.
func (f frame) row() int   { return f.w * f.c }
func (f frame) plane() int { return f.h * f.w * f.c }

// border is the number of zeros around an image.
type border struct{ top, bottom, left, right int }

// around is the empty frame of an image of h x w x c.
func (b border) around(h, w, c int) frame {
	return frame{h: h + b.top + b.bottom, w: w + b.left + b.right, c: c}
}

// framed is the images src, each h x w x c, inside zeros. Without a border it
// is src itself, else a copy in slot 0 of t.
func framed(t *worker, src []float32, h, w, c int, b border) frame {
	f := b.around(h, w, c)
	if b == (border{}) {
		f.data = src
		return f
	}
	images := len(src) / (h * w * c)
	f.data = t.room(0, images*f.plane())
	for i := range images {
		f.fill(f.data[i*f.plane():][:f.plane()], src[i*h*w*c:], h, w, b)
	}
	return f
}

// fill writes one image.
func (f frame) fill(dst, src []float32, h, w int, b border) {
	line, gap := w*f.c, (b.left+b.right)*f.c
	at := b.top*f.row() + b.left*f.c
	clear(dst[:at])
	for y := range h {
		copy(dst[at:at+line], src[y*line:])
		at += line
		if y < h-1 {
			clear(dst[at : at+gap])
			at += gap
		}
	}
	clear(dst[at:])
}
