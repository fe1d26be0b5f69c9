package graph

import (
	"math"

	"lutra/internal/tensor"
)

// functionOps are the mathematical functions of one number.
var functionOps = []Operator{
	loop("Relu", 1, perFloat(mapped(relu[float32]), mapped(relu[float64])).and(
		mapped(relu[int8]), mapped(relu[int16]), mapped(relu[int32]), mapped(relu[int64]),
		mapped(relu[uint8]), mapped(relu[uint16]), mapped(relu[uint32]), mapped(relu[uint64]))),
	loop("Abs", 1, perFloat(mapped(abs[float32]), mapped(abs[float64])).and(
		mapped(abs[int8]), mapped(abs[int16]), mapped(abs[int32]), mapped(abs[int64]),
		mapped(abs[uint8]), mapped(abs[uint16]), mapped(abs[uint32]), mapped(abs[uint64]))),
	loop("Neg", 1, perFloat(mapped(neg[float32]), mapped(neg[float64])).and(
		mapped(neg[int8]), mapped(neg[int16]), mapped(neg[int32]), mapped(neg[int64]),
		mapped(neg[uint8]), mapped(neg[uint16]), mapped(neg[uint32]), mapped(neg[uint64]))),
	loop("Sign", 9, perFloat(mapped(sign[float32]), mapped(sign[float64])).and(
		mapped(sign[int8]), mapped(sign[int16]), mapped(sign[int32]), mapped(sign[int64]),
		mapped(sign[uint8]), mapped(sign[uint16]), mapped(sign[uint32]), mapped(sign[uint64]))),
	function("Exp", 1, plain(math.Exp)),
	function("Log", 1, plain(math.Log)),
	function("Sqrt", 1, plain(math.Sqrt)),
	function("Reciprocal", 1, plain(func(x float64) float64 { return 1 / x })),
	function("Floor", 1, plain(math.Floor)),
	function("Ceil", 1, plain(math.Ceil)),
	function("Round", 11, plain(math.RoundToEven)),
	function("Erf", 9, plain(math.Erf)),
	function("Sin", 7, plain(math.Sin)),
	function("Cos", 7, plain(math.Cos)),
	function("Tan", 7, plain(math.Tan)),
	function("Asin", 7, plain(math.Asin)),
	function("Acos", 7, plain(math.Acos)),
	function("Atan", 7, plain(math.Atan)),
	function("Sinh", 9, plain(math.Sinh)),
	function("Cosh", 9, plain(math.Cosh)),
	function("Tanh", 1, plain(math.Tanh)),
	function("Asinh", 9, plain(math.Asinh)),
	function("Acosh", 9, plain(math.Acosh)),
	function("Atanh", 9, plain(math.Atanh)),
}

// loop is a row for a loop over elements that is written for several types.
func loop(name string, since int64, p perType) Operator {
	return unary(name, since, p.types(), p.eval)
}

// mapped is the evalFunc of a loop over the elements.
func mapped[T number](f func(dst, src []T)) evalFunc {
	return func(c *Call, out []*tensor.Tensor) error {
		f(tensor.Slice[T](out[0]), tensor.Slice[T](c.Value[0]))
		return nil
	}
}

// relu keeps NaN.
func relu[T number](dst, src []T) {
	for i, x := range src {
		if x < 0 {
			x = 0
		}
		dst[i] = x
	}
}

func abs[T number](dst, src []T) {
	for i, x := range src {
		if x <= 0 { // turns -0 into 0 too
			x = 0 - x
		}
		dst[i] = x
	}
}

func neg[T number](dst, src []T) {
	for i, x := range src {
		dst[i] = -x
	}
}

func sign[T number](dst, src []T) {
	for i, x := range src {
		switch {
		case x > 0:
			x = 1
		case x < 0:
			x = 0
			x--
		}
		dst[i] = x
	}
}
