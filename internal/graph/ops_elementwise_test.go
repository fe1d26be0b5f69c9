package graph

import (
	"math"
	"testing"

	"lutra/internal/tensor"
)

// TestFunctions checks functions of one number at points where they differ
// from simpler ones; reference values are PyTorch's and NumPy's.
func TestFunctions(t *testing.T) {
	alpha := func(v float32) []Attr { return []Attr{FloatAttr("alpha", v)} }
	for _, c := range []struct {
		op      string
		attrs   []Attr
		x, want []float64
	}{
		{"Relu", nil, []float64{-1, 0, 2, nan, -inf, inf}, []float64{0, 0, 2, nan, 0, inf}},
		{"LeakyRelu", nil, []float64{-2, 3, nan}, []float64{-0.02, 3, nan}},
		{"LeakyRelu", alpha(0.5), []float64{-2, 3}, []float64{-1, 3}},
		{"ThresholdedRelu", nil, []float64{0.5, 1, 1.5}, []float64{0, 0, 1.5}},
		{"Elu", alpha(2), []float64{-1, 0, 1, -inf}, []float64{-1.26424112, 0, 1, -2}},
		{"Celu", alpha(2), []float64{-1, 0, 1}, []float64{-0.78693868, 0, 1}},
		{"Selu", nil, []float64{-1, 0, 1}, []float64{-1.11133074, 0, 1.05070102}},
		{"HardSigmoid", nil, []float64{-3, 0, 1, 9}, []float64{0, 0.5, 0.7, 1}},
		{"HardSwish", nil, []float64{-4, -1, 0, 1, 4}, []float64{0, -1. / 3, 0, 2. / 3, 4}},
		{"Shrink", []Attr{FloatAttr("bias", 0.25)}, []float64{-1, -0.5, 0.5, 1}, []float64{-0.75, 0, 0, 0.75}},
		{"Swish", alpha(2), []float64{-1, 0, 1}, []float64{-0.11920292, 0, 0.88079708}},
		{"Gelu", nil, []float64{-1, 0, 1}, []float64{-0.15865525, 0, 0.84134475}},
		{"Gelu", []Attr{StringAttr("approximate", "tanh")}, []float64{-1, 0, 1}, []float64{-0.15880801, 0, 0.84119199}},
		{"Mish", nil, []float64{-1, 0, 1, 100}, []float64{-0.30340147, 0, 0.86509839, 100}},
		{"Sigmoid", nil, []float64{-1000, 0, 1, 1000}, []float64{0, 0.5, 0.73105858, 1}},
		{"Softplus", nil, []float64{-1, 0, 1000}, []float64{0.31326169, 0.69314718, 1000}},
		{"Softsign", nil, []float64{-1, 0, 3}, []float64{-0.5, 0, 0.75}},
		{"Exp", nil, []float64{0, 1, -inf}, []float64{1, math.E, 0}},
		{"Log", nil, []float64{1, 0, -1}, []float64{0, -inf, nan}},
		{"Sqrt", nil, []float64{4, -1}, []float64{2, nan}},
		{"Reciprocal", nil, []float64{4, 0}, []float64{0.25, inf}},
		{"Floor", nil, []float64{-1.5, 1.5}, []float64{-2, 1}},
		{"Ceil", nil, []float64{-1.5, 1.5}, []float64{-1, 2}},
		{"Round", nil, []float64{-2.5, -1.5, 0.5, 1.5, 2.5}, []float64{-2, -2, 0, 2, 2}},
		{"Erf", nil, []float64{-1, 0, 0.5}, []float64{-0.84270079, 0, 0.52049988}},
		{"Sin", nil, []float64{1}, []float64{0.84147098}},
		{"Cos", nil, []float64{1}, []float64{0.54030231}},
		{"Tan", nil, []float64{1}, []float64{1.55740772}},
		{"Asin", nil, []float64{0.5}, []float64{0.52359878}},
		{"Acos", nil, []float64{0.5}, []float64{1.04719755}},
		{"Atan", nil, []float64{1}, []float64{math.Pi / 4}},
		{"Sinh", nil, []float64{1}, []float64{1.17520119}},
		{"Cosh", nil, []float64{1}, []float64{1.54308063}},
		{"Tanh", nil, []float64{1, -inf}, []float64{0.76159416, -1}},
		{"Asinh", nil, []float64{1}, []float64{0.88137359}},
		{"Acosh", nil, []float64{2}, []float64{1.31695790}},
		{"Atanh", nil, []float64{0.5}, []float64{0.54930614}},
		{"Abs", nil, []float64{-2, 3, nan}, []float64{2, 3, nan}},
		{"Neg", nil, []float64{-2, 3}, []float64{2, -3}},
		{"Sign", nil, []float64{-2, 0, 3, nan}, []float64{-1, 0, 1, nan}},
		{"Identity", nil, []float64{nan, 1}, []float64{nan, 1}},
	} {
		for _, d := range []tensor.DType{tensor.Float32, tensor.Float64, tensor.Float16, tensor.BFloat16} {
			check(t, []application{{
				name: d.String(), op: c.op, opset: 24, attrs: c.attrs,
				in: args(of(d, c.x...)), want: args(of(d, c.want...)),
			}})
		}
	}
}

func TestIntegerFunctions(t *testing.T) {
	for _, c := range []struct {
		op      string
		d       tensor.DType
		x, want []float64
	}{
		{"Relu", tensor.Int8, []float64{-3, 0, 3}, []float64{0, 0, 3}},
		{"Abs", tensor.Int8, []float64{-128, -3, 3}, []float64{-128, 3, 3}},
		{"Abs", tensor.Uint8, []float64{0, 255}, []float64{0, 255}},
		{"Neg", tensor.Int16, []float64{-32768, 5}, []float64{-32768, -5}},
		{"Sign", tensor.Int64, []float64{-9, 0, 9}, []float64{-1, 0, 1}},
		{"Sign", tensor.Uint16, []float64{0, 9}, []float64{0, 1}},
		{"BitwiseNot", tensor.Uint8, []float64{0, 1, 255}, []float64{255, 254, 0}},
	} {
		check(t, []application{{name: c.d.String(), op: c.op, opset: 18, in: args(of(c.d, c.x...)), want: args(of(c.d, c.want...))}})
	}
}

func TestArithmetic(t *testing.T) {
	i8, u8, i32, i64 := tensor.Int8, tensor.Uint8, tensor.Int32, tensor.Int64
	fmod := []Attr{IntAttr("fmod", 1)}
	left, right := []Attr{StringAttr("direction", "LEFT")}, []Attr{StringAttr("direction", "RIGHT")}
	check(t, []application{
		{name: "wraps", op: "Add", in: args(of(i8, 127, -128), of(i8, 1, -1)), want: args(of(i8, -128, 127))},
		{name: "scalar left", op: "Sub", in: args(scalar(f32(1)), f32(1, 2)), want: args(f32(0, -1))},
		{name: "scalar right", op: "Sub", in: args(f32(1, 2), f32(1)), want: args(f32(0, 1))},
		{name: "unsigned wraps", op: "Sub", in: args(of(u8, 1, 5), of(u8, 2)), want: args(of(u8, 255, 3))},
		{name: "truncates", op: "Div", in: args(of(i32, 7, -7, 7, -7), of(i32, 2, 2, -2, -2)), want: args(of(i32, 3, -3, -3, 3))},
		{name: "by zero", op: "Div", in: args(of(i64, 7), of(i64, 0)), want: args(of(i64, 0))},
		{name: "least by -1", op: "Div", in: args(of(i8, -128), of(i8, -1)), want: args(of(i8, -128))},
		{name: "float by zero", op: "Div", in: args(f32(1, -1, 0), f32(0)), want: args(f32(inf, -inf, nan))},
		{name: "scalar dividend", op: "Div", in: args(f32(6), f32(2, 3)), want: args(f32(3, 2))},
		{name: "sign of divisor", op: "Mod", in: args(of(i32, 7, -7, 7, -7), of(i32, 3, 3, -3, -3)), want: args(of(i32, 1, 2, -2, -1))},
		{name: "sign of dividend", op: "Mod", attrs: fmod, in: args(of(i32, 7, -7, 7, -7), of(i32, 3, 3, -3, -3)), want: args(of(i32, 1, -1, 1, -1))},
		{name: "no remainder", op: "Mod", in: args(of(i32, 6, -6), of(i32, -3, 3)), want: args(of(i32, 0, 0))},
		{name: "no float remainder", op: "Mod", in: args(f32(6, -6), f32(-3, 3)), want: args(f32(0, 0))},
		{name: "zero", op: "Mod", in: args(of(u8, 7), of(u8, 0)), want: args(of(u8, 0))},
		{name: "float", op: "Mod", attrs: fmod, in: args(f32(-4.5), f32(2)), want: args(f32(-0.5))},
		{name: "float floor", op: "Mod", in: args(f32(-4.5), f32(2)), want: args(f32(1.5))},
		{name: "rank difference", op: "Mul", in: args(iota32(2, 1, 2), f32(1, 2)), want: args(f32(0, 2, 2, 6).Reshape(2, 1, 2))},
		{name: "both broadcast", op: "Mul", in: args(f32(1, 2).Reshape(2, 1), f32(3, 4)), want: args(f32(3, 4, 6, 8).Reshape(2, 2))},
		{name: "empty", op: "Add", in: args(iota32(0, 3), f32(1, 2, 3)), want: args(iota32(0, 3))},
		{name: "empty by one", op: "Add", in: args(iota32(0), f32(1)), want: args(iota32(0))},
		{name: "scalars", op: "Add", in: args(scalar(f32(1)), scalar(f32(2))), want: args(scalar(f32(3)))},
		{name: "half", op: "Add", in: args(of(tensor.Float16, 1.5), of(tensor.Float16, 2)), want: args(of(tensor.Float16, 3.5))},
		{name: "shapes", op: "Add", in: args(iota32(2), iota32(3)), fails: "broadcast"},
		{name: "types", op: "Add", in: args(iota32(2), of(i8, 1, 2)), fails: "float32"},
		{name: "truth values", op: "Add", in: args(bools(1), bools(1)), fails: "bool"},
		{name: "too large", op: "Add", in: args(tensor.New(u8, 1<<17, 1), tensor.New(u8, 1<<17)), fails: "at most"},
		{name: "per channel", op: "PRelu", in: args(iota32(2, 2), f32(1, 0)), want: args(iota32(2, 2))},
		{name: "slope", op: "PRelu", in: args(f32(-1, -2, 3), f32(0.5)), want: args(f32(-0.5, -1, 3))},
		{name: "slope too large", op: "PRelu", in: args(f32(1), f32(1, 2)), fails: "broadcast"},
		{name: "NaN", op: "Max", in: args(f32(nan, 1, 2), f32(0, nan, 1)), want: args(f32(nan, nan, 2))},
		{name: "NaN", op: "Min", in: args(f32(nan, 1, 2), f32(0, nan, 1)), want: args(f32(nan, nan, 1))},
		{name: "one", op: "Max", in: args(f32(1, 2)), want: args(f32(1, 2))},
		{name: "three", op: "Sum", in: args(f32(1), f32(2), f32(3, 4)), want: args(f32(6, 7))},
		{name: "three", op: "Mean", in: args(f32(1, 2), f32(2), f32(6, 7)), want: args(f32(3, 11./3))},
		{name: "ints", op: "Max", in: args(of(i64, 1, 5), of(i64, 3)), want: args(of(i64, 3, 5))},
		{name: "square", op: "Pow", in: args(f32(-3, 2), f32(2)), want: args(f32(9, 4))},
		{name: "negative base", op: "Pow", in: args(f32(-3, -8), f32(3, 0.5)), want: args(f32(-27, nan))},
		{name: "float to int", op: "Pow", in: args(f32(2, 3), of(i64, 3, -1)), want: args(f32(8, 1./3))},
		{name: "int to float", op: "Pow", in: args(of(i32, 2, 10), f32(0.5, -1)), want: args(of(i32, 1, 0))},
		{name: "int to int", op: "Pow", in: args(of(i64, 3, 2, -1, 2), of(i64, 0, 62, 3, -1)), want: args(of(i64, 1, 1<<62, -1, 0))},
		{name: "wraps", op: "Pow", in: args(of(u8, 3), of(i32, 6)), want: args(of(u8, 729-512))},
		{name: "left", op: "BitShift", attrs: left, in: args(of(u8, 1, 255, 1), of(u8, 3, 1, 9)), want: args(of(u8, 8, 254, 0))},
		{name: "right", op: "BitShift", attrs: right, in: args(of(u8, 255), of(u8, 4)), want: args(of(u8, 15))},
		{op: "BitwiseAnd", opset: 18, in: args(of(i8, -1, 6), of(i8, 5, 3)), want: args(of(i8, 5, 2))},
		{op: "BitwiseOr", opset: 18, in: args(of(u8, 1, 6), of(u8, 4)), want: args(of(u8, 5, 6))},
		{op: "BitwiseXor", opset: 18, in: args(of(u8, 1, 6), of(u8, 4)), want: args(of(u8, 5, 2))},
		{name: "version 6 axis", op: "Add", opset: 6, attrs: []Attr{IntAttr("broadcast", 1), IntAttr("axis", 0)},
			in: args(iota32(2, 3), f32(10, 20)), want: args(f32(10, 11, 12, 23, 24, 25).Reshape(2, 3))},
		{name: "version 6 absurd axis", op: "Add", opset: 6, attrs: []Attr{IntAttr("broadcast", 1), IntAttr("axis", math.MinInt64)},
			in: args(iota32(2, 3), f32(10, 20)), want: args(f32(10, 11, 12, 23, 24, 25).Reshape(2, 3))},
		{name: "version 6 channels", op: "PRelu", opset: 6, in: args(f32(-1, -1, -1, -1).Reshape(1, 2, 2), f32(1, 2)), want: args(f32(-1, -1, -2, -2).Reshape(1, 2, 2))},
	})
}

func TestClipAndDropout(t *testing.T) {
	bounds := []Attr{FloatAttr("min", -1), FloatAttr("max", 2)}
	yes, no := scalar(bools(1)), scalar(bools(0))
	check(t, []application{
		{name: "attributes", op: "Clip", opset: 6, attrs: bounds, in: args(f32(-3, 0, 3, nan)), want: args(f32(-1, 0, 2, nan))},
		{name: "inputs", op: "Clip", in: args(f32(-3, 0, 3), scalar(f32(-1)), scalar(f32(2))), want: args(f32(-1, 0, 2))},
		{name: "max only", op: "Clip", in: args(of(tensor.Int8, -128, 127), nil, scalar(of(tensor.Int8, 6))), want: args(of(tensor.Int8, -128, 6))},
		{name: "unbounded", op: "Clip", in: args(of(tensor.Uint64, 0, 1<<63)), want: args(of(tensor.Uint64, 0, 1<<63))},
		{name: "infinities", op: "Clip", in: args(f32(-inf, inf)), want: args(f32(-inf, inf))},
		{name: "max wins", op: "Clip", in: args(f32(0), scalar(f32(2)), scalar(f32(1))), want: args(f32(1))},
		{name: "half", op: "Clip", in: args(of(tensor.Float16, -5, 5), scalar(of(tensor.Float16, -1))), want: args(of(tensor.Float16, -1, 5))},
		{name: "bound of 2", op: "Clip", in: args(f32(0), f32(1, 2)), fails: "scalar"},
		{name: "mask", op: "Dropout", in: args(f32(1, 2)), want: args(f32(1, 2), bools(1, 1))},
		{name: "inference", op: "Dropout", in: args(f32(1), scalar(f32(0.5)), no), want: args(f32(1))},
		{name: "training without loss", op: "Dropout", in: args(f32(1), scalar(f32(0)), yes), want: args(f32(1))},
		{name: "training", op: "Dropout", in: args(f32(1), scalar(f32(0.5)), yes), fails: "training_mode"},
	})
}

func TestLimits(t *testing.T) {
	if lo, hi := limits[int8](); lo != -128 || hi != 127 {
		t.Error(lo, hi)
	}
	if lo, hi := limits[int64](); lo != math.MinInt64 || hi != math.MaxInt64 {
		t.Error(lo, hi)
	}
	if lo, hi := limits[uint16](); lo != 0 || hi != math.MaxUint16 {
		t.Error(lo, hi)
	}
	if lo, hi := limits[float32](); float64(lo) != -inf || float64(hi) != inf {
		t.Error(lo, hi)
	}
}
