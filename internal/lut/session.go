package lut

import (
	"slices"

	"lutra/internal/kernel"
)

// Program is a Network prepared for execution. It is safe for concurrent use.
type Program struct {
	net   *Network
	level kernel.Level
	steps []step
}

// step computes one layer, from tensors into a tensor of the session.
type step interface {
	run(*Session)
	clone() step // for another session
}

// Compile prepares n. Level Generic is the scalar engine, which looks products
// up, and neither multiplies nor uses floating point. Other levels make the same
// products, many at a time, and are otherwise scalar too.
func (n *Network) Compile(level kernel.Level) *Program {
	p := &Program{net: n, level: level.LUTKernels()}
	for _, l := range n.Layers {
		if level.LUTKernels() == kernel.Generic {
			p.steps = append(p.steps, n.scalar(l))
		} else {
			p.steps = append(p.steps, n.vector(l, level))
		}
	}
	return p
}

// Session runs a Network, one sample at a time. It belongs to one goroutine.
type Session struct {
	net    *Network
	level  kernel.Level
	levels [][]uint8 // per tensor; nil for scores
	scores [][]int32 // per tensor; nil for levels
	steps  []step
}

// NewSession is a session of the scalar engine.
func (n *Network) NewSession() *Session { return n.Compile(kernel.Generic).NewSession() }

// NewSession makes a session with memory of its own.
func (p *Program) NewSession() *Session {
	n := p.net
	s := &Session{net: n, level: p.level, levels: make([][]uint8, len(n.Tensors)), scores: make([][]int32, len(n.Tensors))}
	for i := range n.Tensors {
		if t := &n.Tensors[i]; t.Scores() {
			s.scores[i] = make([]int32, t.Elems())
		} else {
			s.levels[i] = make([]uint8, t.Elems(), t.Elems()+kernel.LUTRoom)
		}
	}
	for _, st := range p.steps {
		s.steps = append(s.steps, st.clone())
	}
	return s
}

// Levels is the level indices of tensor t: the session's own memory. Those of
// the network's inputs are for the caller to fill in; see Quantize.
func (s *Session) Levels(t int) []uint8 { return s.levels[t] }

// roomy is the levels of tensor t, and behind them the room that kernels need,
// which read and write whole vectors.
func (s *Session) roomy(t int) []uint8 { return s.levels[t][:len(s.levels[t])+kernel.LUTRoom] }

// Scores is the sums of tensor t, the session's own memory; nil if t holds levels.
func (s *Session) Scores(t int) []int32 { return s.scores[t] }

// Quantize fills in the levels of all inputs that read the graph input name.
// It is what computes with floating point.
func (s *Session) Quantize(name string, x []float32) {
	for _, in := range s.net.Inputs {
		if in.Name != name {
			continue
		}
		q := s.net.Tensors[in.Tensor].Quantiser
		dst := s.levels[in.Tensor]
		if last := float32(q.Levels - 1); !q.Tanh {
			s.level.QuantizeLUT(dst, x[:len(dst)], q.Low, last/(q.High-q.Low), last)
			continue
		}
		for i, v := range x[:len(dst)] {
			dst[i] = q.Index(v)
		}
	}
}

// Run computes all layers from the levels of the inputs.
func (s *Session) Run() {
	for _, st := range s.steps {
		st.run(s)
	}
}

// Output is the numbers that output i stands for, appended to dst.
func (s *Session) Output(i int, dst []float32) []float32 {
	t := s.net.Outputs[i].Tensor
	if z := s.scores[t]; z != nil {
		for _, v := range z {
			dst = append(dst, float32(float64(v)*s.net.Tensors[t].Unit))
		}
		return dst
	}
	dst = slices.Grow(dst, len(s.levels[t]))
	for _, a := range s.levels[t] {
		dst = append(dst, s.net.Tensors[t].Quantiser.Value(a))
	}
	return dst
}
