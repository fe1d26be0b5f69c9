package tflite

import (
	"cmp"
	"fmt"
	"math"
	"strings"

	"lutra/internal/safe"
	"lutra/internal/tensor"
)

// model is what this package reads of a file: tables and fields of TensorFlow
// Lite's schema, version 3 (tensorflow/compiler/mlir/lite/schema/schema.fbs).
type model struct {
	file            string
	name            string
	tensors         []*entry
	operators       []*operator
	inputs, outputs []int
}

// entry is a tensor, constant if it has data.
type entry struct {
	name  string
	shape tensor.Shape
	open  bool // the first dimension is any
	kind  int8
	data  []byte // little-endian
	quantisation
}

// quantisation is real = scale * (q - zero), per entry or along an axis; no scale: none.
type quantisation struct {
	scale []float32
	zero  []int64
	axis  int
}

// operator is an operator applied to tensors by their numbers; -1 is an omitted one.
type operator struct {
	code            int32
	custom          string
	inputs, outputs []int
	kind            int8 // of options
	options         table
}

// Elements of tensors: TensorType.
const (
	kindFloat32 = 0
	kindFloat16 = 1
	kindInt32   = 2
	kindInt64   = 4
	kindInt8    = 9
)

// kinds are the kinds that tensors of a network may have.
var kinds = map[int8]tensor.DType{
	kindFloat32: tensor.Float32, kindFloat16: tensor.Float16, kindInt32: tensor.Int32, kindInt64: tensor.Int64, kindInt8: tensor.Int8,
}

// schemaVersion is the version of the schema that all files have since 2017.
const schemaVersion = 3

// read decodes the tables of a file.
func read(file string, b []byte) (*model, error) {
	r := newReader(file, b)
	root := r.root()
	if v := root.int32(0, 0, "version"); r.err == nil && v != schemaVersion {
		r.fail(int(root.Pos), "version", fmt.Sprint(schemaVersion), fmt.Sprint(v))
	}
	codes := root.tables(1, safe.MaxNodes, "operator codes")
	graphs := root.tables(2, safe.MaxNesting, "subgraphs")
	buffers := root.tables(4, 2*safe.MaxTensors, "buffers")
	if r.err == nil && len(graphs) != 1 {
		r.fail(int(root.Pos), "subgraphs", "1", fmt.Sprint(len(graphs)))
	}
	if r.err != nil {
		return nil, r.err
	}
	m := &model{file: file, name: cmp.Or(graphs[0].string(4, safe.MaxNameBytes, "name of the subgraph"), "main")}
	for i, t := range graphs[0].tables(0, safe.MaxTensors, "tensors") {
		m.tensors = append(m.tensors, readEntry(t, buffers, i))
	}
	m.inputs, m.outputs = graphs[0].int32s(1, "inputs"), graphs[0].int32s(2, "outputs")
	for _, t := range graphs[0].tables(3, safe.MaxNodes, "operators") {
		m.operators = append(m.operators, readOperator(t, codes))
	}
	if r.err != nil {
		return nil, r.err
	}
	return m, m.check()
}

func readEntry(t table, buffers []table, number int) *entry {
	// TensorFlow joins the names of all nodes that it merged into one.
	name, _, _ := strings.Cut(t.string(3, safe.MaxNameBytes, "name of a tensor"), ";")
	e := &entry{name: cmp.Or(strings.ToValidUTF8(name, "?"), fmt.Sprintf("tensor%d", number)), shape: t.int32s(0, "shape"), kind: t.int8(1, "type")}
	where := int(t.Pos)
	if _, ok := kinds[e.kind]; !ok {
		t.r.fail(where, e.name+": type", "float32, float16, int32, int64 or int8", fmt.Sprintf("type %d", e.kind))
	}
	if signature := t.int32s(7, "shape signature"); len(signature) > 0 {
		e.open = signature[0] < 0
	}
	if len(e.shape) > 0 && e.shape[0] < 0 {
		e.shape[0], e.open = 1, true
	}
	if elems, err := e.shape.CheckedElems(safe.MaxActivations); err != nil || elems == 0 {
		t.r.fail(where, e.name+": shape", fmt.Sprintf("at most %d dimensions from 1 on, %d elements", tensor.MaxRank, int64(safe.MaxActivations)), e.shape.String())
	}
	e.readData(t, buffers, where)
	e.readQuantisation(t.table(4, e.name+": quantisation"), where)
	return e
}

// readData finds the data of a constant.
func (e *entry) readData(t table, buffers []table, where int) {
	buffer := int(t.int32(2, 0, "buffer"))
	if t.r.err == nil && (buffer < 0 || buffer >= len(buffers)) {
		t.r.fail(where, e.name+": buffer", fmt.Sprintf("one of %d", len(buffers)), fmt.Sprint(buffer))
	}
	if t.r.err != nil {
		return
	}
	if at, ok := buffers[buffer].at(1, 8, "offset"); ok {
		t.r.fail(at, e.name+": buffer", "data inside of the FlatBuffer", "data behind it")
	}
	e.data = buffers[buffer].bytes(0, "data")
	if want := e.shape.Elems() * kinds[e.kind].Size(); len(e.data) > 0 && len(e.data) != want {
		t.r.fail(where, e.name+": data", fmt.Sprintf("%d bytes for %v", want, e.shape), fmt.Sprint(len(e.data)))
	}
	// Data becomes tensors, those of bytes float32.
	if t.r.room -= len(e.data); t.r.room < 0 {
		t.r.fail(where, e.name+": buffer", "a file that names a buffer a few times", "one that does so again and again")
	}
}

func (e *entry) readQuantisation(t table, where int) {
	if t.absent() {
		return
	}
	e.scale, e.zero = t.float32s(2, e.name+": scale"), t.int64s(3, e.name+": zero point")
	if len(e.scale) == 0 {
		return
	}
	if len(e.scale) > 1 { // else the file may say anything
		e.axis = int(t.int32(6, 0, e.name+": quantised dimension"))
	}
	for _, v := range e.scale {
		if !(v > 0) || v > math.MaxFloat32 {
			t.r.fail(where, e.name+": scale", "finite numbers above 0", fmt.Sprint(v))
		}
	}
	if len(e.zero) != len(e.scale) {
		t.r.fail(where, e.name+": zero points", fmt.Sprint(len(e.scale)), fmt.Sprint(len(e.zero)))
	}
	if len(e.scale) > 1 && (e.axis < 0 || e.axis >= len(e.shape) || e.shape[e.axis] != len(e.scale)) {
		t.r.fail(where, e.name+": quantised dimension", fmt.Sprintf("one of %d in %v", len(e.scale), e.shape), fmt.Sprint(e.axis))
	}
	if t.int8(4, e.name+": quantisation") != 0 {
		t.r.fail(where, e.name+": quantisation", "scale and zero point", "another kind")
	}
}

func readOperator(t table, codes []table) *operator {
	index := int(t.int32(0, 0, "operator code"))
	if t.r.err != nil || index < 0 || index >= len(codes) {
		t.r.fail(int(t.Pos), "operator code", fmt.Sprintf("one of %d", len(codes)), fmt.Sprint(index))
		return nil
	}
	c := codes[index]
	o := &operator{
		// Codes below 127 used to be a byte; readers take the larger of both.
		code:    max(int32(c.int8(0, "builtin code")), c.int32(3, 0, "builtin code")),
		custom:  c.string(1, safe.MaxNameBytes, "custom code"),
		inputs:  t.int32s(1, "inputs"),
		outputs: t.int32s(2, "outputs"),
		kind:    t.int8(3, "kind of options"),
	}
	o.options = t.table(4, "options")
	return o
}

// check checks the numbers of tensors.
func (m *model) check() error {
	use := func(where string, indices []int, least int) error {
		for _, i := range indices {
			if i < least || i >= len(m.tensors) {
				return &safe.FormatError{File: m.file, Where: where, Field: "tensor", Expected: fmt.Sprintf("one of %d", len(m.tensors)), Found: fmt.Sprint(i)}
			}
		}
		return nil
	}
	if err := use("inputs", m.inputs, 0); err != nil {
		return err
	}
	if err := use("outputs", m.outputs, 0); err != nil {
		return err
	}
	for n, o := range m.operators {
		where := fmt.Sprintf("operator %d (%v)", n, o)
		if err := use(where, o.inputs, -1); err != nil {
			return err
		}
		if err := use(where, o.outputs, 0); err != nil {
			return err
		}
	}
	return nil
}
