package lut

import "lutra/internal/kernel"

// vectorLinear computes a Linear layer for many places at a time: the table of
// one weight, 32 products of 16 bits, is a vector register, which all places
// of a tile permute by their levels.
type vectorLinear struct {
	layer      *Linear
	level      kernel.Level
	parts      levelParts
	planes     phasePlanes
	padded     []uint8
	table      *kernel.LUTTable
	groups     []vectorGroup
	tiles      []tile
	activation *kernel.LUTActivation // nil: scores
	border     *border               // nil: the table knows the padding
	index      []uint8
	sums       []int32
	places     int // outputs of a channel
}

// vectorGroup is a group of channels.
type vectorGroup struct {
	taps  []int32 // offsets in the planes
	codes *kernel.LUTCodes
	first int // output
}

// tile is consecutive places, and where windows begin for runs of them.
type tile struct {
	first, n int
	runs     []kernel.LUTRun
}

// leastPlaces is the number of places from which on vectors are faster than
// the scalar engine, though most of their lanes are idle.
const leastPlaces = 4

// suitsVectors reports whether the kernels can compute l.
func (n *Network) suitsVectors(l *Linear) bool {
	out := &n.Tensors[l.Out]
	columns := l.Table.Words * l.Table.D * partsOf(l.Table.Levels).count
	return columns <= kernel.MaxLUTColumns && out.H*out.W >= leastPlaces
}

// tableRows is the number of table rows that l reads.
func (l *Linear) tableRows() int {
	if w := l.Window; l.Pad == l.Table.Levels && w.Top+w.Left+w.Bottom+w.Right > 0 {
		return l.Table.Levels + 1
	}
	return l.Table.Levels
}

func newVectorLinear(n *Network, l *Linear, level kernel.Level, tables map[*Table]*kernel.LUTTable) *vectorLinear {
	in, out := &n.Tensors[l.In], &n.Tensors[l.Out]
	v := &vectorLinear{layer: l, level: level, parts: partsOf(l.Table.Levels), places: out.H * out.W}
	v.planes = newPhasePlanes(in, l.Window, v.parts.count)
	if tables[l.Table] == nil {
		tables[l.Table] = v.parts.table(l, level)
	}
	v.table = tables[l.Table]
	perGroup := l.Outputs / l.Groups
	for g := range l.Groups {
		columns := make([]uint16, 0, l.K*perGroup*v.parts.count)
		for k := range l.K {
			for part := range v.parts.count {
				for o := range perGroup {
					columns = append(columns, uint16(l.column(k, g*perGroup+o)*v.parts.count+part))
				}
			}
		}
		v.groups = append(v.groups, vectorGroup{
			taps:  v.planes.taps(l.Window, g*(in.C/l.Groups), in.C/l.Groups),
			codes: level.NewLUTCodes(columns, l.K*v.parts.count, perGroup, l.Block*v.parts.count),
			first: g * perGroup,
		})
	}
	if a := l.Activation; a.Bins > 0 {
		v.activation = kernel.NewLUTActivation(a.Shift, a.Bins, a.Map)
	}
	if v.parts.count == 1 && l.tableRows() > kernel.LUTLevels {
		v.border = n.newBorder(l)
	}
	v.tiles = v.planes.tiles(out, l.Window, level.LUTPlaces())
	return v.clone().(*vectorLinear)
}

// column is the column of the table that holds the products of tap k for output o.
func (l *Linear) column(k, o int) int {
	d := l.Table.D
	return int(l.Codes[k*(l.Outputs/d)+o/d])*d + o%d
}

// clone shares all but the memory that runs write to.
func (v *vectorLinear) clone() step {
	c := *v
	pad := v.layer.Pad
	if v.border != nil {
		pad = v.border.standIn
	}
	c.padded = v.planes.alloc(&v.parts, pad)
	c.index = make([]uint8, v.layer.K*v.parts.count*v.level.LUTRow())
	c.sums = make([]int32, kernel.MaxLUTGroup*v.level.LUTPlaces())
	return &c
}

func (v *vectorLinear) run(s *Session) {
	v.planes.fill(v.padded, s.levels[v.layer.In], &v.parts)
	for i := range v.tiles {
		t := &v.tiles[i]
		for j := range v.groups {
			g := &v.groups[j]
			v.level.IndexLUT(v.index, v.padded, g.taps, t.runs)
			for k := range g.codes.Groups() {
				v.level.SumLUT(v.sums, v.index, v.table, g.codes, k)
				first, n := g.codes.Group(k)
				for o := range n {
					v.put(s, g.first+first+o, t, v.sums[o*v.level.LUTPlaces():][:t.n])
				}
			}
		}
	}
}

// put turns the sums z of output o at the places of t into levels or scores.
func (v *vectorLinear) put(s *Session, o int, t *tile, z []int32) {
	l, at := v.layer, o*v.places+t.first
	if v.border != nil {
		v.border.correct(z, o, t.first)
	}
	if l.Residual >= 0 {
		for i, r := range s.levels[l.Residual][at:][:t.n] {
			z[i] += l.ResidualTable[r]
		}
	}
	if v.activation != nil {
		v.level.LevelsLUT(s.levels[l.Out][at:][:t.n], z, l.Bias[o], v.activation)
		return
	}
	for i, sum := range z {
		s.scores[l.Out][at+i] = sum + l.Bias[o]
	}
}

// phasePlanes is the layout of a padded input: [channels][parts][rows][phases][width].
// Pixel x of a row is pixel x/phases of phase x%phases, so that the windows of
// a row of outputs begin at consecutive pixels whatever the stride.
type phasePlanes struct {
	channels, parts, rows, phases, width int
	inH, inW, top, left                  int
}

func newPhasePlanes(in *Tensor, w Window, parts int) phasePlanes {
	p := phasePlanes{channels: in.C, parts: parts, rows: in.H + w.Top + w.Bottom, phases: w.StrideX, inH: in.H, inW: in.W, top: w.Top, left: w.Left}
	p.width = (in.W + w.Left + w.Right + p.phases - 1) / p.phases
	return p
}

// alloc makes planes full of padding.
func (p *phasePlanes) alloc(parts *levelParts, pad int) []uint8 {
	plane := p.rows * p.phases * p.width
	b := make([]uint8, p.channels*p.parts*plane+kernel.LUTSlack)
	for i := range p.channels * p.parts * plane {
		b[i] = parts.row(pad, i/plane%p.parts)
	}
	return b
}

// fill copies a tensor into the planes.
func (p *phasePlanes) fill(dst, src []uint8, parts *levelParts) {
	pitch := p.phases * p.width
	for c := range p.channels {
		for part := range p.parts {
			for y := range p.inH {
				row := dst[((c*p.parts+part)*p.rows+p.top+y)*pitch:][:pitch]
				line := src[(c*p.inH+y)*p.inW:][:p.inW]
				if p.phases == 1 && p.parts == 1 {
					copy(row[p.left:], line)
					continue
				}
				p.fillRow(row, line, &parts.rows[part])
			}
		}
	}
}

// fillRow spreads a row over the phases, its levels translated by rows.
func (p *phasePlanes) fillRow(row, line []uint8, rows *[256]uint8) {
	phase, at := p.left%p.phases, p.left/p.phases
	for _, a := range line {
		row[phase*p.width+at] = rows[a]
		if phase++; phase == p.phases {
			phase, at = 0, at+1
		}
	}
}

// taps lists the offsets of all taps over n channels from the first on, each
// in all parts.
func (p *phasePlanes) taps(w Window, first, n int) []int32 {
	var list []int32
	pitch := p.phases * p.width
	for c := first; c < first+n; c++ {
		for i := range w.KH {
			for j := range w.KW {
				for part := range p.parts {
					x := j * w.DilationX
					list = append(list, int32(((c*p.parts+part)*p.rows+i*w.DilationY)*pitch+x%p.phases*p.width+x/p.phases))
				}
			}
		}
	}
	return list
}

// tiles cuts the places of out, in order, into tiles of at most size.
func (p *phasePlanes) tiles(out *Tensor, w Window, size int) []tile {
	var list []tile
	for first := 0; first < out.H*out.W; first += size {
		t := tile{first: first, n: min(size, out.H*out.W-first)}
		for i := 0; i < t.n; {
			y, x := (first+i)/out.W, (first+i)%out.W
			n := min(out.W-x, t.n-i)
			src := y*w.StrideY*p.phases*p.width + x
			if k := len(t.runs) - 1; k >= 0 && int(t.runs[k].Src+t.runs[k].N) == src {
				t.runs[k].N += int32(n) // rows without gaps between them
			} else {
				t.runs = append(t.runs, kernel.LUTRun{Src: int32(src), Dst: int32(i), N: int32(n)})
			}
			i += n
		}
		list = append(list, t)
	}
	return list
}
