package graph

import (
	"testing"

	"lutra/internal/tensor"
)

func TestComparisons(t *testing.T) {
	x, y := f32(1, 2, 3, nan), f32(2, 2, 2, nan)
	positive := []Attr{IntAttr("detect_negative", 0)}
	check(t, []application{
		{op: "Equal", in: args(x, y), want: args(bools(0, 1, 0, 0))},
		{op: "Greater", in: args(x, y), want: args(bools(0, 0, 1, 0))},
		{op: "Less", in: args(x, y), want: args(bools(1, 0, 0, 0))},
		{op: "GreaterOrEqual", in: args(x, y), want: args(bools(0, 1, 1, 0))},
		{op: "LessOrEqual", in: args(x, y), want: args(bools(1, 1, 0, 0))},
		{name: "truth values", op: "Equal", in: args(bools(0, 1), bools(1)), want: args(bools(0, 1))},
		{name: "64 bits", op: "Equal", in: args(of(tensor.Int64, 1<<53), tensor.Of([]int64{1<<53 + 1}, 1)), want: args(bools(0))},
		{name: "unsigned", op: "Less", in: args(of(tensor.Uint64, 1<<63), of(tensor.Uint64, 1)), want: args(bools(0))},
		{name: "half", op: "Less", in: args(of(tensor.BFloat16, 1), of(tensor.BFloat16, 2)), want: args(bools(1))},
		{name: "broadcast", op: "Less", in: args(f32(1, 2).Reshape(2, 1), f32(2, 1)), want: args(bools(1, 0, 0, 0).Reshape(2, 2))},
		{op: "And", in: args(bools(0, 0, 1, 1), bools(0, 1, 0, 1)), want: args(bools(0, 0, 0, 1))},
		{op: "Or", in: args(bools(0, 0, 1, 1), bools(0, 1, 0, 1)), want: args(bools(0, 1, 1, 1))},
		{op: "Xor", in: args(bools(0, 0, 1, 1), bools(0, 1, 0, 1)), want: args(bools(0, 1, 1, 0))},
		{op: "Not", in: args(bools(0, 1)), want: args(bools(1, 0))},
		{name: "numbers", op: "And", in: args(f32(1), f32(1)), fails: "float32"},
		{op: "IsNaN", in: args(f32(nan, inf, 0)), want: args(bools(1, 0, 0))},
		{op: "IsInf", in: args(f32(nan, inf, -inf, 0)), want: args(bools(0, 1, 1, 0))},
		{name: "positive", op: "IsInf", attrs: positive, in: args(f32(inf, -inf)), want: args(bools(1, 0))},
		{op: "Where", in: args(bools(1, 0), f32(1, 2), f32(3, 4)), want: args(f32(1, 4))},
		{name: "broadcast", op: "Where", in: args(bools(1, 0).Reshape(2, 1), f32(1, 2), scalar(f32(9))), want: args(f32(1, 2, 9, 9).Reshape(2, 2))},
		{name: "bytes", op: "Where", in: args(bools(1, 0), of(tensor.Int8, -1), of(tensor.Int8, 4)), want: args(of(tensor.Int8, -1, 4))},
		{name: "empty", op: "Where", in: args(bools(1), iota32(0), f32(1)), want: args(iota32(0))},
		{name: "types", op: "Where", in: args(bools(1), f32(1), of(tensor.Int8, 1)), fails: "float32"},
	})
}
