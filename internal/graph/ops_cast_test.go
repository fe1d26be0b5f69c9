package graph

import (
	"bytes"
	"fmt"
	"math"
	"testing"

	"lutra/internal/tensor"
)

func TestCast(t *testing.T) {
	const (
		i2, u2, i4, u4 = tensor.Int2, tensor.Uint2, tensor.Int4, tensor.Uint4
		i8, u8, i64    = tensor.Int8, tensor.Uint8, tensor.Int64
		f16, f64       = tensor.Float16, tensor.Float64
	)
	raw := func(d tensor.DType, b ...byte) *tensor.Tensor { return tensor.View(d, b, len(b)/d.Size()) }
	for i, c := range []struct {
		in, want *tensor.Tensor
		attrs    []Attr
	}{
		{f32(1.9, -1.9, 300, -129), of(i8, 1, -1, 44, 127), nil},
		{f32(nan, inf, -inf), tensor.Of([]int64{0, math.MaxInt64, math.MinInt64}, 3), nil},
		{f32(nan, 0, -0.5, inf), bools(1, 0, 1, 1), nil},
		{of(i64, -1, 1<<40, 256), of(u8, 255, 0, 0), nil},
		{of(i64, 2, 0, -1), bools(1, 0, 1), nil},
		{bools(1, 0), f32(1, 0), nil},
		{tensor.Of([]uint64{math.MaxUint64, 1 << 63}, 2), of(f64, 1<<64, 1<<63), nil},
		{tensor.Of([]uint64{math.MaxUint64}, 1), of(i8, -1), nil},
		{f32(1<<63, 1e30), tensor.Of([]uint64{1 << 63, math.MaxUint64 - 2047}, 2), nil},
		{tensor.Of([]int64{1<<24 + 1}, 1), f32(1 << 24), nil},
		{f32(-9, -8, 7, 8), of(i4, 7, -8, 7, -8), nil},
		{f32(17, -1), of(u4, 1, 15), nil},
		{f32(-3, 1, 2), of(i2, 1, 1, -2), nil},
		{of(i4, -8, 7), of(i8, -8, 7), nil},
		{of(u2, 3, 0), of(f16, 3, 0), nil},
		{of(u4, 15), of(i4, -1), nil},
		// 1 + 2^-11 + 2^-40 is just above the midpoint of two halves, which its float32 is.
		{of(f64, 1+1./(1<<11)+1./(1<<40)), raw(f16, 0x01, 0x3c), nil},
		{of(f64, 1e300, -1e-300), raw(f16, 0x00, 0x7c, 0x00, 0x80), nil},
		{f32(1e6, -1, nan), raw(tensor.Float8E4M3FN, 0x7e, 0xb8, 0x7f), nil},
		{f32(1e6), raw(tensor.Float8E5M2, 0x7c), []Attr{IntAttr("saturate", 0)}},
		{raw(tensor.Float8E5M2, 0x3c, 0x7c, 0xbc), f32(1, inf, -1), nil},
		{raw(tensor.Float8E8M0, 127, 128), of(i64, 1, 2), nil},
		{f32(1.1), raw(tensor.Float8E8M0, 128), nil},
		{f32(1.1), raw(tensor.Float8E8M0, 127), []Attr{StringAttr("round_mode", "nearest")}},
		{of(tensor.BFloat16, 1.5), f32(1.5), nil},
		{iota32(0), tensor.New(i8, 0), nil},
	} {
		for _, a := range []application{
			{op: "Cast", attrs: append(c.attrs, IntAttr("to", int64(c.want.DType))), in: args(c.in)},
			{op: "CastLike", attrs: c.attrs, in: args(c.in, tensor.New(c.want.DType, 0))},
		} {
			got, err := a.evaluate(1)
			if err != nil {
				t.Errorf("%d, %s: %v", i, a.op, err)
			} else if got[0].DType != c.want.DType || !bytes.Equal(got[0].Bytes(), c.want.Bytes()) { // bit by bit
				t.Errorf("%d, %s %v to %v: %v, want %v", i, a.op, c.in.DType, c.want.DType, show(got[0]), show(c.want))
			}
		}
	}
	for _, to := range []int64{-1, 0, 8, 14, 23, 1 << 40} {
		check(t, []application{{name: fmt.Sprint("to ", to), op: "Cast", attrs: []Attr{IntAttr("to", to)}, in: args(f32(1)), fails: "element type that lutra supports"}})
	}
	check(t, []application{
		{name: "no type", op: "Cast", in: args(f32(1)), fails: "to: expected"},
		{name: "rounding down", op: "Cast", attrs: []Attr{IntAttr("to", 24), StringAttr("round_mode", "down")}, in: args(f32(1)), fails: "round_mode"},
	})
}

// TestCastBlocks casts more elements than are converted at a time, there and back.
func TestCastBlocks(t *testing.T) {
	in := tensor.New(tensor.Int16, 3*castBlock+7)
	for i := range in.Elems() {
		tensor.Slice[int16](in)[i] = int16(i*31 - 9000)
	}
	for _, d := range []tensor.DType{tensor.Float32, tensor.Float64, tensor.Int32, tensor.Int64, tensor.Uint64} {
		if err := equal(castTo(castTo(in, d), tensor.Int16), in); err != nil {
			t.Errorf("through %v: %v", d, err)
		}
	}
}
