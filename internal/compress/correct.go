package compress

import (
	"math"

	"lutra/internal/graph"
	"lutra/internal/tensor"
)

// maxGain bounds the factor by which a channel's spread is corrected: beyond
// it the channel carries more error than signal.
const maxGain = 2

// correct restores the scale of layer l's output channels, gain, and makes
// their statistics, as measured with the quantised weight and that scale,
// those of the float network.
func (n *network) correct(l *layer, gain []float64, measured, target *channelStats, how Correction) {
	total, shift := l.restore(measured, target, how)
	for i := range total {
		total[i] *= gain[i]
	}
	if l.norm != nil {
		n.correctNormalisation(l.norm, total, shift)
	} else if how != CorrectNone {
		n.correctBias(l, shift)
	}
}

// restore is the factor and the shift per output channel that make measured
// statistics those of target; only a normalisation takes a factor.
func (l *layer) restore(measured, target *channelStats, how Correction) (factor, shift []float64) {
	factor, shift = make([]float64, l.outputs), make([]float64, l.outputs)
	for i := range factor {
		factor[i] = 1
		if how == CorrectMeanStd && l.norm != nil && measured.std(i) > 0 {
			factor[i] = min(max(target.std(i)/measured.std(i), 1./maxGain), maxGain)
		}
		if how != CorrectNone {
			shift[i] = target.mean(i) - factor[i]*measured.mean(i)
		}
	}
	return factor, shift
}

// follower is the only node that reads the output of l, or nil.
func (n *network) follower(l *layer) *graph.Node {
	out := l.node.Outputs[0]
	if n.uses[out] != 1 {
		return nil
	}
	for _, f := range n.nodes[l.at+1:] {
		for _, in := range f.Inputs {
			if in == out {
				return f
			}
		}
	}
	return nil
}

// correctNormalisation lets bn see gain*x + shift instead of x.
func (n *network) correctNormalisation(bn *graph.Node, gain, shift []float64) {
	param := func(i int) []float32 { return n.consts[bn.Inputs[i]].Float32s() }
	scale, bias, mean, variance := param(1), param(2), param(3), param(4)
	eps := float64(bn.Float("epsilon", 1e-5))
	scales, biases := make([]float32, len(gain)), make([]float32, len(gain))
	for i, s := range gain {
		slope := float64(scale[i]) / math.Sqrt(float64(variance[i])+eps)
		scales[i] = float32(float64(scale[i]) * s)
		biases[i] = float32(float64(bias[i]) + slope*(shift[i]+(s-1)*float64(mean[i])))
	}
	n.set(n.own(bn, 1), tensor.Of(scales, len(scales)))
	n.set(n.own(bn, 2), tensor.Of(biases, len(biases)))
}

// correctBias adds shift to the outputs of l: in its bias, in one that it
// gains, or in the Add that follows a MatMul. A MatMul without an Add stays as it is.
func (n *network) correctBias(l *layer, shift []float64) {
	node, at := l.node, 2
	switch node.Op {
	case "MatMul":
		node = n.follower(l)
		if node == nil || node.Op != "Add" {
			return
		}
		at = 0
		if node.Inputs[0] == l.node.Outputs[0] {
			at = 1
		}
	case "Gemm":
		if beta := float64(node.Float("beta", 1)); beta != 0 && len(node.Inputs) > 2 {
			for i := range shift {
				shift[i] /= beta
			}
		}
	}
	bias := make([]float32, l.outputs)
	shape := tensor.Shape{l.outputs}
	if at < len(node.Inputs) && node.Inputs[at] != "" {
		old := n.consts[node.Inputs[at]]
		if old == nil || old.DType != tensor.Float32 || old.Elems() != l.outputs || old.Shape[len(old.Shape)-1] != l.outputs {
			return
		}
		copy(bias, old.Float32s())
		shape = old.Shape
	} else {
		for len(node.Inputs) <= at {
			node.Inputs = append(node.Inputs, "")
		}
	}
	for i, s := range shift {
		bias[i] += float32(s)
	}
	n.set(n.own(node, at), tensor.Of(bias, shape...))
}

// own makes input i of node a constant that nothing else reads, and returns its name.
func (n *network) own(node *graph.Node, i int) string {
	name := node.Inputs[i]
	if name != "" && n.uses[name] == 1 {
		return name
	}
	fresh := node.Outputs[0] + ".corrected"
	for n.consts[fresh] != nil || n.uses[fresh] > 0 {
		fresh += "_"
	}
	n.uses[name]--
	n.uses[fresh] = 1
	node.Inputs[i] = fresh
	return fresh
}

// set gives a constant a new value, here and in the resulting graph.
func (n *network) set(name string, t *tensor.Tensor) {
	n.consts[name] = t
	n.types[name] = graph.Type{DType: t.DType, Shape: t.Shape}
	setConst(n.graph, name, t)
}
