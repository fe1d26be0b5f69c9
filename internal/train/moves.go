package train

import (
	"fmt"
	"math"

	"lutra/internal/graph"
	"lutra/internal/tensor"
)

// moves copies elements: Reshape, Transpose, Slice, Concat, Pad and the like.
// Its gradient copies back.
type moves struct {
	links
	all  []move
	fill float32 // of the places that nothing is moved to
	gaps bool
}

// move is a copy from in[from] to the output.
type move struct {
	from     int
	src, dst int   // first floats
	loop     *loop // destination, source
}

func newMoves(b *builder, n *graph.Node, inputs int) (*moves, error) {
	l, err := b.links(n, inputs)
	if err != nil {
		return nil, err
	}
	return &moves{links: *l}, nil
}

func (m *moves) keeps() []*value { return nil }

func (m *moves) forward(c *crew) {
	if m.gaps {
		for i := range m.out.data {
			m.out.data[i] = m.fill
		}
	}
	for _, v := range m.all {
		src, dst := m.in[v.from].data, m.out.data
		_, steps := v.loop.inner()
		v.loop.run(c, parts(len(dst)), func(n int, at []int) {
			to, from := v.dst+at[0], v.src+at[1]
			if steps[0] == 1 && steps[1] == 1 {
				copy(dst[to:to+n], src[from:])
				return
			}
			for range n {
				dst[to] = src[from]
				to, from = to+steps[0], from+steps[1]
			}
		})
	}
}

func (m *moves) backward(c *crew) {
	for i := range m.in {
		if o := &m.in[i]; o.wanted() && !o.add {
			clear(o.grad)
		}
	}
	for _, v := range m.all {
		if !m.in[v.from].wanted() {
			continue
		}
		src, dst := m.out.grad, m.in[v.from].grad
		_, steps := v.loop.inner()
		pieces := parts(len(src))
		if v.loop.strides[0][1] == 0 { // repeated elements: their gradients add up
			pieces = 1
		}
		v.loop.run(c, pieces, func(n int, at []int) {
			from, to := v.dst+at[0], v.src+at[1]
			for range n {
				dst[to] += src[from]
				from, to = from+steps[0], to+steps[1]
			}
		})
	}
}

// newReshape is Reshape, Flatten, Squeeze, Unsqueeze, Identity.
func newReshape(b *builder, n *graph.Node) (operation, error) {
	m, err := newMoves(b, n, 1)
	if err != nil {
		return nil, err
	}
	x, y := m.in[0].value, m.out
	switch {
	case x.shape.Equal(y.shape):
		m.all = []move{{loop: newLoop(y.shape, y.stride, x.stride)}}
	case y.plain():
		m.all = []move{{loop: newLoop(x.shape, plainStrides(x.shape), x.stride)}}
	case x.plain():
		m.all = []move{{loop: newLoop(y.shape, y.stride, plainStrides(y.shape))}}
	default: // between images of different shapes: one by one
		for i := range y.elems() {
			m.all = append(m.all, move{src: offset(x, i), dst: offset(y, i), loop: newLoop([]int{1}, []int{0}, []int{1})})
		}
	}
	return m, nil
}

// offset is the place of element i of v, counted in ONNX's order.
func offset(v *value, i int) int {
	at := 0
	for a := len(v.shape) - 1; a >= 0; a-- {
		at += i % v.shape[a] * v.stride[a]
		i /= v.shape[a]
	}
	return at
}

func newTranspose(b *builder, n *graph.Node) (operation, error) {
	m, err := newMoves(b, n, 1)
	if err != nil {
		return nil, err
	}
	x, y := m.in[0].value, m.out
	src := make([]int, len(y.shape))
	perm := n.Ints("perm")
	for a := range src {
		p := len(src) - 1 - a
		if perm != nil {
			p = int(perm[a])
		}
		src[a] = x.stride[p]
	}
	m.all = []move{{loop: newLoop(y.shape, y.stride, src)}}
	return m, nil
}

func newConcat(b *builder, n *graph.Node) (operation, error) {
	m, err := newMoves(b, n, len(n.Inputs))
	if err != nil {
		return nil, err
	}
	axis := int(n.Int("axis", 1))
	if axis < 0 {
		axis += len(m.out.shape)
	}
	at := 0
	for i, x := range m.in {
		m.all = append(m.all, move{from: i, dst: at, loop: newLoop(x.shape, m.out.stride, x.stride)})
		at += x.shape[axis] * m.out.stride[axis]
	}
	return m, nil
}

// newSplit makes the operation of every output of a Split node.
func newSplit(b *builder, n *graph.Node) ([]operation, error) {
	var all []operation
	at := 0
	for _, name := range n.Outputs {
		if name == "" {
			return nil, b.errorf(n, "outputs", "all", "an omitted one")
		}
		m, err := newMoves(b, &graph.Node{Name: n.Name, Op: n.Op, Inputs: n.Inputs[:1], Outputs: []string{name}}, 1)
		if err != nil {
			return nil, err
		}
		x, y := m.in[0].value, m.out
		axis := int(n.Int("axis", 0))
		if axis < 0 {
			axis += len(x.shape)
		}
		m.all = []move{{src: at, loop: newLoop(y.shape, y.stride, x.stride)}}
		at += y.shape[axis] * x.stride[axis]
		all = append(all, m)
	}
	return all, nil
}

// newSlice and newPad find out what goes where from the reference definition
// of the operator, applied to the numbers of the elements along each axis.
func newSlice(b *builder, n *graph.Node) (operation, error) {
	m, err := newMoves(b, n, 1)
	if err != nil {
		return nil, err
	}
	x, y := m.in[0].value, m.out
	v := move{}
	src := make([]int, len(y.shape))
	for a := range y.shape {
		first, step, err := b.alongAxis(n, x.shape, a)
		if err != nil {
			return nil, err
		}
		v.src += first * x.stride[a]
		src[a] = step * x.stride[a]
	}
	v.loop = newLoop(y.shape, y.stride, src)
	m.all = []move{v}
	return m, nil
}

// alongAxis is the first element and the step that Slice node n takes along an axis.
func (b *builder) alongAxis(n *graph.Node, shape tensor.Shape, axis int) (first, step int, err error) {
	index := tensor.New(tensor.Float32, shape...)
	inner := 1
	for _, d := range shape[axis+1:] {
		inner *= d
	}
	for i := range index.Float32s() {
		index.Float32s()[i] = float32(i / inner % shape[axis])
	}
	out, err := b.evaluate(n, index)
	if err != nil {
		return 0, 0, err
	}
	inner = 1
	for _, d := range out.Shape[axis+1:] {
		inner *= d
	}
	first = int(out.Float32s()[0])
	if out.Shape[axis] > 1 {
		step = int(out.Float32s()[inner]) - first
	}
	return first, step, nil
}

// evaluate runs node n by its reference definition, x in place of its first input.
func (b *builder) evaluate(n *graph.Node, x *tensor.Tensor) (*tensor.Tensor, error) {
	call := b.program.Call(n)
	call.Value[0] = x
	t := b.program.Types[n.Outputs[0]]
	out := []*tensor.Tensor{tensor.New(t.DType, t.Shape...)}
	if err := b.program.Operator(n).Eval(call, out); err != nil {
		return nil, b.errorf(n, "operands", "known ones", err.Error())
	}
	return out[0], nil
}

func newPad(b *builder, n *graph.Node) (operation, error) {
	m, err := newMoves(b, n, 1)
	if err != nil {
		return nil, err
	}
	if mode := n.String("mode", "constant"); mode != "constant" {
		return nil, b.errorf(n, "mode", "constant", fmt.Sprintf("%q", mode))
	}
	x, y := m.in[0].value, m.out
	// Pad a tensor of NaN: what is not NaN is filled, the first NaN is where x begins.
	mark := tensor.New(tensor.Float32, x.shape...)
	for i := range mark.Float32s() {
		mark.Float32s()[i] = float32(math.NaN())
	}
	out, err := b.evaluate(n, mark)
	if err != nil {
		return nil, err
	}
	begin := -1
	for i, v := range out.Float32s() {
		switch {
		case v == v:
			m.fill, m.gaps = v, true
		case begin < 0:
			begin = i
		}
	}
	for a := range x.shape {
		if y.shape[a] < x.shape[a] {
			return nil, b.errorf(n, "pads", "none below 0", "a negative one")
		}
	}
	m.all = []move{{dst: offset(y, max(begin, 0)), loop: newLoop(x.shape, y.stride, x.stride)}}
	return m, nil
}
