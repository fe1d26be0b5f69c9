package graph

import (
	"strings"

	"lutra/internal/tensor"
)

// codebookFunction is the body of a codebook function, so that any ONNX
// runtime can run the file. Its operators have the same form in all opset
// versions that lutra reads: runtimes inline the body into a graph of any.
func codebookFunction(name string, opset int64) *Function {
	b := body{&Function{
		Domain: CodebookDomain, Name: name, Inputs: []string{"codes", "codebook"}, Outputs: []string{"weight"},
		Attrs: []string{"shape", "order"}, Opsets: map[string]int64{"": opset},
		Doc: "weight[o, b*D+t] = codebook[codes[b, o], t], reshaped to `shape` and transposed by `order`",
	}}
	call := Node{Op: name}
	if call.wideCodes() {
		b.Inputs = []string{"codes", "high", "codebook"}
		b.Attrs = append(b.Attrs, "planes")
		b.wideIndex()
	} else {
		b.cast("codes", "index", tensor.Int32)
	}
	b.op("Gather", "codebook index", "gathered", IntAttr("axis", 0)) // [blocks, outputs, D]
	if call.int8Words() {
		b.Doc = strings.Replace(b.Doc, "= codebook", "= `scale` * codebook", 1)
		b.Attrs = append(b.Attrs, scaleAttr)
		b.cast("gathered", "steps", tensor.Float32)
		b.op("Constant", "", "step", RefAttr("value", AttrTensor, scaleAttr))
		b.op("Mul", "steps step", "blocks32")
	} else {
		b.cast("gathered", "blocks32", tensor.Float32)
	}
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
