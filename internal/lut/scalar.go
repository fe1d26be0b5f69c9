package lut

import (
	"slices"

	"lutra/internal/kernel"
)

// The scalar engine. What runs per sample (the methods run, and what they
// call) has neither a multiplication nor a floating-point instruction:
// addresses advance by additions, tables have rows of a power of two.
// TestScalarIsMultiplicationFree reads the machine code.

// scalar prepares a layer for the scalar engine.
func (n *Network) scalar(l Layer) step {
	switch l := l.(type) {
	case *Linear:
		return newScalar(n, l)
	case *MaxPool:
		return &scalarMax{pane: newPane(&n.Tensors[l.In], &n.Tensors[l.Out], l.Window, 0), in: l.In, out: l.Out}
	case *AvgPool:
		return newScalarAvg(n, l)
	case *Sum:
		return newScalarSum(l)
	case *Concat:
		return (*scalarConcat)(l)
	case *Gather:
		return (*scalarGather)(l)
	}
	panic("lut: unknown layer")
}

// pane slides a window over one tensor. The input is copied into a padded
// plane per channel, so that every window has all its taps.
type pane struct {
	padded       []uint8 // [C][hp][wp]
	inH, inW     int
	outH, outW   int
	start, gap   int     // first pixel; pixels between the rows of a padded plane
	skip         int     // padded pixels between two planes of pixels
	planePadded  int     // hp*wp
	planeOut     int     // outH*outW
	stepX, stepY int     // of the window: to the next output; from a row's first to the next row's
	tapOffsets   []int32 // of the taps, from the window's corner, one channel
	channels     int
	needsNoCopy  bool
}

func newPane(in, out *Tensor, w Window, pad uint8) pane {
	hp, wp := in.H+w.Top+w.Bottom, in.W+w.Left+w.Right
	p := pane{
		inH: in.H, inW: in.W, outH: out.H, outW: out.W, channels: in.C,
		start: w.Top*wp + w.Left, gap: w.Left + w.Right, skip: (w.Top + w.Bottom) * wp,
		planePadded: hp * wp, planeOut: out.H * out.W, stepX: w.StrideX, stepY: w.StrideY * wp,
		needsNoCopy: hp == in.H && wp == in.W,
	}
	for i := range w.KH {
		for j := range w.KW {
			p.tapOffsets = append(p.tapOffsets, int32(i*w.DilationY*wp+j*w.DilationX))
		}
	}
	if !p.needsNoCopy {
		p.padded = make([]uint8, in.C*hp*wp+kernel.LUTRoom)
		for i := range p.padded {
			p.padded[i] = pad
		}
	}
	return p
}

// fill copies a tensor into the padded planes, and returns them.
func (p *pane) fill(in []uint8) []uint8 {
	if p.needsNoCopy {
		return in
	}
	at := p.start
	for range p.channels {
		for range p.inH {
			copy(p.padded[at:], in[:p.inW])
			in = in[p.inW:]
			at += p.inW + p.gap
		}
		at += p.skip
	}
	return p.padded
}

// fresh is p with padded planes of its own.
func (p pane) fresh() pane {
	p.padded = slices.Clone(p.padded)
	return p
}

type scalarMax struct {
	pane
	in, out int
}

func (m *scalarMax) clone() step    { return &scalarMax{m.fresh(), m.in, m.out} }
func (a *scalarAvg) clone() step    { return &scalarAvg{a.fresh(), a.layer, a.table, a.bias, a.whole} }
func (l *scalarSum) clone() step    { return l }
func (l *scalarConcat) clone() step { return l }
func (l *scalarGather) clone() step { return l }

func (m *scalarMax) run(s *Session) { m.pool(m.fill(s.levels[m.in]), s.levels[m.out]) }

func (m *scalarMax) pool(src, dst []uint8) {
	i, plane := 0, 0
	for range m.channels {
		row := plane
		for range m.outH {
			at := row
			for range m.outW {
				var most uint8
				for _, off := range m.tapOffsets {
					most = max(most, src[at+int(off)])
				}
				dst[i] = most
				i++
				at += m.stepX
			}
			row += m.stepY
		}
		plane += m.planePadded
	}
}

type scalarAvg struct {
	pane
	layer *AvgPool
	table [256]int64
	bias  int64
	whole bool // taps follow each other: windows are planes, or whole rows
}

func newScalarAvg(n *Network, l *AvgPool) *scalarAvg {
	a := &scalarAvg{pane: newPane(&n.Tensors[l.In], &n.Tensors[l.Out], l.Window, uint8(l.Pad)), layer: l, bias: joined(l.Bias, l.BiasLow, l.LowBits)}
	copy(a.table[:], refined(l.Table, l.Low, l.LowBits))
	a.whole = int(a.tapOffsets[len(a.tapOffsets)-1]) == len(a.tapOffsets)-1
	return a
}

func (a *scalarAvg) run(s *Session) {
	src := a.fill(s.levels[a.layer.In])
	if dst := s.levels[a.layer.Out]; dst != nil {
		a.pool(src, func(i int, sum int64) { dst[i] = a.layer.Activation.level(sum, a.layer.LowBits) })
		return
	}
	scores := s.scores[a.layer.Out]
	a.pool(src, func(i int, sum int64) { scores[i] = int32(sum >> (a.layer.LowBits & 63)) })
}

func (a *scalarAvg) pool(src []uint8, put func(int, int64)) {
	i, plane := 0, 0
	for range a.channels {
		row := plane
		for range a.outH {
			at := row
			for range a.outW {
				put(i, a.bias+a.sum(src[at:]))
				i++
				at += a.stepX
			}
			row += a.stepY
		}
		plane += a.planePadded
	}
}

// sum adds up the window that begins at src[0].
func (a *scalarAvg) sum(src []uint8) (z int64) {
	if !a.whole {
		for _, off := range a.tapOffsets {
			z += a.table[src[off]]
		}
		return z
	}
	src = src[:len(a.tapOffsets)]
	var z1, z2, z3 int64
	for ; len(src) >= 4; src = src[4:] {
		z += a.table[src[0]]
		z1 += a.table[src[1]]
		z2 += a.table[src[2]]
		z3 += a.table[src[3]]
	}
	for _, v := range src {
		z += a.table[v]
	}
	return z + z1 + z2 + z3
}

type scalarSum struct {
	*Sum
	tables [][]int64
	bias   int64
}

func newScalarSum(l *Sum) *scalarSum {
	s := &scalarSum{Sum: l, bias: joined(l.Bias, l.BiasLow, l.LowBits)}
	for i := range l.In {
		var low []int32
		if l.LowBits > 0 {
			low = l.Low[i]
		}
		s.tables = append(s.tables, refined(l.Tables[i], low, l.LowBits))
	}
	return s
}

func (l *scalarSum) run(s *Session) {
	dst, scores := s.levels[l.Out], s.scores[l.Out]
	for i := range s.levels[l.In[0]] {
		sum := l.bias
		for j, in := range l.In {
			sum += l.tables[j][s.levels[in][i]]
		}
		if dst == nil {
			scores[i] = int32(sum >> (l.LowBits & 63))
			continue
		}
		dst[i] = l.Activation.level(sum, l.LowBits)
	}
}

type scalarConcat Concat

func (l *scalarConcat) run(s *Session) {
	dst := s.levels[l.Out]
	for i, in := range l.In {
		src := s.levels[in]
		if m := l.Maps[i]; m == nil {
			copy(dst, src)
		} else {
			for j, a := range src {
				dst[j] = m[a]
			}
		}
		dst = dst[len(src):]
	}
}

type scalarGather Gather

func (l *scalarGather) run(s *Session) {
	if src := s.scores[l.In]; src != nil {
		for i, from := range l.From {
			s.scores[l.Out][i] = src[from]
		}
		return
	}
	src, dst := s.levels[l.In], s.levels[l.Out]
	for i, from := range l.From {
		if from >= 0 {
			dst[i] = src[from]
		} else {
			dst[i] = l.Fill
		}
	}
}
