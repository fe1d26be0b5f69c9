package train

import (
	"math"

	"lutra/internal/graph"
)

// newQuantiser applies lutra.TanhD, ReluD or ClipD. The gradient ignores the
// steps and is that of tanh or of the clamp (Baluja et al., No Multiplication?
// No Floating Point? No Problem!, 2018, section 2).
func newQuantiser(b *builder, n *graph.Node) (operation, error) {
	q, err := n.Quantiser()
	if err != nil {
		return nil, err
	}
	f := slope(pointwise(func(x float32) float32 {
		if x != x { // NaN must show, not become a level
			return x
		}
		return q.Value(q.Index(x))
	}), func(x, _ float32) float32 {
		if x > q.Low && x < q.High {
			return 1
		}
		return 0
	}, true)
	if q.Tanh {
		f.Backward = func(dx, dy, x, _ []float32) {
			for i, v := range x {
				t := float32(math.Tanh(float64(v)))
				dx[i] = dy[i] * (1 - t*t)
			}
		}
	}
	return newActivation(b, n, f)
}
