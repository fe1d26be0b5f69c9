package onnx

import (
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// The numbers of the fields that are decoded without an intermediate copy.
const (
	fieldGraph       protowire.Number = 7 // of ModelProto
	fieldInitializer protowire.Number = 5 // of GraphProto
	fieldRawData     protowire.Number = 9 // of TensorProto
	fieldSegment     protowire.Number = 3 // of TensorProto, deprecated
	fieldValueInfo   protowire.Number = 13
)

// split decodes the message b into m, except for its length-delimited fields
// of number num, whose contents it hands to part in order, as views of b.
// Weights are most of a file: this way they are never copied into messages.
func split(b []byte, num protowire.Number, m proto.Message, part func([]byte) error) error {
	merge := proto.UnmarshalOptions{Merge: true}
	start := 0 // of the run of fields not yet given to m
	for i := 0; i < len(b); {
		n, typ, tag := protowire.ConsumeTag(b[i:])
		if tag < 0 {
			return protowire.ParseError(tag)
		}
		size := protowire.ConsumeFieldValue(n, typ, b[i+tag:])
		if size < 0 {
			return protowire.ParseError(size)
		}
		end := i + tag + size
		if n == num && typ == protowire.BytesType {
			if err := merge.Unmarshal(b[start:i], m); err != nil {
				return err
			}
			value, _ := protowire.ConsumeBytes(b[i+tag : end])
			if err := part(value); err != nil {
				return err
			}
			start = end
		}
		i = end
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
