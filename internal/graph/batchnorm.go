package graph

import (
	"math"

	"lutra/internal/tensor"
)

// BatchNorm is an inference BatchNormalization as one scale and one shift per
// channel: y = Scale[c]*x + Shift[c].
type BatchNorm struct {
	Scale, Shift []float32
}

// BatchNormOf reads n, a node of p. ok is false unless n is a float32
// BatchNormalization in inference mode with constant parameters. The
// arithmetic is in float64, rounded once.
func (p *Program) BatchNormOf(n *Node) (bn BatchNorm, ok bool) {
	if n.Domain != "" || n.Op != "BatchNormalization" || len(n.Outputs) != 1 || len(n.Inputs) != 5 {
		return bn, false
	}
	c := p.Call(n)
	if c.training() || c.In[0].DType != tensor.Float32 {
		return bn, false
	}
	var v [4][]float32 // scale, bias, mean, variance
	for i := range v {
		t := c.Const(i + 1)
		if t == nil || t.DType != tensor.Float32 {
			return bn, false
		}
		v[i] = t.Float32s()
	}
	eps := float64(n.Float("epsilon", 1e-5))
	bn.Scale, bn.Shift = make([]float32, len(v[0])), make([]float32, len(v[0]))
	for ch := range bn.Scale {
		f := float64(v[0][ch]) / math.Sqrt(float64(v[3][ch])+eps)
		bn.Scale[ch] = float32(f)
		bn.Shift[ch] = float32(float64(v[1][ch]) - float64(v[2][ch])*f)
	}
	return bn, true
}

// Into is the batch normalisation of the output of a convolution with the
// given bias (nil: none) as a scale for its weights, per output channel, and a
// new bias.
func (b BatchNorm) Into(bias []float32) (scale, newBias []float32) {
	newBias = make([]float32, len(b.Shift))
	for ch, s := range b.Shift {
		newBias[ch] = s
		if bias != nil {
			newBias[ch] = float32(float64(s) + float64(b.Scale[ch])*float64(bias[ch]))
		}
	}
	return b.Scale, newBias
}
