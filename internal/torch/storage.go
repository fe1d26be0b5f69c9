package torch

import (
	"encoding/binary"
	"fmt"
	"slices"

	"lutra/internal/safe"
	"lutra/internal/tensor"
)

// storage is a run of elements that one or more tensors view.
type storage struct {
	key   string
	dtype tensor.DType
	count int
	data  []byte // nil until it is filled
}

// view is a tensor whose elements are known once its storage is filled.
type view struct {
	t       *tensor.Tensor
	storage *storage
	offset  int
	stride  []int // nil if contiguous
}

// heap holds the storages that a pickle refers to and the views on them. In
// both containers the storages' bytes follow the pickle, so views are resolved last.
type heap struct {
	file     string
	storages map[string]*storage
	views    []view
	spare    int // bytes that strided views may still take as contiguous copies
}

func newHeap(file string, fileBytes int) *heap {
	return &heap{file: file, storages: map[string]*storage{}, spare: fileBytes + pickleMemory}
}

// storage declares a storage, or finds the one of that key.
func (h *heap) storage(u *unpickler, key string, d tensor.DType, count int64) (*storage, error) {
	if s, ok := h.storages[key]; ok {
		if s.dtype != d || int64(s.count) != count {
			return nil, u.fail(fmt.Sprintf("storage %q of %d %v", key, s.count, s.dtype), fmt.Sprintf("%d %v", count, d))
		}
		return s, nil
	}
	if limit := int64(len(u.src)) + safe.MaxModelBytes; count > limit/int64(d.Size()) {
		return nil, u.fail(fmt.Sprintf("a storage of at most %d bytes", limit), fmt.Sprintf("%d %v", count, d))
	}
	if len(h.storages) >= safe.MaxTensors {
		return nil, u.fail(fmt.Sprintf("at most %d storages", safe.MaxTensors), "more")
	}
	if err := u.spend(costDict + costEntry); err != nil {
		return nil, err
	}
	s := &storage{key: key, dtype: d, count: int(count)}
	h.storages[key] = s
	return s, nil
}

// view declares a tensor on s. Every element it names lies in the storage.
func (h *heap) view(u *unpickler, s *storage, offset int64, size, stride []int) (*tensor.Tensor, error) {
	shape := tensor.Shape(size)
	elems, err := shape.CheckedElems(safe.MaxModelBytes)
	if err != nil {
		return nil, u.fail("a tensor shape", err.Error())
	}
	if slices.ContainsFunc(stride, func(n int) bool { return n < 0 }) {
		return nil, u.fail("strides of at least 0", fmt.Sprint(stride))
	}
	if n, ok := extent(size, stride, s.count); !ok || offset < 0 || offset > int64(s.count-n) {
		return nil, u.fail(fmt.Sprintf("a view inside storage %q of %d elements", s.key, s.count),
			fmt.Sprintf("offset %d, shape %v and strides %v", offset, size, stride))
	}
	if len(h.views) >= safe.MaxTensors {
		return nil, u.fail(fmt.Sprintf("at most %d tensors", safe.MaxTensors), "more")
	}
	if err := u.spend(costTensor); err != nil {
		return nil, err
	}
	v := view{t: &tensor.Tensor{DType: s.dtype, Shape: shape}, storage: s, offset: int(offset)}
	if !contiguous(size, stride) {
		v.stride = stride
		if h.spare -= elems * s.dtype.Size(); h.spare < 0 {
			return nil, u.fail("views not much larger than the file", fmt.Sprintf("shape %v with strides %v", size, stride))
		}
	}
	h.views = append(h.views, v)
	return v.t, nil
}

// extent is the distance from a view's first element to behind its last. ok
// is false when it exceeds limit.
func extent(size, stride []int, limit int) (n int, ok bool) {
	if slices.Contains(size, 0) {
		return 0, true
	}
	n = 1
	for i, st := range stride {
		step, err := safe.Mul(size[i]-1, st)
		if err != nil || step > limit-n {
			return 0, false
		}
		n += step
	}
	return n, n <= limit
}

// contiguous reports whether the strides are those of row-major order.
// Strides of dimensions of size 1 mean nothing.
func contiguous(size, stride []int) bool {
	want := 1
	for i := len(size) - 1; i >= 0; i-- {
		if size[i] == 0 {
			return true
		}
		if size[i] != 1 && stride[i] != want {
			return false
		}
		want *= size[i]
	}
	return true
}

// fill gives s its bytes, which are copied.
func (h *heap) fill(s *storage, where string, b []byte) error {
	if s.dtype == tensor.Bool {
		if i := slices.IndexFunc(b, func(x byte) bool { return x > 1 }); i >= 0 {
			return &safe.FormatError{File: h.file, Where: where, Field: fmt.Sprintf("element %d", i), Expected: "a bool (0 or 1)", Found: fmt.Sprint(b[i])}
		}
	}
	s.data = tensor.New(tensor.Uint8, len(b)).Bytes()
	copy(s.data, b)
	toNative(s.data, s.dtype.Size())
	return nil
}

// toNative turns little-endian elements into the machine's byte order.
func toNative(b []byte, size int) {
	if binary.NativeEndian.Uint16([]byte{1, 0}) == 1 {
		return
	}
	for e := range slices.Chunk(b, size) {
		slices.Reverse(e)
	}
}

// resolve gives every view its elements.
func (h *heap) resolve() error {
	for _, v := range h.views {
		s := v.storage
		if s.data == nil {
			return &safe.FormatError{File: h.file, Where: fmt.Sprintf("storage %q", s.key), Expected: fmt.Sprintf("%d %v", s.count, s.dtype), Found: "nothing"}
		}
		if v.stride == nil {
			*v.t = *tensor.View(s.dtype, s.data[v.offset*s.dtype.Size():], v.t.Shape...)
			continue
		}
		*v.t = *v.gather()
	}
	return nil
}

// gather copies a strided view in row-major order.
func (v *view) gather() *tensor.Tensor {
	size := v.storage.dtype.Size()
	out := tensor.New(v.t.DType, v.t.Shape...)
	dst := out.Bytes()
	at := make([]int, len(v.t.Shape))
	src := v.offset
	for len(dst) > 0 {
		copy(dst[:size], v.storage.data[src*size:])
		dst = dst[size:]
		for d := len(at) - 1; d >= 0; d-- {
			at[d]++
			src += v.stride[d]
			if at[d] < v.t.Shape[d] {
				break
			}
			src -= at[d] * v.stride[d]
			at[d] = 0
		}
	}
	return out
}
