package emitc

import (
	"fmt"

	"lutra/internal/lut"
)

// linear writes l, a wide matrix product in parts.
func (g *generator) linear(name string, l *lut.Linear) {
	if l.Groups > 1 {
		g.depthwise(name, l)
		return
	}
	if !g.dense(l) || l.Outputs <= widest {
		g.part(name, l, 0)
		return
	}
	for first := 0; first < l.Outputs; first += widest {
		g.part(fmt.Sprintf("%s_%d", name, first/widest), columns(l, first, min(first+widest, l.Outputs)), first)
	}
}

// columns is l for outputs from first to end only.
func columns(l *lut.Linear, first, end int) *lut.Linear {
	part, d := *l, l.Table.D
	part.Outputs, part.Bias, part.Codes = end-first, l.Bias[first:end], nil
	for k := range l.K {
		part.Codes = append(part.Codes, l.Codes[(k*l.Outputs+first)/d:(k*l.Outputs+end)/d]...)
	}
	return &part
}

// part writes l, whose first output is that number of the layer's.
func (g *generator) part(name string, l *lut.Linear, first int) {
	form, kind := "convolve", kindOf(l.Table)
	if g.dense(l) {
		form = "dense"
	}
	g.use("rows", kind, kind+"_"+form)
	if form == "convolve" {
		g.use("columns")
	}
	needs := g.needsOf(kind)
	place, out := l.Outputs, g.at(l.Out)+first
	if g.net.Tensors[l.Out].Scores() {
		place, out = 4*l.Outputs, g.at(l.Out)+4*first
	}
	channels := g.net.Tensors[l.In].C
	line := channels * l.Window.KW
	if form == "dense" {
		channels, line = l.K, 0
	}
	fields := []any{g.window(l.In, l.Out, l.Window), g.activation(&l.Activation), g.table(l), g.codes(l, kind, form == "dense"), g.less(l, kind)}
	if needs.Added {
		if l.Residual >= 0 {
			fields = append(fields, g.words("residual", l.ResidualTable), g.at(l.Residual)+first)
		} else {
			fields = append(fields, "NULL", 0)
		}
	}
	start := uint32(0x80008000) // both sums of a pair
	if kind != "pair" {
		start = uint32(1<<15 - beside[kind]*int32(padded(l.K)))
	}
	g.define(kind, name, append(fields, fmt.Sprintf("0x%08xu", start), g.at(l.In), out, channels, line, l.Outputs, place)...)
	g.call(kind+"_"+form, kind, name)
}

// padded is the number of products that k taps are summed up as. Chunks of
// dense layers are of four, too.
func padded(k int) int { return (k + 3) &^ 3 }

// stride is the number of entries of a row of a table: a power of two.
func stride(t *lut.Table) (n, shift int) {
	for n = 1; n < t.Words; n *= 2 {
		shift++
	}
	return n, shift
}

// table is the fields of the rows of l's table.
func (g *generator) table(l *lut.Linear) string {
	t := l.Table
	n, shift := stride(t)
	kind := kindOf(t)
	shift += entryShift[kind]
	name := g.tables[t]
	if name == "" {
		switch kind {
		case "pair":
			rows := g.rowsOfTable(t)
			pairs := make([]uint32, rows*n)
			for a := range rows {
				for w := range t.Words {
					pairs[a*n+w] = uint32(word(entry(t, a, w)))
				}
			}
			name = integers(&g.arrays, "uint32_t", "pairs", 4, pairs)
		case "scalar":
			name = integers(&g.arrays, "uint16_t", "products", 2, products[uint16](t, g.rowsOfTable(t), n, beside[kind]))
		case "narrow":
			name = integers(&g.arrays, "uint8_t", "narrow", 1, products[uint8](t, g.rowsOfTable(t), n, beside[kind]))
		}
		g.tables[t] = name
	}
	return fmt.Sprintf("{(const unsigned char *)%s, %d, %d}", name, l.Pad, shift)
}

// rowsOfTable is the number of rows of t: the last one, zeros, is left out if
// every layer has a level that is the number 0, or no padding at all.
func (g *generator) rowsOfTable(t *lut.Table) int {
	for _, l := range g.net.Layers {
		if l, ok := l.(*lut.Linear); ok && l.Groups == 1 && l.Table == t && l.Pad == t.Levels {
			return t.Levels + 1
		}
	}
	return t.Levels
}

// products are rows of t, n entries each, beside a number.
func products[T uint8 | uint16](t *lut.Table, rows, n int, beside int32) []T {
	entries := make([]T, rows*n)
	for a := range rows {
		for w := range t.Words {
			entries[a*n+w] = T(int32(t.Entries[a*t.Words+w]) + beside)
		}
	}
	return entries
}

// codes is the codes of l for the kernels. Of dense layers, a run is a chunk.
func (g *generator) codes(l *lut.Linear, kind string, dense bool) string {
	run := l.K
	if dense {
		run = chunk
	}
	codes, shift := g.arrange(l, run), g.codeShift(kind)
	for i := range codes {
		codes[i] <<= shift
	}
	if g.wideCodes(kind) {
		return integers(&g.arrays, "uint16_t", "codes", 2, codes)
	}
	bytes := make([]uint8, len(codes))
	for i, c := range codes {
		bytes[i] = uint8(c)
	}
	return g.bytesOf("codes", bytes)
}

// arrange is the codes of l, run taps at a time: for groups of four, a multiple
// of four taps in the order of memory.
func (g *generator) arrange(l *lut.Linear, run int) []uint16 {
	order, cols := g.tapOrder(l), l.Outputs/l.Table.D
	var codes []uint16
	for first := 0; first < len(order); first += run {
		taps := order[first:min(first+run, len(order))]
		for o := 0; o < cols; o += 4 {
			for _, k := range taps {
				for i := o; i < o+4; i++ {
					c := uint16(0)
					if i < cols {
						c = l.Codes[k*cols+i]
					}
					codes = append(codes, c)
				}
			}
			codes = append(codes, make([]uint16, (-len(taps)&3)*4)...)
		}
	}
	return codes
}

// tapOrder lists the taps k of l in the order in which columns are made: channels last.
func (g *generator) tapOrder(l *lut.Linear) []int {
	c, taps := g.net.Tensors[l.In].C, l.Window.KH*l.Window.KW
	order := make([]int, 0, l.K)
	for tap := range taps {
		for ch := range c {
			order = append(order, ch*taps+tap)
		}
	}
	return order
}

// mostWords is the largest number of codewords of the tables of a kind.
func (g *generator) mostWords(kind string) int {
	most := 0
	for _, l := range g.net.Layers {
		if l, ok := l.(*lut.Linear); ok && l.Groups == 1 && kindOf(l.Table) == kind {
			most = max(most, l.Table.Words)
		}
	}
	return most
}

// wideCodes reports whether codes of a kind take 16 bits.
func (g *generator) wideCodes(kind string) bool { return g.mostWords(kind) > 256 }

// codeShift is by how much codes are stored shifted, to be offsets in bytes: by
// entryShift, which saves the kernels a shift, or not at all.
func (g *generator) codeShift(kind string) int {
	shift := entryShift[kind]
	if g.wideCodes(kind) || g.mostWords(kind)<<shift <= 256 {
		return shift
	}
	return 0
}
