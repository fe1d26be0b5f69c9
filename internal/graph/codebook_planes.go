package graph

import (
	"fmt"
	"slices"

	"lutra/internal/tensor"
)

// Codes of more than 8 bits: a byte plane, and bit planes for the rest.

// wideCodes reports whether codebook node n has bit planes beside the byte plane.
func (n *Node) wideCodes() bool { return n.Op == codebookWideFunc || n.Op == codebookWideInt8Func }

// planesFault is the part of codebookFault about bit planes; n has that many codes.
func (g *Graph) planesFault(n *Node, codes int) (field, want, got string) {
	high := g.Consts[n.Inputs[1]]
	if high == nil {
		return "high", "an initializer", "a computed value"
	}
	if high.DType != tensor.Uint8 || len(high.Shape) != 2 || high.Shape[0] < 1 || high.Shape[0] > 8 || high.Shape[1]*8 != codes {
		return "high", fmt.Sprintf("uint8 [1 to 8, %d/8]", codes), describe(high)
	}
	weights := planeWeights(high.Shape[0])
	want = fmt.Sprintf("the float32 tensor %v of shape %v", weights.Float32s(), weights.Shape)
	a, found := n.Attr("planes")
	if !found || a.Tensor == nil {
		return "planes", want, "none"
	}
	if a.Tensor.DType != weights.DType || !a.Tensor.Shape.Equal(weights.Shape) {
		return "planes", want, describe(a.Tensor)
	}
	if v := a.Tensor.Float32s(); !slices.Equal(v, weights.Float32s()) {
		return "planes", want, fmt.Sprint(v)
	}
	return "", "", ""
}

// planes is the number of bit planes beside the byte plane. It is 0 if one
// tensor holds the codes whole.
func (c *Codebook) planes() int {
	if len(c.Codes)%8 != 0 {
		return 0
	}
	return max(c.CodeBits()-8, 0)
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
