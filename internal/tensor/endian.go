package tensor

import (
	"slices"
	"unsafe"
)

// bigEndian tells the byte order of the machine.
var bigEndian = func() bool {
	x := uint16(1)
	return *(*byte)(unsafe.Pointer(&x)) == 0
}()

// FromLittleEndian copies b, elements of type d in little-endian order, into a
// new tensor. len(b) must be the size of the tensor.
func FromLittleEndian(d DType, b []byte, s ...int) *Tensor {
	t := New(d, s...)
	if len(b) != len(t.data) {
		panic("tensor: FromLittleEndian of a wrong length")
	}
	copy(t.data, b)
	if bigEndian {
		reverseElements(t.data, d.Size())
	}
	return t
}

// LittleEndian is the elements of t in little-endian order: its storage where
// that is the machine's order, else a copy.
func (t *Tensor) LittleEndian() []byte {
	if !bigEndian {
		return t.data
	}
	b := slices.Clone(t.data)
	reverseElements(b, t.DType.Size())
	return b
}

func reverseElements(b []byte, size int) {
	for i := 0; size > 1 && i < len(b); i += size {
		slices.Reverse(b[i : i+size])
	}
}
