package lut

import "lutra/internal/kernel"

// vectorDense computes a Linear layer at one place, a matrix product, for many
// outputs at a time.
type vectorDense struct {
	layer   *Linear
	level   kernel.Level
	planes  *kernel.LUTPlanes
	groups  []*kernel.LUTRows // of channels
	numbers []int16           // of the planes
	scratch []int16
	sums    []int32
}

func newVectorDense(n *Network, l *Linear, level kernel.Level) *vectorDense {
	v := &vectorDense{layer: l, level: level, planes: l.planes(n, level)}
	per := n.Tensors[l.In].C / l.Groups
	for g := range l.Groups {
		w := l.weights(g)
		v.groups = append(v.groups, level.NewLUTRows(w, v.planes.Taps(g*per, per), len(w)/l.K, l.block()))
	}
	return v.clone().(*vectorDense)
}

// clone shares all but the memory that runs write to.
func (v *vectorDense) clone() step {
	c, w := *v, v.groups[0]
	c.numbers = make([]int16, v.planes.Elems())
	c.scratch, c.sums = make([]int16, w.Taps()), make([]int32, w.Width())
	return &c
}

func (v *vectorDense) run(s *Session) {
	per := v.layer.Outputs / v.layer.Groups
	v.level.PlanesLUT(v.numbers, s.roomy(v.layer.In), v.planes, v.planes.Channels)
	for g, w := range v.groups {
		v.level.DotLUT(v.sums, v.numbers, w, v.scratch)
		if v.layer.Table.LowBits > 0 {
			v.carry(s, g*per, per)
		}
		v.put(s, g*per, v.sums[:per])
	}
}

// carry adds what the sums of lower bits carry, n numbers behind the others.
func (v *vectorDense) carry(s *Session, first, n int) {
	l := v.layer
	for i := range n {
		low := v.sums[n+i] + l.BiasLow[first+i]
		if l.Residual >= 0 {
			low += l.ResidualLow[s.levels[l.Residual][first+i]]
		}
		v.sums[i] += low >> l.Table.LowBits
	}
}

// put turns the sums of outputs from first on into levels or scores.
func (v *vectorDense) put(s *Session, first int, sums []int32) {
	l := v.layer
	for i, z := range sums {
		o := first + i
		z += l.Bias[o]
		if l.Residual >= 0 {
			z += l.ResidualTable[s.levels[l.Residual][o]]
		}
		if l.Activation.Bins > 0 {
			s.levels[l.Out][o] = l.Activation.Index(z)
		} else {
			s.scores[l.Out][o] = z
		}
	}
}
