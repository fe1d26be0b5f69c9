// Package tflite reads the networks of TensorFlow Lite files into graphs.
//
// Values of four dimensions are [batch, channels, height, width] as everywhere
// in lutra, where TensorFlow has the channels last. Padding is TensorFlow's:
// SAME makes outputs of ceil(size/stride), the odd row or column of zeros at
// the end. Networks of bytes become networks of floats whose weights are the
// numbers that the bytes stand for; their activations are not rounded.
package tflite

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"path/filepath"
	"slices"

	"lutra/internal/graph"
	"lutra/internal/safe"
	"lutra/internal/tensor"
)

// Keys of graph.Graph.Meta that Decode writes, with JSON values.
const (
	metaPreprocess = "lutra.preprocess"
	metaProvenance = "lutra.provenance"
)

// Import reads the network of a file; see Decode.
func Import(path string) (*graph.Graph, error) {
	b, err := safe.ReadFile(path, safe.MaxModelBytes)
	if err != nil {
		return nil, err
	}
	return Decode(path, b)
}

// Decode makes a graph of opset 13 of the bytes of a file with one subgraph.
// Its batch size is open. Operators: Names. If the input is bytes,
// the graph carries the preprocessing that their scale and zero point imply
// for images of 0...255, of which MLPerf Tiny's networks take the value minus 128.
//
// Errors are *safe.FormatError with the offset, or the number of the operator.
func Decode(file string, b []byte) (*graph.Graph, error) {
	m, err := read(file, b)
	if err != nil {
		return nil, err
	}
	im := newImporter(m)
	for n, o := range m.operators {
		if err := im.operator(o); err != nil {
			return nil, &safe.FormatError{File: file, Where: fmt.Sprintf("operator %d (%v)", n, o), Err: err}
		}
	}
	if err := im.ends(); err != nil {
		return nil, err
	}
	sum := sha256.Sum256(b)
	err = im.describe(metaProvenance, map[string]string{"source": "TensorFlow Lite", "file": filepath.Base(file), "sha256": hex.EncodeToString(sum[:])})
	return im.g, err
}

// importer appends the nodes of a model to a graph.
type importer struct {
	*model
	g      *graph.Graph
	names  []string // of the values that tensors become, by their number
	taken  map[string]bool
	stored map[constant]string // names of constants
}

// constant is a tensor in the form that an operator wants, or one number.
type constant struct {
	tensor int // -1: none
	form   string
}

func newImporter(m *model) *importer {
	im := &importer{model: m, g: &graph.Graph{
		File: m.file, Name: m.name, IRVersion: 8, ProducerName: "lutra",
		Opsets: map[string]int64{"": 13}, Consts: map[string]*tensor.Tensor{}, Meta: map[string]string{},
	}, taken: map[string]bool{}, stored: map[constant]string{}}
	for _, e := range m.tensors {
		im.names = append(im.names, im.unique(e.name))
	}
	return im
}

// unique is a name that no value has.
func (im *importer) unique(name string) string {
	free := name
	for i := 2; im.taken[free]; i++ {
		free = fmt.Sprintf("%s.%d", name, i)
	}
	im.taken[free] = true
	return free
}

// ends declares inputs and outputs.
func (im *importer) ends() error {
	value := func(i int) graph.Value {
		e := im.tensors[i]
		v := graph.Value{Name: im.names[i], DType: tensor.Float32}
		for _, d := range planar(e.shape) {
			v.Dims = append(v.Dims, graph.Dim{Size: d})
		}
		if len(v.Dims) > 1 && (e.open || e.shape[0] == 1) {
			v.Dims[0] = graph.Dim{Size: -1, Param: "batch"}
		}
		return v
	}
	for _, i := range im.inputs {
		im.g.Inputs = append(im.g.Inputs, value(i))
	}
	for _, i := range im.outputs {
		im.g.Outputs = append(im.g.Outputs, value(i))
	}
	if len(im.inputs) != 1 {
		return nil
	}
	e := im.tensors[im.inputs[0]]
	if e.kind != kindInt8 || len(e.scale) != 1 || len(e.shape) != 4 {
		return nil
	}
	p := map[string]any{"scale": e.scale[0], "mean": []float64{float64(e.scale[0]) * float64(128+e.zero[0])}}
	if e.shape[3] == 1 {
		p["order"] = "L"
	}
	return im.describe(metaPreprocess, p)
}

func (im *importer) describe(key string, v any) error {
	b, err := json.Marshal(v)
	im.g.Meta[key] = string(b)
	return err
}

// planar is a shape with the channels in front of height and width, if it has four dimensions.
func planar(s tensor.Shape) tensor.Shape {
	if len(s) != 4 {
		return s
	}
	return permuted(s, toPlanar)
}

// toPlanar is the order of TensorFlow's dimensions in ours.
var toPlanar = []int{0, 3, 1, 2}

func permuted(s tensor.Shape, order []int) tensor.Shape {
	p := make(tensor.Shape, len(s))
	for i, o := range order {
		p[i] = s[o]
	}
	return p
}

// sameBytes says that [batch, height, width, channels] and [batch, channels,
// height, width] are the same numbers in the same order.
func sameBytes(s tensor.Shape) bool {
	return len(s) != 4 || s[3] == 1 || s[1]*s[2] == 1
}

// node appends an operator. Names of nodes are those of their output.
func (im *importer) node(op string, inputs []string, output string, attrs ...graph.Attr) string {
	im.g.Nodes = append(im.g.Nodes, &graph.Node{Name: output, Op: op, Inputs: inputs, Outputs: []string{output}, Attrs: attrs})
	return output
}

// store adds the constant that build makes, or finds it where an earlier operator has.
func (im *importer) store(c constant, name string, build func() (*tensor.Tensor, error)) (string, error) {
	if name, ok := im.stored[c]; ok {
		return name, nil
	}
	t, err := build()
	if err != nil {
		return "", err
	}
	if im.g.Consts[name] != nil {
		name = im.unique(name)
	}
	im.stored[c], im.g.Consts[name] = name, t
	im.g.ConstOrder = append(im.g.ConstOrder, name)
	return name, nil
}

// weight stores constant i in the given shape, nil for its own, with its dimensions in another order.
func (im *importer) weight(i int, shape tensor.Shape, order []int) (string, error) {
	e := im.tensors[i]
	if shape == nil {
		shape = e.shape
	}
	return im.store(constant{i, fmt.Sprint(shape, order)}, im.names[i], func() (*tensor.Tensor, error) {
		v, err := e.floats()
		if err != nil {
			return nil, err
		}
		return transpose(tensor.Of(v, shape...), order), nil
	})
}

// floats are the numbers of a constant, as float32.
func (e *entry) floats() ([]float32, error) {
	if len(e.data) == 0 {
		return nil, fmt.Errorf("%s: expected a constant, found a computed value", e.name)
	}
	v := make([]float32, e.shape.Elems())
	switch e.kind {
	case kindFloat32:
		for i := range v {
			v[i] = math.Float32frombits(binary.LittleEndian.Uint32(e.data[4*i:]))
		}
	case kindFloat16:
		for i := range v {
			v[i] = tensor.FromHalf(binary.LittleEndian.Uint16(e.data[2*i:]))
		}
	case kindInt8, kindInt32:
		if len(e.scale) == 0 {
			return nil, fmt.Errorf("%s: expected a scale of its integers, found none", e.name)
		}
		e.dequantise(v)
	default:
		return nil, fmt.Errorf("%s: expected float32, float16, or integers with a scale, found %s", e.name, kinds[e.kind])
	}
	return v, nil
}

// dequantise computes what the integers stand for.
func (e *entry) dequantise(v []float32) {
	inner := 1 // elements that follow each other with one scale
	for _, d := range e.shape[min(e.axis+1, len(e.shape)):] {
		inner *= d
	}
	for i := range v {
		q := int64(0)
		if e.kind == kindInt8 {
			q = int64(int8(e.data[i]))
		} else {
			q = int64(int32(binary.LittleEndian.Uint32(e.data[4*i:])))
		}
		c := i / inner % len(e.scale)
		v[i] = float32(float64(e.scale[c]) * float64(q-e.zero[c]))
	}
}

// ints are the numbers of an integer constant.
func (e *entry) ints() ([]int, error) {
	if e.kind != kindInt32 || len(e.data) == 0 {
		return nil, fmt.Errorf("%s: expected constant int32", e.name)
	}
	v := make([]int, len(e.data)/4)
	for i := range v {
		v[i] = int(int32(binary.LittleEndian.Uint32(e.data[4*i:])))
	}
	return v, nil
}

// transpose is t with its dimensions in the given order; nil: as they are.
func transpose(t *tensor.Tensor, order []int) *tensor.Tensor {
	if order == nil || slices.IsSorted(order) {
		return t
	}
	from := make([]int, len(order)) // distances in t of neighbours in the result
	step := 1
	for d := len(order) - 1; d >= 0; d-- {
		from[slices.Index(order, d)] = step
		step *= t.Shape[d]
	}
	out := tensor.New(tensor.Float32, permuted(t.Shape, order)...)
	src, dst := t.Float32s(), out.Float32s()
	at := make([]int, len(order))
	for i := range dst {
		p := 0
		for d, n := range at {
			p += n * from[d]
		}
		dst[i] = src[p]
		for d := len(at) - 1; d >= 0; d-- {
			if at[d]++; at[d] < out.Shape[d] {
				break
			}
			at[d] = 0
		}
	}
	return out
}
