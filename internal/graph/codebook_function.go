package graph

import (
	"fmt"
	"slices"
	"strings"

	"lutra/internal/safe"
	"lutra/internal/tensor"
)

// The two model-local functions that store a Codebook in standard ONNX:
//
//	lutra.Codebook(codes uint8[blocks,outputs], codebook[K,D]; shape, order)
//	lutra.CodebookWide(low uint8[blocks,outputs], high uint8[h,ceil(n/8)], codebook[K,D]; shape, order)
//
// CodebookWide holds codes of 8+h bits: a byte plane, and bit 8+i of code j in
// high[i, j/8], most significant bit first.
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
	low := make([]uint8, len(c.Codes))
	for i, k := range c.Codes {
		low[i] = uint8(k)
	}
	codes, words := c.Name+".codes", c.Name+".codebook"
	g.Consts[codes] = tensor.Of(low, c.Blocks, c.Outputs)
	g.Consts[words] = c.Words
	n := &Node{
		Name: c.Name + ".decode", Op: codebookFunc, Domain: CodebookDomain,
		Inputs: []string{codes, words}, Outputs: []string{c.Name},
		Attrs: []Attr{IntsAttr("shape", int64s(c.Shape)...), IntsAttr("order", int64s(c.Perm)...)},
	}
	if bits := c.CodeBits(); bits > 8 {
		high := c.Name + ".high"
		g.Consts[high] = packHigh(c.Codes, bits-8)
		n.Op, n.Inputs = codebookWideFunc, []string{codes, high, words}
	}
	g.Nodes = slices.Insert(g.Nodes, 0, n)
	if g.Opsets[CodebookDomain] == 0 {
		g.Opsets[CodebookDomain] = 1
	}
	if g.Function(CodebookDomain, n.Op) == nil {
		g.Functions = append(g.Functions, codebookFunction(n.Op))
	}
	return nil
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

// IsCodebook reports whether n decodes a codebook.
func (n *Node) IsCodebook() bool {
	return n.Domain == CodebookDomain && (n.Op == codebookFunc || n.Op == codebookWideFunc)
}

func (g *Graph) codebookOf(n *Node) (*Codebook, error) {
	if !n.IsCodebook() {
		return nil, nil
	}
	fail := func(field, want, got string) error {
		return &safe.FormatError{File: g.File, Where: n.Label(), Field: field, Expected: want, Found: got}
	}
	wide := n.Op == codebookWideFunc
	want := 2
	if wide {
		want = 3
	}
	if len(n.Inputs) != want || len(n.Outputs) != 1 {
		return nil, fail("inputs", fmt.Sprint(want), fmt.Sprint(len(n.Inputs)))
	}
	codes, words := g.Consts[n.Inputs[0]], g.Consts[n.Inputs[want-1]]
	if codes == nil || words == nil {
		return nil, fail("inputs", "initializers", "computed values")
	}
	if (codes.DType != tensor.Uint8 && codes.DType != tensor.Uint16) || len(codes.Shape) != 2 {
		return nil, fail("codes", "uint8 or uint16 [blocks, outputs]", fmt.Sprintf("%v %v", codes.DType, codes.Shape))
	}
	if len(words.Shape) != 2 {
		return nil, fail("codebook", "rank 2", words.Shape.String())
	}
	c := &Codebook{
		Name: n.Outputs[0], K: words.Shape[0], D: words.Shape[1],
		Blocks: codes.Shape[0], Outputs: codes.Shape[1], Words: words,
		Shape: ints(n.Ints("shape")), Perm: ints(n.Ints("order")),
	}
	c.Codes = widen(codes)
	if wide {
		high := g.Consts[n.Inputs[1]]
		if high == nil || high.DType != tensor.Uint8 || len(high.Shape) != 2 || high.Shape[1] != (len(c.Codes)+7)/8 || high.Shape[0] > 8 {
			return nil, fail("high", fmt.Sprintf("uint8 [1..8, %d]", (len(c.Codes)+7)/8), fmt.Sprint(high))
		}
		unpackHigh(c.Codes, high)
	}
	if err := c.Check(); err != nil {
		if fe, ok := err.(*safe.FormatError); ok {
			fe.File = g.File
		}
		return nil, err
	}
	return c, nil
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

func packHigh(codes []uint16, planes int) *tensor.Tensor {
	stride := (len(codes) + 7) / 8
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

// codebookFunction is the body of a codebook function in standard operators
// (opset 13), so that any ONNX runtime can run the file.
func codebookFunction(name string) *Function {
	f := &Function{
		Domain: CodebookDomain, Name: name, Outputs: []string{"weight"},
		Attrs: []string{"shape", "order"}, Opsets: map[string]int64{"": 13},
		Doc: "weight[o, b*D+t] = codebook[codes[b, o], t], reshaped to `shape` and transposed by `order`",
	}
	index := "codes32"
	op := func(op, in, out string, attrs ...Attr) {
		f.Nodes = append(f.Nodes, &Node{Op: op, Inputs: strings.Fields(in), Outputs: []string{out}, Attrs: attrs})
	}
	ints := func(out string, v ...int64) {
		op("Constant", "", out, TensorAttr("value", tensor.Of(v, len(v))))
	}
	int32s := func(out string, shape []int, v ...int32) {
		op("Constant", "", out, TensorAttr("value", tensor.Of(v, shape...)))
	}
	cast := func(in, out string, d tensor.DType) { op("Cast", in, out, IntAttr("to", int64(d))) }
	if name == codebookFunc {
		f.Inputs = []string{"codes", "codebook"}
		cast("codes", index, tensor.Int32)
	} else {
		f.Inputs = []string{"codes", "high", "codebook"}
		cast("codes", "low32", tensor.Int32)
		cast("high", "high32", tensor.Int32)
		ints("last", 2)
		op("Unsqueeze", "high32 last", "bytes") // [h, n/8, 1]
		int32s("powers", []int{8}, 128, 64, 32, 16, 8, 4, 2, 1)
		op("Div", "bytes powers", "shifted") // [h, n/8, 8]
		int32s("two", []int{1}, 2)
		op("Mod", "shifted two", "bits")
		// Bit i weighs 256*2^i: multiply by the first h of these weights.
		int32s("weights8", []int{8, 1, 1}, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768)
		op("Shape", "high", "highshape")
		ints("zero", 0)
		ints("one", 1)
		op("Slice", "highshape zero one zero", "planes")
		op("Slice", "weights8 zero planes zero", "weights")
		op("Mul", "bits weights", "weighted")
		op("ReduceSum", "weighted zero", "sum", IntAttr("keepdims", 0)) // [n/8, 8]
		ints("flat", -1)
		op("Reshape", "sum flat", "padded")
		op("Size", "codes", "count0")
		op("Reshape", "count0 one", "count")
		op("Slice", "padded zero count zero", "high1d")
		op("Shape", "codes", "codeshape")
		op("Reshape", "high1d codeshape", "highbits")
		op("Add", "low32 highbits", index)
	}
	op("Gather", "codebook "+index, "gathered", IntAttr("axis", 0)) // [blocks, outputs, D]
	cast("gathered", "blocks32", tensor.Float32)
	op("Transpose", "blocks32", "rows", IntsAttr("perm", 1, 0, 2)) // [outputs, blocks, D]
	op("Constant", "", "dims", RefAttr("value_ints", AttrInts, "shape"))
	op("Reshape", "rows dims", "shaped")
	op("Transpose", "shaped", "weight", RefAttr("perm", AttrInts, "order"))
	return f
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
