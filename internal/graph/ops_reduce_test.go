package graph

import (
	"math"
	"testing"

	"lutra/internal/tensor"
)

func TestReductions(t *testing.T) {
	x := f32(1, -2, 3, 4, 5, -6).Reshape(2, 3)
	for _, c := range []struct {
		op         string
		rows, none []float64 // along axis 1; of no elements
	}{
		{"ReduceSum", []float64{2, 3}, []float64{0}},
		{"ReduceMean", []float64{2. / 3, 1}, []float64{nan}},
		{"ReduceMax", []float64{3, 5}, []float64{-inf}},
		{"ReduceMin", []float64{-2, -6}, []float64{inf}},
		{"ReduceProd", []float64{-6, -120}, []float64{1}},
		{"ReduceL1", []float64{6, 15}, []float64{0}},
		{"ReduceL2", []float64{math.Sqrt(14), math.Sqrt(77)}, []float64{0}},
		{"ReduceSumSquare", []float64{14, 77}, []float64{0}},
		{"ReduceLogSum", []float64{math.Log(2), math.Log(3)}, []float64{-inf}},
		{"ReduceLogSumExp", []float64{3.13284541, 5.31327384}, []float64{-inf}},
	} {
		axes, flat := vector(1), IntAttr("keepdims", 0)
		check(t, []application{
			{name: "axes input", op: c.op, opset: 18, in: args(x, axes), want: args(f32(c.rows...).Reshape(2, 1))},
			{name: "axes attribute", op: c.op, opset: 12, attrs: []Attr{flat, IntsAttr("axes", -1)}, in: args(x), want: args(f32(c.rows...))},
			{name: "columns", op: c.op, opset: 18, attrs: []Attr{flat}, in: args(transposed(x), vector(0)), want: args(f32(c.rows...))},
			{name: "all", op: c.op, opset: 18, in: args(f32(c.rows[0]), vector()), want: args(reduced(t, c.op, f32(c.rows[0])))},
			{name: "noop", op: c.op, opset: 18, attrs: []Attr{IntAttr("noop_with_empty_axes", 1)}, in: args(x), want: args(x)},
			{name: "empty", op: c.op, opset: 18, in: args(iota32(1, 0), axes), want: args(f32(c.none...).Reshape(1, 1))},
			{name: "axis twice", op: c.op, opset: 18, in: args(x, vector(1, -1)), fails: "distinct"},
			{name: "axis 2", op: c.op, opset: 18, in: args(x, vector(2)), fails: "-2 to 1"},
		})
	}
	wide := of(tensor.Int8, 100, 100, -100)
	check(t, []application{
		{name: "wraps", op: "ReduceSum", in: args(wide, vector(0)), want: args(of(tensor.Int8, 100))},
		{name: "integer mean", op: "ReduceMean", in: args(of(tensor.Int32, 1, -4)), want: args(of(tensor.Int32, -1))},
		{name: "unsigned", op: "ReduceMax", in: args(of(tensor.Uint64, 1<<63, 1)), want: args(of(tensor.Uint64, 1<<63))},
		{name: "no integers", op: "ReduceMin", in: args(tensor.New(tensor.Int16, 0)), want: args(of(tensor.Int16, math.MaxInt16))},
		{name: "truth values", op: "ReduceMax", opset: 20, in: args(bools(0, 1)), want: args(bools(1))},
		{name: "no truth values", op: "ReduceMin", opset: 20, in: args(tensor.New(tensor.Bool, 0)), want: args(bools(1))},
		{name: "NaN", op: "ReduceMax", in: args(f32(1, nan, 2)), want: args(f32(nan))},
		{name: "infinity", op: "ReduceLogSumExp", in: args(f32(1, inf)), want: args(f32(inf))},
		{name: "large", op: "ReduceLogSumExp", in: args(f32(1000, 1000)), want: args(f32(1000 + math.Ln2))},
		{name: "scalar", op: "ReduceLogSum", in: args(scalar(f32(math.E))), want: args(scalar(f32(1)))},
		{name: "half", op: "ReduceMean", in: args(of(tensor.Float16, 60000, 60000)), want: args(of(tensor.Float16, 60000))},
		{name: "middle", op: "ReduceSum", attrs: []Attr{IntAttr("keepdims", 0)}, in: args(iota32(2, 2, 2), vector(1)), want: args(f32(2, 4, 10, 12).Reshape(2, 2))},
		{name: "outer and inner", op: "ReduceSum", in: args(iota32(2, 2, 2), vector(0, 2)), want: args(f32(10, 18).Reshape(1, 2, 1))},
	})
}

func transposed(x *tensor.Tensor) *tensor.Tensor {
	out, err := application{op: "Transpose", in: args(x)}.evaluate(1)
	if err != nil {
		panic(err)
	}
	return out[0]
}

// reduced is the reduction of one element, from its definition.
func reduced(t *testing.T, op string, x *tensor.Tensor) *tensor.Tensor {
	t.Helper()
	v := float64(x.Float32s()[0])
	switch op {
	case "ReduceL1", "ReduceL2":
		v = math.Abs(v)
	case "ReduceSumSquare":
		v *= v
	case "ReduceLogSum":
		v = math.Log(v)
	}
	return f32(v)
}

func TestOrder(t *testing.T) {
	x := f32(2, 7, 7, 1, nan, 3).Reshape(2, 3)
	axis := func(v int64) Attr { return IntAttr("axis", v) }
	last, flat := IntAttr("select_last_index", 1), IntAttr("keepdims", 0)
	i64 := tensor.Int64
	check(t, []application{
		{name: "first", op: "ArgMax", attrs: []Attr{axis(1)}, in: args(x), want: args(of(i64, 1, 1).Reshape(2, 1))},
		{name: "last", op: "ArgMax", attrs: []Attr{axis(-1), last, flat}, in: args(x), want: args(of(i64, 2, 1))},
		{name: "columns", op: "ArgMin", attrs: []Attr{flat}, in: args(x), want: args(of(i64, 1, 1, 1))},
		{name: "first NaN", op: "ArgMin", in: args(f32(1, nan, nan)), want: args(of(i64, 1))},
		{name: "last NaN", op: "ArgMin", attrs: []Attr{last}, in: args(f32(nan, nan, 1)), want: args(of(i64, 1))},
		{name: "unsigned", op: "ArgMax", in: args(of(tensor.Uint8, 1, 200, 3)), want: args(of(i64, 1))},
		{name: "nothing", op: "ArgMax", in: args(iota32(0, 2)), fails: "elements along the axis"},
		{name: "no columns", op: "ArgMax", in: args(iota32(3, 0)), want: args(tensor.New(i64, 1, 0))},
		{name: "rows", op: "CumSum", in: args(iota32(2, 3), scalar(vector(1))), want: args(f32(0, 1, 3, 3, 7, 12).Reshape(2, 3))},
		{name: "columns", op: "CumSum", in: args(iota32(2, 3), vector(0)), want: args(f32(0, 1, 2, 3, 5, 7).Reshape(2, 3))},
		{name: "exclusive", op: "CumSum", attrs: []Attr{IntAttr("exclusive", 1)}, in: args(f32(1, 2, 3), vector(0)), want: args(f32(0, 1, 3))},
		{name: "reverse", op: "CumSum", attrs: []Attr{IntAttr("reverse", 1)}, in: args(f32(1, 2, 3), vector(0)), want: args(f32(6, 5, 3))},
		{name: "both", op: "CumSum", attrs: []Attr{IntAttr("reverse", 1), IntAttr("exclusive", 1)}, in: args(f32(1, 2, 3), vector(-1)), want: args(f32(5, 3, 0))},
		{name: "axis", op: "CumSum", in: args(f32(1), vector(1)), fails: "-1 to 0"},
		{name: "empty", op: "CumSum", in: args(iota32(2, 0), vector(1)), want: args(iota32(2, 0))},
		{name: "greatest", op: "TopK", in: args(f32(3, 1, 3, 2), vector(3)), want: args(f32(3, 3, 2), of(i64, 0, 2, 3))},
		{name: "least", op: "TopK", attrs: []Attr{IntAttr("largest", 0)}, in: args(f32(3, 1, 3, 2), vector(2)), want: args(f32(1, 2), of(i64, 1, 3))},
		{name: "columns", op: "TopK", attrs: []Attr{axis(0)}, in: args(f32(1, 4, 2, 3).Reshape(2, 2), vector(1)), want: args(f32(2, 4).Reshape(1, 2), of(i64, 1, 0).Reshape(1, 2))},
		{name: "attribute", op: "TopK", opset: 7, attrs: []Attr{IntAttr("k", 1)}, in: args(f32(1, 5)), want: args(f32(5), of(i64, 1))},
		{name: "none", op: "TopK", in: args(f32(1, 5), vector(0)), want: args(iota32(0), tensor.New(i64, 0))},
		{name: "too many", op: "TopK", in: args(f32(1, 5), vector(3)), fails: "0 to 2"},
		{name: "no k", op: "TopK", in: args(f32(1, 5)), fails: "k: expected"},
	})
}
