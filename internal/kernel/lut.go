package kernel

import (
	"math"
	"unsafe"
)

// Sums of products that are looked up, for networks whose activations take at
// most LUTLevels values and whose weights are codes (internal/lut). Fixing the
// weight and varying the place makes the table of one weight 32 numbers of 16
// bits: a cache line, which one permutation instruction reads for many places.

// LUTLevels is the most rows that a LUTTable has.
const LUTLevels = 32

// MaxLUTColumns is the most columns that a LUTTable has.
const MaxLUTColumns = 1 << 16

const (
	lutColumn = 2 * LUTLevels // bytes of a column
	lutLanes  = 64            // most places at a time
)

// LUTPlaces is the number of places that SumLUT works on at a time.
func (l Level) LUTPlaces() int {
	if l.LUTKernels() == AVX2 {
		return 32
	}
	return 64
}

// LUTRow is the number of bytes of an index row; see IndexLUT.
func (l Level) LUTRow() int {
	if l.wideLUT() {
		return 128
	}
	return 64
}

// LUTKernels is the level whose kernels of lookups l uses.
func (l Level) LUTKernels() Level {
	switch {
	case l < AVX2: // NEON has none
		return Generic
	case l.wideLUT():
		return AVX512
	}
	return AVX2
}

// wideLUT reports whether l has the kernels of AVX512.
func (l Level) wideLUT() bool { return l >= AVX512 }

// LUTRun says where a run of places has its activations: place Dst + i, i < N,
// reads Src + i.
type LUTRun struct{ Src, Dst, N int32 }

// LUTSlack is how many bytes behind the last one that runs name IndexLUT needs.
const LUTSlack = lutLanes

// IndexLUT gathers, for every tap, the activations of up to LUTPlaces places,
// in the level's own form:
//
//	row k of dst, place r.Dst+i = src[taps[k] + r.Src + i], i < r.N, for all runs r
//
// Runs are in ascending order of Dst without gaps, from 0 on; places behind
// them are undefined but valid. Activations are below LUTLevels. dst holds
// LUTRow bytes for every tap, src LUTSlack bytes more than are named.
func (l Level) IndexLUT(dst, src []uint8, taps []int32, runs []LUTRun) {
	if len(taps) == 0 || len(runs) == 0 {
		return
	}
	need(dst, len(taps)*l.LUTRow())
	lo, hi := taps[0], taps[0]
	for _, t := range taps {
		lo, hi = min(lo, t), max(hi, t)
	}
	next := int32(0)
	for _, r := range runs {
		if r.Dst != next || r.N < 0 || lo+r.Src < 0 {
			panic("kernel: lut index: bad run")
		}
		next += r.N
		need(src, int(hi)+int(r.Src)+int(r.N)+LUTSlack)
	}
	if int(next) > l.LUTPlaces() {
		panic("kernel: lut index: too many places")
	}
	indexLUT(l, dst, src, taps, runs)
}

func indexLUTGeneric(dst, src []uint8, taps []int32, runs []LUTRun) {
	for k, t := range taps {
		row := dst[k*Generic.LUTRow():][:Generic.LUTRow()]
		clear(row)
		for _, r := range runs {
			copy(row[r.Dst:r.Dst+r.N], src[t+r.Src:])
		}
	}
}

// LUTTable is products [rows][columns], arranged by columns.
type LUTTable struct {
	level  Level
	bytes  []uint8 // [columns][64], see columnLUT
	cols   int
	narrow bool // at most 16 rows: one register of AVX2
}

// NewLUTTable arranges entries [rows][cols] of at most LUTLevels rows and
// MaxLUTColumns columns.
func (l Level) NewLUTTable(entries []int16, rows, cols int) *LUTTable {
	if rows < 1 || rows > LUTLevels || cols < 1 || cols > MaxLUTColumns {
		panic("kernel: lut table: size out of range")
	}
	need(entries, rows*cols)
	t := &LUTTable{level: l, cols: cols, narrow: rows <= LUTLevels/2, bytes: alignedBytes(cols * lutColumn)}
	for c := range cols {
		column := t.bytes[c*lutColumn:][:lutColumn]
		for a := range rows {
			e := uint16(entries[a*cols+c])
			if l.LUTKernels() == AVX2 { // low bytes of 16 levels, of 16 more, then high bytes
				column[a], column[a+LUTLevels] = uint8(e), uint8(e>>8)
			} else {
				column[2*a], column[2*a+1] = uint8(e), uint8(e>>8)
			}
		}
	}
	return t
}

// alignedBytes is n bytes that begin with a cache line.
func alignedBytes(n int) []uint8 {
	b := make([]uint8, n+63)
	skip := int(-uintptr(unsafe.Pointer(&b[0])) & 63)
	return b[skip:][:n:n]
}

// at is the product of row a and a column.
func (t *LUTTable) at(a uint8, column uint16) int32 {
	c := t.bytes[int(column)*lutColumn:]
	return int32(int16(uint16(c[2*a]) | uint16(c[2*a+1])<<8))
}

// LUTCodes is the columns of a matrix of weights [taps][outputs], in groups of
// outputs that SumLUT adds up together.
type LUTCodes struct {
	level  Level
	Taps   int
	Block  int        // taps whose products sum up to at most 16 bits
	groups []lutGroup // of all outputs, in order
}

type lutGroup struct {
	first, outputs int
	width          int      // outputs that the kernel computes, >= outputs
	columns        []uint16 // [taps][width]
}

// lutWidths are the widths of groups for which l has kernels, ascending.
func (l Level) lutWidths() []int {
	switch l.LUTKernels() {
	case Generic:
		return []int{MaxLUTGroup}
	case AVX512:
		return []int{4, 8, MaxLUTGroup}
	}
	return []int{4}
}

// MaxLUTGroup is the most outputs in a group.
const MaxLUTGroup = 12

// NewLUTCodes arranges columns [taps][outputs] of a table; block is the number of
// consecutive taps whose products have sums that fit 16 bits.
func (l Level) NewLUTCodes(columns []uint16, taps, outputs, block int) *LUTCodes {
	if taps < 1 || outputs < 1 || block < 1 {
		panic("kernel: lut codes: size out of range")
	}
	need(columns, taps*outputs)
	c := &LUTCodes{level: l, Taps: taps, Block: block}
	widths := l.lutWidths()
	for first := 0; first < outputs; {
		g := lutGroup{first: first, width: widths[len(widths)-1]}
		g.outputs = min(g.width, outputs-first)
		for _, w := range widths {
			if w >= g.outputs {
				g.width = w
				break
			}
		}
		g.columns = make([]uint16, taps*g.width)
		for k := range taps {
			for o := range g.outputs {
				g.columns[k*g.width+o] = columns[k*outputs+first+o]
			}
		}
		c.groups = append(c.groups, g)
		first += g.outputs
	}
	return c
}

// Groups is the number of groups of c.
func (c *LUTCodes) Groups() int { return len(c.groups) }

// Group is the first output of group i and their number, at most MaxLUTGroup.
func (c *LUTCodes) Group(i int) (first, outputs int) { return c.groups[i].first, c.groups[i].outputs }

// SumLUT adds up products for all outputs of group i of c at LUTPlaces places:
//
//	sums[o*LUTPlaces + p] = sum over k of t[index[k][p]][columns[k][o]]
//
// index was made by IndexLUT for the same level. sums holds MaxLUTGroup rows.
func (l Level) SumLUT(sums []int32, index []uint8, t *LUTTable, c *LUTCodes, i int) {
	g := &c.groups[i]
	if t.level != l || c.level != l {
		panic("kernel: lut: arranged for another level")
	}
	need(sums, MaxLUTGroup*l.LUTPlaces())
	need(index, c.Taps*l.LUTRow())
	clear(sums[:g.width*l.LUTPlaces()])
	sumLUT(l, sums, index, t, c, g)
}

func sumLUTGeneric(sums []int32, index []uint8, t *LUTTable, c *LUTCodes, g *lutGroup) {
	const places = 64
	for k := range c.Taps {
		row := index[k*places:][:places]
		for o := range g.outputs {
			column, z := g.columns[k*g.width+o], sums[o*places:][:places]
			for p, a := range row {
				z[p] += t.at(a, column)
			}
		}
	}
}

// LUTActivation turns a sum z into a level: bin = min(max(z>>Shift, 0), Bins-1),
// then Map[bin], or bin itself if Map is nil.
type LUTActivation struct {
	Shift uint
	Bins  int
	table []int32 // of the map; nil: none
}

// NewLUTActivation prepares an activation of 1 to 1<<16 bins; levels is empty or
// has one for every bin.
func NewLUTActivation(shift uint, bins int, levels []uint8) *LUTActivation {
	if shift > 31 || bins < 1 || bins > math.MaxUint16 || len(levels) == 0 && bins > 256 || len(levels) > 0 && len(levels) != bins {
		panic("kernel: lut activation: size out of range")
	}
	a := &LUTActivation{Shift: shift, Bins: bins}
	for _, v := range levels {
		a.table = append(a.table, int32(v))
	}
	return a
}

// LevelsLUT computes dst[i] = a(sums[i] + bias).
func (l Level) LevelsLUT(dst []uint8, sums []int32, bias int32, a *LUTActivation) {
	need(sums, len(dst))
	n := levelsLUT(l, dst, sums, bias, a)
	for i := n; i < len(dst); i++ {
		dst[i] = a.level(sums[i] + bias)
	}
}

func (a *LUTActivation) level(z int32) uint8 {
	bin := min(max(int(z>>a.Shift), 0), a.Bins-1)
	if a.table == nil {
		return uint8(bin)
	}
	return uint8(a.table[bin])
}
