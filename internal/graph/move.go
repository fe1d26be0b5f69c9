package graph

import (
	"lutra/internal/tensor"
)

// word is an element as far as moving it is concerned.
type word interface {
	uint8 | uint16 | uint32 | uint64
}

// words views the storage of t as words of the size of its elements.
func words[T word](t *tensor.Tensor) []T {
	var d tensor.DType
	switch any(T(0)).(type) {
	case uint8:
		d = tensor.Uint8
	case uint16:
		d = tensor.Uint16
	case uint32:
		d = tensor.Uint32
	default:
		d = tensor.Uint64
	}
	return tensor.Slice[T](tensor.View(d, t.Bytes(), t.Elems()))
}

// move copies elements of src to dst, both of one type, along l: operand 0 is
// dst, operand 1 is src.
func move(dst, src *tensor.Tensor, l loops) {
	if dst.Elems() == 0 || src.Elems() == 0 {
		return
	}
	switch dst.DType.Size() {
	case 1:
		moveWords(words[uint8](dst), words[uint8](src), l)
	case 2:
		moveWords(words[uint16](dst), words[uint16](src), l)
	case 4:
		moveWords(words[uint32](dst), words[uint32](src), l)
	case 8:
		moveWords(words[uint64](dst), words[uint64](src), l)
	}
}

func moveWords[T word](dst, src []T, l loops) {
	n, sd, ss := l.inner(), l.innerStep(0), l.innerStep(1)
	for at := range l.runs {
		i, j := at[0], at[1]
		switch {
		case sd == 1 && ss == 1:
			copy(dst[i:i+n], src[j:j+n])
		case sd == 1 && ss == 0:
			fill(dst[i:i+n], src[j])
		case sd == 1:
			for k := range dst[i : i+n] {
				dst[i+k] = src[j]
				j += ss
			}
		default:
			for range n {
				dst[i] = src[j]
				i, j = i+sd, j+ss
			}
		}
	}
}

func fill[T any](dst []T, v T) {
	for i := range dst {
		dst[i] = v
	}
}

// expand broadcasts src to the shape of dst.
func expand(dst, src *tensor.Tensor) { move(dst, src, broadcastLoops(dst.Shape, src.Shape)) }
