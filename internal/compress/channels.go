package compress

import (
	"slices"

	"lutra/internal/graph"
	"lutra/internal/tensor"
)

// space is a set of channels whose order may change: what one layer puts out, and
// all values that carry the same channels because they are added up, normalised
// channel by channel, pooled, and so on (parents and children of Martinez et al.,
// PQF, CVPR 2021, section 3.2).
type space struct {
	next  *space // of which this one has become a part; see root
	size  int
	run   int // channels stay within runs of so many: the groups of convolutions
	fixed bool
	order []int // order[i] is the channel that comes to place i
}

func newSpace(size, run int) *space {
	s := &space{size: size, run: run, order: make([]int, size)}
	for i := range s.order {
		s.order[i] = i
	}
	return s
}

func (s *space) root() *space {
	for s.next != nil {
		s = s.next
	}
	return s
}

// tie makes a and b, of the same size, one space.
func tie(a, b *space) {
	a, b = a.root(), b.root()
	if a == b {
		return
	}
	b.next = a
	a.run, a.fixed = divisor(a.run, b.run), a.fixed || b.fixed
}

// divisor is the greatest common divisor of a and b.
func divisor(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// channels says along which axis a value carries the channels of which spaces,
// one after the other, and how many consecutive numbers belong to each: one, or
// a plane where images were flattened. Without spaces nothing is known.
type channels struct {
	axis, inner int
	spaces      []*space
}

// plain says whether c is the second axis, as of images or of rows of features.
func (c channels) plain() bool { return len(c.spaces) > 0 && c.axis == 1 && c.inner == 1 }

func (c channels) freeze() {
	for _, s := range c.spaces {
		s.root().fixed = true
	}
}

// count is the number of channels.
func (c channels) count() int {
	n := 0
	for _, s := range c.spaces {
		n += s.size
	}
	return n
}

// places lists for every place along the axis the place where its number was.
func (c channels) places() []int {
	var all []int
	from := 0
	for _, s := range c.spaces {
		for _, o := range s.root().order {
			for i := range c.inner {
				all = append(all, (from+o)*c.inner+i)
			}
		}
		from += s.size
	}
	return all
}

// use is an axis of a constant that follows channels. With groups, the axis has
// those of one group, which group is told by the outputs along axis 0.
type use struct {
	name   string
	axis   int
	ch     channels
	groups int
}

// flow follows channels through a network.
type flow struct {
	n    *network
	at   map[string]channels // of values
	uses []use
}

// newFlow finds the spaces of n. What it does not understand keeps its order.
func newFlow(n *network) *flow {
	f := &flow{n: n, at: map[string]channels{}}
	for _, node := range n.nodes {
		if !f.node(node) {
			for _, in := range node.Inputs {
				f.at[in].freeze()
			}
		}
	}
	for _, out := range n.graph.Outputs {
		f.at[out.Name].freeze()
	}
	return f
}

// follow notes that an axis of the constant name has the order of ch. Constants
// that cannot change fix it, unless their numbers are all alike.
func (f *flow) follow(name string, axis int, ch channels, groups int) {
	if name == "" || len(ch.spaces) == 0 {
		return
	}
	p := f.n.graph.Producer(name)
	if f.n.uses[name] == 1 && (p == nil || p.Op == "Constant" && p.Domain == "") {
		f.uses = append(f.uses, use{name, axis, ch, groups})
		return
	}
	if t := f.n.consts[name]; t == nil || t.DType != tensor.Float32 || len(slices.Compact(slices.Clone(t.Float32s()))) > 1 {
		ch.freeze()
	}
}

// node follows channels through a node. It reports false for nodes that it does
// not know, whose inputs then keep their order.
func (f *flow) node(node *graph.Node) bool {
	if node.Domain != "" || len(node.Inputs) == 0 || len(node.Outputs) != 1 {
		return false
	}
	ch, ok := f.at[node.Inputs[0]]
	switch node.Op {
	case "Conv":
		return f.conv(node, ch)
	case "Gemm", "MatMul":
		return f.product(node, ch)
	case "Add", "Sub", "Mul", "Div", "Sum", "Max", "Min", "PRelu":
		return f.join(node)
	case "Concat":
		return f.concat(node)
	case "BatchNormalization":
		if !ch.plain() {
			return false
		}
		for _, in := range node.Inputs[1:] {
			f.follow(in, 0, ch, 1)
		}
	case "Relu", "LeakyRelu", "Elu", "Selu", "Sigmoid", "HardSigmoid", "HardSwish", "Tanh", "Softplus", "Softsign", "Clip", "Identity", "Dropout", "Abs", "Neg", "Exp", "Sqrt", "Erf", "Gelu", "Mish":
	case "MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool":
		ok = ch.plain()
	case "ReduceMean", "ReduceMax", "ReduceSum", "Pad", "Slice":
		ok = f.spares(node, ch)
	case "Transpose":
		perm := node.Ints("perm")
		if ch.axis = slices.Index(perm, int64(ch.axis)); ch.axis < 0 {
			return false
		}
	case "Flatten", "Reshape", "Squeeze", "Unsqueeze":
		ch, ok = f.reshaped(node, ch)
	default:
		return false
	}
	if ok {
		f.at[node.Outputs[0]] = ch
	}
	return ok
}

// conv ties the inputs of a convolution with its weights, and has a new space,
// or the same for a depthwise convolution, for what it puts out.
func (f *flow) conv(node *graph.Node, ch channels) bool {
	w := f.n.consts[node.Inputs[1]]
	if w == nil || len(w.Shape) < 3 {
		return false
	}
	outputs, groups := w.Shape[0], int(node.Int("group", 1))
	out := channels{1, 1, []*space{newSpace(outputs, outputs/groups)}}
	if !ch.plain() {
		ch.freeze() // the input of the network, mostly
		ch = channels{}
	}
	switch {
	case groups == 1:
		f.follow(node.Inputs[1], 1, ch, 1)
	case groups == outputs && ch.count() == outputs:
		out = ch
	case len(ch.spaces) == 1:
		s := ch.spaces[0].root()
		s.run = divisor(s.run, s.size/groups)
		f.follow(node.Inputs[1], 1, ch, groups)
	default:
		ch.freeze()
	}
	f.follow(node.Inputs[1], 0, out, 1)
	if len(node.Inputs) > 2 {
		f.follow(node.Inputs[2], 0, out, 1)
	}
	f.at[node.Outputs[0]] = out
	return true
}

// product does the same for a product with a constant matrix.
func (f *flow) product(node *graph.Node, ch channels) bool {
	w := f.n.consts[node.Inputs[1]]
	if w == nil || len(w.Shape) != 2 || len(f.n.types[node.Outputs[0]].Shape) != 2 || node.Int("transA", 0) != 0 {
		return false
	}
	inputs, outputs := 0, 1
	if node.Int("transB", 0) != 0 {
		inputs, outputs = 1, 0
	}
	if ch.axis == 1 {
		f.follow(node.Inputs[1], inputs, ch, 1)
	} else {
		ch.freeze()
	}
	out := channels{1, 1, []*space{newSpace(w.Shape[outputs], w.Shape[outputs])}}
	f.follow(node.Inputs[1], outputs, out, 1)
	f.at[node.Outputs[0]] = out
	return len(node.Inputs) < 3 || f.aligned(node, node.Inputs[2], out)
}

// join ties what is computed number by number from several values.
func (f *flow) join(node *graph.Node) bool {
	var all channels
	if slope := node.Inputs[len(node.Inputs)-1]; node.Op == "PRelu" && len(f.n.types[slope].Shape) == 1 {
		return false // means channels or columns, by version
	}
	for _, in := range node.Inputs {
		ch := f.at[in]
		t := f.n.types[in].Shape
		switch {
		case f.n.consts[in] != nil || len(ch.spaces) == 0 || len(t) > ch.axis && t[ch.axis] == 1:
		case len(all.spaces) == 0:
			all = ch
		case !all.tie(ch):
			return false
		}
	}
	if len(all.spaces) == 0 {
		return false
	}
	for _, in := range node.Inputs {
		if !f.aligned(node, in, all) {
			return false
		}
	}
	f.at[node.Outputs[0]] = all
	return true
}

// tie ties the spaces of c and d one by one, if they correspond.
func (c channels) tie(d channels) bool {
	if c.axis != d.axis || c.inner != d.inner || !slices.EqualFunc(c.spaces, d.spaces, func(a, b *space) bool { return a.size == b.size }) {
		return false
	}
	for i, s := range c.spaces {
		tie(s, d.spaces[i])
	}
	return true
}

// aligned says whether the operand in of node, broadcast to its output, can
// follow ch, and lets it if it is a constant.
func (f *flow) aligned(node *graph.Node, in string, ch channels) bool {
	t, c := f.n.types[in].Shape, f.n.consts[in]
	rank := len(f.n.types[node.Outputs[0]].Shape)
	if c != nil {
		t = c.Shape
	} else if len(t) != rank {
		return in == ""
	}
	axis := ch.axis - (rank - len(t))
	if axis < 0 || t[axis] == 1 {
		return true
	}
	if c == nil {
		return len(f.at[in].spaces) > 0
	}
	f.follow(in, axis, ch, 1)
	return t[axis] == ch.count()*ch.inner
}

// concat lists the spaces of what is joined along the channels.
func (f *flow) concat(node *graph.Node) bool {
	out := channels{axis: int(node.Int("axis", 1)), inner: 1}
	for _, in := range node.Inputs {
		ch := f.at[in]
		if len(ch.spaces) == 0 || ch.axis != out.axis || ch.inner != 1 {
			return false
		}
		out.spaces = append(out.spaces, ch.spaces...)
	}
	f.at[node.Outputs[0]] = out
	return true
}

// spares says whether a node that works along axes leaves that of ch alone.
func (f *flow) spares(node *graph.Node, ch channels) bool {
	if len(ch.spaces) == 0 {
		return false
	}
	rank := len(f.n.types[node.Inputs[0]].Shape)
	ints := func(attr string, input int) []int64 {
		if v := node.Ints(attr); v != nil || input >= len(node.Inputs) {
			return v
		}
		if t := f.n.consts[node.Inputs[input]]; t != nil && t.DType == tensor.Int64 {
			return t.Int64s()
		}
		return nil
	}
	if node.Op == "Pad" {
		pads := ints("pads", 1)
		return len(pads) == 2*rank && len(node.Inputs) < 4 && pads[ch.axis] == 0 && pads[rank+ch.axis] == 0
	}
	input := 1
	if node.Op == "Slice" {
		input = 3
	}
	axes := ints("axes", input)
	for _, a := range axes {
		if a < 0 {
			a += int64(rank)
		}
		if int(a) == ch.axis || int(a) < ch.axis && node.Int("keepdims", 1) == 0 {
			return false
		}
	}
	return len(axes) > 0
}

// reshaped finds the channels of ch in another shape: an axis of their own, or
// one together with all that came after them.
func (f *flow) reshaped(node *graph.Node, ch channels) (channels, bool) {
	if len(ch.spaces) == 0 {
		return ch, false
	}
	from, to := f.n.types[node.Inputs[0]].Shape, f.n.types[node.Outputs[0]].Shape
	before, after := from[:ch.axis].Elems(), from[ch.axis+1:].Elems()
	for axis, size := range to {
		if to[:axis].Elems() != before || size == 1 {
			continue
		}
		switch to[axis+1:].Elems() {
		case after:
			return channels{axis, ch.inner, ch.spaces}, true
		case 1:
			return channels{axis, ch.inner * after, ch.spaces}, true
		}
	}
	return ch, false
}
