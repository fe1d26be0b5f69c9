package compress

import (
	"fmt"
	"math/bits"

	"lutra/internal/graph"
	"lutra/internal/safe"
	"lutra/internal/tensor"
)

// layer is a constant weight that can be quantised, seen as a matrix with a
// row of numbers for every output, and the node that applies it first.
type layer struct {
	node       *graph.Node
	norm       *graph.Node // the BatchNormalization behind a convolution; nil if there is none
	at         int         // index of node in the program
	name       string      // of the weight
	kind       Kind
	shape      tensor.Shape // of the weight in the graph
	outputs    int
	row        int
	transposed bool // the graph stores the matrix as [row, outputs]
	patches    patches
	storage    Storage
	ruled      bool // by one of Options.Rules
	d, k       int
	want       int   // codewords, before the clamp
	pool       *pool // whose codewords it reads; nil: its own
}

// layers lists the weights that can be quantised, in forward order, with the
// storage, block size and codebook size that o gives them. dense holds the
// constants that are not codebooks already.
func (n *network) layers(dense map[string]*tensor.Tensor, o *Options) ([]*layer, error) {
	asWeight := map[string]int{}
	var all []*layer
	for i, node := range n.nodes {
		l := n.weightOf(dense, node)
		if l == nil {
			continue
		}
		l.at = i
		if asWeight[l.name]++; asWeight[l.name] == 1 {
			all = append(all, l)
		}
	}
	kept := all[:0]
	for _, l := range all {
		if asWeight[l.name] == n.uses[l.name] {
			kept = append(kept, l)
		}
	}
	return kept, o.choose(kept)
}

// weightOf is the layer that node applies, or nil if it has no weight that can be quantised.
func (n *network) weightOf(dense map[string]*tensor.Tensor, node *graph.Node) *layer {
	if node.Domain != "" || len(node.Inputs) < 2 {
		return nil
	}
	w := dense[node.Inputs[1]]
	if w == nil || n.consts[node.Inputs[0]] != nil || w.DType != tensor.Float32 || w.Elems() == 0 {
		return nil
	}
	l := &layer{node: node, name: node.Inputs[1], shape: w.Shape}
	in, out := n.types[node.Inputs[0]].Shape, n.types[node.Outputs[0]].Shape
	switch node.Op {
	case "Conv":
		if len(w.Shape) != 3 && len(w.Shape) != 4 {
			return nil
		}
		l.patches = convPatches(node, in, w.Shape, out)
		l.outputs, l.row = w.Shape[0], l.patches.row()
		l.kind = convKind(&l.patches)
	case "Gemm", "MatMul":
		if len(w.Shape) != 2 || len(in) < 1 || node.Int("transA", 0) != 0 {
			return nil
		}
		l.kind, l.outputs, l.row = Linear, w.Shape[0], w.Shape[1]
		if node.Int("transB", 0) == 0 {
			l.transposed, l.outputs, l.row = true, l.row, l.outputs
		}
		l.patches = rowPatches(in.Elems()/l.row, l.row)
	default:
		return nil
	}
	return l
}

// rowPatches is the geometry of a product of rows of numbers with a matrix.
func rowPatches(rows, numbers int) patches {
	return patches{
		batch: 1, channels: numbers, h: 1, w: rows, outH: 1, outW: rows,
		kh: 1, kw: 1, strideY: 1, strideX: 1, dilY: 1, dilX: 1, groups: 1, channelsLast: true,
	}
}

func convKind(p *patches) Kind {
	switch {
	case p.groups > 1 && p.groups == p.channels:
		return Depthwise
	case p.kh*p.kw == 1:
		return Pointwise
	}
	return Conv
}

// convPatches is the geometry of a one- or two-dimensional convolution.
func convPatches(n *graph.Node, in, w, out tensor.Shape) patches {
	p := patches{
		batch: in[0], channels: in[1], h: 1, outH: 1, kh: 1, strideY: 1, dilY: 1,
		strideX: 1, dilX: 1, groups: int(n.Int("group", 1)),
	}
	last := len(in) - 1
	p.w, p.outW, p.kw = in[last], out[last], w[last]
	if last == 3 {
		p.h, p.outH, p.kh = in[2], out[2], w[2]
	}
	pair := func(name string, y, x *int) {
		v := n.Ints(name)
		if len(v) > 0 {
			*x = int(v[len(v)-1])
		}
		if len(v) > 1 {
			*y = int(v[0])
		}
	}
	pair("strides", &p.strideY, &p.strideX)
	pair("dilations", &p.dilY, &p.dilX)
	if v := n.Ints("pads"); len(v) > 0 {
		pads := v[:len(v)/2]
		p.padX = int(pads[len(pads)-1])
		if len(pads) > 1 {
			p.padY = int(pads[0])
		}
	}
	same := func(out, stride, k, dil, in int) int { return max(0, (out-1)*stride+(k-1)*dil+1-in) }
	extra := 0
	switch n.String("auto_pad", "NOTSET") {
	case "VALID":
		p.padY, p.padX = 0, 0
	case "SAME_LOWER":
		extra = 1
		fallthrough
	case "SAME_UPPER":
		p.padY = (same(p.outH, p.strideY, p.kh, p.dilY, p.h) + extra) / 2
		p.padX = (same(p.outW, p.strideX, p.kw, p.dilX, p.w) + extra) / 2
	}
	return p
}

// choose decides the storage, block and codebook size of every layer.
func (o *Options) choose(layers []*layer) error {
	rules := make([]matched, len(o.Rules))
	for i := range o.Rules {
		re, err := o.Rules[i].matcher()
		if err != nil {
			return err
		}
		rules[i] = matched{re.MatchString, &o.Rules[i], false}
	}
	first := true
	for _, l := range layers {
		spec := o.Specs[l.kind]
		if l.node.Op == "Conv" && first {
			l.storage, first = o.First, false
		}
		fixed := o.NoClamp
		for i := range rules {
			if r := &rules[i]; r.match(l.name) || r.match(l.node.Name) {
				l.storage, l.ruled, r.used = r.rule.Storage, true, true
				if r.rule.D > 0 {
					spec.D = r.rule.D
				}
				if r.rule.K > 0 {
					spec.K, fixed = r.rule.K, true
				}
				break
			}
		}
		l.size(spec, fixed)
	}
	for _, r := range rules {
		if !r.used {
			hint := "there are none"
			if len(layers) > 0 {
				hint = fmt.Sprintf("weights are %q to %q", layers[0].name, layers[len(layers)-1].name)
			}
			return safe.Optionf("rule %q matches no layer (%s)", r.rule.Pattern, hint)
		}
	}
	return nil
}

// matched is a rule with its compiled pattern.
type matched struct {
	match func(string) bool
	rule  *Rule
	used  bool
}

// size fits the wanted block and codebook size to the layer. Weights too small
// for two codewords stay dense.
func (l *layer) size(s Spec, fixed bool) {
	if l.storage != Quantised {
		return
	}
	l.d = l.row
	if s.D > 0 {
		for l.d = min(s.D, l.row); l.row%l.d != 0; {
			l.d--
		}
	}
	n := l.outputs * l.row / l.d
	l.want = s.K
	if l.k = min(s.K, n); !fixed {
		l.k = min(l.k, clamp(n))
	}
	if l.k < 1 {
		l.storage, l.d, l.k = Float16, 0, 0
	}
}

// clamp is the largest power of two strictly below a quarter of the number of
// sub-vectors, 0 if that is less than 2: the bound that the published compressed
// networks keep (notes/methods.md A.3).
func clamp(n int) int {
	q := (n + 3) / 4 // a power of two is below n/4 if it is below this
	if q < 3 {
		return 0
	}
	return 1 << (bits.Len(uint(q-1)) - 1)
}

func (l *layer) blocks() int { return l.row / l.d }

// cells is the number of different inputs that blocks multiply.
func (l *layer) cells() int { return l.blocks() * l.patches.groups }

// weights is the number of weights.
func (l *layer) weights() int { return l.outputs * l.row }

// split cuts the weight into sub-vectors, block-major: the vectors of all
// outputs for block 0 first. The outputs of a group are consecutive, so that
// the vectors of one cell are.
func (l *layer) split(w []float32) []float32 {
	x := make([]float32, len(w))
	for b := range l.blocks() {
		for o := range l.outputs {
			dst := x[(b*l.outputs+o)*l.d:][:l.d]
			if !l.transposed {
				copy(dst, w[o*l.row+b*l.d:])
				continue
			}
			for t := range dst {
				dst[t] = w[(b*l.d+t)*l.outputs+o]
			}
		}
	}
	return x
}

// codebook is the solution s as the graph stores it.
func (l *layer) codebook(s *clusters, words Codewords) *graph.Codebook {
	c := &graph.Codebook{
		Name: l.name, K: len(s.words) / l.d, D: l.d, Blocks: l.blocks(), Outputs: l.outputs, Codes: s.codes,
		Shape: l.shape.Clone(), Perm: make([]int, len(l.shape)),
	}
	for i := range c.Perm {
		c.Perm[i] = i
	}
	if l.transposed {
		c.Shape, c.Perm = tensor.Shape{l.outputs, l.row}, []int{1, 0}
	}
	c.Words, c.Scale = words.tensor(s.words, s.scale, c.K, c.D), s.scale
	return c
}

func toHalf(t *tensor.Tensor) *tensor.Tensor {
	h := make([]uint16, t.Elems())
	for i, v := range t.Float32s() {
		h[i] = tensor.ToHalf(v)
	}
	return tensor.Half(h, t.Shape...)
}
