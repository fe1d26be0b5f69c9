package emitc

import (
	"fmt"
	"slices"
	"strings"

	"lutra/internal/lut"
)

// generator writes one library.
type generator struct {
	arrays
	net      *lut.Network
	o        Options
	buffers  []*buffer // per tensor
	scratch  *buffer   // of spectra; nil: none
	arena    int       // bytes of tensors
	sumBytes int       // of sums of a place
	rows     int       // in the longest list of rows
	taps     int       // of the largest depthwise filter
	pieces   map[string]bool
	tables   map[*lut.Table]string
	layers   strings.Builder // definitions
	calls    strings.Builder
	rowsOf   []LayerReport

	bytesPage   *bytesPage   // nil: levels only
	samplesPage *samplesPage // nil: no samples
	soundPage   *soundPage   // nil: no sound
	errorPage   *errorPage   // nil: no error

	stages     *stages     // nil: no stream
	streamPage *streamPage // the same
}

// use asks for a piece of the runtime.
func (g *generator) use(pieces ...string) {
	for _, p := range pieces {
		g.pieces[p] = true
	}
}

// at is where tensor t begins in the arena.
func (g *generator) at(t int) int { return g.buffers[t].at }

// dense reports whether l is a product of a matrix and all of its input.
func (g *generator) dense(l *lut.Linear) bool {
	in, w := &g.net.Tensors[l.In], l.Window
	return l.Groups == 1 && w.KH == in.H && w.KW == in.W && w.Top+w.Left+w.Bottom+w.Right == 0 && (w.KH == 1 || w.DilationY == 1) && (w.KW == 1 || w.DilationX == 1)
}

// layer writes the definition and the call of l.
func (g *generator) layer(name string, l lut.Layer) LayerReport {
	before := g.bytes
	switch l := l.(type) {
	case *lut.Linear:
		g.linear(name, l)
	case *lut.MaxPool:
		g.pool(name, l.In, l.Out, l.Window, nil, 0, nil)
	case *lut.AvgPool:
		g.pool(name, l.In, l.Out, l.Window, l.Table, l.Bias, &l.Activation)
	case *lut.Sum:
		g.sum(name, l)
	case *lut.Concat:
		g.concat(name, l)
	case *lut.Gather:
		g.gather(name, l)
	}
	row := g.describe(l)
	row.Flash = g.bytes - before
	return row
}

// describe says what l takes, but for its constants.
func (g *generator) describe(l lut.Layer) LayerReport {
	out := &g.net.Tensors[l.Writes()]
	row := LayerReport{Name: l.Label(), RAM: tensorBytes(out)}
	switch l := l.(type) {
	case *lut.Linear:
		row.MACs = out.H * out.W * l.K * l.Outputs
		row.Lookups = row.MACs / l.Table.D
		switch {
		case l.Groups > 1:
			row.Kind = "depthwise"
		case g.dense(l):
			row.Kind = "dense " + kindOf(l.Table)
		default:
			row.Kind = "conv " + kindOf(l.Table)
		}
	case *lut.MaxPool:
		row.Kind = "max pool"
	case *lut.AvgPool:
		row.Kind, row.Lookups = "average pool", out.Elems()*l.Window.KH*l.Window.KW
	case *lut.Sum:
		row.Kind, row.Lookups = "sum", 2*out.Elems()
	case *lut.Concat:
		row.Kind = "concat"
	case *lut.Gather:
		row.Kind = "gather"
	}
	return row
}

// kindOf is the kind of kernels that t takes: of pairs, of products of 16 bits,
// or, where all of them fit, of 8.
func kindOf(t *lut.Table) string {
	switch {
	case t.D == 2:
		return "pair"
	case slices.ContainsFunc(t.Entries, func(e int16) bool { return int16(int8(e)) != e }):
		return "scalar"
	}
	return "narrow"
}

// beside is the number that entries of a kind are stored beside, so that none
// of them is negative: GCC needs more of Armv6-M's registers to read a number
// with a sign. All sums begin so that they end beside 1<<15.
var beside = map[string]int32{"scalar": 1 << 15, "narrow": 1 << 7}

// entryShift is the bytes of an entry of a table of a kind, as a shift.
var entryShift = map[string]int{"pair": 2, "scalar": 1, "narrow": 0}

// define writes a layer: the fields of its struct.
func (g *generator) define(kind, name string, fields ...any) {
	var text []string
	for _, f := range fields {
		text = append(text, fmt.Sprint(f))
	}
	fmt.Fprintf(&g.layers, "static const %s_%s_layer %s %s_FLASH = {\n\t%s\n};\n\n", g.prefix, kind, name, strings.ToUpper(g.prefix), strings.Join(text, ",\n\t"))
}

// call runs a kernel on a layer of a kind.
func (g *generator) call(function, kind, layer string) {
	fmt.Fprintf(&g.calls, "\t%s_RUN(%s_%s, %s_%s_layer, %s);\n", g.prefix, g.prefix, function, g.prefix, kind, layer)
}

// window is the fields of a window of in.
func (g *generator) window(in, out int, w lut.Window) string {
	t, u := &g.net.Tensors[in], &g.net.Tensors[out]
	row := t.W * t.C
	return fmt.Sprintf("{%d, %d, %d, %d, %d, %d, %d, %d, %d, %d, %d, %d, %d, %d, %d, %d, %d}",
		u.H, u.W, t.H, t.W, w.KH, w.KW, w.StrideY, w.StrideX, w.DilationY, w.DilationX, w.Top, w.Left,
		-w.Top*row-w.Left*t.C, w.StrideY*row, w.StrideX*t.C, w.DilationY*row, w.DilationX*t.C)
}

// activation is the fields of an activation.
func (g *generator) activation(a *lut.Activation) string {
	if a == nil || a.Bins == 0 {
		return "{NULL, 0, 0}"
	}
	levels := make([]uint8, a.Bins)
	for i := range levels {
		levels[i] = a.Index(int32(i) << a.Shift)
	}
	return fmt.Sprintf("{%s, %d, %d}", g.bytesOf("map", levels), a.Bins-1, a.Shift)
}

func (g *generator) pool(name string, in, out int, w lut.Window, table []int32, bias int32, a *lut.Activation) {
	g.use("pool")
	sums := "NULL"
	if table != nil {
		sums = g.words("average", table)
	}
	g.define("pool", name, g.window(in, out, w), g.activation(a), sums, bias, g.at(in), g.at(out), g.net.Tensors[in].C)
	g.call("pool", "pool", name)
}

func (g *generator) sum(name string, l *lut.Sum) {
	g.use("sum")
	g.define("sum", name, g.activation(&l.Activation), g.words("operand", l.Tables[0]), g.words("operand", l.Tables[1]),
		l.Bias, g.at(l.In[0]), g.at(l.In[1]), g.at(l.Out), g.net.Tensors[l.Out].Elems())
	g.call("sum", "sum", name)
}

func (g *generator) concat(name string, l *lut.Concat) {
	g.use("concat")
	out := &g.net.Tensors[l.Out]
	first := 0
	for i, t := range l.In {
		m := "NULL"
		if l.Maps[i] != nil {
			m = g.bytesOf("map", l.Maps[i])
		}
		part := fmt.Sprintf("%s_%d", name, i)
		c := g.net.Tensors[t].C
		g.define("concat", part, m, g.at(t), g.at(l.Out)+first, out.H*out.W, c, out.C)
		g.call("concat", "concat", part)
		first += c
	}
}
