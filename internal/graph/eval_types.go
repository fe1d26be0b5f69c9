package graph

import (
	"maps"
	"math"

	"lutra/internal/tensor"
)

type integer interface {
	uint8 | int8 | uint16 | int16 | int32 | int64 | uint32 | uint64
}

type floating interface{ float32 | float64 }

type number interface{ integer | floating }

// evalFunc is a reference definition for one element type.
type evalFunc func(*Call, []*tensor.Tensor) error

// perType is a reference definition by the element type of input 0. Where it
// has a row for float32, float16 and bfloat16 are computed in float32 and rounded.
type perType map[tensor.DType]evalFunc

// perFloat is a table with rows for the floating-point types.
func perFloat(f32, f64 evalFunc) perType {
	return perType{tensor.Float32: f32, tensor.Float64: f64}
}

// and is p with rows for the integer types.
func (p perType) and(i8, i16, i32, i64, u8, u16, u32, u64 evalFunc) perType {
	p[tensor.Int8], p[tensor.Int16], p[tensor.Int32], p[tensor.Int64] = i8, i16, i32, i64
	p[tensor.Uint8], p[tensor.Uint16], p[tensor.Uint32], p[tensor.Uint64] = u8, u16, u32, u64
	return p
}

// with is a copy of p with one more row.
func (p perType) with(d tensor.DType, f evalFunc) perType {
	q := maps.Clone(p)
	q[d] = f
	return q
}

// types is the set of element types that p covers.
func (p perType) types() dtypeSet {
	var s dtypeSet
	for d := range p {
		s |= 1 << d
	}
	if p[tensor.Float32] != nil {
		s |= dtypesOf(tensor.Float16, tensor.BFloat16)
	}
	return s
}

func (p perType) eval(c *Call, out []*tensor.Tensor) error {
	d := c.Value[0].DType
	if f := p[d]; f != nil {
		return f(c, out)
	}
	if f := p[tensor.Float32]; f != nil && isHalf(d) {
		return throughFloat32(f, c, out)
	}
	return c.want(0, p.types())
}

func isHalf(d tensor.DType) bool { return d == tensor.Float16 || d == tensor.BFloat16 }

// throughFloat32 applies f to float32 copies of the 16-bit floating-point
// inputs and rounds its float32 results.
func throughFloat32(f evalFunc, c *Call, out []*tensor.Tensor) error {
	wide := &Call{Node: c.Node, Opset: c.Opset, In: make([]Type, len(c.In)), Value: make([]*tensor.Tensor, len(c.Value))}
	copy(wide.In, c.In)
	for i, v := range c.Value {
		if v != nil && isHalf(v.DType) {
			v = v.AsFloat32()
			wide.In[i].DType = tensor.Float32
		}
		wide.Value[i] = v
	}
	results := make([]*tensor.Tensor, len(out))
	for i, o := range out {
		results[i] = o
		if o != nil && isHalf(o.DType) {
			results[i] = tensor.New(tensor.Float32, o.Shape...)
		}
	}
	if err := f(wide, results); err != nil {
		return err
	}
	for i, o := range out {
		if o != results[i] {
			roundHalf(o, results[i].Float32s())
		}
	}
	return nil
}

// roundHalf rounds v to the 16-bit floating-point type of dst.
func roundHalf(dst *tensor.Tensor, v []float32) {
	to := tensor.ToHalf
	if dst.DType == tensor.BFloat16 {
		to = tensor.ToBFloat16
	}
	for i, d := 0, tensor.Slice[uint16](dst); i < len(d); i++ {
		d[i] = to(v[i])
	}
}

// truncate is v without its fraction as an integer, the nearest representable
// one if v is out of range, 0 for NaN: the same on every processor.
func truncate(v float64) int64 {
	switch {
	case v != v:
		return 0
	case v >= math.MaxInt64:
		return math.MaxInt64
	case v <= math.MinInt64:
		return math.MinInt64
	}
	return int64(v)
}

// fromFloat64 converts v to T as truncate does, wrapping around where T is
// narrower than int64.
func fromFloat64[T number](v float64) T {
	switch p := any(new(T)).(type) {
	case *float32:
		*p = float32(v)
		return T(*p)
	case *float64:
		return T(v)
	case *uint64:
		if v >= 1<<63 {
			if v >= 1<<64 {
				v = math.Nextafter(1<<64, 0)
			}
			*p = uint64(v)
			return T(*p)
		}
	}
	return T(truncate(v))
}
