package torch

import (
	"fmt"
	"slices"
	"strings"

	"lutra/internal/graph"
	"lutra/internal/safe"
	"lutra/internal/tensor"
)

// params holds the learned numbers of a network under their PyTorch names,
// whatever the file's conventions.
type params struct {
	file       string // for messages
	source     string
	compressed bool
	weights    map[string]*weight        // of conv and linear layers, by layer
	vectors    map[string]*tensor.Tensor // float32 or float16: biases, batch normalisation, by full name
}

// weight is dense, or a codebook whose shape is set when its layer is placed.
type weight struct {
	dense *tensor.Tensor // float32 or float16 [outputs, ...]
	book  *graph.Codebook
}

func (w *weight) outputs() int {
	if w.book != nil {
		return w.book.Outputs
	}
	return w.dense.Shape[0]
}

// row is the number of weights of one output.
func (w *weight) row() int {
	if w.book != nil {
		return w.book.Blocks * w.book.D
	}
	return w.dense.Shape[1:].Elems()
}

// fail is a FormatError about the layer or tensor name.
func (p *params) fail(name, field, expected, found string) error {
	return &safe.FormatError{File: p.file, Where: name, Field: field, Expected: expected, Found: found}
}

// maxWrappers bounds the search for the state dict inside a checkpoint.
const maxWrappers = 4

// wrappers are the entries that checkpoints keep a state dict in.
var wrappers = []string{"state_dict", "model_state_dict", "model"}

// exportHint is the way of all networks that are no state dicts of ResNets.
const exportHint = "state dicts of ResNets are read; export others to ONNX: torch.onnx.export(model.eval(), example, \"net.onnx\")"

// unwrap is the dict that a checkpoint keeps in one of its entries; else root.
func unwrap(root Value) Value {
	if d, ok := root.(*Dict); ok {
		for _, name := range wrappers {
			inner, _ := d.Get(name)
			if _, ok := inner.(*Dict); ok {
				return inner
			}
		}
	}
	return root
}

// collect reads the parameters of any known convention out of root.
func collect(file string, root Value) (*params, error) {
	p := &params{file: file, source: "state dict", weights: map[string]*weight{}, vectors: map[string]*tensor.Tensor{}}
	for range maxWrappers {
		root = unwrap(root)
	}
	d, ok := root.(*Dict)
	if !ok || d.Len() == 0 {
		return nil, p.fail("root object", "", "a state dict", typeName(root))
	}
	prefix := "module."
	for _, k := range d.Keys() {
		name, ok := k.(string)
		if !ok || len(name) > safe.MaxNameBytes {
			return nil, p.fail("state dict", "", "names of layers as keys", typeName(k))
		}
		if !strings.HasPrefix(name, prefix) {
			prefix = ""
		}
	}
	for _, k := range d.Keys() {
		v, _ := d.Get(k)
		if err := p.entry(d, strings.TrimPrefix(k.(string), prefix), prefix, v); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// entry adds what the file holds under name: a tensor, or a dict of a layer's
// tensors (kill-the-bits).
func (p *params) entry(d *Dict, name, prefix string, v Value) error {
	switch v := v.(type) {
	case *tensor.Tensor:
		if layer, ok := strings.CutSuffix(name, ".codes_matrix"); ok {
			return p.pqf(layer, v, d, prefix)
		}
		if strings.HasSuffix(name, ".codebook") {
			return nil // read with its codes
		}
		return p.tensor(name, v)
	case *Dict:
		if _, ok := v.Get("assignments"); ok {
			return p.killTheBits(name, v)
		}
		name = strings.TrimSuffix(name, "_bias") // "fc_bias" holds the bias of fc
		for _, k := range v.Keys() {
			part, _ := k.(string)
			x, _ := v.Get(k)
			t, ok := x.(*tensor.Tensor)
			if !ok || part == "" || len(part) > safe.MaxNameBytes {
				return p.fail(name, "", "tensors", fmt.Sprintf("%.60q: %s", part, typeName(x)))
			}
			if err := p.tensor(name+"."+part, t); err != nil {
				return err
			}
		}
		return nil
	}
	return p.fail(name, "", "a tensor or a layer", typeName(v))
}

// tensor adds a dense tensor: a matrix or kernel as the layer's weight.
func (p *params) tensor(name string, t *tensor.Tensor) error {
	if strings.HasSuffix(name, ".num_batches_tracked") {
		return nil
	}
	if !t.DType.IsFloat() || t.Elems() == 0 {
		return p.fail(name, "", "floating-point numbers", fmt.Sprintf("%v %v", t.DType, t.Shape))
	}
	wide := t.AsFloat32()
	if i := slices.IndexFunc(wide.Float32s(), func(v float32) bool { return v-v != 0 }); i >= 0 {
		return p.fail(name, fmt.Sprintf("element %d", i), "finite numbers", fmt.Sprint(wide.Float32s()[i]))
	}
	if t.DType != tensor.Float16 {
		t = wide
	}
	if layer, ok := strings.CutSuffix(name, ".weight"); ok && len(t.Shape) >= 2 {
		return p.addWeight(layer, &weight{dense: t})
	}
	if p.vectors[name] != nil {
		return p.fail(name, "", "each tensor once", "it again")
	}
	p.vectors[name] = t
	return nil
}

func (p *params) addWeight(layer string, w *weight) error {
	if p.weights[layer] != nil {
		return p.fail(layer, "weight", "each weight once", "it again")
	}
	p.weights[layer] = w
	return nil
}

// killTheBits adds a layer of kill-the-bits: "centroids" [K, D], "assignments"
// with all outputs of block 0 first, "n_blocks".
func (p *params) killTheBits(layer string, d *Dict) error {
	p.source = "kill-the-bits"
	words, _ := d.Get("centroids")
	codes, _ := d.Get("assignments")
	n, _ := d.Get("n_blocks")
	blocks, _ := n.(int64)
	c, ok := codes.(*tensor.Tensor)
	if !ok || len(c.Shape) != 1 || blocks < 1 || int64(c.Elems())%blocks != 0 {
		return p.fail(layer, "assignments", "n_blocks codes for every output", typeName(codes)+" and n_blocks "+fmt.Sprint(blocks))
	}
	return p.book(layer, c, words, int(blocks), c.Elems()/int(blocks), 1, c.Elems()/int(blocks))
}

// pqf adds a layer of PQF: "codes_matrix" [outputs, blocks] and "codebook" [K, D].
func (p *params) pqf(layer string, codes *tensor.Tensor, d *Dict, prefix string) error {
	p.source = "PQF"
	if len(codes.Shape) != 2 {
		return p.fail(layer, "codes_matrix", "a matrix", codes.Shape.String())
	}
	words, _ := d.Get(prefix + layer + ".codebook")
	outputs, blocks := codes.Shape[0], codes.Shape[1]
	return p.book(layer, codes, words, blocks, outputs, blocks, 1)
}

// book adds a codebook. The code of output o and block b is element
// o*outputStep + b*blockStep of codes.
func (p *params) book(layer string, codes *tensor.Tensor, words Value, blocks, outputs, outputStep, blockStep int) error {
	w, ok := words.(*tensor.Tensor)
	if !ok || len(w.Shape) != 2 || (w.DType != tensor.Float16 && w.DType != tensor.Float32) {
		return p.fail(layer, "codebook", "a float16 or float32 matrix", typeName(words))
	}
	if codes.Elems() == 0 || w.Elems() == 0 {
		return p.fail(layer, "codebook", "codes and codewords", fmt.Sprintf("shapes %v and %v", codes.Shape, w.Shape))
	}
	c := &graph.Codebook{
		Name: layer + ".weight", K: w.Shape[0], D: w.Shape[1],
		Blocks: blocks, Outputs: outputs, Words: w, Codes: make([]uint16, codes.Elems()),
	}
	var bad int64
	switch codes.DType {
	case tensor.Uint8:
		bad = place(c, tensor.Slice[uint8](codes), outputStep, blockStep)
	case tensor.Int16:
		bad = place(c, tensor.Slice[int16](codes), outputStep, blockStep)
	case tensor.Int32:
		bad = place(c, tensor.Slice[int32](codes), outputStep, blockStep)
	case tensor.Int64:
		bad = place(c, tensor.Slice[int64](codes), outputStep, blockStep)
	default:
		return p.fail(layer, "codes", "integers", codes.DType.String())
	}
	if bad != 0 {
		return p.fail(layer, "codes", fmt.Sprintf("0 to %d", c.K-1), fmt.Sprint(bad))
	}
	p.compressed = true
	return p.addWeight(layer, &weight{book: c})
}

// place puts codes in block-major order into c. It returns the first one that
// names no codeword; 0, which always does, if there is none.
func place[T uint8 | int16 | int32 | int64](c *graph.Codebook, codes []T, outputStep, blockStep int) (bad int64) {
	for i := range c.Codes {
		v := int64(codes[i%c.Outputs*outputStep+i/c.Outputs*blockStep])
		if v < 0 || v >= int64(min(c.K, 1<<16)) {
			return v
		}
		c.Codes[i] = uint16(v)
	}
	return 0
}
