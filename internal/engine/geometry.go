package engine

import (
	"lutra/internal/graph"
	"lutra/internal/tensor"
)

// window is the geometry of a two-dimensional convolution or pooling.
type window struct {
	kh, kw               int
	strideH, strideW     int
	dilationH, dilationW int
	top, left            int // padding before
	bottom, right        int // padding after
	groups               int
	inH, inW, outH, outW int
	batch, inC, outC     int
}

// newWindow reads the geometry of node n, with kernel kh x kw, from the types
// of its operands; the table has checked the attributes.
func newWindow(n *graph.Node, in, out tensor.Shape, kh, kw int) window {
	w := window{
		kh: kh, kw: kw, strideH: 1, strideW: 1, dilationH: 1, dilationW: 1,
		groups: int(n.Int("group", 1)),
		batch:  in[0], inC: in[1], inH: in[2], inW: in[3],
		outC: out[1], outH: out[2], outW: out[3],
	}
	if s := n.Ints("strides"); len(s) == 2 {
		w.strideH, w.strideW = int(s[0]), int(s[1])
	}
	if d := n.Ints("dilations"); len(d) == 2 {
		w.dilationH, w.dilationW = int(d[0]), int(d[1])
	}
	switch n.String("auto_pad", "NOTSET") {
	case "SAME_UPPER":
		h, v := w.samePadding()
		w.top, w.left = v/2, h/2
	case "SAME_LOWER":
		h, v := w.samePadding()
		w.top, w.left = (v+1)/2, (h+1)/2
	case "NOTSET":
		if p := n.Ints("pads"); len(p) == 4 {
			w.top, w.left = int(p[0]), int(p[1])
		}
	}
	w.fitEnd()
	return w
}

// samePadding is the total horizontal and vertical padding of auto_pad SAME_*.
func (w *window) samePadding() (h, v int) {
	h = (w.outW-1)*w.strideW + w.extentW() - w.inW
	v = (w.outH-1)*w.strideH + w.extentH() - w.inH
	return max(h, 0), max(v, 0)
}

// fitEnd sets the padding after to what the last window really reads, which
// may be less than the attribute says, or more when a pooling rounds up.
func (w *window) fitEnd() {
	w.bottom = max(0, (w.outH-1)*w.strideH+w.extentH()-w.top-w.inH)
	w.right = max(0, (w.outW-1)*w.strideW+w.extentW()-w.left-w.inW)
}

// extentH and extentW are the rows and columns a dilated kernel spans.
func (w *window) extentH() int { return (w.kh-1)*w.dilationH + 1 }
func (w *window) extentW() int { return (w.kw-1)*w.dilationW + 1 }

func (w *window) padding() border { return border{w.top, w.left, w.bottom, w.right} }

// pointwise reports whether each output pixel reads the one input pixel at
// its own place.
func (w *window) pointwise() bool {
	return w.kh*w.kw == 1 && w.strideH*w.strideW == 1 && w.padding() == border{}
}

// taps is the number of places of the kernel.
func (w *window) taps() int { return w.kh * w.kw }
