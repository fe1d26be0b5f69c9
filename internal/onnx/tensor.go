package onnx

import (
	"encoding/binary"
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"

	"lutra/internal/onnx/onnxpb"
	"lutra/internal/safe"
	"lutra/internal/tensor"
)

// maxElems bounds the elements of one tensor.
const maxElems = safe.MaxModelBytes

// DecodeTensor reads a TensorProto file, as ONNX test data sets hold them; name
// is the file's, for messages. It returns the tensor's own name, which may be
// empty. External data, strings and sequences are refused.
func DecodeTensor(name string, b []byte) (string, *tensor.Tensor, error) {
	d := decoder{source: source(name)}
	p := &onnxpb.TensorProto{}
	if err := d.checkBudget(b, p.ProtoReflect().Descriptor()); err != nil {
		return "", nil, err
	}
	raw, err := splitTensor(b, p)
	if err != nil {
		return "", nil, fileError(name, err)
	}
	if hasField(p.ProtoReflect().GetUnknown(), fieldSegment) {
		return "", nil, d.errorf("", "", "a TensorProto", "a SequenceProto, or a tensor in segments")
	}
	if err := d.names("tensor", "name", p.Name); err != nil {
		return "", nil, err
	}
	t, err := d.tensor(fmt.Sprintf("tensor %q", p.Name), p, raw)
	return p.Name, t, err
}

// EncodeTensor is the TensorProto file of t.
func EncodeTensor(name string, t *tensor.Tensor) ([]byte, error) {
	p, err := tensorProto(fmt.Sprintf("tensor %q", name), t)
	if err != nil {
		return nil, err
	}
	p.Name = name
	return marshal(p)
}

// splitTensor decodes all of a TensorProto but raw_data, which is returned as a view of b.
func splitTensor(b []byte, p *onnxpb.TensorProto) (raw []byte, err error) {
	err = split(b, fieldRawData, p, func(part []byte) error {
		raw = part
		return nil
	})
	return raw, err
}

// tensor converts p with the raw data raw.
func (d *decoder) tensor(where string, p *onnxpb.TensorProto, raw []byte) (*tensor.Tensor, error) {
	dtype, err := d.dtype(where, p.DataType)
	if err != nil {
		return nil, err
	}
	shape := make(tensor.Shape, 0, min(len(p.Dims), tensor.MaxRank))
	for _, n := range p.Dims {
		if n < 0 || n > maxElems || len(shape) == tensor.MaxRank {
			return nil, d.errorf(where, "dims", fmt.Sprintf("up to %d sizes of 0 to %d", tensor.MaxRank, int64(maxElems)),
				fmt.Sprint(p.Dims[:min(len(p.Dims), tensor.MaxRank+1)]))
		}
		shape = append(shape, int(n))
	}
	elems, err := shape.CheckedElems(maxElems)
	if err != nil {
		return nil, &safe.FormatError{File: string(d.source), Where: where, Field: "dims", Err: err}
	}
	bytes := (elems*dtype.Bits() + 7) / 8
	typed := len(p.FloatData) + len(p.Int32Data) + len(p.Int64Data) + len(p.DoubleData) + len(p.Uint64Data)
	switch {
	case p.DataLocation == 1 && (typed > 0 || len(raw) > 0):
		return nil, d.errorf(where, "external_data", "nothing in this file", "data in both")
	case p.DataLocation == 1:
		return d.externalTensor(where, p.ExternalData, dtype, shape, bytes)
	case hasField(p.ProtoReflect().GetUnknown(), fieldSegment):
		return nil, d.errorf(where, "segment", "a whole tensor", "a part of one")
	case p.DataLocation != 0:
		return nil, d.errorf(where, "data_location", "0 or 1", fmt.Sprint(p.DataLocation))
	case len(raw) == 0 && typed > 0:
		return d.typedTensor(where, p, dtype, shape, typed)
	case typed > 0:
		return nil, d.errorf(where, "raw_data", "nothing, as there are typed values", fmt.Sprintf("%d bytes", len(raw)))
	case len(raw) != bytes:
		return nil, d.errorf(where, "raw_data", fmt.Sprintf("%d bytes for %v %v", bytes, dtype, shape), fmt.Sprintf("%d bytes", len(raw)))
	}
	t := tensor.New(dtype, shape...)
	fill(t, raw)
	return t, nil
}

// dtype checks an element type; strings, complex numbers and types that lutra
// does not know are refused by name.
func (d *decoder) dtype(where string, v int32) (tensor.DType, error) {
	const numeric = "a numeric element type that lutra knows"
	if v < 0 || v > 255 {
		return 0, d.errorf(where, "data_type", numeric, fmt.Sprint(v))
	}
	dtype := tensor.DType(v)
	if dtype.Size() == 0 {
		found := dtype.String()
		if name, ok := unsupported[v]; ok {
			found = name
		}
		return 0, d.errorf(where, "data_type", numeric, found)
	}
	return dtype, nil
}

// unsupported names the types of the specification that package tensor does not have.
var unsupported = map[int32]string{0: "undefined", 14: "complex64", 15: "complex128", 23: "float4e2m1"}

func (d *decoder) externalTensor(where string, entries []*onnxpb.StringStringEntryProto, dtype tensor.DType, shape tensor.Shape, bytes int) (*tensor.Tensor, error) {
	fail := func(err error) (*tensor.Tensor, error) {
		return nil, &safe.FormatError{File: string(d.source), Where: where, Field: "external_data", Err: err}
	}
	e, err := parseExtent(entries)
	if err != nil {
		return fail(err)
	}
	n, err := d.external.locate(e)
	if err != nil {
		return fail(err)
	}
	if n != int64(bytes) {
		return nil, d.errorf(where, "external_data", fmt.Sprintf("%d bytes for %v %v", bytes, dtype, shape), fmt.Sprintf("%d bytes", n))
	}
	t := tensor.New(dtype, shape...)
	dst := t.Bytes()
	if dtype.Bits() < 8 {
		dst = make([]byte, bytes)
	}
	if err := d.external.read(e, dst); err != nil {
		return fail(err)
	}
	fill(t, dst)
	return t, nil
}

// typedTensor converts a tensor whose numbers are in one of the typed fields,
// which together hold count numbers.
func (d *decoder) typedTensor(where string, p *onnxpb.TensorProto, dtype tensor.DType, shape tensor.Shape, count int) (*tensor.Tensor, error) {
	want, got, field := shape.Elems(), len(p.Int32Data), "int32_data"
	switch dtype {
	case tensor.Float32:
		got, field = len(p.FloatData), "float_data"
	case tensor.Float64:
		got, field = len(p.DoubleData), "double_data"
	case tensor.Int64:
		got, field = len(p.Int64Data), "int64_data"
	case tensor.Uint32, tensor.Uint64:
		got, field = len(p.Uint64Data), "uint64_data"
	}
	if dtype.Bits() < 8 { // packed as in raw data, one byte a number
		want = (want*dtype.Bits() + 7) / 8
	}
	if got != want || count != want {
		return nil, d.errorf(where, field, fmt.Sprintf("%d values for %v %v and no others", want, dtype, shape),
			fmt.Sprintf("%d values, %d in all fields", got, count))
	}
	t := tensor.New(dtype, shape...)
	if i, ok := fillTyped(t, p); !ok {
		return nil, d.errorf(where, fmt.Sprintf("%s[%d]", field, i), "a value in the range of "+dtype.String(), fmt.Sprint(number(p, i)))
	}
	return t, nil
}

// fillTyped copies the typed values of p to t. It returns false, and the
// position, if a value is out of range.
func fillTyped(t *tensor.Tensor, p *onnxpb.TensorProto) (int, bool) {
	switch t.DType {
	case tensor.Float32:
		copy(t.Float32s(), p.FloatData)
	case tensor.Float64:
		copy(tensor.Slice[float64](t), p.DoubleData)
	case tensor.Int64:
		copy(t.Int64s(), p.Int64Data)
	case tensor.Uint64:
		copy(tensor.Slice[uint64](t), p.Uint64Data)
	case tensor.Uint32:
		return narrow(tensor.Slice[uint32](t), p.Uint64Data)
	case tensor.Int32:
		copy(tensor.Slice[int32](t), p.Int32Data)
	case tensor.Int16:
		return narrow(tensor.Slice[int16](t), p.Int32Data)
	case tensor.Int8:
		return narrow(tensor.Slice[int8](t), p.Int32Data)
	case tensor.Uint16, tensor.Float16, tensor.BFloat16:
		return narrow(tensor.Slice[uint16](t), p.Int32Data)
	case tensor.Uint4, tensor.Int4, tensor.Uint2, tensor.Int2:
		packed := make([]byte, len(p.Int32Data))
		i, ok := narrow(packed, p.Int32Data)
		fill(t, packed)
		return i, ok
	default: // bytes: uint8, bool, 8-bit floats
		i, ok := narrow(t.Bytes(), p.Int32Data)
		normalise(t)
		return i, ok
	}
	return 0, true
}

// narrow copies src to dst; it stops at the first value that does not fit.
func narrow[D uint8 | int8 | uint16 | int16 | uint32, S int32 | uint64](dst []D, src []S) (int, bool) {
	for i, v := range src {
		dst[i] = D(v)
		if S(dst[i]) != v {
			return i, false
		}
	}
	return 0, true
}

// number is value i of the typed field that can be out of range.
func number(p *onnxpb.TensorProto, i int) any {
	if len(p.Uint64Data) > 0 {
		return p.Uint64Data[i]
	}
	return p.Int32Data[i]
}

// fill copies the little-endian, packed bytes src to t. It works in place, when
// src is the storage of t.
func fill(t *tensor.Tensor, src []byte) {
	if bits := t.DType.Bits(); bits < 8 {
		unpack(t.Bytes(), src, bits, t.DType == tensor.Int4 || t.DType == tensor.Int2)
		return
	}
	copy(t.Bytes(), src)
	swap(t.Bytes(), t.DType.Size())
	normalise(t)
}

// normalise makes true 1.
func normalise(t *tensor.Tensor) {
	if t.DType == tensor.Bool {
		for i, v := range t.Bytes() {
			if v > 1 {
				t.Bytes()[i] = 1
			}
		}
	}
}

// swap converts elements of size bytes between little-endian order and that of the machine.
func swap(b []byte, size int) {
	if binary.NativeEndian.Uint16([]byte{1, 0}) == 1 {
		return
	}
	for ; len(b) > 0; b = b[size:] {
		slices.Reverse(b[:size])
	}
}

// unpack spreads numbers of a few bits, lowest bits first, one to a byte.
func unpack(dst, src []byte, bits int, signed bool) {
	for i := range dst {
		v := src[i*bits/8] >> (i * bits % 8) << (8 - bits)
		if signed {
			dst[i] = byte(int8(v) >> (8 - bits))
		} else {
			dst[i] = v >> (8 - bits)
		}
	}
}

// pack is the inverse of unpack; the bits that are left over are zero.
func pack(src []byte, bits int) []byte {
	dst := make([]byte, (len(src)*bits+7)/8)
	for i, v := range src {
		dst[i*bits/8] |= v << (8 - bits) >> (8 - bits) << (i * bits % 8)
	}
	return dst
}

// tensorProto is t as a message without a name. Its raw data may be a view of
// the storage of t.
func tensorProto(where string, t *tensor.Tensor) (*onnxpb.TensorProto, error) {
	if t == nil || t.DType.Size() == 0 {
		return nil, &safe.FormatError{Where: where, Expected: "a numeric tensor", Found: "none"}
	}
	p := &onnxpb.TensorProto{DataType: int32(t.DType), RawData: t.Bytes()}
	for _, n := range t.Shape {
		p.Dims = append(p.Dims, int64(n))
	}
	if t.DType == tensor.Int64 && small(t.Int64s()) {
		p.Int64Data, p.RawData = t.Int64s(), nil
		return p, nil
	}
	if bits := t.DType.Bits(); bits < 8 {
		p.RawData = pack(t.Bytes(), bits)
	} else if binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
		p.RawData = slices.Clone(p.RawData)
		swap(p.RawData, t.DType.Size())
	}
	return p, nil
}

// small reports whether v is a short list of numbers that take one byte or two
// each as typed values, where raw data take eight: shapes, for example.
func small(v []int64) bool {
	return len(v) > 0 && len(v) <= tensor.MaxRank*2 && !slices.ContainsFunc(v, func(n int64) bool { return n < 0 || n >= 1<<14 })
}

// marshal encodes m, the same bytes for the same message.
func marshal(m proto.Message) ([]byte, error) {
	return proto.MarshalOptions{Deterministic: true}.Marshal(m)
}
