package lut

// scalarLinear computes a Linear layer, four codes at a time: the inputs of a
// window become a column of table rows, every output adds up its entries.
type scalarLinear struct {
	pane
	layer    *Linear
	groups   []scalarGroup
	column   []uint32 // per tap: where the row of its level begins
	shift    uint     // log2 of the length of a table row
	single   []int16  // products [levels+1][1<<shift] of codewords of one weight
	pairs    []uint32 // products of pairs: two 16-bit lanes that borrow from each other
	block    int
	perGroup int     // channels
	z        []int32 // sums at one place, a few more than outputs
}

// scalarGroup is a group of channels.
type scalarGroup struct {
	plane   int // where its first channel begins in the padded planes
	out     int // where its first output begins
	outputs int
	quads   int         // codes of an input, in fours
	codes   [][4]uint16 // [quads][K]
	bias    []int32
}

func newScalarLinear(n *Network, l *Linear) *scalarLinear {
	t := l.Table
	s := &scalarLinear{layer: l, pane: newPane(&n.Tensors[l.In], &n.Tensors[l.Out], l.Window, uint8(l.Pad)), block: l.Block}
	s.column, s.z = make([]uint32, l.K), make([]int32, l.Outputs/l.Groups+8)
	for 1<<s.shift < t.Words {
		s.shift++
	}
	if t.D == 1 {
		s.single = make([]int16, (t.Levels+1)<<s.shift)
	} else {
		s.pairs = make([]uint32, (t.Levels+1)<<s.shift)
	}
	for a := range t.Levels + 1 {
		for w := range t.Words {
			e := t.Entries[(a*t.Words+w)*t.D:]
			if t.D == 1 {
				s.single[a<<s.shift+w] = e[0]
			} else {
				s.pairs[a<<s.shift+w] = uint32(int32(e[0])) + uint32(int32(e[1]))<<16
			}
		}
	}
	per, cols := l.Outputs/l.Groups/t.D, l.Outputs/t.D
	for g := range l.Groups {
		first := g * per * t.D
		gr := scalarGroup{
			plane: g * (s.channels / l.Groups) * s.planePadded, out: first * s.planeOut,
			outputs: per * t.D, quads: (per + 3) / 4, bias: l.Bias[first:],
		}
		gr.codes = make([][4]uint16, gr.quads*l.K)
		for k := range l.K {
			for o := range per {
				gr.codes[o/4*l.K+k][o%4] = l.Codes[k*cols+g*per+o]
			}
		}
		s.groups = append(s.groups, gr)
	}
	s.perGroup = s.channels / l.Groups
	return s
}

func (l *scalarLinear) run(s *Session) {
	src := l.fill(s.levels[l.layer.In])
	var residual []uint8
	if l.layer.Residual >= 0 {
		residual = s.levels[l.layer.Residual]
	}
	for i := range l.groups {
		l.group(src, residual, s.levels[l.layer.Out], s.scores[l.layer.Out], &l.groups[i])
	}
}

// group computes the outputs of g at all places.
func (l *scalarLinear) group(src, residual, dst []uint8, scores []int32, g *scalarGroup) {
	place, row := 0, g.plane
	for range l.outH {
		at := row
		for range l.outW {
			l.gather(src[at:])
			if l.pairs == nil {
				l.singles(g)
			} else {
				l.doubles(g)
			}
			l.put(residual, dst, scores, g, place)
			place++
			at += l.stepX
		}
		row += l.stepY
	}
}

// gather makes the column of the window that begins at src[0].
func (l *scalarLinear) gather(src []uint8) {
	column, plane := l.column, 0
	for range l.perGroup {
		for i, off := range l.tapOffsets {
			column[i] = uint32(src[plane+int(off)]) << l.shift
		}
		column = column[len(l.tapOffsets):]
		plane += l.planePadded
	}
}

// singles adds up the products of one place for all outputs of g.
func (l *scalarLinear) singles(g *scalarGroup) {
	codes, z := g.codes, l.z
	for range g.quads {
		z[0], z[1], z[2], z[3] = addSingles(l.single, l.column, codes)
		codes, z = codes[len(l.column):], z[4:]
	}
}

func addSingles(table []int16, column []uint32, codes [][4]uint16) (z0, z1, z2, z3 int32) {
	codes = codes[:len(column)]
	for k, row := range column {
		c := &codes[k]
		z0 += int32(table[row+uint32(c[0])])
		z1 += int32(table[row+uint32(c[1])])
		z2 += int32(table[row+uint32(c[2])])
		z3 += int32(table[row+uint32(c[3])])
	}
	return
}

// doubles is singles for pairs: lanes are emptied into z after every block.
func (l *scalarLinear) doubles(g *scalarGroup) {
	codes, z := g.codes, l.z
	for range g.quads {
		clear(z[:8])
		for column := l.column; len(column) > 0; {
			n := min(l.block, len(column))
			addPairs(z, l.pairs, column[:n], codes)
			column, codes = column[n:], codes[n:]
		}
		z = z[8:]
	}
}

func addPairs(z []int32, table, column []uint32, codes [][4]uint16) {
	var p0, p1, p2, p3 uint32
	codes = codes[:len(column)]
	for k, row := range column {
		c := &codes[k]
		p0 += table[row+uint32(c[0])]
		p1 += table[row+uint32(c[1])]
		p2 += table[row+uint32(c[2])]
		p3 += table[row+uint32(c[3])]
	}
	_ = z[7]
	z[0], z[1] = z[0]+low(p0), z[1]+high(p0)
	z[2], z[3] = z[2]+low(p1), z[3]+high(p1)
	z[4], z[5] = z[4]+low(p2), z[5]+high(p2)
	z[6], z[7] = z[6]+low(p3), z[7]+high(p3)
}

// low and high are the lanes of p: the low one is negative if its top bit is
// set, and has then borrowed from the high one.
func low(p uint32) int32  { return int32(int16(p)) }
func high(p uint32) int32 { return int32(p-uint32(low(p))) >> 16 }

// put turns the sums of one place into levels or scores.
func (l *scalarLinear) put(residual, dst []uint8, scores []int32, g *scalarGroup, at int) {
	at += g.out
	for o, z := range l.z[:g.outputs] {
		z += g.bias[o]
		if residual != nil {
			z += l.layer.ResidualTable[residual[at]]
		}
		if dst != nil {
			dst[at] = l.layer.Activation.Index(z)
		} else {
			scores[at] = z
		}
		at += l.planeOut
	}
}
