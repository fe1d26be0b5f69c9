package graph

import (
	"fmt"
	"slices"

	"lutra/internal/safe"
	"lutra/internal/tensor"
)

// CodebookDomain is the ONNX domain of lutra's model-local functions.
const CodebookDomain = "lutra"

// Codebook is a product-quantised weight (Stock et al., ICLR 2020, section 3).
//
// The weight, seen as a matrix with one row per output (Shape[0] rows, the
// remaining dimensions flattened in order), is cut into Blocks sub-vectors of
// D numbers per row. Sub-vector b of row o is the codeword Words[Codes[b*Outputs+o]]:
// codes are block-major, all outputs of block 0 first. Perm, applied last,
// is [0 1 2 ...] for Conv and Gemm(transB=1) weights and [1 0] for weights
// that MatMul and Gemm(transB=0) expect as [in, out].
type Codebook struct {
	Name    string // the weight's value name
	K, D    int
	Blocks  int
	Outputs int
	Codes   []uint16       // Blocks*Outputs values in 0...K-1
	Words   *tensor.Tensor // float16, float32 or int8 [K, D]; int8 in -127...127
	Scale   float32        // what int8 codewords are multiplied by, positive; 0 for others
	Shape   tensor.Shape   // before Perm
	Perm    []int
}

// WeightShape is the shape of the decoded weight, after Perm.
func (c *Codebook) WeightShape() tensor.Shape {
	s := make(tensor.Shape, len(c.Shape))
	for i, p := range c.Perm {
		s[i] = c.Shape[p]
	}
	return s
}

// FloatWords are the codewords as float32, [K, D]; not to be changed.
func (c *Codebook) FloatWords() []float32 {
	if c.Scale == 0 {
		return c.Words.AsFloat32().Float32s()
	}
	words := make([]float32, c.Words.Elems())
	for i, q := range tensor.Slice[int8](c.Words) {
		words[i] = float32(q) * c.Scale
	}
	return words
}

// Decode is the dense float32 weight: the definition that every kernel's
// decoding must equal exactly.
func (c *Codebook) Decode() *tensor.Tensor {
	return tensor.Of(decode(c, c.FloatWords()), c.WeightShape()...)
}

// DecodeInt8 is the dense weight in the order of WeightShape, divided by Scale,
// of a codebook of int8 codewords.
func (c *Codebook) DecodeInt8() []int8 { return decode(c, tensor.Slice[int8](c.Words)) }

func decode[T float32 | int8](c *Codebook, words []T) []T {
	dst := make([]T, c.Shape.Elems())
	row := c.Blocks * c.D
	for b := range c.Blocks {
		for o := range c.Outputs {
			k := int(c.Codes[b*c.Outputs+o])
			copy(dst[o*row+b*c.D:][:c.D], words[k*c.D:][:c.D])
		}
	}
	if !c.transposed() {
		return dst
	}
	out := make([]T, len(dst))
	for i := range c.Shape[0] {
		for j := range c.Shape[1] {
			out[j*c.Shape[0]+i] = dst[i*c.Shape[1]+j]
		}
	}
	return out
}

func (c *Codebook) transposed() bool { return len(c.Perm) == 2 && c.Perm[0] == 1 }

// CodeBits is the number of bits a code needs: ceil(log2 K), at least 1.
func (c *Codebook) CodeBits() int {
	bits := 1
	for 1<<bits < c.K {
		bits++
	}
	return bits
}

// Bytes is the storage of codes and codewords: codes take one byte up to
// K = 256, and one byte plus CodeBits-8 packed bits above (two bytes if their
// number is not a multiple of 8).
func (c *Codebook) Bytes() int {
	n := len(c.Codes)
	if planes := c.planes(); planes > 0 {
		n += planes * (n / 8)
	} else if c.CodeBits() > 8 {
		n *= 2
	}
	return n + c.Words.Elems()*c.Words.DType.Size()
}

// Check verifies the invariants that Codebook documents.
func (c *Codebook) Check() error {
	if err := c.checkForm(len(c.Codes)); err != nil {
		return err
	}
	if k := slices.Max(c.Codes); int(k) >= c.K {
		return c.errorf(fmt.Sprintf("code %d", slices.Index(c.Codes, k)), fmt.Sprintf("less than %d", c.K), fmt.Sprint(k))
	}
	return nil
}

func (c *Codebook) errorf(field, want, got string) error {
	return &safe.FormatError{Where: fmt.Sprintf("codebook %q", c.Name), Field: field, Expected: want, Found: got}
}

// checkForm verifies all but Codes, of which there are that many.
func (c *Codebook) checkForm(codes int) error {
	fail := c.errorf
	if c.K < 1 || c.K > 1<<16 {
		return fail("codewords", "1 to 65536", fmt.Sprint(c.K))
	}
	if c.D < 1 || c.Blocks < 1 || c.Outputs < 1 {
		return fail("blocks", "positive sizes", fmt.Sprintf("%d blocks of %d for %d outputs", c.Blocks, c.D, c.Outputs))
	}
	if !c.Words.Shape.Equal(tensor.Shape{c.K, c.D}) {
		return fail("codebook", fmt.Sprintf("%dx%d", c.K, c.D), c.Words.Shape.String())
	}
	if codes != c.Blocks*c.Outputs {
		return fail("codes", fmt.Sprint(c.Blocks*c.Outputs), fmt.Sprint(codes))
	}
	elems, err := c.Shape.CheckedElems(safe.MaxModelBytes)
	if err != nil || len(c.Shape) < 2 || c.Shape[0] != c.Outputs || elems != codes*c.D {
		return fail("shape", fmt.Sprintf("%d outputs and %d weights", c.Outputs, codes*c.D), c.Shape.String())
	}
	identity := make([]int, len(c.Shape))
	for i := range identity {
		identity[i] = i
	}
	if !slices.Equal(c.Perm, identity) && !(len(c.Perm) == 2 && c.transposed() && c.Perm[1] == 0) {
		return fail("order", "the identity, or [1 0] for a matrix", fmt.Sprint(c.Perm))
	}
	return c.checkWords()
}

// checkWords verifies the type and the values of Words, and Scale.
func (c *Codebook) checkWords() error {
	switch c.Words.DType {
	case tensor.Int8:
		if !(c.Scale > 0 && c.Scale <= mostScale) {
			return c.errorf("scale", "a positive number up to 2^120", fmt.Sprint(c.Scale))
		}
		if at := slices.Index(tensor.Slice[int8](c.Words), -128); at >= 0 {
			return c.errorf(fmt.Sprintf("codeword %d", at/c.D), "-127 to 127", "-128")
		}
	case tensor.Float16, tensor.Float32:
		if c.Scale != 0 {
			return c.errorf("scale", "none for codewords of floating point", fmt.Sprint(c.Scale))
		}
		for i, v := range c.Words.AsFloat32().Float32s() {
			if v-v != 0 {
				return c.errorf(fmt.Sprintf("codeword %d", i/c.D), "finite numbers", fmt.Sprint(v))
			}
		}
	default:
		return c.errorf("codebook", "float16, float32 or int8", c.Words.DType.String())
	}
	return nil
}
