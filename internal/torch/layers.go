package torch

import (
	"fmt"
	"math"

	"lutra/internal/graph"
	"lutra/internal/tensor"
)

// conv is a convolution without bias whose padding keeps the size at stride 1.
type conv struct{ in, kernel, stride, groups int }

// conv appends the convolution called layer.
func (b *builder) conv(layer, x string, c conv) string {
	if b.err != nil {
		return ""
	}
	shape := tensor.Shape{b.outputs(layer), c.in / c.groups, c.kernel, c.kernel}
	if b.err == nil && (c.in%c.groups != 0 || shape[0]%c.groups != 0) {
		b.fail(layer, "groups", fmt.Sprintf("%d to %d channels in %d groups", c.in, shape[0], c.groups), "a remainder")
	}
	w := b.weight(layer, shape)
	k, s, pad := int64(c.kernel), int64(c.stride), int64(c.kernel/2)
	attrs := []graph.Attr{graph.IntsAttr("kernel_shape", k, k)}
	if pad > 0 {
		attrs = append(attrs, graph.IntsAttr("pads", pad, pad, pad, pad))
	}
	if s > 1 {
		attrs = append(attrs, graph.IntsAttr("strides", s, s))
	}
	if c.groups > 1 {
		attrs = append(attrs, graph.IntAttr("group", int64(c.groups)))
	}
	return b.layer(layer, "Conv", []string{x, w}, attrs...)
}

// outputs is the number of outputs of layer.
func (b *builder) outputs(layer string) int {
	w := b.p.weights[layer]
	if w == nil {
		b.fail(layer, "weight", "a weight", "none")
		return 1
	}
	return w.outputs()
}

// weight makes the weight of layer a value of the graph. Its shape must be the given one.
func (b *builder) weight(layer string, shape tensor.Shape) string {
	name := layer + ".weight"
	w := b.p.weights[layer]
	switch {
	case b.err != nil || w == nil:
		return name
	case b.used[name]:
		b.fail(layer, "weight", "each weight once", "it again")
	case w.book != nil:
		if row := shape[1:].Elems(); w.row() != row {
			b.fail(layer, "weight", fmt.Sprintf("%d weights for every output (%v)", row, shape),
				fmt.Sprintf("%d blocks of %d", w.book.Blocks, w.book.D))
			return name
		}
		c := *w.book
		c.Shape, c.Perm = shape, make([]int, len(shape))
		for i := range shape {
			c.Perm[i] = i
		}
		b.books = append(b.books, &c)
	case !w.dense.Shape.Equal(shape):
		b.fail(layer, "weight", shape.String(), w.dense.Shape.String())
	default:
		if b.p.compressed && w.dense.DType == tensor.Float32 {
			b.fixed(name, w.dense)
		} else {
			b.constant(name, w.dense)
		}
	}
	b.used[name] = true
	return name
}

// constant makes t the float32 value name. Beside codebooks a float16 tensor
// stays so in the file, behind a Cast; elsewhere it is widened.
func (b *builder) constant(name string, t *tensor.Tensor) {
	if t.DType == tensor.Float32 || !b.p.compressed {
		b.g.Consts[name] = t.AsFloat32()
		return
	}
	half := name + ".half"
	b.g.Consts[half] = t
	b.front = append(b.front, cast(half, name))
}

// fixed makes t the value name in two bytes a weight: an int16 tensor times a
// scale for each output. Its error is a sixth of float16's (measured on PQF's
// ResNet-18: logits within 0.0025 of float32's, against 0.012), and float32
// would exceed the size published for that file.
func (b *builder) fixed(name string, t *tensor.Tensor) {
	n := t.Shape[0]
	row := t.Elems() / n
	scale, codes := make([]float32, n), make([]int16, t.Elems())
	for o := range n {
		w := t.Float32s()[o*row:][:row]
		largest := float32(0)
		for _, v := range w {
			largest = max(largest, v, -v)
		}
		if largest == 0 {
			continue
		}
		scale[o] = largest / math.MaxInt16
		for i, v := range w {
			codes[o*row+i] = int16(math.RoundToEven(float64(v) / float64(scale[o])))
		}
	}
	shape := make(tensor.Shape, len(t.Shape))
	for i := range shape {
		shape[i] = 1
	}
	shape[0] = n
	whole, steps, wide := name+".int16", name+".scale", name+".wide"
	b.g.Consts[whole] = tensor.Of(codes, t.Shape...)
	b.g.Consts[steps] = tensor.Of(scale, shape...)
	b.front = append(b.front, cast(whole, wide),
		&graph.Node{Op: "Mul", Inputs: []string{wide, steps}, Outputs: []string{name}})
}

func cast(from, to string) *graph.Node {
	return &graph.Node{
		Op: "Cast", Inputs: []string{from}, Outputs: []string{to},
		Attrs: []graph.Attr{graph.IntAttr("to", int64(tensor.Float32))},
	}
}

// vector makes the parameter name, of n elements, a value of the graph.
func (b *builder) vector(name string, n int) string {
	t := b.p.vectors[name]
	switch {
	case b.err != nil:
	case t == nil:
		b.fail(name, "", fmt.Sprintf("%d numbers", n), "none")
	case !t.Shape.Equal(tensor.Shape{n}):
		b.fail(name, "", fmt.Sprintf("%d numbers", n), t.Shape.String())
	default:
		b.constant(name, t)
		b.used[name] = true
	}
	return name
}

// norm appends the batch normalisation called name behind layer.
func (b *builder) norm(name, layer, x string) string {
	if b.err != nil {
		return ""
	}
	n := b.outputs(layer)
	in := []string{x, b.vector(name+".weight", n), b.vector(name+".bias", n)}
	if b.p.vectors[name+".running_mean"] != nil || !b.p.compressed {
		in = append(in, b.vector(name+".running_mean", n), b.vector(name+".running_var", n))
	} else {
		in = append(in, b.fill("zeros", 0, n), b.fill("ones", 1, n))
	}
	return b.layer(name, "BatchNormalization", in) // epsilon 1e-5 is the default here and in PyTorch
}

// fill is a shared vector of n equal numbers, made by a node: kept as
// constants these vectors would take more bytes than all node names.
func (b *builder) fill(name string, v float32, n int) string {
	out, shape := fmt.Sprintf("%s.%d", name, n), fmt.Sprintf("shape.%d", n)
	if b.used[out] {
		return out
	}
	b.used[out] = true
	b.front = append(b.front, &graph.Node{
		Op: "ConstantOfShape", Inputs: []string{b.int64s(shape, int64(n))}, Outputs: []string{out},
		Attrs: []graph.Attr{graph.TensorAttr("value", tensor.Of([]float32{v}, 1))},
	})
	return out
}

// linear appends the classifier, which writes "logits", and returns the number of classes.
func (b *builder) linear(layer, x string, in int) int {
	n := b.outputs(layer)
	if b.err != nil {
		return n
	}
	inputs := []string{x, b.weight(layer, tensor.Shape{n, in}), b.vector(layer+".bias", n)}
	b.g.Nodes = append(b.g.Nodes, &graph.Node{
		Name: layer, Op: "Gemm", Inputs: inputs, Outputs: []string{"logits"}, Attrs: []graph.Attr{graph.IntAttr("transB", 1)},
	})
	return n
}
