package graph

import (
	"math"
	"testing"

	"lutra/internal/tensor"
)

func TestGathers(t *testing.T) {
	x := iota32(2, 3)
	axis := func(v int64) []Attr { return []Attr{IntAttr("axis", v)} }
	check(t, []application{
		{name: "rows", op: "Gather", in: args(x, vector(1, -2)), want: args(f32(3, 4, 5, 0, 1, 2).Reshape(2, 3))},
		{name: "scalar", op: "Gather", attrs: axis(1), in: args(x, scalar(vector(2))), want: args(f32(2, 5))},
		{name: "matrix", op: "Gather", attrs: axis(-1), in: args(x, vector(0, 1).Reshape(2, 1)), want: args(f32(0, 1, 3, 4).Reshape(2, 2, 1))},
		{name: "int32", op: "Gather", in: args(x, of(tensor.Int32, 1)), want: args(f32(3, 4, 5).Reshape(1, 3))},
		{name: "out of range", op: "Gather", in: args(x, vector(2)), fails: "-2 to 1"},
		{name: "least", op: "Gather", in: args(x, vector(math.MinInt64)), fails: "-2 to 1"},
		{name: "from nothing", op: "Gather", in: args(iota32(0, 3), vector(0)), fails: "indices"},
		{name: "nothing", op: "Gather", in: args(x, vector()), want: args(iota32(0, 3))},
		{name: "float indices", op: "Gather", in: args(x, f32(0)), fails: "float32"},
		{name: "scalar data", op: "Gather", in: args(scalar(f32(1)), vector(0)), fails: "axis"},
		{name: "rows", op: "GatherElements", in: args(x, vector(1, 0, 1).Reshape(1, 3)), want: args(f32(3, 1, 5).Reshape(1, 3))},
		{name: "columns", op: "GatherElements", attrs: axis(1), in: args(x, vector(2, -3, 1, 1).Reshape(2, 2)), want: args(f32(2, 0, 4, 4).Reshape(2, 2))},
		{name: "longer", op: "GatherElements", attrs: axis(1), in: args(x, vector(0, 0, 0, 0).Reshape(1, 4)), want: args(zeros(1, 4))},
		{name: "wider", op: "GatherElements", in: args(x, vector(0, 0, 0, 0).Reshape(1, 4)), fails: "within"},
		{name: "rank", op: "GatherElements", in: args(x, vector(0)), fails: "within"},
		{name: "out of range", op: "GatherElements", in: args(x, vector(0, 0, 2).Reshape(1, 3)), fails: "-2 to 1"},
		{name: "elements", op: "GatherND", in: args(x, vector(0, 0, 1, -1).Reshape(2, 2)), want: args(f32(0, 5))},
		{name: "rows", op: "GatherND", in: args(x, vector(1, 0, 1).Reshape(3, 1)), want: args(f32(3, 4, 5, 0, 1, 2, 3, 4, 5).Reshape(3, 3))},
		{name: "batch", op: "GatherND", attrs: []Attr{IntAttr("batch_dims", 1)}, in: args(x, vector(2, 0).Reshape(2, 1)), want: args(f32(2, 3))},
		{name: "no batch", op: "GatherND", attrs: []Attr{IntAttr("batch_dims", 1)}, in: args(x, vector(2, 0, 0).Reshape(3, 1)), fails: "batch dimensions"},
		{name: "too deep", op: "GatherND", in: args(x, vector(0, 0, 0)), fails: "1 to 2"},
		{name: "depth 0", op: "GatherND", in: args(x, tensor.New(tensor.Int64, 2, 0)), fails: "1 to 2"},
		{name: "batch_dims", op: "GatherND", attrs: []Attr{IntAttr("batch_dims", 2)}, in: args(x, vector(0).Reshape(1, 1)), fails: "batch_dims"},
		{name: "out of range", op: "GatherND", in: args(x, vector(0, 3)), fails: "-3 to 2"},
		{name: "nothing", op: "GatherND", in: args(x, tensor.New(tensor.Int64, 0, 2)), want: args(iota32(0))},
	})
}

func TestScatters(t *testing.T) {
	x := iota32(2, 3)
	by := func(r string) []Attr { return []Attr{StringAttr("reduction", r)} }
	twice := vector(0, 0).Reshape(2, 1)
	check(t, []application{
		{name: "rows", op: "ScatterElements", in: args(x, vector(1, 0).Reshape(1, 2), f32(8, 9).Reshape(1, 2)), want: args(f32(0, 9, 2, 8, 4, 5).Reshape(2, 3))},
		{name: "columns", op: "ScatterElements", attrs: []Attr{IntAttr("axis", 1)}, in: args(x, vector(-1, 0).Reshape(2, 1), f32(8, 9).Reshape(2, 1)), want: args(f32(0, 1, 8, 9, 4, 5).Reshape(2, 3))},
		{name: "add", op: "ScatterElements", attrs: by("add"), in: args(x, twice, f32(10, 100).Reshape(2, 1)), want: args(f32(110, 1, 2, 3, 4, 5).Reshape(2, 3))},
		{name: "max", op: "ScatterElements", opset: 18, attrs: by("max"), in: args(of(tensor.Int8, 1, 2), vector(0, 1), of(tensor.Int8, -1, 5)), want: args(of(tensor.Int8, 1, 5))},
		{name: "half", op: "ScatterElements", attrs: by("mul"), in: args(of(tensor.Float16, 1, 2), vector(1), of(tensor.Float16, 4)), want: args(of(tensor.Float16, 1, 8))},
		{name: "updates", op: "ScatterElements", in: args(x, twice, f32(1)), fails: "2x1"},
		{name: "reduction", op: "ScatterElements", attrs: by("mean"), in: args(x, twice, twice), fails: "mean"},
		{name: "out of range", op: "ScatterElements", in: args(f32(1), vector(1), f32(1)), fails: "-1 to 0"},
		{name: "elements", op: "ScatterND", in: args(x, vector(1, -1, 0, 0).Reshape(2, 2), f32(8, 9)), want: args(f32(9, 1, 2, 3, 4, 8).Reshape(2, 3))},
		{name: "rows", op: "ScatterND", in: args(x, vector(1).Reshape(1, 1), f32(7, 8, 9).Reshape(1, 3)), want: args(f32(0, 1, 2, 7, 8, 9).Reshape(2, 3))},
		{name: "add", op: "ScatterND", attrs: by("add"), in: args(f32(1, 1), twice, f32(2, 3)), want: args(f32(6, 1))},
		{name: "min", op: "ScatterND", opset: 18, attrs: by("min"), in: args(f32(1, 1), twice, f32(2, -3)), want: args(f32(-3, 1))},
		{name: "truth values", op: "ScatterND", in: args(bools(0, 0), vector(1).Reshape(1, 1), bools(1)), want: args(bools(0, 1))},
		{name: "out of range", op: "ScatterND", in: args(f32(1), vector(-2).Reshape(1, 1), f32(1)), fails: "-1 to 0"},
		{name: "updates", op: "ScatterND", in: args(x, vector(1).Reshape(1, 1), f32(7)), fails: "1x3"},
	})
}

func TestConstants(t *testing.T) {
	i64, i8 := tensor.Int64, tensor.Int8
	on := f32(-1, 2)
	check(t, []application{
		{name: "tensor", op: "Constant", attrs: []Attr{TensorAttr("value", iota32(2, 2))}, want: args(iota32(2, 2))},
		{name: "int", op: "Constant", attrs: []Attr{IntAttr("value_int", 3)}, want: args(scalar(vector(3)))},
		{name: "ints", op: "Constant", attrs: []Attr{IntsAttr("value_ints", 3, 4)}, want: args(vector(3, 4))},
		{name: "float", op: "Constant", attrs: []Attr{FloatAttr("value_float", 3)}, want: args(scalar(f32(3)))},
		{name: "floats", op: "Constant", attrs: []Attr{{Name: "value_floats", Kind: AttrFloats, Floats: []float32{1, 2}}}, want: args(f32(1, 2))},
		{name: "string", op: "Constant", attrs: []Attr{StringAttr("value_string", "x")}, fails: "value_string"},
		{name: "nothing", op: "Constant", fails: "value"},
		{op: "ConstantOfShape", attrs: []Attr{TensorAttr("value", of(i8, 7))}, in: args(vector(2, 1)), want: args(of(i8, 7, 7).Reshape(2, 1))},
		{name: "default", op: "ConstantOfShape", in: args(vector(2)), want: args(f32(0, 0))},
		{name: "scalar", op: "ConstantOfShape", in: args(vector()), want: args(scalar(f32(0)))},
		{name: "huge", op: "ConstantOfShape", in: args(vector(1<<20, 1<<20)), fails: "at most"},
		{name: "overflow", op: "ConstantOfShape", in: args(vector(1<<32, 1<<32)), fails: "at most"},
		{name: "negative", op: "ConstantOfShape", in: args(vector(-1)), fails: "dimensions"},
		{name: "two values", op: "ConstantOfShape", attrs: []Attr{TensorAttr("value", f32(1, 2))}, in: args(vector(1)), fails: "1 element"},
		{name: "float", op: "Range", in: args(scalar(f32(1)), scalar(f32(2)), scalar(f32(0.25))), want: args(f32(1, 1.25, 1.5, 1.75))},
		{name: "down", op: "Range", in: args(vector(5), vector(0), vector(-2)), want: args(vector(5, 3, 1))},
		{name: "none", op: "Range", in: args(vector(5), vector(0), vector(2)), want: args(vector())},
		{name: "step 0", op: "Range", in: args(vector(0), vector(1), vector(0)), fails: "finite"},
		{name: "NaN", op: "Range", in: args(f32(0), f32(nan), f32(1)), fails: "finite"},
		{name: "infinite", op: "Range", in: args(f32(0), f32(inf), f32(1)), fails: "finite"},
		{name: "huge", op: "Range", in: args(vector(0), vector(1<<32), vector(1)), fails: "at most"},
		{name: "whole range", op: "Range", in: args(vector(math.MinInt64), vector(math.MaxInt64), vector(1)), fails: "finite"},
		{name: "whole range in one step", op: "Range", in: args(vector(math.MaxInt64), vector(math.MinInt64), vector(math.MinInt64)), want: args(vector(math.MaxInt64, -1))},
		{op: "OneHot", in: args(vector(0, -1, 5), scalar(vector(3)), on), want: args(f32(2, -1, -1, -1, -1, 2, -1, -1, -1).Reshape(3, 3))},
		{name: "axis 0", op: "OneHot", attrs: []Attr{IntAttr("axis", 0)}, in: args(f32(1, 0), f32(2), on), want: args(f32(-1, 2, 2, -1).Reshape(2, 2))},
		{name: "huge", op: "OneHot", in: args(vector(0), vector(1<<33), on), fails: "at most"},
		{name: "negative", op: "OneHot", in: args(vector(0), vector(-1), on), fails: "depth"},
		{op: "EyeLike", in: args(iota32(2, 3)), want: args(f32(1, 0, 0, 0, 1, 0).Reshape(2, 3))},
		{name: "above", op: "EyeLike", attrs: []Attr{IntAttr("k", 1), IntAttr("dtype", int64(i64))}, in: args(iota32(2, 2)), want: args(vector(0, 1, 0, 0).Reshape(2, 2))},
		{name: "below", op: "EyeLike", attrs: []Attr{IntAttr("k", -1)}, in: args(iota32(2, 2)), want: args(f32(0, 0, 1, 0).Reshape(2, 2))},
		{name: "outside", op: "EyeLike", attrs: []Attr{IntAttr("k", math.MinInt64)}, in: args(iota32(2, 2)), want: args(zeros(2, 2))},
		{name: "rank 3", op: "EyeLike", in: args(iota32(1, 1, 1)), fails: "rank 2"},
		{op: "NonZero", in: args(f32(1, 0, nan, -1).Reshape(2, 2)), want: args(vector(0, 1, 1, 0, 0, 1).Reshape(2, 3))},
		{name: "truth values", op: "NonZero", in: args(bools(0, 1)), want: args(vector(1).Reshape(1, 1))},
	})
}

// TestUnknownValues checks that what decides over shapes must be constant.
func TestUnknownValues(t *testing.T) {
	for op, inputs := range map[string]int{
		"Reshape": 2, "Expand": 2, "Tile": 2, "Slice": 3, "Pad": 2, "ConstantOfShape": 1, "Range": 3,
		"OneHot": 3, "NonZero": 1, "TopK": 2, "Split": 2, "Squeeze": 2, "Unsqueeze": 2, "ReduceSum": 2,
	} {
		row, _ := Lookup("", op, 17)
		c := &Call{Node: node(op, "a b c", "y"), Opset: 17, Value: make([]*tensor.Tensor, inputs)}
		for range inputs {
			c.In = append(c.In, Type{tensor.Int64, tensor.Shape{2}})
		}
		if _, err := row.Infer(c); err == nil {
			t.Errorf("%s: no error without values", op)
		}
	}
}
