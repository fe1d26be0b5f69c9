package onnx

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"

	"lutra/internal/safe"
)

// Two bytes of a file can stand for a message of hundreds of bytes in memory,
// and one byte for a number of eight. Before anything is decoded, the budget
// walks the file along the schema and estimates from above what the messages
// and the graph made of them will allocate; honest files stay far below.
const (
	budgetPerByte = 3 // the file itself is one more
	budgetBase    = 60 << 20
)

// Costs in bytes: a message with its place in the list and its graph
// counterpart, a string with its header. Lists that are not packed grow by
// appending, which allocates up to listGrowth times what they hold in the end;
// so do the unknown fields of a message.
const (
	costMessage = 160
	costLarge   = 768
	costString  = 96
	listGrowth  = 5
)

// large messages are those whose structures cost costLarge.
var large = map[protoreflect.Name]bool{
	"NodeProto": true, "AttributeProto": true, "TensorProto": true, "FunctionProto": true, "ValueInfoProto": true,
}

type budget struct {
	source
	left int
}

// checkBudget refuses bytes that are not wire format along the schema md, and
// those whose decoding would take too much memory.
func (s source) checkBudget(b []byte, md protoreflect.MessageDescriptor) error {
	w := budget{source: s, left: budgetPerByte*len(b) + budgetBase}
	return w.message(b, 0, md)
}

// message walks the message b, which begins at the offset at of the file.
func (w *budget) message(b []byte, at int, md protoreflect.MessageDescriptor) error {
	fields := md.Fields()
	for i := 0; i < len(b); {
		num, typ, tag := protowire.ConsumeTag(b[i:])
		if tag < 0 {
			return w.malformed(at+i, md, tag)
		}
		size := protowire.ConsumeFieldValue(num, typ, b[i+tag:])
		if size < 0 {
			return w.malformed(at+i, md, size)
		}
		value := i + tag
		i = value + size
		fd := fields.ByNumber(num)
		if typ == protowire.BytesType && fd != nil && fd.Kind() == protoreflect.MessageKind {
			content, n := protowire.ConsumeBytes(b[value:i])
			w.left -= messageCost(fd.Message().Name())
			if err := w.message(content, at+value+n-len(content), fd.Message()); err != nil {
				return err
			}
		} else {
			w.left -= fieldCost(fd, typ, b[value:i])
		}
		if w.left < 0 {
			return &safe.FormatError{File: string(w.source), Where: fmt.Sprintf("offset %d", at+i), Field: string(md.Name()),
				Expected: "content in proportion to the file's size", Found: "too many small fields"}
		}
	}
	return nil
}

func (w *budget) malformed(at int, md protoreflect.MessageDescriptor, code int) error {
	return &safe.FormatError{File: string(w.source), Where: fmt.Sprintf("offset %d", at), Field: string(md.Name()),
		Err: protowire.ParseError(code), Hint: "the file is damaged or is not ONNX"}
}

func messageCost(name protoreflect.Name) int {
	if large[name] {
		return costLarge
	}
	return costMessage
}

// fieldCost is the cost of one field that is not a message; fd is nil if the
// schema does not have it.
func fieldCost(fd protoreflect.FieldDescriptor, typ protowire.Type, value []byte) int {
	if fd == nil {
		return listGrowth * (16 + len(value))
	}
	element := 8
	switch fd.Kind() {
	case protoreflect.StringKind, protoreflect.BytesKind:
		// Once in the message, once in a tensor.
		return costString + 2*len(value)
	case protoreflect.FloatKind, protoreflect.Int32Kind:
		element = 4
	}
	if typ != protowire.BytesType { // one number, of a list that grows or alone
		return 16 + listGrowth*(element+len(value))
	}
	count := len(value) / element
	if fd.Kind() != protoreflect.FloatKind && fd.Kind() != protoreflect.DoubleKind {
		count = 0
		for _, c := range value {
			if c < 0x80 {
				count++
			}
		}
	}
	return 64 + 2*element*count
}
