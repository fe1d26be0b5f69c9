package onnx

import (
	"fmt"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"lutra/internal/safe"
)

// The numbers of the fields that are decoded without an intermediate copy.
const (
	fieldGraph       protowire.Number = 7 // of ModelProto
	fieldInitializer protowire.Number = 5 // of GraphProto
	fieldRawData     protowire.Number = 9 // of TensorProto
	fieldSegment     protowire.Number = 3 // of TensorProto, deprecated
	fieldValueInfo   protowire.Number = 13
)

// split decodes the well-formed message b into m, except for its
// length-delimited fields of number num, whose contents it hands to part in
// order, as views of b. Weights are most of a file: this way they are never
// copied into messages.
func split(b []byte, num protowire.Number, m proto.Message, part func([]byte) error) error {
	merge := proto.UnmarshalOptions{Merge: true}
	start := 0 // of the run of fields not yet given to m
	for i := 0; i < len(b); {
		f, fault := readField(b[i:])
		if fault != nil {
			return fault
		}
		if f.num == num && f.typ == protowire.BytesType {
			if err := merge.Unmarshal(b[start:i], m); err != nil {
				return err
			}
			if err := part(f.value); err != nil {
				return err
			}
			start = i + f.size
		}
		i += f.size
	}
	return merge.Unmarshal(b[start:], m)
}

// hasField reports whether the well-formed unknown fields b contain number num.
func hasField(b []byte, num protowire.Number) bool {
	for len(b) > 0 {
		n, _, size := protowire.ConsumeField(b)
		if size < 0 {
			return false
		}
		if n == num {
			return true
		}
		b = b[size:]
	}
	return false
}

// field is a field of a message.
type field struct {
	num   protowire.Number
	typ   protowire.Type
	value []byte // without the length in front
	size  int    // of all: tag, length and value
}

// readField reads the field that b begins with. The error lacks file and place.
func readField(b []byte) (f field, fault *safe.FormatError) {
	fail := func(want, got string) (field, *safe.FormatError) {
		return f, &safe.FormatError{Expected: want, Found: got}
	}
	tag, n := protowire.ConsumeVarint(b)
	if n < 0 {
		return fail("a tag", badVarint(b))
	}
	f.num, f.typ = protowire.DecodeTag(tag)
	if !f.num.IsValid() {
		return fail(fmt.Sprintf("a field number of 1 to %d", protowire.MaxValidNumber), fmt.Sprint(tag>>3))
	}
	rest := b[n:]
	length := 0
	switch f.typ {
	case protowire.VarintType:
		if _, length = protowire.ConsumeVarint(rest); length < 0 {
			return fail("a number", badVarint(rest))
		}
	case protowire.Fixed32Type:
		length = 4
	case protowire.Fixed64Type:
		length = 8
	case protowire.BytesType:
		v, n := protowire.ConsumeVarint(rest)
		if n < 0 {
			return fail("a length", badVarint(rest))
		}
		rest = rest[n:]
		if v > uint64(len(rest)) {
			return fail(fmt.Sprintf("at most %d bytes", len(rest)), fmt.Sprint(v))
		}
		length = int(v)
	default: // groups, which ONNX never had
		return fail("wire type 0, 1, 2 or 5", fmt.Sprint(f.typ))
	}
	if length > len(rest) {
		return fail(fmt.Sprintf("%d bytes", length), fmt.Sprintf("%d left", len(rest)))
	}
	f.value, f.size = rest[:length], len(b)-len(rest)+length
	return f, nil
}

// badVarint says why b does not begin with a varint.
func badVarint(b []byte) string {
	if len(b) < 10 {
		return "the end"
	}
	return "one of more than 64 bits"
}

// suits says why f cannot be a field fd, without file and place; nil if it can.
func (f field) suits(fd protoreflect.FieldDescriptor) *safe.FormatError {
	want := wireType(fd)
	packed := f.typ == protowire.BytesType && f.typ != want && fd.IsList()
	ok := true
	switch {
	case f.typ != want && !packed:
		return &safe.FormatError{Expected: fmt.Sprintf("wire type %d", want), Found: fmt.Sprint(f.typ)}
	case packed && want == protowire.Fixed32Type:
		ok = len(f.value)%4 == 0
	case packed && want == protowire.Fixed64Type:
		ok = len(f.value)%8 == 0
	case packed:
		_, ok = varints(f.value)
	}
	if !ok {
		return &safe.FormatError{Expected: "whole numbers", Found: fmt.Sprintf("%d bytes that end within one", len(f.value))}
	}
	if fd.Kind() == protoreflect.StringKind && !utf8.Valid(f.value) {
		return &safe.FormatError{Expected: "UTF-8", Found: fmt.Sprintf("%.40q", f.value)}
	}
	return nil
}

// wireType is how a number or message of a field is written outside of packed lists.
func wireType(fd protoreflect.FieldDescriptor) protowire.Type {
	switch fd.Kind() {
	case protoreflect.StringKind, protoreflect.BytesKind, protoreflect.MessageKind:
		return protowire.BytesType
	case protoreflect.FloatKind:
		return protowire.Fixed32Type
	case protoreflect.DoubleKind:
		return protowire.Fixed64Type
	}
	return protowire.VarintType
}

// varints counts the varints that b consists of.
func varints(b []byte) (n int, ok bool) {
	for len(b) > 0 {
		_, size := protowire.ConsumeVarint(b)
		if size < 0 {
			return n, false
		}
		n, b = n+1, b[size:]
	}
	return n, true
}
