package fit

import (
	"math"

	"lutra/internal/train"
)

// smallest is the least factor of a learning rate.
const smallest = 1e-3

// scaleRates makes the learning rate of every parameter relative to the root
// mean square of its values. Compression moves the scale of a layer's weights
// into the normalisation behind it: codewords are of size 1 then, factors of
// size 0.01, and a step of Adam, which is as large for both, suits one of them only.
func scaleRates(params []*train.Param) {
	for _, p := range params {
		sum, values := 0.0, p.Value
		if p.Of != nil {
			values = p.Of.Value
		}
		for _, v := range values {
			sum += float64(v) * float64(v)
		}
		p.Rate = min(max(math.Sqrt(sum/float64(len(values))), smallest), 1)
	}
}
