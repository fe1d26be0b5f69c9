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
	if q.Tanh {
		return newActivation(b, n, b.tanhLevels(q))
	}
	if b.learns(n, q) {
		return newBounded(b, n, q)
	}
	s := spacing(q)
	return newActivation(b, n, Elementwise{
		Forward:    func(dst, x []float32) { b.crew.level.FakeQuantize(dst, x, *s) },
		Backward:   func(dx, dy, x, _ []float32) { b.crew.level.ClampGrad(dx, dy, x, q.Low, q.High, false) },
		ReadsInput: true,
	})
}

// tanhLevels is TanhD.
func (b *builder) tanhLevels(q graph.Quantiser) Elementwise {
	half := float32(q.Levels-1) / 2
	return Elementwise{
		ReadsInput: true,
		Forward: func(dst, x []float32) {
			b.crew.level.Tanh(dst, x)
			for i, t := range dst { // NaN must show, not become a level
				dst[i] = (float32(math.Floor(float64(float32(t*half)+half+0.5))) - half) / half
			}
		},
		Backward: func(dx, dy, x, _ []float32) {
			var room [1024]float32
			for len(x) > 0 {
				t := room[:min(len(room), len(x))]
				b.crew.level.Tanh(t, x[:len(t)])
				for i, v := range t {
					dx[i] = dy[i] * (1 - float32(v*v))
				}
				dx, dy, x = dx[len(t):], dy[len(t):], x[len(t):]
			}
		},
	}
}
