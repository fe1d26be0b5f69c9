// Package torch reads PyTorch files without executing them, and turns the
// networks they hold into graphs of ONNX operators.
//
// Two containers exist: the legacy stream of pickles followed by raw storages
// (PyTorch before 1.6, and torch.save with the zip format switched off) and
// the zip archive. Both are read by one restricted pickle machine that knows
// an allow-list of classes and refuses every other one by name; it can build
// plain values and tensors and has no way to call anything.
//
// Weights that a file stores as codes and codebooks (kill-the-bits, PQF) stay
// so: they become graph.Codebook and are never unfolded.
package torch

import (
	"bytes"
	"fmt"
	"math/big"

	"lutra/internal/safe"
	"lutra/internal/tensor"
)

// Value is what a PyTorch file can hold: nil, bool, int64, *big.Int (integers
// beyond 64 bits), float64, string, []byte, Tuple, *List, *Dict or *tensor.Tensor.
type Value any

// Tuple is a Python tuple, or a torch.Size.
type Tuple []Value

// List is a Python list.
type List struct{ Items []Value }

// Dict is a Python dict or OrderedDict in the file's order. Keys are strings
// or integers (int64).
type Dict struct {
	keys  []Value
	items map[Value]Value
}

// Len is the number of entries.
func (d *Dict) Len() int { return len(d.keys) }

// Keys lists the keys in the file's order. The slice belongs to d.
func (d *Dict) Keys() []Value { return d.keys }

// Get is the entry of key (a string or an int64); ok is false if there is none.
func (d *Dict) Get(key Value) (v Value, ok bool) {
	v, ok = d.items[key]
	return v, ok
}

func (d *Dict) set(key, v Value) {
	if d.items == nil {
		d.items = map[Value]Value{}
	}
	if _, ok := d.items[key]; !ok {
		d.keys = append(d.keys, key)
	}
	d.items[key] = v
}

// Container is the outer format of a file.
type Container string

// The containers of torch.save.
const (
	Legacy Container = "legacy"
	Zip    Container = "zip"
)

// Object is the content of a PyTorch file.
type Object struct {
	Root      Value
	Container Container
	Storages  int // number of storages; tensors may share one
}

// ReadFile reads a PyTorch file of at most safe.MaxModelBytes. Tensors are
// contiguous, whatever views the file stores; those that cover their storage
// in order share its memory.
func ReadFile(path string) (*Object, error) {
	b, err := safe.ReadFile(path, safe.MaxModelBytes)
	if err != nil {
		return nil, err
	}
	return Decode(path, b)
}

// Decode is ReadFile for the bytes of a file; name is used in messages only.
func Decode(name string, b []byte) (*Object, error) {
	switch {
	case bytes.HasPrefix(b, []byte("PK")):
		return readZip(name, b)
	case len(b) > 0 && b[0] == opProto:
		return readLegacy(name, b)
	}
	return nil, &safe.FormatError{
		File: name, Where: "offset 0", Expected: "a PyTorch file (pickle stream or zip archive)",
		Found: fmt.Sprintf("%.8q", b[:min(len(b), 8)]),
	}
}

// typeName names v in messages, in Python's words.
func typeName(v Value) string {
	switch v := v.(type) {
	case nil:
		return "None"
	case bool:
		return "bool"
	case int64, *big.Int:
		return "int"
	case float64:
		return "float"
	case string:
		return "str"
	case []byte:
		return "bytes"
	case Tuple:
		return "tuple"
	case *List:
		return "list"
	case *Dict:
		return "dict"
	case *tensor.Tensor:
		return "tensor"
	case *class:
		return "class " + v.name
	case *storage:
		return "storage"
	default:
		return "numpy dtype"
	}
}
