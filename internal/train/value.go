package train

import (
	"lutra/internal/tensor"
)

// value is an edge of the network: an activation, a parameter or a constant.
type value struct {
	name   string
	shape  tensor.Shape
	stride []int // floats between neighbours, per dimension of shape
	data   []float32
	grad   []float32 // of the loss; nil if nothing trainable lies before it
	needs  bool      // something trainable lies before it, or it is trainable
	fixed  bool      // a parameter or constant: data is not in the arena
}

// newValue is an activation in the layout of its rank.
func newValue(name string, shape tensor.Shape) *value {
	v := &value{name: name, shape: shape, stride: plainStrides(shape)}
	if len(shape) == 4 {
		h, w, c := shape[2], shape[3], shape[1]
		v.stride = []int{h * w * c, 1, w * c, c}
	}
	return v
}

// fixedValue holds data, in ONNX's layout.
func fixedValue(name string, shape tensor.Shape, data []float32) *value {
	return &value{name: name, shape: shape, stride: plainStrides(shape), data: data, fixed: true}
}

func (v *value) elems() int { return v.shape.Elems() }

// plain reports whether v is stored as ONNX has it.
func (v *value) plain() bool { return sameOrder(v.shape, v.stride, plainStrides(v.shape)) }

// sameOrder reports whether two strides agree where they matter.
func sameOrder(shape tensor.Shape, a, b []int) bool {
	for i, d := range shape {
		if d > 1 && a[i] != b[i] {
			return false
		}
	}
	return true
}

func plainStrides(shape tensor.Shape) []int {
	s := make([]int, len(shape))
	n := 1
	for i := len(shape) - 1; i >= 0; i-- {
		s[i] = n
		n *= shape[i]
	}
	return s
}

// operand is a value that an operation reads. If add is set, a later reader
// has already written its gradient, and this one adds to it.
type operand struct {
	*value
	add bool
}

// wanted reports whether the operation has to compute the gradient of o.
func (o *operand) wanted() bool { return o.value != nil && o.needs }
