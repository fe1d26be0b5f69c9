package lut

import "lutra/internal/kernel"

// vectorDepthwise computes a Linear layer whose filters see one channel each, in
// front of an activation: many places of a channel at a time.
type vectorDepthwise struct {
	layer   *Linear
	level   kernel.Level
	filters *kernel.LUTDepthwise
	numbers []int16
	levels  []uint8
}

// mostFilters is how many filters of a channel vectorDepthwise computes: more of
// them are worth the gathering of vectorLinear.
const mostFilters = 8

// depthwise reports whether vectorDepthwise computes l.
func (l *Linear) depthwise(in *Tensor) bool {
	return l.Groups == in.C && l.Outputs <= mostFilters*l.Groups && l.Activation.Bins > 0 && l.Residual < 0
}

func newVectorDepthwise(n *Network, l *Linear, level kernel.Level) *vectorDepthwise {
	weights := make([]int16, l.Outputs*l.K)
	for i := range weights {
		weights[i] = l.Table.Weights[l.column(i%l.K, i/l.K)]
	}
	a := kernel.NewLUTActivation(l.Activation.Shift, l.Activation.Bins, l.Activation.Map)
	v := &vectorDepthwise{layer: l, level: level}
	if l.Table.Exact() {
		e := kernel.ExactWeights{Low: make([]int16, len(weights)), BiasLow: l.BiasLow, Bits: l.Table.LowBits}
		for i := range weights {
			e.Low[i] = l.Table.Low[l.column(i%l.K, i/l.K)]
		}
		v.filters = level.NewExactLUTDepthwise(l.planes(n, level), weights, l.Bias, e, a)
		return v.clone().(*vectorDepthwise)
	}
	v.filters = level.NewLUTDepthwise(l.planes(n, level), weights, l.Bias, l.Block, a)
	return v.clone().(*vectorDepthwise)
}

// clone shares all but the memory that runs write to.
func (v *vectorDepthwise) clone() step {
	c := *v
	numbers, levels := v.filters.Memory()
	c.numbers, c.levels = make([]int16, numbers), make([]uint8, levels)
	return &c
}

func (v *vectorDepthwise) run(s *Session) {
	v.level.DepthwiseLUT(s.roomy(v.layer.Out), s.roomy(v.layer.In), v.filters, v.numbers, v.levels)
}
