package lut

import "lutra/internal/kernel"

// vectorLinear computes a Linear layer for many places at a time: the table of
// one weight, 32 products of 16 bits, is a vector register, which all places
// of a tile permute by their levels.
type vectorLinear struct {
	layer      *Linear
	level      kernel.Level
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
	return l.Table.Levels <= kernel.LUTLevels && l.Table.Words*l.Table.D <= kernel.MaxLUTColumns && out.H*out.W >= leastPlaces
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
	v := &vectorLinear{layer: l, level: level, planes: newPhasePlanes(in, l.Window), places: out.H * out.W}
	if tables[l.Table] == nil {
		rows := min(l.Table.Levels+1, kernel.LUTLevels)
		tables[l.Table] = level.NewLUTTable(l.Table.Entries, rows, l.Table.Words*l.Table.D)
	}
	v.table = tables[l.Table]
	perGroup := l.Outputs / l.Groups
	for g := range l.Groups {
		columns := make([]uint16, l.K*perGroup)
		for k := range l.K {
			for o := range perGroup {
				columns[k*perGroup+o] = uint16(l.column(k, g*perGroup+o))
			}
		}
		v.groups = append(v.groups, vectorGroup{
			taps:  v.planes.taps(l.Window, g*(in.C/l.Groups), in.C/l.Groups),
			codes: level.NewLUTCodes(columns, l.K, perGroup, l.Block),
			first: g * perGroup,
		})
	}
	if a := l.Activation; a.Bins > 0 {
		v.activation = kernel.NewLUTActivation(a.Shift, a.Bins, a.Map)
	}
	if l.tableRows() > kernel.LUTLevels {
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
	c.padded = v.planes.alloc(uint8(pad))
	c.index = make([]uint8, v.layer.K*v.level.LUTRow())
	c.sums = make([]int32, kernel.MaxLUTGroup*v.level.LUTPlaces())
	return &c
}

func (v *vectorLinear) run(s *Session) {
	v.planes.fill(v.padded, s.levels[v.layer.In])
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

// phasePlanes is the layout of a padded input: [channels][rows][phases][width].
// Pixel x of a row is pixel x/phases of phase x%phases, so that the windows of
// a row of outputs begin at consecutive pixels whatever the stride.
type phasePlanes struct {
	channels, rows, phases, width int
	inH, inW, top, left           int
}

func newPhasePlanes(in *Tensor, w Window) phasePlanes {
	p := phasePlanes{channels: in.C, rows: in.H + w.Top + w.Bottom, phases: w.StrideX, inH: in.H, inW: in.W, top: w.Top, left: w.Left}
	p.width = (in.W + w.Left + w.Right + p.phases - 1) / p.phases
	return p
}

func (p *phasePlanes) alloc(pad uint8) []uint8 {
	b := make([]uint8, p.channels*p.rows*p.phases*p.width+kernel.LUTSlack)
	for i := range b {
		b[i] = pad
	}
	return b
}

// fill copies a tensor into the planes.
func (p *phasePlanes) fill(dst, src []uint8) {
	pitch := p.phases * p.width
	for c := range p.channels {
		for y := range p.inH {
			row := dst[(c*p.rows+p.top+y)*pitch:][:pitch]
			line := src[(c*p.inH+y)*p.inW:][:p.inW]
			if p.phases == 1 {
				copy(row[p.left:], line)
				continue
			}
			phase, at := p.left%p.phases, p.left/p.phases
			for _, a := range line {
				row[phase*p.width+at] = a
				if phase++; phase == p.phases {
					phase, at = 0, at+1
				}
			}
		}
	}
}

// taps lists the offsets of all taps over n channels from the first on.
func (p *phasePlanes) taps(w Window, first, n int) []int32 {
	var list []int32
	pitch := p.phases * p.width
	for c := first; c < first+n; c++ {
		for i := range w.KH {
			for j := range w.KW {
				x := j * w.DilationX
				list = append(list, int32((c*p.rows+i*w.DilationY)*pitch+x%p.phases*p.width+x/p.phases))
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
