package graph

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"lutra/internal/safe"
	"lutra/internal/tensor"
)

// The two model-local functions that store a Codebook in standard ONNX:
//
//	lutra.Codebook(codes uint8|uint16[blocks,outputs], codebook[K,D]; shape, order)
//	lutra.CodebookWide(low uint8[blocks,outputs], high uint8[h,n/8], codebook[K,D]; shape, order, planes)
//
// CodebookWide holds n codes of 8+h bits, n a multiple of 8: a byte plane, and
// bit 8+i of code j in high[i, j/8], most significant bit first. Its attribute
// planes is the constant [256 512 ...], one weight a plane. The attributes
// shape and planes are tensors because only tensors can become constants in
// every opset version.
const (
	codebookFunc     = "Codebook"
	codebookWideFunc = "CodebookWide"
)

// AddCodebook makes c the producer of the value c.Name in g: it removes an
// initializer of that name, adds codes, codewords and the node in front of all
// others, and declares the function. Names of new initializers are derived
// from c.Name.
func (g *Graph) AddCodebook(c *Codebook) error {
	if err := c.Check(); err != nil {
		return err
	}
	if old := g.Producer(c.Name); old != nil {
		i := slices.Index(g.Nodes, old)
		g.Nodes = slices.Delete(g.Nodes, i, i+1)
	}
	delete(g.Consts, c.Name)
	codes, words := c.Name+".codes", c.Name+".codebook"
	g.Consts[codes] = c.codeTensor()
	g.Consts[words] = c.Words
	n := &Node{
		Name: c.Name + ".decode", Op: codebookFunc, Domain: CodebookDomain,
		Inputs: []string{codes, words}, Outputs: []string{c.Name},
		Attrs: []Attr{
			TensorAttr("shape", tensor.Of(int64s(c.Shape), len(c.Shape))),
			IntsAttr("order", int64s(c.Perm)...),
		},
	}
	if planes := c.planes(); planes > 0 {
		high := c.Name + ".high"
		g.Consts[high] = packHigh(c.Codes, planes)
		n.Op, n.Inputs = codebookWideFunc, []string{codes, high, words}
		n.Attrs = append(n.Attrs, TensorAttr("planes", planeWeights(planes)))
	}
	g.Nodes = slices.Insert(g.Nodes, 0, n)
	if g.Opsets[CodebookDomain] == 0 {
		g.Opsets[CodebookDomain] = 1
	}
	if g.Function(CodebookDomain, n.Op) == nil {
		g.Functions = append(g.Functions, codebookFunction(n.Op, max(g.opset(""), 1)))
	}
	return nil
}

// SetCodes stores the codes of c as those of the codebook of that name, which
// g must have in the same form.
func (g *Graph) SetCodes(c *Codebook) error {
	n := g.Producer(c.Name)
	if n == nil || !n.IsCodebook() {
		return c.errorf("name", "that of a codebook of the graph", "another value")
	}
	if old, err := g.codebookOf(n); err != nil {
		return err
	} else if old.K != c.K || old.D != c.D || old.Blocks != c.Blocks || old.Outputs != c.Outputs {
		return c.errorf("form", fmt.Sprintf("%d blocks of %d, %d codewords", old.Blocks, old.D, old.K), fmt.Sprintf("%d blocks of %d, %d codewords", c.Blocks, c.D, c.K))
	}
	if err := c.Check(); err != nil {
		return err
	}
	g.Consts[n.Inputs[0]] = c.codeTensor()
	if n.Op == codebookWideFunc {
		g.Consts[n.Inputs[1]] = packHigh(c.Codes, c.planes())
	}
	return nil
}

// ShareCodewords makes codebooks with the same codewords read one initializer:
// that of the first of them.
func (g *Graph) ShareCodewords() {
	var first []string // of different codewords
	for _, n := range g.Nodes {
		if !n.IsCodebook() || len(n.Inputs) == 0 {
			continue
		}
		at := len(n.Inputs) - 1
		mine := g.Consts[n.Inputs[at]]
		if mine == nil {
			continue
		}
		i := slices.IndexFunc(first, func(name string) bool {
			t := g.Consts[name]
			return t.DType == mine.DType && t.Shape.Equal(mine.Shape) && bytes.Equal(t.Bytes(), mine.Bytes())
		})
		if i < 0 {
			first = append(first, n.Inputs[at])
		} else if name := n.Inputs[at]; name != first[i] {
			n.Inputs[at] = first[i]
			if !g.reads(name) {
				delete(g.Consts, name)
			}
		}
	}
}

// reads reports whether a node or an output of g reads the value name.
func (g *Graph) reads(name string) bool {
	return slices.ContainsFunc(g.Nodes, func(n *Node) bool { return slices.Contains(n.Inputs, name) }) ||
		slices.ContainsFunc(g.Outputs, func(v Value) bool { return v.Name == name })
}

// Codebook is the codebook that produces the value name. It is nil, without an
// error, when name is not produced by a lutra codebook function.
func (g *Graph) Codebook(name string) (*Codebook, error) {
	n := g.Producer(name)
	if n == nil {
		return nil, nil
	}
	return g.codebookOf(n)
}

// Codebooks lists the codebooks of g in node order.
func (g *Graph) Codebooks() ([]*Codebook, error) {
	var all []*Codebook
	for _, n := range g.Nodes {
		c, err := g.codebookOf(n)
		if err != nil {
			return nil, err
		}
		if c != nil {
			all = append(all, c)
		}
	}
	return all, nil
}

// CodebookForms lists the codebooks of g in node order, without their codes;
// Codebook finds those.
func (g *Graph) CodebookForms() ([]*Codebook, error) {
	var all []*Codebook
	for _, n := range g.Nodes {
		c, _, err := g.codebookForm(n)
		if err != nil {
			return nil, err
		}
		if c != nil {
			all = append(all, c)
		}
	}
	return all, nil
}

// IsCodebook reports whether n decodes a codebook.
func (n *Node) IsCodebook() bool {
	return n.Domain == CodebookDomain && (n.Op == codebookFunc || n.Op == codebookWideFunc)
}

// codebookOf is the codebook that n decodes, nil if n is no codebook node.
func (g *Graph) codebookOf(n *Node) (*Codebook, error) {
	c, codes, err := g.codebookForm(n)
	if c == nil {
		return nil, err
	}
	c.Codes = widen(codes)
	if n.Op == codebookWideFunc {
		unpackHigh(c.Codes, g.Consts[n.Inputs[1]])
	}
	if err := c.Check(); err != nil {
		return nil, g.withFile(err)
	}
	return c, nil
}

// checkCodebook checks what codebookOf does.
func (g *Graph) checkCodebook(n *Node) error {
	c, codes, err := g.codebookForm(n)
	if c == nil {
		return err
	}
	if n.Op == codebookWideFunc || codes.DType != tensor.Uint8 {
		_, err := g.codebookOf(n)
		return err
	}
	if err := c.checkForm(codes.Elems()); err != nil {
		return g.withFile(err)
	}
	if all := tensor.Slice[uint8](codes); c.K < 256 && int(slices.Max(all)) >= c.K {
		_, err := g.codebookOf(n) // says where
		return err
	}
	return nil
}

// withFile adds the file of g to an error of a codebook.
func (g *Graph) withFile(err error) error {
	if fe, ok := err.(*safe.FormatError); ok {
		fe.File = g.File
	}
	return err
}

// codebookForm is the codebook of n without Codes, and what they are made of.
func (g *Graph) codebookForm(n *Node) (c *Codebook, codes *tensor.Tensor, err error) {
	if !n.IsCodebook() {
		return nil, nil, nil
	}
	fail := func(field, want, got string) (*Codebook, *tensor.Tensor, error) {
		return nil, nil, &safe.FormatError{File: g.File, Where: n.Label(), Field: field, Expected: want, Found: got}
	}
	wide, want := n.Op == codebookWideFunc, 2
	if wide {
		want = 3
	}
	if len(n.Inputs) != want || len(n.Outputs) != 1 {
		return fail("inputs", fmt.Sprint(want), fmt.Sprint(len(n.Inputs)))
	}
	codes, words := g.Consts[n.Inputs[0]], g.Consts[n.Inputs[want-1]]
	if codes == nil || words == nil {
		return fail("inputs", "initializers", "computed values")
	}
	if (codes.DType != tensor.Uint8 && (wide || codes.DType != tensor.Uint16)) || len(codes.Shape) != 2 {
		return fail("codes", "uint8 [blocks, outputs], or uint16 without planes", describe(codes))
	}
	if len(words.Shape) != 2 {
		return fail("codebook", "rank 2", describe(words))
	}
	c = &Codebook{
		Name: n.Outputs[0], K: words.Shape[0], D: words.Shape[1],
		Blocks: codes.Shape[0], Outputs: codes.Shape[1], Words: words,
		Shape: n.codebookShape(), Perm: ints(n.Ints("order")),
	}
	if wide {
		high := g.Consts[n.Inputs[1]]
		if !n.validPlanes(high, codes.Elems()) {
			return fail("high", fmt.Sprintf("uint8 [1 to 8, %d/8] and as many weights in planes", codes.Elems()), describe(high))
		}
	}
	return c, codes, nil
}

// validPlanes reports whether high holds bit planes of size codes, and the
// attribute planes their weights.
func (n *Node) validPlanes(high *tensor.Tensor, size int) bool {
	if high == nil || high.DType != tensor.Uint8 || len(high.Shape) != 2 || high.Shape[0] < 1 || high.Shape[0] > 8 || high.Shape[1]*8 != size {
		return false
	}
	want := planeWeights(high.Shape[0])
	a, ok := n.Attr("planes")
	return ok && a.Tensor != nil && a.Tensor.DType == want.DType && a.Tensor.Shape.Equal(want.Shape) &&
		slices.Equal(a.Tensor.Float32s(), want.Float32s())
}

// codebookShape is the attribute shape of a codebook node, nil if it is not a
// list of int64.
func (n *Node) codebookShape() tensor.Shape {
	a, ok := n.Attr("shape")
	if !ok || a.Tensor == nil || a.Tensor.DType != tensor.Int64 || len(a.Tensor.Shape) != 1 {
		return nil
	}
	return ints(a.Tensor.Int64s())
}

// planes is the number of bit planes beside the byte plane. It is 0 if one
// tensor holds the codes whole.
func (c *Codebook) planes() int {
	if len(c.Codes)%8 != 0 {
		return 0
	}
	return max(c.CodeBits()-8, 0)
}

// codeTensor holds the codes, or their low bytes if planes hold the rest.
func (c *Codebook) codeTensor() *tensor.Tensor {
	if c.CodeBits() > 8 && c.planes() == 0 {
		return tensor.Of(slices.Clone(c.Codes), c.Blocks, c.Outputs)
	}
	low := make([]uint8, len(c.Codes))
	for i, k := range c.Codes {
		low[i] = uint8(k)
	}
	return tensor.Of(low, c.Blocks, c.Outputs)
}

func widen(t *tensor.Tensor) []uint16 {
	if t.DType == tensor.Uint16 {
		return slices.Clone(tensor.Slice[uint16](t))
	}
	src := tensor.Slice[uint8](t)
	out := make([]uint16, len(src))
	for i, v := range src {
		out[i] = uint16(v)
	}
	return out
}

// planeWeights is [256 512 ...] of shape [1, n].
func planeWeights(n int) *tensor.Tensor {
	w := tensor.New(tensor.Float32, 1, n)
	for i := range n {
		w.Float32s()[i] = float32(int(256) << i)
	}
	return w
}

func packHigh(codes []uint16, planes int) *tensor.Tensor {
	stride := len(codes) / 8
	packed := make([]uint8, planes*stride)
	for i, k := range codes {
		for p := range planes {
			packed[p*stride+i/8] |= uint8(k>>(8+p)&1) << (7 - i%8)
		}
	}
	return tensor.Of(packed, planes, stride)
}

func unpackHigh(codes []uint16, high *tensor.Tensor) {
	packed := tensor.Slice[uint8](high)
	stride := high.Shape[1]
	for i := range codes {
		for p := range high.Shape[0] {
			codes[i] |= uint16(packed[p*stride+i/8]>>(7-i%8)&1) << (8 + p)
		}
	}
}

// codebookFunction is the body of a codebook function, so that any ONNX
// runtime can run the file. Its operators have the same form in all opset
// versions that lutra reads: runtimes inline the body into a graph of any.
func codebookFunction(name string, opset int64) *Function {
	b := body{&Function{
		Domain: CodebookDomain, Name: name, Inputs: []string{"codes", "codebook"}, Outputs: []string{"weight"},
		Attrs: []string{"shape", "order"}, Opsets: map[string]int64{"": opset},
		Doc: "weight[o, b*D+t] = codebook[codes[b, o], t], reshaped to `shape` and transposed by `order`",
	}}
	if name == codebookFunc {
		b.cast("codes", "index", tensor.Int32)
	} else {
		b.Inputs = []string{"codes", "high", "codebook"}
		b.Attrs = append(b.Attrs, "planes")
		b.wideIndex()
	}
	b.op("Gather", "codebook index", "gathered", IntAttr("axis", 0)) // [blocks, outputs, D]
	b.cast("gathered", "blocks32", tensor.Float32)
	b.op("Transpose", "blocks32", "rows", IntsAttr("perm", 1, 0, 2)) // [outputs, blocks, D]
	b.op("Constant", "", "dims", RefAttr("value", AttrTensor, "shape"))
	b.op("Reshape", "rows dims", "shaped")
	b.op("Transpose", "shaped", "weight", RefAttr("perm", AttrInts, "order"))
	return b.Function
}

// body builds the nodes of a function.
type body struct{ *Function }

func (b body) op(op, in, out string, attrs ...Attr) {
	b.Nodes = append(b.Nodes, &Node{Op: op, Inputs: strings.Fields(in), Outputs: []string{out}, Attrs: attrs})
}

func (b body) cast(in, out string, d tensor.DType) { b.op("Cast", in, out, IntAttr("to", int64(d))) }

func (b body) constant(out string, t *tensor.Tensor) {
	b.op("Constant", "", out, TensorAttr("value", t))
}

// wideIndex computes index from the byte plane and the bit planes: in float32,
// where numbers below 2^24 are exact and MatMul exists in every opset.
func (b body) wideIndex() {
	b.cast("high", "high32", tensor.Float32)
	b.constant("column", tensor.Of([]int64{0, -1, 1}, 3))
	b.op("Reshape", "high32 column", "bytes") // [h, n/8, 1]
	b.constant("powers", tensor.Of([]float32{128, 64, 32, 16, 8, 4, 2, 1}, 8))
	b.op("Div", "bytes powers", "ratio")
	b.op("Floor", "ratio", "shifted") // [h, n/8, 8]
	b.constant("two", tensor.Of([]float32{2}, 1))
	b.op("Div", "shifted two", "half")
	b.op("Floor", "half", "rest")
	b.op("Mul", "rest two", "even")
	b.op("Sub", "shifted even", "bits")
	b.constant("flat", tensor.Of([]int64{0, -1}, 2))
	b.op("Reshape", "bits flat", "rows8") // [h, n]
	b.op("Constant", "", "weights", RefAttr("value", AttrTensor, "planes"))
	b.op("MatMul", "weights rows8", "high1") // [1, n]
	b.op("Shape", "codes", "codeshape")
	b.op("Reshape", "high1 codeshape", "highcodes")
	b.cast("codes", "lowcodes", tensor.Float32)
	b.op("Add", "lowcodes highcodes", "sum")
	b.cast("sum", "index", tensor.Int32)
}

func int64s[T ~int | ~int32](v []T) []int64 {
	out := make([]int64, len(v))
	for i, x := range v {
		out[i] = int64(x)
	}
	return out
}

func ints(v []int64) []int {
	out := make([]int, len(v))
	for i, x := range v {
		out[i] = int(x)
	}
	return out
}
