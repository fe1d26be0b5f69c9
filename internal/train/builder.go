package train

import (
	"context"
	"fmt"
	"math"
	"slices"

	"lutra/internal/graph"
	"lutra/internal/kernel"
	"lutra/internal/safe"
	"lutra/internal/tensor"
)

// builder turns the nodes of a program into operations.
type builder struct {
	net     *Net
	options Options
	program *graph.Program
	crew    *crew
	opset   int64
	values  map[string]*value
	params  map[string]*Param
	readers map[string][]*graph.Node
	asked   map[string]bool
}

func newBuilder(g *graph.Graph, p *graph.Program, o Options) *builder {
	level := kernel.Best()
	if o.Level != nil {
		level = *o.Level
	}
	b := &builder{
		options: o, program: p, crew: newCrew(level, max(1, o.Threads)), opset: g.Opsets[""],
		values: map[string]*value{}, params: map[string]*Param{}, readers: p.Consumers(), asked: map[string]bool{},
	}
	b.net = &Net{graph: g, program: p, crew: b.crew, meanWords: o.MeanWords}
	return b
}

// operators make the operations that are no activations.
var operators = map[string]func(b *builder, n *graph.Node) (operation, error){
	"Conv":               newConv,
	"Gemm":               newGemm,
	"MatMul":             newMatMul,
	"BatchNormalization": newNorm,
	"MaxPool":            newPool,
	"AveragePool":        newPool,
	"GlobalAveragePool":  newMean,
	"ReduceMean":         newMean,
	"Softmax":            newSoftmax,
	"LogSoftmax":         newSoftmax,
	"Reshape":            newReshape,
	"Flatten":            newReshape,
	"Squeeze":            newReshape,
	"Unsqueeze":          newReshape,
	"Identity":           newReshape,
	"Dropout":            newDropout,
	"Transpose":          newTranspose,
	"Concat":             newConcat,
	"Slice":              newSlice,
	"Pad":                newPad,
}

// errorf is an error about a node.
func (b *builder) errorf(n *graph.Node, field, expected, found string) error {
	return &safe.FormatError{File: b.net.graph.File, Where: n.Label(), Field: "training: " + field, Expected: expected, Found: found}
}

// build makes all operations. Operators without a gradient are refused first.
func (b *builder) build(ctx context.Context) error {
	for _, n := range b.program.Nodes {
		if _, ok := b.maker(n); !ok && !isSplit(n) && !n.IsCodebook() {
			return b.errorf(n, "operator", "one with a gradient", n.Op)
		}
	}
	for _, name := range b.program.Outputs {
		b.asked[name] = true
	}
	for _, name := range b.program.Inputs {
		t := b.program.Types[name]
		if t.DType != tensor.Float32 {
			return fmt.Errorf("train: input %q: expected float32, found %v", name, t.DType)
		}
		v := newValue(name, t.Shape)
		b.values[name] = v
		b.net.inputs = append(b.net.inputs, v)
	}
	for _, n := range b.program.Nodes {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := b.add(n); err != nil {
			return err
		}
	}
	for _, name := range b.program.Outputs {
		v := b.values[name]
		if v == nil || v.fixed {
			return fmt.Errorf("train: output %q does not depend on the inputs", name)
		}
		b.net.backward = b.net.backward || v.needs
		b.net.outputs = append(b.net.outputs, v)
	}
	return nil
}

func (b *builder) add(n *graph.Node) error {
	if n.IsCodebook() {
		return b.addBook(n)
	}
	if b.fuse(n) {
		return nil
	}
	ops, err := b.make(n)
	if err != nil {
		return err
	}
	for _, op := range ops {
		l := op.ends()
		for _, in := range l.in {
			l.out.needs = l.out.needs || in.wanted()
		}
		b.net.ops = append(b.net.ops, op)
	}
	return nil
}

// maker is what makes the operation of n.
func (b *builder) maker(n *graph.Node) (func(*builder, *graph.Node) (operation, error), bool) {
	for _, name := range []string{n.Domain + "." + n.Op, n.Op} {
		if f := b.options.Elementwise[name]; f != nil {
			return func(b *builder, n *graph.Node) (operation, error) {
				e, err := f(n)
				if err != nil {
					return nil, err
				}
				return newActivation(b, n, e)
			}, true
		}
	}
	if n.IsQuantiser() {
		return newQuantiser, true
	}
	if n.Domain != "" {
		return nil, false
	}
	if r, ok := rules[n.Op]; ok {
		return func(b *builder, n *graph.Node) (operation, error) { return newArithmetic(b, n, r) }, true
	}
	if f, ok := activations[n.Op]; ok {
		return func(b *builder, n *graph.Node) (operation, error) {
			if _, _, known := b.bounds(n); n.Op == "Clip" && !known {
				return nil, b.errorf(n, "bounds", "constants", "computed values")
			}
			return newActivation(b, n, f(b, n))
		}, true
	}
	f, ok := operators[n.Op]
	return f, ok
}

// make is the operations of n: one, but for Split.
func (b *builder) make(n *graph.Node) ([]operation, error) {
	if isSplit(n) {
		return newSplit(b, n)
	}
	f, _ := b.maker(n)
	op, err := f(b, n)
	return []operation{op}, err
}

func isSplit(n *graph.Node) bool { return n.Domain == "" && n.Op == "Split" }

// links are the operands of n: its first inputs, which are float32, and its
// first output.
func (b *builder) links(n *graph.Node, inputs int) (*links, error) {
	l := &links{label: n.Label(), in: make([]operand, inputs)}
	for i := range min(inputs, len(n.Inputs)) {
		if n.Inputs[i] == "" {
			continue
		}
		v, err := b.value(n, i)
		if err != nil {
			return nil, err
		}
		l.in[i].value = v
	}
	name := n.Outputs[0]
	l.out = newValue(name, b.program.Types[name].Shape)
	b.values[name] = l.out
	return l, nil
}

// value is input i of n.
func (b *builder) value(n *graph.Node, i int) (*value, error) {
	name := n.Inputs[i]
	if v := b.values[name]; v != nil {
		return v, nil
	}
	t := b.program.Consts[name]
	if t == nil || t.DType != tensor.Float32 {
		return nil, b.errorf(n, fmt.Sprintf("input %q", name), "float32", b.program.Types[name].DType.String())
	}
	if c := b.reshaped(name); c != nil {
		err := b.book(c, name, t.Shape)
		return b.values[name], err
	}
	v := fixedValue(name, t.Shape, t.Float32s())
	b.values[name] = v
	if b.trains(n, i, t) {
		p := b.param(name, t)
		v.data, v.grad, v.needs = p.Value, p.Grad, true
	}
	return v, nil
}

// trains reports whether constant input i of n, of value t, is a parameter.
func (b *builder) trains(n *graph.Node, i int, t *tensor.Tensor) bool {
	if b.options.Trainable != nil {
		return b.options.Trainable(n.Inputs[i]) && !(n.Op == "BatchNormalization" && i > 2)
	}
	switch n.Op {
	case "Conv", "Gemm", "MatMul", "PRelu":
		return i > 0
	case "BatchNormalization":
		return i == 1 || i == 2
	case "Add", "Mul":
		return t.Elems() > 1 && b.net.graph.Consts[n.Inputs[i]] != nil
	}
	return false
}

// param is the parameter of a constant, made when it is first read.
func (b *builder) param(name string, t *tensor.Tensor) *Param {
	if p := b.params[name]; p != nil {
		return p
	}
	p := &Param{Name: name, Shape: t.Shape, Value: slices.Clone(t.AsFloat32().Float32s()), Grad: make([]float32, t.Elems()), Decay: true, Rate: 1}
	b.params[name] = p
	b.net.params = append(b.net.params, p)
	return p
}

// running is the running statistic of that name.
func (b *builder) running(name string) []float32 {
	for _, v := range b.net.buffers {
		if v.Name == name {
			return v.Value
		}
	}
	v := &Buffer{name, slices.Clone(b.program.Consts[name].Float32s())}
	b.net.buffers = append(b.net.buffers, v)
	return v.Value
}

// ints is input i of n if it is a constant list of int64; else nil.
func (b *builder) ints(n *graph.Node, i int) []int64 {
	if i >= len(n.Inputs) || b.program.Consts[n.Inputs[i]] == nil {
		return nil
	}
	return b.program.Consts[n.Inputs[i]].Int64s()
}

// bounds is the range of a Relu or Clip node; ok is false if it is not known,
// or n is another node.
func (b *builder) bounds(n *graph.Node) (lo, hi float32, ok bool) {
	lo, hi = n.Float("min", float32(math.Inf(-1))), n.Float("max", float32(math.Inf(1)))
	switch n.Op {
	case "Relu":
		return 0, hi, true
	case "Clip":
	default:
		return lo, hi, false
	}
	for i, bound := range []*float32{&lo, &hi} {
		if i+1 >= len(n.Inputs) || n.Inputs[i+1] == "" {
			continue
		}
		t := b.program.Consts[n.Inputs[i+1]]
		if t == nil || t.DType != tensor.Float32 {
			return lo, hi, false
		}
		*bound = t.Float32s()[0]
	}
	return lo, hi, true
}
