package train

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"lutra/internal/graph"
	"lutra/internal/kernel"
	"lutra/internal/tensor"
)

// Options say how a graph is trained.
type Options struct {
	Batch   int           // images of a step, at least 1
	Outputs []string      // values to compute, of the whole graph; nil: its outputs
	Inputs  []graph.Value // inner values that are fed instead of computed, their first dimension the batch
	Threads int           // 0: 1
	Level   *kernel.Level // nil: the best
	// Trainable selects the parameters by the name of their constant; nil: all
	// weights, biases, scales, shifts, slopes and codebooks.
	Trainable func(name string) bool
	// FrozenNorm selects the BatchNormalization nodes that use their running
	// statistics and leave them alone; nil: none. The others use the
	// statistics of the batch and refresh the running ones: also where their
	// scale and shift are not trained.
	FrozenNorm   func(n *graph.Node) bool
	NormMomentum float32 // weight of a batch in running statistics; 0: what the nodes say, or 0.1
	// MeanWords divides the gradient of every codeword by the number of blocks
	// that use it (Stock et al., ICLR 2020, section 3.3).
	MeanWords bool
	// Drift lets the blocks of trained codebooks drift away from their
	// codewords, for Net.Reassign.
	Drift bool
	// Elementwise adds or replaces functions of elements, by operator: "TanhD",
	// or "domain.TanhD".
	Elementwise map[string]func(n *graph.Node) (Elementwise, error)
	// LearnBounds trains the upper bounds of lutra.ReluD, as parameters named
	// after its output with ".bound" behind, which are no constants of the graph.
	LearnBounds bool
	Seed        uint64 // of Dropout
}

// Param is a trainable constant of the graph: a tensor, or the codewords of a
// codebook (named like the constant that holds them).
type Param struct {
	Name  string
	Shape tensor.Shape
	Value []float32 // in ONNX's order
	Grad  []float32 // of the last Backward
	Decay bool      // subject to weight decay; set unless changed
	Rate  float64   // multiplies the learning rate; 1 unless changed
	Of    *Param    // of a drift the codewords that it is measured from; else nil

	scale float32 // of codewords that are stored in int8, 0 for others
}

// Buffer is a constant that the forward pass refreshes: running statistics.
type Buffer struct {
	Name  string
	Value []float32
}

// Output is a value that the network computes, in ONNX's layout.
type Output struct {
	Name  string
	Shape tensor.Shape
	Data  []float32 // of the last Forward
	Grad  []float32 // of the loss: zeroed by Forward, to be filled in before Backward
}

// Net is a training graph for one batch size. It is not safe for concurrent use.
type Net struct {
	graph     *graph.Graph
	program   *graph.Program
	crew      *crew
	ops       []operation
	inputs    []*value
	outputs   []*value
	delivered []*Output
	params    []*Param
	buffers   []*Buffer
	books     []*book
	portions  []*portion // of books
	bounds    []*bounded
	arena     []float32
	meanWords bool // Options.MeanWords
	backward  bool // there is something to train
	passes    uint64
}

// Compile builds the training graph of g, which it validates. It fails, naming
// the node, if an operator has no gradient. When ctx is done it returns its error.
func Compile(ctx context.Context, g *graph.Graph, o Options) (*Net, error) {
	if o.Batch < 1 {
		return nil, fmt.Errorf("train: batch of %d images: at least 1 expected", o.Batch)
	}
	if err := g.Validate(); err != nil {
		return nil, err
	}
	inputs := map[string]graph.Type{}
	part := cut(g, o.Inputs)
	for _, v := range part.Inputs {
		shape := make(tensor.Shape, len(v.Dims))
		for i, d := range v.Dims {
			if shape[i] = d.Size; i == 0 {
				shape[i] = o.Batch
			} else if d.Size < 0 {
				return nil, fmt.Errorf("train: input %q: dimension %d has no size", v.Name, i)
			}
		}
		inputs[v.Name] = graph.Type{DType: v.DType, Shape: shape}
	}
	p, err := part.Specialize(inputs, o.Outputs)
	if err != nil {
		return nil, err
	}
	b := newBuilder(g, p, o)
	if err := b.build(ctx); err != nil {
		return nil, err
	}
	b.net.link()
	if err := b.net.plan(); err != nil {
		return nil, err
	}
	return b.net, nil
}

// cut is g with inner values as inputs: without the nodes that compute them.
func cut(g *graph.Graph, inner []graph.Value) *graph.Graph {
	if len(inner) == 0 {
		return g
	}
	part := *g
	part.Inputs = slices.Concat(g.Inputs, inner)
	part.Nodes = nil
	for _, n := range g.Nodes {
		if !slices.ContainsFunc(inner, func(v graph.Value) bool { return slices.Contains(n.Outputs, v.Name) }) {
			part.Nodes = append(part.Nodes, n)
		}
	}
	return &part
}

// link decides who writes a gradient first, in backward order.
func (n *Net) link() {
	written := map[*value]bool{}
	for _, v := range n.outputs {
		written[v] = true
		o := &Output{Name: v.name, Shape: v.shape, Data: make([]float32, v.elems()), Grad: make([]float32, v.elems())}
		n.delivered = append(n.delivered, o)
	}
	for _, op := range slices.Backward(n.ops) {
		for i := range op.ends().in {
			if in := &op.ends().in[i]; in.wanted() {
				in.add = written[in.value]
				written[in.value] = true
			}
		}
	}
}

// Params lists the trainable parameters in the order in which the network first reads them.
func (n *Net) Params() []*Param { return n.params }

// Buffers lists the running statistics.
func (n *Net) Buffers() []*Buffer { return n.buffers }

// Outputs lists the outputs in the order of Options.Outputs.
func (n *Net) Outputs() []*Output { return n.delivered }

// Output is the output of that name; nil if there is none.
func (n *Net) Output(name string) *Output {
	for _, o := range n.delivered {
		if o.Name == name {
			return o
		}
	}
	return nil
}

// Memory is the bytes of activations and gradients of activations.
func (n *Net) Memory() int { return 4 * len(n.arena) }

// Forward computes the outputs, and with update refreshes running statistics.
// When ctx is done it returns its error.
func (n *Net) Forward(ctx context.Context, in map[string]*tensor.Tensor, update bool) error {
	n.crew.start(ctx)
	defer n.crew.stop()
	if err := n.feed(in); err != nil {
		return err
	}
	n.passes++
	n.decodeBooks()
	for _, op := range n.ops {
		if k, ok := op.(*norm); ok {
			k.update = update
		}
		op.forward(n.crew)
	}
	for i, o := range n.delivered {
		v := n.outputs[i]
		relay(o.Data, plainStrides(v.shape), v.data, v.stride, v.shape)
		clear(o.Grad)
	}
	return ctx.Err()
}

// FreezeNorm makes all batch normalisations use their running statistics and
// leave them alone, as Options.FrozenNorm does for some.
func (n *Net) FreezeNorm() {
	for _, op := range n.ops {
		if k, ok := op.(*norm); ok {
			k.frozen = true
		}
	}
}

// feed copies the inputs into the layout of the network.
func (n *Net) feed(in map[string]*tensor.Tensor) error {
	for _, v := range n.inputs {
		t := in[v.name]
		if t == nil || t.DType != tensor.Float32 || !t.Shape.Equal(v.shape) {
			found := "nothing"
			if t != nil {
				found = fmt.Sprintf("%v %v", t.DType, t.Shape)
			}
			return fmt.Errorf("train: input %q: expected float32 %v, found %s", v.name, v.shape, found)
		}
		if len(v.shape) != 4 {
			copy(v.data, t.Float32s())
			continue
		}
		channels, pixels := v.shape[1], v.shape[2]*v.shape[3]
		n.crew.each(v.shape[0], func(_ *worker, i int) {
			n.crew.level.Transpose(image(v.data, i, v.shape[0]), channels, image(t.Float32s(), i, v.shape[0]), pixels, channels, pixels)
		})
	}
	return nil
}

// relay copies src to dst, both strided arrays of a shape.
func relay(dst []float32, to []int, src []float32, from []int, shape tensor.Shape) {
	l := newLoop(shape, to, from)
	_, steps := l.inner()
	l.each(0, l.size(), func(n int, at []int) {
		i, j := at[0], at[1]
		for range n {
			dst[i] = src[j]
			i, j = i+steps[0], j+steps[1]
		}
	})
}

// Backward computes the gradients of all parameters from those of the outputs.
// It follows a Forward, once. When ctx is done it returns its error.
func (n *Net) Backward(ctx context.Context) error {
	if !n.backward {
		return fmt.Errorf("train: no output depends on a trainable parameter")
	}
	n.crew.start(ctx)
	defer n.crew.stop()
	for i, o := range n.delivered {
		if v := n.outputs[i]; v.needs {
			relay(v.grad, v.stride, o.Grad, plainStrides(v.shape), v.shape)
		}
	}
	for _, op := range slices.Backward(n.ops) {
		if op.ends().out.needs {
			op.backward(n.crew)
		}
	}
	n.gatherBooks()
	return ctx.Err()
}

// Graph is the network with the present values, ready for inference: where they
// are float32 those of the parameters themselves, which change with the next
// update. The graph given to Compile is left alone.
func (n *Net) Graph() *graph.Graph {
	g := *n.graph
	g.Consts = maps.Clone(n.graph.Consts)
	set := func(name string, shape tensor.Shape, v []float32) {
		t := tensor.Of(v, shape...)
		if old := g.Consts[name]; old != nil && old.DType == tensor.Float16 {
			t = halved(t)
		}
		if old := g.Producer(name); old != nil { // folded when the graph was compiled
			if half := halfOf(&g, old); half != "" {
				g.Consts[half] = halved(t)
				return
			}
			g.Nodes = slices.DeleteFunc(slices.Clone(g.Nodes), func(n *graph.Node) bool { return n == old })
		}
		g.Consts[name] = t
	}
	for _, p := range n.params {
		switch {
		case slices.ContainsFunc(n.bounds, func(k *bounded) bool { return k.param == p }): // setBounds writes it
		case p.scale != 0:
			n.roundWords(&g, p)
		case p.Of == nil:
			set(p.Name, p.Shape, p.Value)
		}
	}
	n.setBounds(&g)
	for _, b := range n.buffers {
		set(b.Name, tensor.Shape{len(b.Value)}, b.Value)
	}
	for _, k := range n.books {
		if k.drift != nil {
			g.SetCodes(k.Codebook) // of a node that the network was compiled from, with codes below K
		}
	}
	return &g
}

// halfOf is the float16 constant that n, a Cast, alone widens; else "".
func halfOf(g *graph.Graph, n *graph.Node) string {
	if n.Op != "Cast" || g.Consts[n.Inputs[0]] == nil || g.Consts[n.Inputs[0]].DType != tensor.Float16 {
		return ""
	}
	for _, other := range g.Nodes {
		if other != n && slices.Contains(other.Inputs, n.Inputs[0]) {
			return ""
		}
	}
	return n.Inputs[0]
}

// halved is t, of float32, rounded to float16.
func halved(t *tensor.Tensor) *tensor.Tensor {
	h := make([]uint16, t.Elems())
	for i, v := range t.Float32s() {
		h[i] = tensor.ToHalf(v)
	}
	return tensor.Half(h, t.Shape...)
}
