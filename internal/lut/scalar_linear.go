package lut

// scalarLinear computes a Linear layer, four codes at a time: the levels seen
// by a window become a column, every output adds up its products.
//
// A product is a word of 32 bits, or of 64 if it is exact; with pairs it is two,
// of 16 bits, of which the low one borrows from the high one.
type scalarLinear[W uint32 | uint64] struct {
	pane
	layer    *Linear
	groups   []*scalarGroup
	perGroup int      // channels
	column   []uint8  // per tap: its level
	rows     [][256]W // products by level and code, of up to 256 codewords
	wide     []W      // of more: [level][1<<shift]
	shift    uint
	unused   uint    // bits of int64 that W has not
	residual []int64 // per level
	z        []int64 // sums at one place, a few more than outputs
}

// scalarGroup is a group of channels.
type scalarGroup struct {
	plane   int // where its first channel begins in the padded planes
	out     int // where its first output begins
	outputs int
	quads   int      // codes of an input, in fours
	codes   []uint64 // [quads][K], 16 bits each
	bytes   []uint32 // [quads][K], 8 bits each, of up to 256 codewords
	bias    []int64
}

func newScalarLinear[W uint32 | uint64](n *Network, l *Linear, word func(a, w int) W, unused uint) *scalarLinear[W] {
	t := l.Table
	s := &scalarLinear[W]{layer: l, pane: newPane(&n.Tensors[l.In], &n.Tensors[l.Out], l.Window, uint8(l.Pad)), unused: unused}
	s.perGroup = s.channels / l.Groups
	s.column, s.z = make([]uint8, l.K), make([]int64, l.Outputs/l.Groups+8)
	s.setTable(t, word)
	s.residual = refined(l.ResidualTable, l.ResidualLow, t.LowBits)
	bias := refined(l.Bias, l.BiasLow, t.LowBits)
	per := l.Outputs / l.Groups
	for g := range l.Groups {
		gr := &scalarGroup{
			plane: g * s.perGroup * s.planePadded, out: g * per * s.planeOut,
			outputs: per, quads: (per/t.D + 3) / 4, bias: bias[g*per:],
		}
		gr.setCodes(l, g*per/t.D, per/t.D, s.wide != nil)
		s.groups = append(s.groups, gr)
	}
	return s
}

// newScalar prepares l, whose products are words of 32 bits or of 64.
func newScalar(n *Network, l *Linear) step {
	t := l.Table
	if t.Exact() {
		return newScalarLinear(n, l, func(a, w int) uint64 {
			if a == t.Levels {
				return 0 // padding
			}
			return uint64(t.product(a, w))
		}, 0)
	}
	return newScalarLinear(n, l, func(a, w int) uint32 {
		e := t.Entries[(a*t.Words+w)*t.D:]
		if t.D == 1 {
			return uint32(int32(e[0]))
		}
		return uint32(int32(e[0])) + uint32(int32(e[1]))<<16
	}, 32)
}

// refined is high with more bits, those of low; low may be nil.
func refined(high, low []int32, bits uint) []int64 {
	all := make([]int64, len(high))
	for i, h := range high {
		l := int32(0)
		if low != nil {
			l = low[i]
		}
		all[i] = joined(h, l, bits)
	}
	return all
}

func (l *scalarLinear[W]) clone() step {
	c := *l
	c.pane, c.column, c.z = l.fresh(), make([]uint8, len(l.column)), make([]int64, len(l.z))
	return &c
}

// setTable arranges products as words, in rows of a power of two.
func (l *scalarLinear[W]) setTable(t *Table, word func(a, w int) W) {
	if t.Words <= 256 {
		l.rows = make([][256]W, t.Levels+1)
		for a := range l.rows {
			for w := range t.Words {
				l.rows[a][w] = word(a, w)
			}
		}
		return
	}
	for 1<<l.shift < t.Words {
		l.shift++
	}
	l.wide = make([]W, (t.Levels+1)<<l.shift)
	for a := range t.Levels + 1 {
		for w := range t.Words {
			l.wide[a<<l.shift+w] = word(a, w)
		}
	}
}

// setCodes packs count columns of codes, from first on, in fours.
func (g *scalarGroup) setCodes(l *Linear, first, count int, wide bool) {
	if wide {
		g.codes = make([]uint64, g.quads*l.K)
	} else {
		g.bytes = make([]uint32, g.quads*l.K)
	}
	cols := l.Outputs / l.Table.D
	for k := range l.K {
		for o := range count {
			c := l.Codes[k*cols+first+o]
			if wide {
				g.codes[o/4*l.K+k] |= uint64(c) << (o % 4 * 16)
			} else {
				g.bytes[o/4*l.K+k] |= uint32(c) << (o % 4 * 8)
			}
		}
	}
}

func (l *scalarLinear[W]) run(s *Session) {
	src := l.fill(s.levels[l.layer.In])
	var residual []uint8
	if l.layer.Residual >= 0 {
		residual = s.levels[l.layer.Residual]
	}
	for _, g := range l.groups {
		l.group(src, residual, s.levels[l.layer.Out], s.scores[l.layer.Out], g)
	}
}

// group computes the outputs of g at all places.
func (l *scalarLinear[W]) group(src, residual, dst []uint8, scores []int32, g *scalarGroup) {
	place, row := 0, g.plane
	for range l.outH {
		at := row
		for range l.outW {
			l.gather(src[at:])
			l.sum(g)
			l.put(residual, dst, scores, g, place)
			place++
			at += l.stepX
		}
		row += l.stepY
	}
}

// gather makes the column of the window that begins at src[0].
func (l *scalarLinear[W]) gather(src []uint8) {
	column, plane := l.column, 0
	for range l.perGroup {
		for i, off := range l.tapOffsets {
			column[i] = src[plane+int(off)]
		}
		column = column[len(l.tapOffsets):]
		plane += l.planePadded
	}
}

// sum adds up the products of one place for all outputs of g.
func (l *scalarLinear[W]) sum(g *scalarGroup) {
	block, pairs := len(l.column), l.layer.Table.D > 1
	if pairs {
		block = l.layer.Block
	}
	z, at := l.z, 0
	for range g.quads {
		clear(z[:8])
		for column := l.column; len(column) > 0; {
			part := column[:min(block, len(column))]
			var w0, w1, w2, w3 W
			if l.wide == nil {
				w0, w1, w2, w3 = addBytes(l.rows, part, g.bytes[at:])
			} else {
				w0, w1, w2, w3 = addWide(l.wide, l.shift, part, g.codes[at:])
			}
			if pairs {
				unpack(z, uint32(w0), uint32(w1), uint32(w2), uint32(w3))
			} else {
				z[0], z[1], z[2], z[3] = l.signed(w0), l.signed(w1), l.signed(w2), l.signed(w3)
			}
			at += len(part)
			column = column[len(part):]
		}
		z = z[4:]
		if pairs {
			z = z[4:]
		}
	}
}

// signed is the number that w stands for.
func (l *scalarLinear[W]) signed(w W) int64 {
	return int64(w) << (l.unused & 63) >> (l.unused & 63)
}

// addBytes adds up the products of four codes of a byte.
func addBytes[W uint32 | uint64](rows [][256]W, column []uint8, codes []uint32) (w0, w1, w2, w3 W) {
	codes = codes[:len(column)]
	for k, a := range column {
		row, c := &rows[a], codes[k]
		w0 += row[uint8(c)]
		w1 += row[uint8(c>>8)]
		w2 += row[uint8(c>>16)]
		w3 += row[uint8(c>>24)]
	}
	return
}

// addWide adds up the products of four codes of 16 bits.
func addWide[W uint32 | uint64](table []W, shift uint, column []uint8, codes []uint64) (w0, w1, w2, w3 W) {
	codes = codes[:len(column)]
	for k, a := range column {
		row, c := table[int(a)<<(shift&31):], codes[k]
		w0 += row[uint16(c)]
		w1 += row[uint16(c>>16)]
		w2 += row[uint16(c>>32)]
		w3 += row[uint16(c>>48)]
	}
	return
}

// unpack adds the lanes of four words of pairs to eight sums.
func unpack(z []int64, w0, w1, w2, w3 uint32) {
	_ = z[7]
	z[0], z[1] = z[0]+low(w0), z[1]+high(w0)
	z[2], z[3] = z[2]+low(w1), z[3]+high(w1)
	z[4], z[5] = z[4]+low(w2), z[5]+high(w2)
	z[6], z[7] = z[6]+low(w3), z[7]+high(w3)
}

// low and high are the lanes of w: the low one is negative if its top bit is
// set, and has then borrowed from the high one.
func low(w uint32) int64  { return int64(int16(w)) }
func high(w uint32) int64 { return int64(int32(w-uint32(low(w))) >> 16) }

// put turns the sums of one place into levels or scores.
func (l *scalarLinear[W]) put(residual, dst []uint8, scores []int32, g *scalarGroup, at int) {
	at += g.out
	bits := l.layer.Table.LowBits & 63
	for o, sum := range l.z[:g.outputs] {
		sum += g.bias[o]
		if residual != nil {
			sum += l.residual[residual[at]]
		}
		z := int32(sum >> bits)
		if dst != nil {
			dst[at] = l.layer.Activation.Index(z)
		} else {
			scores[at] = z
		}
		at += l.planeOut
	}
}
