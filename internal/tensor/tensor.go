package tensor

import (
	"fmt"
	"slices"
	"strings"
	"unsafe"
)

// MaxRank is the largest number of dimensions a tensor may have.
const MaxRank = 8

// Shape lists the dimensions of a tensor, outermost first. An empty shape is a scalar.
type Shape []int

// Elems is the number of elements; 1 for a scalar. It assumes a shape that
// CheckedElems accepts.
func (s Shape) Elems() int {
	n := 1
	for _, d := range s {
		n *= d
	}
	return n
}

// CheckedElems is Elems for shapes read from untrusted input: it reports a
// negative dimension, a rank above MaxRank, or a product that exceeds limit.
func (s Shape) CheckedElems(limit int) (int, error) {
	if len(s) > MaxRank {
		return 0, fmt.Errorf("rank %d exceeds %d", len(s), MaxRank)
	}
	n := 1
	for _, d := range s {
		if d < 0 {
			return 0, fmt.Errorf("negative dimension in %v", s)
		}
		if d != 0 && n > limit/d {
			return 0, fmt.Errorf("shape %v has more than %d elements", s, limit)
		}
		n *= d
	}
	return n, nil
}

// Equal reports whether s and t have the same dimensions.
func (s Shape) Equal(t Shape) bool { return slices.Equal(s, t) }

// Clone is a copy of s.
func (s Shape) Clone() Shape { return slices.Clone(s) }

// String is the shape as "1x3x224x224", or "scalar".
func (s Shape) String() string {
	if len(s) == 0 {
		return "scalar"
	}
	var b strings.Builder
	for i, d := range s {
		if i > 0 {
			b.WriteByte('x')
		}
		fmt.Fprintf(&b, "%d", d)
	}
	return b.String()
}

// Tensor is a dense array. The zero value is not usable; see New, Of and View.
type Tensor struct {
	DType DType
	Shape Shape
	data  []byte
}

// Element is a Go type that can be the element of a Tensor. Float16 and
// BFloat16 elements are viewed as uint16, Bool, 8-bit float and unsigned
// narrow elements as uint8, Int4 and Int2 as int8.
type Element interface {
	float32 | float64 | uint8 | int8 | uint16 | int16 | int32 | int64 | uint32 | uint64
}

// New is a zeroed tensor.
func New(d DType, s ...int) *Tensor {
	shape := Shape(s).Clone()
	return &Tensor{DType: d, Shape: shape, data: alloc(shape.Elems() * d.Size())}
}

// alloc makes n bytes aligned to 64, so that vector kernels never split a cache line.
func alloc(n int) []byte {
	const align = 64
	b := make([]byte, n+align)
	skip := int(-uintptr(unsafe.Pointer(unsafe.SliceData(b))) & (align - 1))
	return b[skip : skip+n : skip+n]
}

// Of wraps v, which must hold exactly the elements of the shape, without a copy.
func Of[T Element](v []T, s ...int) *Tensor {
	return of(dtypeOf[T](), v, Shape(s).Clone())
}

// Half wraps the bit patterns of float16 numbers without a copy.
func Half(v []uint16, s ...int) *Tensor { return of(Float16, v, Shape(s).Clone()) }

func of[T Element](d DType, v []T, shape Shape) *Tensor {
	if len(v) != shape.Elems() {
		panic(fmt.Sprintf("tensor: %d elements for shape %v", len(v), shape))
	}
	b := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(v))), len(v)*int(unsafe.Sizeof(*new(T))))
	return &Tensor{DType: d, Shape: shape, data: b}
}

// View is a tensor of type d on the first bytes of buf, without a copy. buf
// must be aligned to the element size and long enough.
func View(d DType, buf []byte, s ...int) *Tensor {
	shape := Shape(s).Clone()
	n := shape.Elems() * d.Size()
	return &Tensor{DType: d, Shape: shape, data: buf[:n:n]}
}

func dtypeOf[T Element]() DType {
	switch any(*new(T)).(type) {
	case float32:
		return Float32
	case float64:
		return Float64
	case uint8:
		return Uint8
	case int8:
		return Int8
	case uint16:
		return Uint16
	case int16:
		return Int16
	case int32:
		return Int32
	case int64:
		return Int64
	case uint32:
		return Uint32
	default:
		return Uint64
	}
}

// Slice views the elements of t as T. It panics when the size of T is not the
// element size of t, or one is a floating-point type and the other is not
// (16-bit and 8-bit floats count as their bit patterns).
func Slice[T Element](t *Tensor) []T {
	want, got := dtypeOf[T](), t.DType
	switch got {
	case Float16, BFloat16:
		got = Uint16
	case Bool, Float8E4M3FN, Float8E4M3FNUZ, Float8E5M2, Float8E5M2FNUZ, Float8E8M0, Uint4, Uint2:
		got = Uint8
	case Int4, Int2:
		got = Int8
	}
	if got != want {
		panic(fmt.Sprintf("tensor: %v elements viewed as %v", t.DType, want))
	}
	if len(t.data) == 0 {
		return nil
	}
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(t.data))), len(t.data)/t.DType.Size())
}

// Float32s views the elements of a float32 tensor.
func (t *Tensor) Float32s() []float32 { return Slice[float32](t) }

// Int64s views the elements of an int64 tensor.
func (t *Tensor) Int64s() []int64 { return Slice[int64](t) }

// Bytes views the storage, in the machine's byte order.
func (t *Tensor) Bytes() []byte { return t.data }

// Elems is the number of elements.
func (t *Tensor) Elems() int { return t.Shape.Elems() }

// Reshape is a view of the same storage with another shape of equal size.
func (t *Tensor) Reshape(s ...int) *Tensor {
	shape := Shape(s).Clone()
	if shape.Elems() != t.Elems() {
		panic(fmt.Sprintf("tensor: %v reshaped to %v", t.Shape, shape))
	}
	return &Tensor{DType: t.DType, Shape: shape, data: t.data}
}

// Clone is a deep copy of t.
func (t *Tensor) Clone() *Tensor {
	c := &Tensor{DType: t.DType, Shape: t.Shape.Clone(), data: alloc(len(t.data))}
	copy(c.data, t.data)
	return c
}
