package graph

import (
	"math"
	"testing"

	"lutra/internal/tensor"
)

func TestShapes(t *testing.T) {
	x := iota32(2, 3, 4)
	to := func(s ...int) []*tensor.Tensor { return args(x.Reshape(s...)) }
	start := func(v int64) Attr { return IntAttr("start", v) }
	end := func(v int64) Attr { return IntAttr("end", v) }
	check(t, []application{
		{op: "Shape", in: args(x), want: args(vector(2, 3, 4))},
		{name: "scalar", op: "Shape", in: args(scalar(f32(1))), want: args(vector())},
		{name: "part", op: "Shape", attrs: []Attr{start(-2), end(-1)}, in: args(x), want: args(vector(3))},
		{name: "beyond", op: "Shape", attrs: []Attr{start(-9), end(9)}, in: args(x), want: args(vector(2, 3, 4))},
		{name: "backwards", op: "Shape", attrs: []Attr{start(2), end(1)}, in: args(x), want: args(vector())},
		{name: "extremes", op: "Shape", attrs: []Attr{start(math.MinInt64), end(math.MaxInt64)}, in: args(x), want: args(vector(2, 3, 4))},
		{op: "Size", in: args(x), want: args(scalar(vector(24)))},
		{op: "Reshape", in: args(x, vector(4, 6)), want: to(4, 6)},
		{name: "free", op: "Reshape", in: args(x, vector(2, -1, 2)), want: to(2, 6, 2)},
		{name: "kept", op: "Reshape", in: args(x, vector(0, -1)), want: to(2, 12)},
		{name: "to scalar", op: "Reshape", in: args(f32(5), vector()), want: args(scalar(f32(5)))},
		{name: "zero", op: "Reshape", attrs: []Attr{IntAttr("allowzero", 1)}, in: args(iota32(0, 2), vector(3, 0)), want: args(iota32(3, 0))},
		{name: "free beside zero", op: "Reshape", attrs: []Attr{IntAttr("allowzero", 1)}, in: args(iota32(0, 2), vector(0, -1)), fails: "0 elements"},
		{name: "free of nothing", op: "Reshape", in: args(iota32(0, 2), vector(-1, 2)), want: args(iota32(0, 2))},
		{name: "two free", op: "Reshape", in: args(x, vector(-1, -1)), fails: "at most one -1"},
		{name: "indivisible", op: "Reshape", in: args(x, vector(5, -1)), fails: "24 elements"},
		{name: "other size", op: "Reshape", in: args(x, vector(5, 5)), fails: "24 elements"},
		{name: "negative", op: "Reshape", in: args(x, vector(-2, 12)), fails: "dimensions"},
		{name: "overflow", op: "Reshape", in: args(x, vector(1<<33, 1<<33)), fails: "at most"},
		{name: "huge", op: "Reshape", in: args(x, vector(math.MaxInt64)), fails: "dimensions"},
		{name: "rank 9", op: "Reshape", in: args(f32(1), vector(1, 1, 1, 1, 1, 1, 1, 1, 1)), fails: "rank"},
		{name: "no dimension to keep", op: "Reshape", in: args(f32(1), vector(1, 0)), fails: "0 only where"},
		{name: "floats", op: "Reshape", in: args(x, f32(24)), fails: "float32"},
		{name: "matrix", op: "Reshape", in: args(x, vector(24).Reshape(1, 1)), fails: "a vector"},
		{op: "Flatten", in: args(x), want: to(2, 12)},
		{name: "0", op: "Flatten", attrs: []Attr{IntAttr("axis", 0)}, in: args(x), want: to(1, 24)},
		{name: "3", op: "Flatten", attrs: []Attr{IntAttr("axis", 3)}, in: args(x), want: to(24, 1)},
		{name: "-1", op: "Flatten", attrs: []Attr{IntAttr("axis", -1)}, in: args(x), want: to(6, 4)},
		{name: "4", op: "Flatten", attrs: []Attr{IntAttr("axis", 4)}, in: args(x), fails: "-3 to 3"},
		{name: "all", op: "Squeeze", in: args(iota32(1, 2, 1)), want: args(iota32(2))},
		{name: "some", op: "Squeeze", in: args(iota32(1, 2, 1), vector(-1)), want: args(iota32(1, 2))},
		{name: "attribute", op: "Squeeze", opset: 11, attrs: []Attr{IntsAttr("axes", 0)}, in: args(iota32(1, 2, 1)), want: args(iota32(2, 1))},
		{name: "size 2", op: "Squeeze", in: args(iota32(1, 2), vector(1)), fails: "size 1"},
		{name: "axis 2", op: "Squeeze", in: args(iota32(1, 2), vector(2)), fails: "-2 to 1"},
		{name: "axis twice", op: "Unsqueeze", in: args(iota32(2), vector(3, 0, -1)), fails: "distinct"},
		{name: "several", op: "Unsqueeze", in: args(iota32(2), vector(2, 0)), want: args(iota32(1, 2, 1))},
		{name: "attribute", op: "Unsqueeze", opset: 7, attrs: []Attr{IntsAttr("axes", 1)}, in: args(iota32(2)), want: args(iota32(2, 1))},
		{name: "rank 9", op: "Unsqueeze", in: args(x, vector(0, 1, 2, 3, 4, 5)), fails: "rank"},
		{name: "no axes", op: "Unsqueeze", in: args(x), fails: "axes"},
	})
}

func TestLayout(t *testing.T) {
	x := iota32(2, 3)
	axis := func(v int64) []Attr { return []Attr{IntAttr("axis", v)} }
	upper := func(v int64) []Attr { return []Attr{IntAttr("upper", v)} }
	check(t, []application{
		{name: "default", op: "Transpose", in: args(x), want: args(f32(0, 3, 1, 4, 2, 5).Reshape(3, 2))},
		{name: "scalar", op: "Transpose", in: args(scalar(f32(1))), want: args(scalar(f32(1)))},
		{name: "short", op: "Transpose", attrs: []Attr{IntsAttr("perm", 0)}, in: args(x), fails: "2 axes"},
		{name: "twice", op: "Transpose", attrs: []Attr{IntsAttr("perm", 0, 0)}, in: args(x), fails: "distinct"},
		{op: "Expand", in: args(f32(1, 2).Reshape(2, 1), vector(3, 1, 2)), want: args(f32(1, 1, 2, 2, 1, 1, 2, 2, 1, 1, 2, 2).Reshape(3, 2, 2))},
		{name: "smaller", op: "Expand", in: args(x, vector(1)), want: args(x)},
		{name: "mismatch", op: "Expand", in: args(x, vector(2)), fails: "broadcasts"},
		{name: "huge", op: "Expand", in: args(f32(1), vector(1<<20, 1<<20)), fails: "at most"},
		{name: "overflow", op: "Expand", in: args(f32(1), vector(1<<33, 1<<33)), fails: "at most"},
		{op: "Tile", in: args(x, vector(1, 2)), want: args(f32(0, 1, 2, 0, 1, 2, 3, 4, 5, 3, 4, 5).Reshape(2, 6))},
		{name: "rows", op: "Tile", in: args(f32(1, 2).Reshape(1, 2), vector(2, 1)), want: args(f32(1, 2, 1, 2).Reshape(2, 2))},
		{name: "none", op: "Tile", in: args(x, vector(0, 2)), want: args(iota32(0, 6))},
		{name: "huge", op: "Tile", in: args(x, vector(1<<34, 1<<34)), fails: "at most"},
		{name: "largest", op: "Tile", in: args(x, vector(math.MaxInt64, 1)), fails: "dimensions"},
		{name: "negative", op: "Tile", in: args(x, vector(-1, 1)), fails: "dimensions"},
		{name: "rank", op: "Tile", in: args(x, vector(1)), fails: "2 values"},
		{name: "columns", op: "Concat", attrs: axis(-1), in: args(x, f32(8, 9).Reshape(2, 1)), want: args(f32(0, 1, 2, 8, 3, 4, 5, 9).Reshape(2, 4))},
		{name: "rows", op: "Concat", attrs: axis(0), in: args(x, iota32(0, 3), f32(7, 8, 9).Reshape(1, 3)), want: args(f32(0, 1, 2, 3, 4, 5, 7, 8, 9).Reshape(3, 3))},
		{name: "bytes", op: "Concat", attrs: axis(0), in: args(of(tensor.Int8, 1), of(tensor.Int8, 2, 3)), want: args(of(tensor.Int8, 1, 2, 3))},
		{name: "mismatch", op: "Concat", attrs: axis(0), in: args(x, iota32(1, 2)), fails: "but for axis 0"},
		{name: "overflow", op: "Concat", attrs: axis(1), in: args(iota32(0, 1<<62), iota32(0, 1<<62)), fails: "allocated"},
		{name: "rank", op: "Concat", attrs: axis(0), in: args(x, iota32(3)), fails: "rank 2"},
		{name: "types", op: "Concat", attrs: axis(0), in: args(f32(1), bools(1)), fails: "float32"},
		{name: "sizes", op: "Split", attrs: axis(1), in: args(x, vector(1, 0, 2)), want: args(f32(0, 3).Reshape(2, 1), iota32(2, 0), f32(1, 2, 4, 5).Reshape(2, 2))},
		{name: "attribute", op: "Split", opset: 11, attrs: []Attr{IntsAttr("split", 1, 1)}, in: args(x), want: args(f32(0, 1, 2).Reshape(1, 3), f32(3, 4, 5).Reshape(1, 3))},
		{name: "equal", op: "Split", in: args(f32(1, 2, 3, 4)), want: args(f32(1, 2), f32(3, 4))},
		{name: "uneven", op: "Split", in: args(f32(1, 2, 3)), want: args(f32(1), f32(2)), fails: "divides"},
		{name: "uneven since 18", op: "Split", opset: 18, attrs: []Attr{IntAttr("num_outputs", 2)}, in: args(f32(1, 2, 3)), want: args(f32(1, 2), f32(3))},
		{name: "number", op: "Split", opset: 18, attrs: []Attr{IntAttr("num_outputs", 3)}, in: args(f32(1, 2, 3)), fails: "num_outputs"},
		{name: "sum", op: "Split", in: args(f32(1, 2, 3), vector(2)), fails: "add up to 3"},
		{name: "overflow", op: "Split", in: args(f32(1, 2, 3), vector(math.MaxInt64)), fails: "dimensions"},
		{name: "upper", op: "Trilu", in: args(iota32(3, 3)), want: args(f32(0, 1, 2, 0, 4, 5, 0, 0, 8).Reshape(3, 3))},
		{name: "upper 1", op: "Trilu", in: args(iota32(2, 3), scalar(vector(1))), want: args(f32(0, 1, 2, 0, 0, 5).Reshape(2, 3))},
		{name: "lower", op: "Trilu", attrs: upper(0), in: args(iota32(2, 2, 2)), want: args(f32(0, 0, 2, 3, 4, 0, 6, 7).Reshape(2, 2, 2))},
		{name: "lower -2", op: "Trilu", attrs: upper(0), in: args(iota32(3, 2), scalar(vector(-2))), want: args(f32(0, 0, 0, 0, 4, 0).Reshape(3, 2))},
		{name: "all", op: "Trilu", in: args(iota32(2, 2), scalar(vector(math.MinInt64))), want: args(iota32(2, 2))},
		{name: "nothing", op: "Trilu", in: args(iota32(2, 2), scalar(vector(math.MaxInt64))), want: args(zeros(2, 2))},
		{name: "no columns", op: "Trilu", in: args(iota32(2, 0)), want: args(iota32(2, 0))},
		{name: "rank 1", op: "Trilu", in: args(iota32(2)), fails: "rank 2"},
	})
}

func TestSlices(t *testing.T) {
	x := iota32(2, 5)
	const far = math.MaxInt64
	check(t, []application{
		{name: "default axes", op: "Slice", in: args(x, vector(1, 1), vector(2, 4)), want: args(f32(6, 7, 8).Reshape(1, 3))},
		{name: "steps", op: "Slice", in: args(x, vector(0), vector(far), vector(-1), vector(2)), want: args(f32(0, 2, 4, 5, 7, 9).Reshape(2, 3))},
		{name: "reverse", op: "Slice", in: args(x, vector(-1), vector(-far-1), vector(1), vector(-1)), want: args(f32(4, 3, 2, 1, 0, 9, 8, 7, 6, 5).Reshape(2, 5))},
		{name: "reverse by 2", op: "Slice", in: args(iota32(5), vector(far), vector(0), vector(0), vector(-2)), want: args(f32(4, 2))},
		{name: "negative bounds", op: "Slice", in: args(iota32(5), vector(-3), vector(-1)), want: args(f32(2, 3))},
		{name: "empty", op: "Slice", in: args(iota32(5), vector(3), vector(1)), want: args(iota32(0))},
		{name: "extreme steps", op: "Slice", in: args(x, vector(0, far), vector(far, -far-1), vector(0, 1), vector(far, -far-1)), want: args(f32(4).Reshape(1, 1))},
		{name: "int32", op: "Slice", in: args(iota32(5), of(tensor.Int32, 1), of(tensor.Int32, 3)), want: args(f32(1, 2))},
		{name: "attributes", op: "Slice", opset: 9, attrs: []Attr{IntsAttr("starts", 1), IntsAttr("ends", 3), IntsAttr("axes", 1)}, in: args(x), want: args(f32(1, 2, 6, 7).Reshape(2, 2))},
		{name: "half", op: "Slice", in: args(of(tensor.Float16, 1, 2, 3), vector(2), vector(-9), vector(0), vector(-1)), want: args(of(tensor.Float16, 3, 2, 1))},
		{name: "step 0", op: "Slice", in: args(x, vector(0), vector(1), vector(0), vector(0)), fails: "steps"},
		{name: "axis twice", op: "Slice", in: args(x, vector(0, 0), vector(1, 1), vector(0, -2)), fails: "distinct"},
		{name: "lengths", op: "Slice", in: args(x, vector(0), vector(1, 2)), fails: "1 values"},
		{name: "too many", op: "Slice", in: args(x, vector(0, 0, 0), vector(1, 1, 1)), fails: "at most 2"},
		{name: "no ends", op: "Slice", in: args(x, vector(0)), fails: "ends"},
	})
}

func TestPad(t *testing.T) {
	x := f32(1, 2, 3)
	mode := func(m string) []Attr { return []Attr{StringAttr("mode", m)} }
	check(t, []application{
		{name: "constant", op: "Pad", in: args(x, vector(1, 2), scalar(f32(9))), want: args(f32(9, 1, 2, 3, 9, 9))},
		{name: "zero", op: "Pad", in: args(iota32(1, 2), vector(1, 0, 0, 1)), want: args(f32(0, 0, 0, 0, 1, 0).Reshape(2, 3))},
		{name: "crop", op: "Pad", in: args(x, vector(-1, 1)), want: args(f32(2, 3, 0))},
		{name: "crop more than all", op: "Pad", in: args(x, vector(-4, 3)), want: args(f32(0, 0))},
		{name: "crop to nothing", op: "Pad", in: args(x, vector(-2, -2)), fails: "at least 0"},
		{name: "axes", op: "Pad", opset: 18, in: args(iota32(1, 2), vector(1, 0), nil, vector(-1)), want: args(f32(0, 0, 1).Reshape(1, 3))},
		{name: "attributes", op: "Pad", opset: 10, attrs: []Attr{IntsAttr("pads", 1, 0), FloatAttr("value", 2)}, in: args(x), want: args(f32(2, 1, 2, 3))},
		{name: "bytes", op: "Pad", in: args(of(tensor.Int8, 1), vector(1, 0), scalar(of(tensor.Int8, -7))), want: args(of(tensor.Int8, -7, 1))},
		{name: "reflect", op: "Pad", attrs: mode("reflect"), in: args(x, vector(2, 1)), want: args(f32(3, 2, 1, 2, 3, 2))},
		{name: "reflect far", op: "Pad", attrs: mode("reflect"), in: args(x, vector(5, 0)), want: args(f32(2, 1, 2, 3, 2, 1, 2, 3))},
		{name: "reflect one", op: "Pad", attrs: mode("reflect"), in: args(f32(4), vector(1, 1)), want: args(f32(4, 4, 4))},
		{name: "edge", op: "Pad", attrs: mode("edge"), in: args(iota32(2, 2), vector(1, 1, 0, 0)), want: args(f32(0, 0, 1, 0, 0, 1, 2, 2, 3).Reshape(3, 3))},
		{name: "wrap", op: "Pad", opset: 19, attrs: mode("wrap"), in: args(x, vector(4, 1)), want: args(f32(3, 1, 2, 3, 1, 2, 3, 1))},
		{name: "edge and crop", op: "Pad", attrs: mode("edge"), in: args(x, vector(-1, 2)), want: args(f32(2, 3, 3, 3))},
		{name: "edge of nothing", op: "Pad", attrs: mode("edge"), in: args(iota32(0), vector(1, 0)), fails: "elements to repeat"},
		{name: "unknown mode", op: "Pad", attrs: mode("mirror"), in: args(x, vector(1, 0)), fails: "mirror"},
		{name: "number", op: "Pad", in: args(x, vector(1)), fails: "2 values"},
		{name: "huge", op: "Pad", in: args(iota32(1, 1), vector(1<<30, 1<<30, 0, 0)), fails: "at most"},
		{name: "overflow", op: "Pad", in: args(x, vector(math.MaxInt64, math.MaxInt64)), fails: "sizes that can be allocated"},
	})
}
