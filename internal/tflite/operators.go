package tflite

import (
	"fmt"
	"maps"
	"slices"

	"lutra/internal/graph"
	"lutra/internal/tensor"
)

// row is an operator of the table: its name, the least and the most inputs, the
// kind of its options (BuiltinOptions; 0: none are read) and what appends its nodes.
type row struct {
	name        string
	least, most int
	options     int8
	add         func(*importer, *operator) error
}

// rows are the operators by BuiltinOperator.
var rows = map[int32]row{
	0:   {"ADD", 2, 2, 11, arithmetic("Add")},
	1:   {"AVERAGE_POOL_2D", 1, 1, 5, pool("AveragePool")},
	3:   {"CONV_2D", 2, 3, 1, (*importer).conv},
	4:   {"DEPTHWISE_CONV_2D", 2, 3, 2, (*importer).depthwise},
	6:   {"DEQUANTIZE", 1, 1, 0, (*importer).dequantise},
	9:   {"FULLY_CONNECTED", 2, 3, 8, (*importer).dense},
	14:  {"LOGISTIC", 1, 1, 0, unary("Sigmoid")},
	17:  {"MAX_POOL_2D", 1, 1, 5, pool("MaxPool")},
	18:  {"MUL", 2, 2, 21, arithmetic("Mul")},
	19:  {"RELU", 1, 1, 0, activate(actRelu)},
	21:  {"RELU6", 1, 1, 0, activate(actRelu6)},
	22:  {"RESHAPE", 1, 2, 0, (*importer).reshape},
	25:  {"SOFTMAX", 1, 1, 9, (*importer).softmax},
	28:  {"TANH", 1, 1, 0, activate(actTanh)},
	40:  {"MEAN", 2, 2, 27, (*importer).mean},
	114: {"QUANTIZE", 1, 1, 0, unary("Identity")},
}

// Names lists the operators that are read.
func Names() []string {
	var names []string
	for _, r := range rows {
		names = append(names, r.name)
	}
	return slices.Sorted(slices.Values(names))
}

// String is the operator's name.
func (o *operator) String() string {
	if r, ok := rows[o.code]; ok {
		return r.name
	}
	if o.custom != "" {
		return fmt.Sprintf("custom %q", o.custom)
	}
	return fmt.Sprintf("builtin %d", o.code)
}

// operator appends what o does.
func (im *importer) operator(o *operator) error {
	r, ok := rows[o.code]
	if !ok {
		return fmt.Errorf("expected one of %v", Names())
	}
	for len(o.inputs) > r.least && o.inputs[len(o.inputs)-1] < 0 {
		o.inputs = o.inputs[:len(o.inputs)-1]
	}
	if n := len(o.inputs); n < r.least || n > r.most || slices.Contains(o.inputs, -1) {
		return fmt.Errorf("expected %d to %d inputs, found %v", r.least, r.most, o.inputs)
	}
	if len(o.outputs) != 1 {
		return fmt.Errorf("expected 1 output, found %d", len(o.outputs))
	}
	if r.options != 0 && o.kind != 0 && o.kind != r.options {
		return fmt.Errorf("expected options of kind %d, found %d", r.options, o.kind)
	}
	for _, i := range []int{o.inputs[0], o.outputs[0]} {
		if s := im.tensors[i].shape; len(s) == 0 || len(s) > 4 {
			return fmt.Errorf("%s: expected 1 to 4 dimensions, found %v", im.names[i], s)
		}
	}
	return r.add(im, o)
}

// Activations fused into operators: ActivationFunctionType.
const (
	actNone    = 0
	actRelu    = 1
	actReluOne = 2 // -1...1
	actRelu6   = 3
	actTanh    = 4
)

// activation appends the activation act from x to y.
func (im *importer) activation(act int8, x, y string) error {
	clip := func(low, high float32) error {
		inputs := []string{x}
		for _, v := range []float32{low, high} {
			inputs = append(inputs, im.number(fmt.Sprintf("bound %g", v), "bound", func() *tensor.Tensor { return tensor.Of([]float32{v}) }))
		}
		im.node("Clip", inputs, y)
		return nil
	}
	switch act {
	case actRelu:
		im.node("Relu", []string{x}, y)
	case actReluOne:
		return clip(-1, 1)
	case actRelu6:
		return clip(0, 6)
	case actTanh:
		im.node("Tanh", []string{x}, y)
	default:
		return fmt.Errorf("expected a fused activation RELU, RELU_N1_TO_1, RELU6 or TANH, found number %d", act)
	}
	return nil
}

// number stores a constant that is no tensor of the file.
func (im *importer) number(form, name string, build func() *tensor.Tensor) string {
	name, _ = im.store(constant{-1, form}, im.unique(name), func() (*tensor.Tensor, error) { return build(), nil })
	return name
}

// fused appends a node and the activation behind it.
func (im *importer) fused(act int8, op string, inputs []string, output string, attrs ...graph.Attr) error {
	if act == actNone {
		im.node(op, inputs, output, attrs...)
		return nil
	}
	return im.activation(act, im.node(op, inputs, im.unique(output+".sum"), attrs...), output)
}

func activate(act int8) func(*importer, *operator) error {
	return func(im *importer, o *operator) error {
		return im.activation(act, im.names[o.inputs[0]], im.names[o.outputs[0]])
	}
}

func unary(op string) func(*importer, *operator) error {
	return func(im *importer, o *operator) error {
		im.node(op, []string{im.names[o.inputs[0]]}, im.names[o.outputs[0]])
		return nil
	}
}

// dequantise passes a value on; a constant becomes floats.
func (im *importer) dequantise(o *operator) error {
	x := o.inputs[0]
	name := im.names[x]
	if len(im.tensors[x].data) > 0 {
		var order []int
		if len(im.tensors[x].shape) == 4 {
			order = toPlanar
		}
		var err error
		if name, err = im.weight(x, nil, order); err != nil {
			return err
		}
	}
	im.node("Identity", []string{name}, im.names[o.outputs[0]])
	return nil
}

// arithmetic adds or multiplies two values, one of which may be a constant.
func arithmetic(op string) func(*importer, *operator) error {
	return func(im *importer, o *operator) error {
		rank := max(len(im.tensors[o.inputs[0]].shape), len(im.tensors[o.inputs[1]].shape))
		var inputs []string
		for _, i := range o.inputs {
			name, err := im.operand(i, rank)
			if err != nil {
				return err
			}
			inputs = append(inputs, name)
		}
		return im.fused(o.options.int8(0, "activation"), op, inputs, im.names[o.outputs[0]])
	}
}

// operand is value i as an operand of an operator on values of the given rank.
func (im *importer) operand(i, rank int) (string, error) {
	e := im.tensors[i]
	if len(e.data) == 0 {
		if len(e.shape) != rank {
			return "", fmt.Errorf("%s: expected %d dimensions, found %v", e.name, rank, e.shape)
		}
		return im.names[i], nil
	}
	var order []int
	if rank == 4 {
		order = toPlanar
	}
	return im.weight(i, append(slices.Repeat(tensor.Shape{1}, rank-len(e.shape)), e.shape...), order)
}

// last is value i, [batch, features], or flattened to it in TensorFlow's order.
func (im *importer) last(i int, y string) string {
	x, s := im.names[i], im.tensors[i].shape
	if len(s) == 2 {
		return x
	}
	if !sameBytes(s) {
		x = im.node("Transpose", []string{x}, im.unique(y+".last"), graph.IntsAttr("perm", 0, 2, 3, 1))
	}
	return im.node("Flatten", []string{x}, im.unique(y+".flat"), graph.IntAttr("axis", 1))
}

// dense appends FULLY_CONNECTED, whose weight is [outputs, inputs].
func (im *importer) dense(o *operator) error {
	x, w, y := o.inputs[0], o.inputs[1], o.outputs[0]
	in, weight := im.tensors[x].shape, im.tensors[w].shape
	if format := o.options.int8(1, "weights format"); format != 0 {
		return fmt.Errorf("expected plain weights, found format %d", format)
	}
	if len(weight) != 2 || len(in) < 2 || in.Elems() != in[0]*weight[1] || len(im.tensors[y].shape) != 2 {
		return fmt.Errorf("expected [batch, inputs] and a weight [outputs, inputs], found %v and %v", in, weight)
	}
	inputs := []string{im.last(x, im.names[y])}
	name, err := im.weight(w, nil, nil)
	if err != nil {
		return err
	}
	if inputs, err = im.biased(o, append(inputs, name), weight[0]); err != nil {
		return err
	}
	return im.fused(o.options.int8(0, "activation"), "Gemm", inputs, im.names[y], graph.IntAttr("transB", 1))
}

// biased appends the bias of n outputs, if o has one, to the inputs of its node.
func (im *importer) biased(o *operator, inputs []string, n int) ([]string, error) {
	if len(o.inputs) < 3 {
		return inputs, nil
	}
	name, err := im.weight(o.inputs[2], nil, nil)
	if err == nil && !im.tensors[o.inputs[2]].shape.Equal(tensor.Shape{n}) {
		err = fmt.Errorf("bias: expected %d numbers, found %v", n, im.tensors[o.inputs[2]].shape)
	}
	return append(inputs, name), err
}

// reshape appends RESHAPE to the output's shape, which keeps the batch.
func (im *importer) reshape(o *operator) error {
	x, y := im.names[o.inputs[0]], im.names[o.outputs[0]]
	from, to := im.tensors[o.inputs[0]].shape, im.tensors[o.outputs[0]].shape
	if from[0] != to[0] || from.Elems() != to.Elems() {
		return fmt.Errorf("expected as many elements in as many samples, found %v and %v", from, to)
	}
	if !sameBytes(from) {
		x = im.node("Transpose", []string{x}, im.unique(y+".last"), graph.IntsAttr("perm", 0, 2, 3, 1))
	}
	dims, out := planar(to), y
	if !sameBytes(to) {
		dims, out = to, im.unique(y+".last")
	}
	shape := []int64{0}
	for _, d := range dims[1:] {
		shape = append(shape, int64(d))
	}
	name := im.number(fmt.Sprint("shape ", shape), "shape", func() *tensor.Tensor { return tensor.Of(shape, len(shape)) })
	im.node("Reshape", []string{x, name}, out)
	if out != y {
		im.node("Transpose", []string{out}, y, graph.IntsAttr("perm", 0, 3, 1, 2))
	}
	return nil
}

// softmax appends SOFTMAX over the channels.
func (im *importer) softmax(o *operator) error {
	if beta := o.options.float32(0, "beta"); beta != 1 {
		return fmt.Errorf("beta: expected 1, found %g", beta)
	}
	s := im.tensors[o.inputs[0]].shape
	axis := len(s) - 1
	if len(s) == 4 {
		axis = 1
	}
	im.node("Softmax", []string{im.names[o.inputs[0]]}, im.names[o.outputs[0]], graph.IntAttr("axis", int64(axis)))
	return nil
}

// mean appends MEAN over height and width.
func (im *importer) mean(o *operator) error {
	axes, err := im.tensors[o.inputs[1]].ints()
	if err != nil {
		return err
	}
	spatial := map[int]bool{}
	for _, a := range axes {
		spatial[a] = true
	}
	if len(im.tensors[o.inputs[0]].shape) != 4 || !maps.Equal(spatial, map[int]bool{1: true, 2: true}) {
		return fmt.Errorf("expected a mean over height and width, axes 1 and 2 of 4, found %v of %v", axes, im.tensors[o.inputs[0]].shape)
	}
	x, y := im.names[o.inputs[0]], im.names[o.outputs[0]]
	if o.options.int8(0, "keep_dims") != 0 {
		im.node("GlobalAveragePool", []string{x}, y)
		return nil
	}
	im.node("Flatten", []string{im.node("GlobalAveragePool", []string{x}, im.unique(y+".mean"))}, y, graph.IntAttr("axis", 1))
	return nil
}
