package train

import (
	"fmt"
	"math"
	"testing"

	"lutra/internal/graph"
	"lutra/internal/tensor"
)

// TestQuantiser: the outputs are levels, the nearest ones; the gradient is that
// of the function without steps, by finite differences.
func TestQuantiser(t *testing.T) {
	clamp := func(low, high float64) func(float64) float64 {
		return func(x float64) float64 { return min(max(x, low), high) }
	}
	for _, c := range []struct {
		q graph.Quantiser
		f func(float64) float64
	}{
		{graph.Quantiser{Tanh: true, Levels: 5, Low: -1, High: 1}, math.Tanh},
		{graph.Quantiser{Tanh: true, Levels: 2, Low: -1, High: 1}, math.Tanh},
		{graph.Quantiser{Levels: 4, Low: 0, High: 1.3}, clamp(0, float64(float32(1.3)))},
		{graph.Quantiser{Levels: 32, Low: -0.7, High: 2}, clamp(float64(float32(-0.7)), 2)},
	} {
		t.Run(fmt.Sprintf("%+v", c.q), func(t *testing.T) {
			const n = 101
			g := &graph.Graph{Opsets: map[string]int64{"": 13}, IRVersion: 8, Consts: map[string]*tensor.Tensor{}}
			dims := []graph.Dim{{Size: 1}, {Size: n}}
			g.Inputs = []graph.Value{{Name: "x", DType: tensor.Float32, Dims: dims}}
			g.Outputs = []graph.Value{{Name: "y", DType: tensor.Float32, Dims: dims}}
			w := tensor.New(tensor.Float32, n, n)
			for i := range n {
				w.Float32s()[i*n+i] = 1
			}
			g.Consts["w"] = w
			g.Nodes = []*graph.Node{{Name: "m", Op: "MatMul", Inputs: []string{"x", "w"}, Outputs: []string{"s"}}}
			if err := g.AddQuantiser(c.q, "s", "y"); err != nil {
				t.Fatal(err)
			}
			net, err := Compile(g, Options{Batch: 1})
			if err != nil {
				t.Fatal(err)
			}
			x := make([]float32, n)
			for i := range x {
				x[i] = float32(i-n/2)*0.0613 + 0.01
			}
			if err := net.Forward(map[string]*tensor.Tensor{"x": tensor.Of(x, 1, n)}, true); err != nil {
				t.Fatal(err)
			}
			out := net.Outputs()[0]
			step := float64(c.q.High-c.q.Low) / float64(c.q.Levels-1)
			for i, v := range x {
				y := float64(out.Data[i])
				if at := (y - float64(c.q.Low)) / step; math.Abs(at-math.Round(at)) > 1e-4 || math.Abs(y-c.f(float64(v))) > step/2+1e-5 {
					t.Errorf("%v becomes %v", v, y)
				}
				out.Grad[i] = 1 + float32(i)
			}
			if err := net.Backward(); err != nil {
				t.Fatal(err)
			}
			grad := net.Params()[0].Grad // of w[i][i]: the derivative times x[i] times the gradient
			for i, v := range x {
				const h = 1e-4
				want := (c.f(float64(v)+h) - c.f(float64(v)-h)) / (2 * h) * float64(v) * float64(1+i)
				if got := float64(grad[i*n+i]); math.Abs(got-want) > 1e-3*(1+math.Abs(want)) {
					t.Errorf("gradient at %v: %v, expected %v", v, got, want)
				}
			}
		})
	}
}
