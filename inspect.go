package lutra

import (
	"cmp"
	"math"

	"lutra/internal/graph"
	"lutra/internal/tensor"
)

// Layer says how one weight is stored.
type Layer struct {
	Name    string `json:"name"` // of the weight
	Node    string `json:"node"` // the node that uses it, of the file or else of the reference; "" if neither names it
	Op      string `json:"op"`
	Shape   Shape  `json:"shape"`
	Storage string `json:"storage"` // "codebook", or the element type of a dense weight
	Weights int    `json:"weights"`
	Bytes   int    `json:"bytes"`
	// BitsPerWeight counts codes and codewords.
	BitsPerWeight float64 `json:"bits_per_weight"`

	// Of codebooks only.
	D      int `json:"d,omitempty"` // block size
	K      int `json:"k,omitempty"` // codewords
	Blocks int `json:"blocks,omitempty"`
	// Codewords is the type of the codewords: float16, float32 or int8.
	Codewords string `json:"codeword_type,omitempty"`
	Distinct  int    `json:"distinct_codewords,omitempty"` // codewords that some code uses
	// PerBlock and PerOutput are the codewords that all outputs use for a block
	// of inputs and that all blocks of an output use: means, and the largest.
	// Table products multiply the former, grouped channel sums the latter.
	PerBlock      float64 `json:"codewords_per_block,omitempty"`
	PerBlockMost  int     `json:"codewords_per_block_max,omitempty"`
	PerOutput     float64 `json:"codewords_per_output,omitempty"`
	PerOutputMost int     `json:"codewords_per_output_max,omitempty"`
	// Entropy is the zeroth-order entropy of the codes in bits.
	Entropy float64 `json:"code_entropy,omitempty"`
	// WeightError is |decoded - float| / |float|, Frobenius norms, for the
	// reference given or as noted in the file; nil if neither tells. Every output
	// of a convolution is multiplied by what suits it best, since a file keeps the
	// sizes of outputs in the normalisation behind.
	WeightError *float64 `json:"weight_error,omitempty"`
	// OutputError is the root of the error of the layer's outputs over their
	// variance on the calibration data, as noted in the file.
	OutputError *float64 `json:"output_error,omitempty"`
}

// Inspection says how a model is stored.
type Inspection struct {
	Model         string            `json:"model"`
	FileBytes     int64             `json:"file_bytes"`
	Parameters    int               `json:"parameters"` // of the whole file, weights and others
	Weights       int               `json:"weights"`    // in the layers listed
	WeightBytes   int               `json:"weight_bytes"`
	BitsPerWeight float64           `json:"bits_per_weight"` // mean over the layers listed
	Opset         int64             `json:"opset"`
	Producer      string            `json:"producer"`
	Inputs        []Value           `json:"inputs"`
	Outputs       []Value           `json:"outputs"`
	Layers        []Layer           `json:"layers"`
	Metadata      map[string]string `json:"metadata,omitempty"`
	// LUT is the memory of the weights of a network of lookup tables; nil for others.
	LUT *LUTMemory `json:"lut,omitempty"`
}

// Inspect lists the weights of Conv, ConvTranspose, Gemm and MatMul nodes.
// reference, which may be nil, is the float model whose weights of the same
// names errors are relative to, and whose nodes have names where compressing
// left them out.
func (m *Model) Inspect(reference *Model) (*Inspection, error) {
	in := &Inspection{
		Model: m.path, FileBytes: m.bytes, Opset: m.graph.Opsets[""], Producer: m.graph.ProducerName,
		Inputs: m.Inputs(), Outputs: m.Outputs(), Metadata: m.Metadata(), Layers: []Layer{},
	}
	inCodebooks := map[string]bool{}
	seen := map[string]bool{}
	noted := m.storedErrors()
	for _, n := range m.graph.Nodes {
		if n.IsCodebook() {
			for _, name := range n.Inputs {
				inCodebooks[name] = true
			}
		}
		if !n.HasWeight() || seen[n.Inputs[1]] {
			continue
		}
		seen[n.Inputs[1]] = true
		l, err := m.layer(n, reference, noted)
		if err != nil {
			return nil, err
		}
		if l == nil {
			continue
		}
		in.Layers = append(in.Layers, *l)
		in.Weights += l.Weights
		in.WeightBytes += l.Bytes
		if l.Storage == "codebook" {
			in.Parameters += l.Weights
		}
	}
	for name, t := range m.graph.Consts {
		if t.DType.IsFloat() && !inCodebooks[name] {
			in.Parameters += t.Elems()
		}
	}
	in.LUT = m.lutMemory()
	if in.Weights > 0 {
		in.BitsPerWeight = 8 * float64(in.WeightBytes) / float64(in.Weights)
	}
	return in, nil
}

// layer describes the weight of n; nil if it is not a stored one.
func (m *Model) layer(n *graph.Node, reference *Model, noted map[string][2]float64) (*Layer, error) {
	name := n.Inputs[1]
	l := &Layer{Name: name, Node: n.Name, Op: n.Op}
	c, shape, err := m.graph.WeightCodebook(name)
	if err != nil {
		return nil, err
	}
	if c != nil {
		l.Storage, l.Shape, l.Bytes = "codebook", shape, c.Bytes()
		l.D, l.K, l.Blocks, l.Codewords = c.D, c.K, c.Blocks, c.Words.DType.String()
		l.Distinct, l.Entropy = codeStatistics(c)
		l.PerBlock, l.PerBlockMost = distinctCodes(c, c.Blocks, c.Outputs, c.Outputs, 1)
		l.PerOutput, l.PerOutputMost = distinctCodes(c, c.Outputs, c.Blocks, 1, c.Outputs)
	} else {
		t := m.graph.Stored(name)
		if t == nil {
			return nil, nil
		}
		l.Storage, l.Shape, l.Bytes = t.DType.String(), t.Shape, len(t.Bytes())
	}
	l.Weights = l.Shape.Elems()
	l.BitsPerWeight = 8 * float64(l.Bytes) / float64(max(1, l.Weights))
	if known, ok := noted[name]; ok {
		l.WeightError, l.OutputError = &known[0], &known[1]
	}
	if reference != nil {
		l.WeightError, err = weightError(m.graph, reference.graph, n)
		l.Node = cmp.Or(l.Node, reference.readerOf(name))
	}
	return l, err
}

// codeStatistics counts the codewords in use and the entropy of the codes.
func codeStatistics(c *graph.Codebook) (distinct int, entropy float64) {
	for _, n := range codeCounts(c) {
		if n > 0 {
			distinct++
			p := float64(n) / float64(len(c.Codes))
			entropy -= p * math.Log2(p)
		}
	}
	return distinct, math.Abs(entropy)
}

// distinctCodes is the mean and the largest number of distinct codes among n
// sets of size codes: code i of set s is number s*first + i*step.
func distinctCodes(c *graph.Codebook, n, size, first, step int) (mean float64, most int) {
	seen := make([]int, c.K)
	total := 0
	for s := range n {
		distinct := 0
		for i := range size {
			if k := c.Codes[s*first+i*step]; seen[k] != s+1 {
				seen[k] = s + 1
				distinct++
			}
		}
		total += distinct
		most = max(most, distinct)
	}
	return float64(total) / float64(n), most
}

// readerOf is the name of the node that has the weight name.
func (m *Model) readerOf(name string) string {
	for _, n := range m.graph.Nodes {
		if n.HasWeight() && n.Inputs[1] == name {
			return n.Name
		}
	}
	return ""
}

// weightError compares the values of the weight of n in two graphs; nil if they
// cannot be compared.
func weightError(g, reference *graph.Graph, n *graph.Node) (*float64, error) {
	name := n.Inputs[1]
	got, err := dense(g, name)
	if err != nil || got == nil {
		return nil, err
	}
	want, err := dense(reference, name)
	if err != nil || want == nil || !want.Shape.Equal(got.Shape) {
		return nil, err
	}
	var e float64
	if n.Op == "Conv" && want.Elems() > 0 {
		e = directionError(got.Float32s(), want.Float32s(), want.Shape[0])
	} else {
		e = relError(got.Float32s(), want.Float32s())
	}
	if math.IsNaN(e) || math.IsInf(e, 0) {
		return nil, nil // no number says how far weights that are not numbers are off
	}
	return &e, nil
}

// directionError is relError where each of the rows of got may be multiplied by a
// positive factor first.
func directionError(got, want []float32, rows int) float64 {
	var diff, norm float64
	for size := len(want) / rows; len(want) > 0; got, want = got[size:], want[size:] {
		var gg, gw float64
		for i, w := range want[:size] {
			g := float64(got[i])
			gg, gw = gg+g*g, gw+g*float64(w)
		}
		factor := max(0, gw/max(gg, math.SmallestNonzeroFloat64))
		for i, w := range want[:size] {
			d := factor*float64(got[i]) - float64(w)
			diff += d * d
			norm += float64(w) * float64(w)
		}
	}
	return math.Sqrt(diff) / max(math.Sqrt(norm), math.SmallestNonzeroFloat32)
}

func dense(g *graph.Graph, name string) (*tensor.Tensor, error) {
	c, shape, err := g.WeightCodebook(name)
	if err != nil {
		return nil, err
	}
	if c != nil {
		return c.Decode().Reshape(shape...), nil
	}
	if t := g.Stored(name); t != nil && t.DType.IsFloat() {
		return t.AsFloat32(), nil
	}
	return nil, nil
}
