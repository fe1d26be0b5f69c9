package graph

import (
	"bytes"
	"fmt"
	"slices"

	"lutra/internal/safe"
	"lutra/internal/tensor"
)

// The model-local functions that store a Codebook in standard ONNX:
//
//	lutra.Codebook(codes uint8|uint16[blocks,outputs], codebook[K,D]; shape, order)
//	lutra.CodebookWide(low uint8[blocks,outputs], high uint8[h,n/8], codebook[K,D]; shape, order, planes)
//	lutra.CodebookInt8, lutra.CodebookWideInt8: the same with a codebook of int8 and the attribute scale
//
// The wide ones hold n codes of 8+h bits, n a multiple of 8: a byte plane, and
// bit 8+i of code j in high[i, j/8], most significant bit first. Its attribute
// planes is the constant [256 512 ...], one weight a plane. The scale is an
// attribute so that layers can share codewords, each with its own scale. The
// attributes shape, planes and scale are tensors because only tensors can
// become constants in every opset version.
const (
	codebookFunc         = "Codebook"
	codebookWideFunc     = "CodebookWide"
	codebookInt8Func     = "CodebookInt8"
	codebookWideInt8Func = "CodebookWideInt8"
)

// int8Words reports whether the codewords of codebook node n are int8.
func (n *Node) int8Words() bool { return n.Op == codebookInt8Func || n.Op == codebookWideInt8Func }

// function is the name of the function that stores c.
func (c *Codebook) function() string {
	wide, bytes := c.planes() > 0, c.Words.DType == tensor.Int8
	switch {
	case wide && bytes:
		return codebookWideInt8Func
	case wide:
		return codebookWideFunc
	case bytes:
		return codebookInt8Func
	}
	return codebookFunc
}

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
		Name: c.Name + ".decode", Op: c.function(), Domain: CodebookDomain,
		Inputs: []string{codes, words}, Outputs: []string{c.Name},
		Attrs: []Attr{
			TensorAttr("shape", tensor.Of(int64s(c.Shape), len(c.Shape))),
			IntsAttr("order", int64s(c.Perm)...),
		},
	}
	if planes := c.planes(); planes > 0 {
		high := c.Name + ".high"
		g.Consts[high] = packHigh(c.Codes, planes)
		n.Inputs = []string{codes, high, words}
		n.Attrs = append(n.Attrs, TensorAttr("planes", planeWeights(planes)))
	}
	if n.int8Words() {
		n.SetScale(c.Scale)
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
	if n.wideCodes() {
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
	return n.Domain == CodebookDomain && (n.Op == codebookFunc || n.Op == codebookWideFunc || n.int8Words())
}

// scaleAttr is the attribute of a codebook node for Codebook.Scale.
const scaleAttr = "scale"

// SetScale makes s the scale of codebook node n, whose codewords are int8.
func (n *Node) SetScale(s float32) {
	n.Attrs = slices.DeleteFunc(slices.Clone(n.Attrs), func(a Attr) bool { return a.Name == scaleAttr })
	n.Attrs = append(n.Attrs, TensorAttr(scaleAttr, tensor.Of([]float32{s})))
}

// codebookScale is the scale of a codebook node, 0 if its codewords have none.
func (n *Node) codebookScale() (scale float32, ok bool) {
	a, found := n.Attr(scaleAttr)
	if !n.int8Words() {
		return 0, true
	}
	if !found || a.Tensor == nil || a.Tensor.DType != tensor.Float32 || len(a.Tensor.Shape) != 0 {
		return 0, false
	}
	return a.Tensor.Float32s()[0], true
}

// codebookOf is the codebook that n decodes, nil if n is no codebook node.
func (g *Graph) codebookOf(n *Node) (*Codebook, error) {
	c, codes, err := g.codebookForm(n)
	if c == nil {
		return nil, err
	}
	c.Codes = widen(codes)
	if n.wideCodes() {
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
	if n.wideCodes() || codes.DType != tensor.Uint8 {
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
	field, want, got := g.codebookFault(n)
	if field != "" {
		return nil, nil, &safe.FormatError{File: g.File, Where: n.Label(), Field: field, Expected: want, Found: got}
	}
	codes, words := g.Consts[n.Inputs[0]], g.Consts[n.Inputs[len(n.Inputs)-1]]
	scale, _ := n.codebookScale()
	return &Codebook{
		Name: n.Outputs[0], K: words.Shape[0], D: words.Shape[1],
		Blocks: codes.Shape[0], Outputs: codes.Shape[1], Words: words, Scale: scale,
		Shape: n.codebookShape(), Perm: ints(n.Ints("order")),
	}, codes, nil
}

// codebookFault finds what is wrong with the inputs and attributes of codebook
// node n by themselves: the field, "" if there is nothing, what was expected and what was found.
func (g *Graph) codebookFault(n *Node) (field, want, got string) {
	inputs := 2
	if n.wideCodes() {
		inputs = 3
	}
	if len(n.Inputs) != inputs {
		return "inputs", fmt.Sprint(inputs), fmt.Sprint(len(n.Inputs))
	}
	if len(n.Outputs) != 1 {
		return "outputs", "1", fmt.Sprint(len(n.Outputs))
	}
	codes, words := g.Consts[n.Inputs[0]], g.Consts[n.Inputs[inputs-1]]
	if codes == nil || words == nil {
		return "inputs", "initializers", "computed values"
	}
	if (codes.DType != tensor.Uint8 && (n.wideCodes() || codes.DType != tensor.Uint16)) || len(codes.Shape) != 2 {
		return "codes", "uint8 [blocks, outputs], or uint16 without planes", describe(codes)
	}
	if len(words.Shape) != 2 || n.int8Words() != (words.DType == tensor.Int8) {
		return "codebook", n.wordsForm(), describe(words)
	}
	if _, ok := n.codebookScale(); !ok {
		return scaleAttr, "a float32 tensor of rank 0", "another attribute, or none"
	}
	if n.codebookShape() == nil {
		return "shape", "an int64 tensor of rank 1", "another attribute, or none"
	}
	if n.wideCodes() {
		return g.planesFault(n, codes.Elems())
	}
	return "", "", ""
}

// wordsForm describes the codewords that the function of codebook node n takes.
func (n *Node) wordsForm() string {
	if n.int8Words() {
		return "int8 [K, D]"
	}
	return "float16 or float32 [K, D]"
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
