// Package tensor holds dense n-dimensional arrays and their element types.
//
// Elements lie in row-major order, in the byte order of the machine; loaders
// convert from the little-endian order of the file formats once.
package tensor

import "fmt"

// DType is an element type. The values are those of ONNX TensorProto.DataType.
type DType uint8

// The element types of ONNX that lutra knows.
const (
	Invalid  DType = 0
	Float32  DType = 1
	Uint8    DType = 2
	Int8     DType = 3
	Uint16   DType = 4
	Int16    DType = 5
	Int32    DType = 6
	Int64    DType = 7
	String   DType = 8 // named so that it can be refused by name; no storage
	Bool     DType = 9 // one byte, 0 or 1
	Float16  DType = 10
	Float64  DType = 11
	Uint32   DType = 12
	Uint64   DType = 13
	BFloat16 DType = 16

	// Narrow types take one byte an element in memory; files pack the integers.
	Float8E4M3FN   DType = 17
	Float8E4M3FNUZ DType = 18
	Float8E5M2     DType = 19
	Float8E5M2FNUZ DType = 20
	Uint4          DType = 21 // 0 to 15
	Int4           DType = 22 // -8 to 7, sign-extended
	Float8E8M0     DType = 24 // a power of two
	Uint2          DType = 25 // 0 to 3
	Int2           DType = 26 // -2 to 1, sign-extended
)

var dtypes = [...]struct {
	name string
	size int
}{
	Float32: {"float32", 4}, Uint8: {"uint8", 1}, Int8: {"int8", 1}, Uint16: {"uint16", 2},
	Int16: {"int16", 2}, Int32: {"int32", 4}, Int64: {"int64", 8}, String: {"string", 0},
	Bool: {"bool", 1}, Float16: {"float16", 2}, Float64: {"float64", 8}, Uint32: {"uint32", 4},
	Uint64: {"uint64", 8}, BFloat16: {"bfloat16", 2},
	Float8E4M3FN: {"float8e4m3fn", 1}, Float8E4M3FNUZ: {"float8e4m3fnuz", 1},
	Float8E5M2: {"float8e5m2", 1}, Float8E5M2FNUZ: {"float8e5m2fnuz", 1},
	Uint4: {"uint4", 1}, Int4: {"int4", 1}, Float8E8M0: {"float8e8m0", 1},
	Uint2: {"uint2", 1}, Int2: {"int2", 1},
}

// Size is the size of one element in bytes, or 0 if elements of d cannot be stored.
func (d DType) Size() int {
	if int(d) < len(dtypes) {
		return dtypes[d].size
	}
	return 0
}

// String is the name of d, in NumPy's words.
func (d DType) String() string {
	if int(d) < len(dtypes) && dtypes[d].name != "" {
		return dtypes[d].name
	}
	return fmt.Sprintf("dtype(%d)", uint8(d))
}

// Bits is the size of one element in a file: 2 or 4 for the integers that files
// pack several to a byte, lowest bits first, else 8 times Size.
func (d DType) Bits() int {
	switch d {
	case Uint4, Int4:
		return 4
	case Uint2, Int2:
		return 2
	}
	return 8 * d.Size()
}

// IsFloat reports whether d is a floating-point type that arithmetic is defined
// on; the 8-bit ones can only be moved and cast.
func (d DType) IsFloat() bool {
	return d == Float32 || d == Float16 || d == Float64 || d == BFloat16
}
