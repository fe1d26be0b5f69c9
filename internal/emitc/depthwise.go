package emitc

import (
	"fmt"

	"lutra/internal/lut"
)

// depthwise writes a convolution with one filter per channel.
func (g *generator) depthwise(name string, l *lut.Linear) {
	if g.slide(name, l, true) || g.slide(name, l, false) {
		return
	}
	form := "depthwise"
	if g.small(l) {
		form = "depthwise_3x3"
	}
	g.use("filters", "depthwise_types", form)
	g.taps = max(g.taps, l.K)
	table, shift := g.turned(l.Table)
	g.define("depthwise", name, g.window(l.In, l.Out, l.Window), g.activation(&l.Activation), table,
		g.bytesOf("codes", filters(l, false)), g.filterBiases(l), g.at(l.In), g.at(l.Out), l.Outputs, shift)
	g.call(form, "depthwise", name)
}

// turned is the fields of a table whose rows hold the products of a codeword,
// of a row of zeros, and the shift of rows.
func (g *generator) turned(t *lut.Table) (fields string, shift int) {
	n := 1
	for n < t.Levels {
		n, shift = 2*n, shift+1
	}
	turned := make([]int16, (t.Words+1)*n)
	for a := range t.Levels {
		for w := range t.Words {
			turned[w*n+a] = t.Entries[a*t.Words+w]
		}
	}
	name := integers(&g.arrays, "int16_t", "turned", 2, turned)
	return fmt.Sprintf("%s, %s + %d", name, name, t.Words*n), shift
}

// filters is the codes of l, [channels][taps]; across, filters of 3x3 with
// lines and columns exchanged.
func filters(l *lut.Linear, across bool) []uint8 {
	codes := make([]uint8, l.Outputs*l.K)
	for k := range l.K {
		to := k
		if across {
			to = k%3*3 + k/3
		}
		for o := range l.Outputs {
			codes[o*l.K+to] = uint8(l.Codes[k*l.Outputs+o])
		}
	}
	return codes
}

// axis is a window along one axis.
type axis struct {
	in, out             int // places
	stride, dilation    int
	kernel, before, end int // end: padding behind
	inBytes, outBytes   int // between neighbours
}

// axes are those of l: lines, and places on a line.
func (g *generator) axes(l *lut.Linear) (lines, places axis) {
	in, out, w := &g.net.Tensors[l.In], &g.net.Tensors[l.Out], l.Window
	return axis{in.H, out.H, w.StrideY, w.DilationY, w.KH, w.Top, w.Bottom, in.W * in.C, out.W * out.C},
		axis{in.W, out.W, w.StrideX, w.DilationX, w.KW, w.Left, w.Right, in.C, out.C}
}

// small reports whether a is of three taps, on three places or more, the
// middle tap never outside.
func (a axis) small() bool {
	return a.kernel == 3 && a.dilation == 1 && a.in >= 3 && a.before <= 1 && (a.out-1)*a.stride-a.before+1 < a.in
}

// small reports whether l has filters of 3x3 whose middle tap is never outside
// an input of 3x3 or more.
func (g *generator) small(l *lut.Linear) bool {
	lines, places := g.axes(l)
	return lines.small() && places.small()
}

// slide writes l if its filters are of 3x3 and move by one place along lines,
// or not at all. Lines are the longer axis of the outputs, or else the other.
func (g *generator) slide(name string, l *lut.Linear, longer bool) bool {
	lines, places := g.axes(l)
	across := (lines.out > places.out) == longer
	if across {
		lines, places = places, lines
	}
	if !lines.small() || !places.small() || places.stride != 1 || places.end > 1 {
		return false
	}
	g.use("filters", "depthwise_slide")
	table, shift := g.turned(l.Table)
	begun := 2 - places.before
	g.define("slide", name, g.activation(&l.Activation), table, g.bytesOf("codes", filters(l, across)), g.filterBiases(l),
		g.at(l.In), g.at(l.Out), -lines.before*lines.inBytes,
		lines.stride*lines.inBytes, lines.inBytes, places.inBytes, lines.outBytes, places.outBytes,
		l.Outputs, lines.out, lines.in, lines.stride, lines.before, begun, places.in-begun, places.end, shift)
	g.call("depthwise_slide", "slide", name)
	return true
}
