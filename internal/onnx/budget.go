package onnx

import (
	"bytes"
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
	hint string // of errors
}

// checkBudget refuses bytes that are not wire format along the schema md, and
// those whose decoding would take too much memory.
func (s source) checkBudget(b []byte, md protoreflect.MessageDescriptor) error {
	if len(b) == 0 {
		return s.errorf("offset 0", "", "a "+string(md.Name()), "an empty file")
	}
	w := budget{source: s, left: budgetPerByte*len(b) + budgetBase, hint: "the file is damaged or is not ONNX"}
	for prefix, hint := range lookAlikes {
		if bytes.HasPrefix(b, []byte(prefix)) {
			w.hint = hint
		}
	}
	return w.message(b, 0, md)
}

// lookAlikes are what lies in the place of a model when its download or packaging went wrong.
var lookAlikes = map[string]string{
	"version https://git-lfs": "it is a pointer of Git LFS: git lfs pull fetches the file itself",
	"<":                       "it is a web page: the download did not yield the file",
	"PK\x03\x04":              "it is a zip archive: unpack it first",
	"\x1f\x8b":                "it is compressed: unpack it with gunzip first",
}

// message walks the message b, which begins at the offset at of the file.
func (w *budget) message(b []byte, at int, md protoreflect.MessageDescriptor) error {
	fields := md.Fields()
	for i := 0; i < len(b); {
		f, fault := readField(b[i:])
		fd := fields.ByNumber(f.num)
		if fault == nil && fd != nil {
			fault = f.suits(fd)
		}
		if fault != nil {
			fault.File, fault.Where, fault.Field = string(w.source), fmt.Sprintf("offset %d", at+i), string(md.Name())
			if fd != nil {
				fault.Field += "." + string(fd.Name())
			}
			fault.Hint = w.hint
			return fault
		}
		i += f.size
		if fd != nil && fd.Kind() == protoreflect.MessageKind {
			w.left -= messageCost(fd.Message().Name())
			if err := w.message(f.value, at+i-len(f.value), fd.Message()); err != nil {
				return err
			}
		} else {
			w.left -= fieldCost(fd, f)
		}
		if w.left < 0 {
			return &safe.FormatError{File: string(w.source), Where: fmt.Sprintf("offset %d", at+i), Field: string(md.Name()),
				Expected: "content in proportion to the file's size", Found: "too many small fields"}
		}
	}
	return nil
}

func messageCost(name protoreflect.Name) int {
	if large[name] {
		return costLarge
	}
	return costMessage
}

// fieldCost is the cost of one field that is not a message; fd is nil if the
// schema does not have it.
func fieldCost(fd protoreflect.FieldDescriptor, f field) int {
	if fd == nil {
		return listGrowth * (16 + f.size)
	}
	element := 8
	switch fd.Kind() {
	case protoreflect.StringKind, protoreflect.BytesKind:
		// Once in the message, once in a tensor.
		return costString + 2*f.size
	case protoreflect.FloatKind, protoreflect.Int32Kind:
		element = 4
	}
	if f.typ != protowire.BytesType { // one number, of a list that grows or alone
		return 16 + listGrowth*(element+f.size)
	}
	count := len(f.value) / element
	if wireType(fd) == protowire.VarintType {
		count, _ = varints(f.value)
	}
	return 64 + 2*element*count
}
