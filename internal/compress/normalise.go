package compress

import (
	"fmt"
	"math"
	"slices"

	"lutra/internal/graph"
	"lutra/internal/tensor"
)

// separate gives every convolution that will be quantised a batch
// normalisation behind it, with scale 1 and the convolution's bias, if it has
// none. Codewords are shared by all outputs, which works well only if their
// weights are of one size; exporters fold the scale of batch normalisation
// into the weights, and this is where it goes back to. It reports whether the
// graph was changed.
func (n *network) separate(layers []*layer) bool {
	changed := false
	for _, l := range layers {
		if l.storage == Quantised && l.node.Op == "Conv" && n.normalisation(l) == nil && n.biasIsConst(l.node) {
			n.insertNormalisation(l)
			changed = true
		}
	}
	return changed
}

func (n *network) biasIsConst(node *graph.Node) bool {
	if len(node.Inputs) < 3 || node.Inputs[2] == "" {
		return true
	}
	b := n.consts[node.Inputs[2]]
	return b != nil && b.DType == tensor.Float32
}

func (n *network) insertNormalisation(l *layer) {
	out := l.node.Outputs[0]
	bias := tensor.New(tensor.Float32, l.outputs)
	if len(l.node.Inputs) > 2 && l.node.Inputs[2] != "" {
		bias = n.consts[l.node.Inputs[2]].Clone()
	}
	scale, shift := l.name+".scale", l.name+".shift"
	zeros, ones := fmt.Sprintf("lutra.zeros.%d", l.outputs), fmt.Sprintf("lutra.ones.%d", l.outputs)
	n.graph.Consts[scale] = filled(1, l.outputs)
	n.graph.Consts[shift] = bias
	n.graph.Consts[zeros], n.graph.Consts[ones] = filled(0, l.outputs), filled(1, l.outputs)
	l.node.Inputs = l.node.Inputs[:2]
	l.node.Outputs[0] = out + ".unscaled"
	norm := &graph.Node{
		Name: l.node.Name + ".scale", Op: "BatchNormalization",
		Inputs: []string{l.node.Outputs[0], scale, shift, zeros, ones}, Outputs: []string{out},
		Attrs: []graph.Attr{graph.FloatAttr("epsilon", 0)},
	}
	at := slices.Index(n.graph.Nodes, l.node)
	n.graph.Nodes = slices.Insert(n.graph.Nodes, at+1, norm)
}

func filled(v float32, n int) *tensor.Tensor {
	x := make([]float32, n)
	for i := range x {
		x[i] = v
	}
	return tensor.Of(x, n)
}

// normalisation is the BatchNormalization that alone reads the output of l, if
// its parameters are constants.
func (n *network) normalisation(l *layer) *graph.Node {
	f := n.follower(l)
	if l.node.Op != "Conv" || f == nil || f.Op != "BatchNormalization" || f.Domain != "" || len(f.Inputs) != 5 {
		return nil
	}
	for _, in := range f.Inputs[1:] {
		if c := n.consts[in]; c == nil || c.DType != tensor.Float32 || c.Elems() != l.outputs {
			return nil
		}
	}
	return f
}

// gains is the root mean square of the weights of every output, 1 where they
// are all zero.
func (l *layer) gains(x []float32) []float64 {
	gain := make([]float64, l.outputs)
	for i := range len(x) / l.d {
		for _, v := range x[i*l.d:][:l.d] {
			gain[i%l.outputs] += float64(v) * float64(v)
		}
	}
	for o, g := range gain {
		if gain[o] = math.Sqrt(g / float64(l.row)); gain[o] == 0 {
			gain[o] = 1
		}
	}
	return gain
}

func filledWith(v float64, n int) []float64 { return slices.Repeat([]float64{v}, n) }

// divide is x with every output's sub-vectors divided by its gain.
func (l *layer) divide(x []float32, gain []float64) []float32 {
	y := make([]float32, len(x))
	for i := range len(x) / l.d {
		g, to := gain[i%l.outputs], y[i*l.d:][:l.d]
		for t, v := range x[i*l.d:][:l.d] {
			to[t] = float32(float64(v) / g)
		}
	}
	return y
}

// refit returns the gains that minimise the objective for given codewords: for
// every output, least squares under the metric m.
func (l *layer) refit(x []float32, s *clusters, m *metric, gain []float64) []float64 {
	if l.norm == nil {
		return gain
	}
	xy, yy := make([]float64, l.outputs), make([]float64, l.outputs)
	word, row := make([]float64, l.d), make([]float64, l.d)
	for i, code := range s.codes {
		o := i % l.outputs
		for t, v := range s.words[int(code)*l.d:][:l.d] {
			word[t] = float64(v)
		}
		group := o / (l.outputs / l.patches.groups)
		times(row, m.cell(i/l.outputs*l.patches.groups+group), word)
		for t, v := range row {
			xy[o] += v * float64(x[i*l.d+t])
			yy[o] += v * word[t]
		}
	}
	fitted := make([]float64, l.outputs)
	for o := range fitted {
		if fitted[o] = gain[o]; yy[o] > 0 && xy[o] > 0 {
			fitted[o] = xy[o] / yy[o]
		}
	}
	return fitted
}

// multiply is the dense weight w with every output's numbers multiplied by its gain.
func (l *layer) multiply(w *tensor.Tensor, gain []float64) *tensor.Tensor {
	y := w.Clone()
	for i, v := range y.Float32s() {
		o := i / l.row
		if l.transposed {
			o = i % l.outputs
		}
		y.Float32s()[i] = float32(float64(v) * gain[o])
	}
	return y
}

// importance is the weight of each output's errors: the square of its gain
// turns errors of normalised weights into errors of the layer's outputs.
func (l *layer) importance(gain []float64) []float64 {
	w := make([]float64, len(gain))
	var sum float64
	for i, g := range gain {
		w[i] = g * g
		sum += w[i]
	}
	for i := range w {
		w[i] *= float64(len(w)) / sum
	}
	return w
}
