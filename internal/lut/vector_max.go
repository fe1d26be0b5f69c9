package lut

import "lutra/internal/kernel"

// vectorMax computes a MaxPool, many places of a row at a time.
type vectorMax struct {
	scalarMax
	level   kernel.Level
	windows *kernel.LUTMax
}

func newVectorMax(n *Network, l *MaxPool, level kernel.Level) *vectorMax {
	p := newPane(&n.Tensors[l.In], &n.Tensors[l.Out], l.Window, 0)
	return &vectorMax{scalarMax{p, l.In, l.Out}, level, &kernel.LUTMax{
		Taps: p.tapOffsets, Step: p.stepX, Next: p.stepY, Plane: p.planePadded, Channels: p.channels, Height: p.outH, Width: p.outW,
	}}
}

// clone shares all but the memory that runs write to.
func (m *vectorMax) clone() step {
	c := *m
	c.pane = m.fresh()
	return &c
}

func (m *vectorMax) run(s *Session) {
	m.level.MaxLUT(s.roomy(m.out), m.fill(s.roomy(m.in)), m.windows)
}
