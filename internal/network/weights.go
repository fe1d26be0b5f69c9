package network

import (
	"hash/fnv"
	"math"
	"math/rand/v2"

	"lutra/internal/graph"
	"lutra/internal/tensor"
)

// Activations lists the values of Options.Activation.
func Activations() []string { return []string{"relu", "relu6", "tanh"} }

// activate applies the activation of the options.
func (b *builder) activate(name, x string) string {
	switch b.o.Activation {
	case "tanh":
		return b.node(name, "Tanh", []string{x})
	case "relu6":
		b.g.Consts["relu6.min"] = tensor.Of([]float32{0})
		b.g.Consts["relu6.max"] = tensor.Of([]float32{6})
		return b.node(name, "Clip", []string{x, "relu6.min", "relu6.max"})
	}
	return b.node(name, "Relu", []string{x})
}

// hidden is the variance of the initial weights of a layer that an activation
// follows: for rectifiers 2/fan-in (He et al., 2015, equation 10).
func (b *builder) hidden(shape tensor.Shape) float64 {
	if b.o.Activation == "tanh" {
		return xavier(shape)
	}
	return 2 / float64(shape[1:].Elems())
}

// xavier is 2/(fan-in + fan-out) (Glorot and Bengio, 2010, equation 12).
func xavier(shape tensor.Shape) float64 {
	area := shape[1:].Elems() / shape[1]
	return 2 / float64(area*(shape[0]+shape[1]))
}

// weight draws a parameter from a normal distribution. The numbers depend on
// the seed, the name and the shape only, not on the other layers.
func (b *builder) weight(name string, shape tensor.Shape, variance float64) string {
	if _, taken := b.g.Consts[name]; taken {
		b.fail("%s: built twice", name)
	}
	h := fnv.New64a()
	h.Write([]byte(name))
	r := rand.New(rand.NewPCG(b.o.Seed, h.Sum64()))
	sigma := math.Sqrt(variance)
	w := tensor.New(tensor.Float32, shape...)
	for i := range w.Float32s() {
		w.Float32s()[i] = float32(sigma * r.NormFloat64())
	}
	b.parameter(name, w)
	return name
}

// fill makes a parameter of n equal numbers.
func (b *builder) fill(name string, v float32, n int) string {
	t := tensor.New(tensor.Float32, n)
	for i := range t.Float32s() {
		t.Float32s()[i] = v
	}
	b.parameter(name, t)
	return name
}

func (b *builder) parameter(name string, t *tensor.Tensor) {
	b.g.Consts[name] = t
	b.g.ConstOrder = append(b.g.ConstOrder, name)
}

// Parameters counts what training changes: all float32 constants of g but the
// statistics of batch normalisations, and the numbers of codewords.
func Parameters(g *graph.Graph) int {
	statistics := map[string]bool{}
	for _, n := range g.Nodes {
		if n.Op == "BatchNormalization" {
			statistics[n.Inputs[3]], statistics[n.Inputs[4]] = true, true
		}
	}
	words := map[string]bool{}
	for _, n := range g.Nodes {
		if n.IsCodebook() {
			words[n.Inputs[len(n.Inputs)-1]] = true
		}
	}
	count := 0
	for name, t := range g.Consts {
		if words[name] || t.DType == tensor.Float32 && len(t.Shape) > 0 && !statistics[name] {
			count += t.Elems()
		}
	}
	return count
}
