package lut

import (
	"fmt"
	"slices"

	"lutra/internal/graph"
	"lutra/internal/tensor"
)

// sum is a layer that adds up numbers, before its integers are known.
type sum struct {
	node    *graph.Node
	shape   tensor.Shape // [1, C, H, W]
	layer   Layer        // *Linear, *AvgPool or *Sum, without tables, biases, activation
	bias    []float64    // per channel; one number for AvgPool and Sum
	book    *graph.Codebook
	words   string // name of the codebook's initializer
	divisor float64
}

// end completes the structure of s, which writes tensor t.
func (b *builder) end(s *sum, t int) {
	switch l := s.layer.(type) {
	case *Linear:
		l.Out = t
	case *AvgPool:
		l.Out = t
	case *Sum:
		l.Out = t
	}
	b.sums = append(b.sums, s)
	b.net.Layers = append(b.net.Layers, s.layer)
}

// view is a node that only changes the shape.
func (b *builder) view(n *graph.Node) (*value, error) {
	v, err := b.operand(n, 0, levels, real)
	if err != nil {
		return nil, err
	}
	if out := b.program.Types[n.Outputs[0]].Shape; len(out) == 0 || out[0] != 1 {
		return nil, b.refuse(n, "shape", "the batch first", out.String(), "")
	}
	w := *v
	return &w, nil
}

// whole is input i of n as a tensor of levels whose shape is the graph's.
func (b *builder) whole(n *graph.Node, i int) (int, error) {
	v, err := b.operand(n, i, levels)
	if err != nil {
		return 0, err
	}
	err = b.settle(n, v)
	return v.tensor, err
}

func (b *builder) conv(n *graph.Node) (*value, error) {
	in, err := b.whole(n, 0)
	if err != nil {
		return nil, err
	}
	shape, out := b.program.Types[n.Inputs[1]].Shape, b.program.Types[n.Outputs[0]].Shape
	w, ok := windowOf(n, b.program.Types[n.Inputs[0]].Shape, out, shape[2:])
	if !ok {
		return nil, b.refuse(n, "dimensions", "1 or 2 spatial ones", fmt.Sprint(len(shape)-2), "")
	}
	l := &Linear{Name: n.Outputs[0], In: in, Residual: -1, Window: w, Groups: int(n.Int("group", 1)), Outputs: shape[0], K: shape[1:].Elems()}
	return b.linear(n, l, out, true)
}

func (b *builder) gemm(n *graph.Node) (*value, error) {
	v, err := b.operand(n, 0, levels)
	if err != nil {
		return nil, err
	}
	shape, out := b.program.Types[n.Inputs[1]].Shape, b.program.Types[n.Outputs[0]].Shape
	if n.Int("transA", 0) != 0 || n.Float("alpha", 1) != 1 || n.Float("beta", 1) != 1 || len(v.shape) != 2 || len(shape) != 2 {
		return nil, b.refuse(n, "", "the product of a vector and a matrix, alpha = beta = 1", fmt.Sprintf("%v x %v", v.shape, shape), "")
	}
	if v.origins != nil {
		if err := b.settle(n, v); err != nil {
			return nil, err
		}
	}
	t := b.net.Tensors[v.tensor]
	l := &Linear{Name: n.Outputs[0], In: v.tensor, Residual: -1, Groups: 1, K: t.Elems(),
		Window: Window{KH: t.H, KW: t.W, StrideY: 1, StrideX: 1, DilationY: 1, DilationX: 1}}
	outputsFirst := n.Op == "Gemm" && n.Int("transB", 0) != 0
	l.Outputs = shape[1]
	if outputsFirst {
		l.Outputs = shape[0]
	}
	return b.linear(n, l, out, outputsFirst)
}

// linear reads the codebook and the bias of l.
func (b *builder) linear(n *graph.Node, l *Linear, out tensor.Shape, outputsFirst bool) (*value, error) {
	book, words, err := b.codebook(n, n.Inputs[1])
	if err != nil {
		return nil, err
	}
	if l.Codes = codesOf(book, l.Outputs, l.K, outputsFirst); l.Codes == nil {
		return nil, b.refuse(n, "codebook", "codewords of one weight, or of two adjacent outputs", fmt.Sprintf("%d codewords of %d weights", book.K, book.D), "")
	}
	if book.D > 1 && l.Outputs/l.Groups%book.D != 0 {
		return nil, b.refuse(n, "codebook", "pairs within a group", fmt.Sprintf("%d outputs in %d groups", l.Outputs, l.Groups), "")
	}
	s := &sum{node: n, layer: l, book: book, words: words, bias: make([]float64, l.Outputs)}
	if s.shape = out; len(out) == 2 {
		s.shape = tensor.Shape{1, out[1], 1, 1}
	}
	if len(n.Inputs) > 2 && n.Inputs[2] != "" {
		if err := b.addBias(n, n.Inputs[2], s); err != nil {
			return nil, err
		}
	}
	return &value{kind: real, sum: s}, nil
}

// codebook finds the codebook behind the weight name.
func (b *builder) codebook(n *graph.Node, name string) (book *graph.Codebook, words string, err error) {
	p := b.producers[name]
	for p != nil && weightOps[p.Op] && p.Domain == "" {
		p = b.producers[p.Inputs[0]]
	}
	if p == nil || !p.IsCodebook() {
		return nil, "", b.refuse(n, "weight", "a lutra.Codebook", "other numbers", "cluster the weights first")
	}
	book, err = b.graph.Codebook(p.Outputs[0])
	return book, p.Inputs[len(p.Inputs)-1], err
}

// codesOf arranges the codes of c as [K][outputs/D], for a weight that the
// graph stores as [outputs, K], or as [K, outputs] unless outputsFirst. It is
// nil if codewords do not run along the outputs.
func codesOf(c *graph.Codebook, outputs, k int, outputsFirst bool) []uint16 {
	transposed := len(c.Perm) == 2 && c.Perm[0] == 1
	rowsAreOutputs := outputsFirst != transposed // of the codebook's matrix
	if rowsAreOutputs {
		if c.D != 1 || c.Outputs != outputs || c.Blocks != k {
			return nil
		}
		return c.Codes
	}
	if c.D > 2 || c.Outputs != k || c.Blocks*c.D != outputs {
		return nil
	}
	codes := make([]uint16, len(c.Codes))
	for o := range c.Blocks {
		for i := range k {
			codes[i*c.Blocks+o] = c.Codes[o*k+i]
		}
	}
	return codes
}

// addBias adds the constant name, one number or one for each channel, to s.
func (b *builder) addBias(n *graph.Node, name string, s *sum) error {
	t := b.program.Consts[name]
	if t == nil {
		return b.refuse(n, fmt.Sprintf("input %q", name), "a constant", "an activation", "")
	}
	v := t.AsFloat32().Float32s()
	rank := len(b.program.Types[n.Outputs[0]].Shape)
	perChannel := len(t.Shape) == 1 && (rank == 2 || n.Op == "Conv")
	if !perChannel && len(v) == s.shape[1] { // [C, 1, 1] or [1, C, 1, 1]
		i := len(t.Shape) - (rank - 1)
		perChannel = i >= 0 && t.Shape[i] == len(v)
	}
	if len(v) != 1 && (!perChannel || len(v) != len(s.bias)) {
		return b.refuse(n, fmt.Sprintf("input %q", name), fmt.Sprintf("a bias for each of %d channels", len(s.bias)), t.Shape.String(), "")
	}
	for i := range s.bias {
		x := float64(v[i%len(v)])
		if x-x != 0 {
			return b.refuse(n, fmt.Sprintf("input %q", name), "finite numbers", fmt.Sprint(x), "")
		}
		s.bias[i] += x
	}
	return nil
}

// add is a bias, a residual, or a sum of levels.
func (b *builder) add(n *graph.Node) (*value, error) {
	x, y := b.values[n.Inputs[0]], b.values[n.Inputs[1]]
	xname, yname := n.Inputs[0], n.Inputs[1]
	if x == nil || y != nil && x.kind == levels && y.kind == real {
		x, y, xname, yname = y, x, yname, xname
	}
	switch {
	case x == nil || x.kind == input || x.kind == join:
		return nil, b.refuse(n, fmt.Sprintf("input %q", xname), "levels or a sum", "another value", quantiseHint)
	case x.origins != nil && x.kind == real:
		return nil, b.refuse(n, fmt.Sprintf("input %q", xname), "levels, or a sum as its layer makes it", "a sum whose elements have moved", quantiseHint)
	case y == nil && x.kind == real:
		return &value{kind: real, sum: x.sum}, b.addBias(n, yname, x.sum)
	case y == nil || y.kind != levels:
		return nil, b.refuse(n, fmt.Sprintf("input %q", yname), "levels", "another value", "quantise one operand by lutra.ClipD")
	case x.kind == real:
		return b.addLevels(n, x.sum, y)
	}
	if err := b.sameShape(n, x, y); err != nil {
		return nil, err
	}
	t := b.net.Tensors[x.tensor]
	l := &Sum{Name: n.Outputs[0], In: []int{x.tensor, y.tensor}}
	return &value{kind: real, sum: &sum{node: n, layer: l, bias: []float64{0}, shape: tensor.Shape{1, t.C, t.H, t.W}}}, nil
}

// sameShape makes tensors of one shape of x and y.
func (b *builder) sameShape(n *graph.Node, x, y *value) error {
	if !x.shape.Equal(y.shape) {
		return b.refuse(n, "operands", "equal shapes", fmt.Sprintf("%v and %v", x.shape, y.shape), "")
	}
	t := &b.net.Tensors[x.tensor]
	if x.origins == nil && b.lies(y, tensor.Shape{1, t.C, t.H, t.W}) {
		return nil
	}
	if err := b.settle(n, x); err != nil {
		return err
	}
	return b.settle(n, y)
}

// addLevels adds the tensor of y to s.
func (b *builder) addLevels(n *graph.Node, s *sum, y *value) (*value, error) {
	if !b.lies(y, s.shape) {
		if err := b.settle(n, y); err != nil {
			return nil, err
		}
	}
	if !b.lies(y, s.shape) {
		return nil, b.refuse(n, "operands", "equal shapes", fmt.Sprintf("%v and %v", s.shape, y.shape), "")
	}
	switch l := s.layer.(type) {
	case *Linear:
		if l.Residual >= 0 {
			return nil, b.refuse(n, "operands", "one residual of a layer", "two", "quantise the first sum by lutra.ClipD")
		}
		l.Residual = y.tensor
	case *Sum:
		l.In = append(slices.Clip(l.In), y.tensor)
	default:
		return nil, b.refuse(n, "operands", "levels or the sums of a product", "an average", quantiseHint)
	}
	return &value{kind: real, sum: s}, nil
}

func (b *builder) maxPool(n *graph.Node) (*value, error) {
	in, err := b.whole(n, 0)
	if err != nil {
		return nil, err
	}
	if len(n.Outputs) > 1 {
		return nil, b.refuse(n, "outputs", "1", fmt.Sprint(len(n.Outputs)), "")
	}
	x, out := b.program.Types[n.Inputs[0]].Shape, b.program.Types[n.Outputs[0]].Shape
	w, ok := windowOf(n, x, out, poolKernel(n, x))
	if !ok {
		return nil, b.refuse(n, "dimensions", "1 or 2 spatial ones", fmt.Sprint(len(x)-2), "")
	}
	t, err := b.tensorOf(n, n.Outputs[0], out, b.net.Tensors[in].Quantiser)
	if err != nil {
		return nil, err
	}
	b.net.Layers = append(b.net.Layers, &MaxPool{Name: n.Outputs[0], In: in, Out: t, Window: w})
	return &value{kind: levels, tensor: t}, nil
}

func (b *builder) avgPool(n *graph.Node) (*value, error) {
	in, err := b.whole(n, 0)
	if err != nil {
		return nil, err
	}
	t := b.net.Tensors[in]
	x, out := b.program.Types[n.Inputs[0]].Shape, b.program.Types[n.Outputs[0]].Shape
	if n.Op == "ReduceMean" && (out.Elems() != t.C || !b.overSpace(n, len(x))) {
		return nil, b.refuse(n, "axes", "all spatial axes", "others", "")
	}
	grid := out
	if len(out) == 2 {
		grid = tensor.Shape{1, t.C, 1, 1}[:len(x)]
	}
	w, ok := windowOf(n, x, grid, poolKernel(n, x))
	if !ok {
		return nil, b.refuse(n, "dimensions", "1 or 2 spatial ones", fmt.Sprint(len(x)-2), "")
	}
	padded := w.Top+w.Left+w.Bottom+w.Right > 0
	if padded && n.Int("count_include_pad", 0) == 0 || n.Int("ceil_mode", 0) != 0 {
		return nil, b.refuse(n, "windows", "all of one size", "cut at the border", "use count_include_pad = 1, ceil_mode = 0")
	}
	l := &AvgPool{Name: n.Outputs[0], In: in, Window: w}
	return &value{kind: real, sum: &sum{node: n, layer: l, shape: grid, bias: []float64{0}, divisor: float64(w.KH * w.KW)}}, nil
}

// overSpace reports whether n reduces all axes behind batch and channels.
func (b *builder) overSpace(n *graph.Node, rank int) bool {
	axes := n.Ints("axes")
	if len(n.Inputs) > 1 && b.program.Consts[n.Inputs[1]] != nil {
		axes = b.program.Consts[n.Inputs[1]].Int64s()
	}
	seen := map[int64]bool{}
	for _, a := range axes {
		if a < 0 {
			a += int64(rank)
		}
		seen[a] = a >= 2
	}
	return len(seen) == rank-2 && !slices.Contains([]bool{seen[2], rank < 4 || seen[3]}, false)
}

func (b *builder) concat(n *graph.Node) (*value, error) {
	var in []int
	same := true
	for i := range n.Inputs {
		t, err := b.whole(n, i)
		if err != nil {
			return nil, err
		}
		in = append(in, t)
		same = same && b.net.Tensors[t].Quantiser == b.net.Tensors[in[0]].Quantiser
	}
	out := b.program.Types[n.Outputs[0]].Shape
	if axis := n.Int("axis", 1); axis != 1 && axis != 1-int64(len(out)) {
		return nil, b.refuse(n, "axis", "1, the channels", fmt.Sprint(axis), "")
	}
	if !same {
		return &value{kind: join, parts: in}, nil
	}
	t, err := b.tensorOf(n, n.Outputs[0], out, b.net.Tensors[in[0]].Quantiser)
	if err != nil {
		return nil, err
	}
	b.net.Layers = append(b.net.Layers, &Concat{Name: n.Outputs[0], In: in, Out: t, Maps: make([][]uint8, len(in))})
	return &value{kind: levels, tensor: t}, nil
}

// poolKernel is the kernel of a pooling of x, whole planes for global ones.
func poolKernel(n *graph.Node, x tensor.Shape) []int {
	ks := n.Ints("kernel_shape")
	if ks == nil {
		return x[2:]
	}
	kernel := make([]int, len(ks))
	for i, k := range ks {
		kernel[i] = int(k)
	}
	return kernel
}

// windowOf reads the window of n from x to y; the operator table has checked
// the attributes. ok is false for other than 1 or 2 spatial dimensions.
func windowOf(n *graph.Node, x, y tensor.Shape, kernel []int) (w Window, ok bool) {
	rank := len(x) - 2
	if rank < 1 || rank > 2 {
		return w, false
	}
	axis := func(i int) (k, stride, dilation, before, after int) {
		k, stride, dilation = kernel[i], 1, 1
		if s := n.Ints("strides"); s != nil {
			stride = int(s[i])
		}
		if d := n.Ints("dilations"); d != nil {
			dilation = int(d[i])
		}
		need := (y[2+i]-1)*stride + (k-1)*dilation + 1 - x[2+i] // in all
		switch mode := n.String("auto_pad", "NOTSET"); {
		case mode == "SAME_UPPER":
			before = max(need, 0) / 2
		case mode == "SAME_LOWER":
			before = (max(need, 0) + 1) / 2
		case mode == "NOTSET" && n.Ints("pads") != nil:
			before = int(n.Ints("pads")[i])
		}
		return k, stride, dilation, before, max(need-before, 0)
	}
	w = Window{KH: 1, StrideY: 1, DilationY: 1}
	if rank == 2 {
		w.KH, w.StrideY, w.DilationY, w.Top, w.Bottom = axis(0)
	}
	w.KW, w.StrideX, w.DilationX, w.Left, w.Right = axis(rank - 1)
	return w, true
}
