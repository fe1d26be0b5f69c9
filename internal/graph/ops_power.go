package graph

import (
	"math"

	"lutra/internal/tensor"
)

// powerTypes is Pow by the type of the base, which is that of the result. The
// exponent may have any numeric type.
var powerTypes = perFloat(power[float32], power[float64]).and(
	power[int8], power[int16], power[int32], power[int64], power[uint8], power[uint16], power[uint32], power[uint64])

func inferPow(c *Call) ([]Type, error) {
	if err := c.want(0, powerTypes.types()); err != nil {
		return nil, err
	}
	if err := c.want(1, numericTypes); err != nil {
		return nil, err
	}
	return c.broadcastType(c.In[0].DType)
}

func power[T number](c *Call, out []*tensor.Tensor) error {
	base, exponent := c.Value[0], c.Value[1]
	as, bs := c.operandShape(0), c.operandShape(1)
	if floatTypes.has(base.DType) || floatTypes.has(exponent.DType) {
		combine(out[0], base, castTo(exponent, tensor.Float64), as, bs, powerLoop[T])
		return nil
	}
	combine(out[0], base, castTo(exponent, tensor.Int64), as, bs, each(integerPower[T]))
	return nil
}

// powerLoop treats the constant exponents of exported networks separately.
func powerLoop[T number](dst, a []T, b []float64) {
	if len(b) < len(dst) && b[0] == 2 {
		mulRun(dst, a, a)
		return
	}
	each(func(x T, y float64) T { return fromFloat64[T](math.Pow(float64(x), y)) })(dst, a, b)
}

// integerPower is x^y modulo the range of T. For y < 0 it is 1/x^-y truncated.
func integerPower[T number](x T, y int64) T {
	if y < 0 {
		return fromFloat64[T](math.Pow(float64(x), float64(y)))
	}
	r := T(1)
	for ; y > 0; y >>= 1 {
		if y&1 != 0 {
			r *= x
		}
		x *= x
	}
	return r
}
