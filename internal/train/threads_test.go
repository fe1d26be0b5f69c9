package train

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"

	"lutra/internal/graph"
	"lutra/internal/kernel"
	"lutra/internal/tensor"
)

// TestEach: every unit is done once, whatever the number of threads, also by
// those that come late.
func TestEach(t *testing.T) {
	for _, threads := range []int{1, 2, 3, 8} {
		c := newCrew(kernel.Generic, threads)
		c.start(t.Context())
		for _, units := range []int{0, 1, 2, 7, 64, 1000} {
			done := make([]atomic.Int32, units)
			c.each(units, func(_ *worker, u int) { done[u].Add(1) })
			for u := range done {
				if n := done[u].Load(); n != 1 {
					t.Fatalf("%d threads: unit %d of %d was done %d times", threads, u, units, n)
				}
			}
		}
		c.stop()
	}
}

// TestOptimiserThreads: updates of parameters that are cut into stretches are the
// same for any number of threads, on all levels.
func TestOptimiserThreads(t *testing.T) {
	for _, o := range []OptimiserOptions{
		{Momentum: 0.9, Nesterov: true, Decay: 1e-3, Clip: 1, EMA: 0.9}, {Rule: Adam, Clip: 5, EMA: 0.5}, {Rule: AdamW, Decay: 1e-2},
	} {
		var want [][]float32
		for run := range 6 {
			threads, level := 1+run%3, []kernel.Level{kernel.Generic, kernel.Best()}[run/3]
			rng := rand.New(rand.NewPCG(1, 2))
			var params []*Param
			for i, n := range []int{mostStretch - 1, 5, 3*mostStretch + 7} {
				p := &Param{Name: fmt.Sprint(i), Value: make([]float32, n), Grad: make([]float32, n), Decay: i > 0, Rate: 1 / float64(i+1)}
				for j := range p.Value {
					p.Value[j] = float32(rng.NormFloat64())
				}
				params = append(params, p)
			}
			opt := NewOptimiser(params, o)
			opt.crew = newCrew(level, threads)
			for range 3 {
				for _, p := range params {
					for j := range p.Grad {
						p.Grad[j] = float32(rng.NormFloat64())
					}
				}
				if err := opt.Step(t.Context(), 0.01); err != nil {
					t.Fatal(err)
				}
			}
			got := opt.slots()
			for _, p := range params {
				got = append(got, p.Value)
			}
			if want == nil {
				want = got
			}
			for i := range got {
				if !slices.Equal(got[i], want[i]) {
					t.Errorf("rule %d: %d threads of level %v give another result", o.Rule, threads, level)
				}
			}
		}
	}
}

// TestPortions: the gradient of every codeword is the sum over its blocks, in
// whatever portions, and both layouts; the drift has the weight's.
func TestPortions(t *testing.T) {
	for _, transposed := range []bool{false, true} {
		g := newTestGraph(1, 6, 36)
		rng := rand.New(rand.NewPCG(3, 4))
		c := &graph.Codebook{Name: "w", K: 4, D: 3, Blocks: 12, Outputs: 20, Codes: make([]uint16, 240), Shape: tensor.Shape{20, 36}, Perm: []int{0, 1}}
		if transposed {
			c.Perm = []int{1, 0}
		}
		for i := range c.Codes {
			c.Codes[i] = uint16(rng.IntN(4))
		}
		words := make([]float32, 12)
		for i := range words {
			words[i] = float32(rng.NormFloat64())
		}
		c.Words = tensor.Of(words, 4, 3)
		if err := g.AddCodebook(c); err != nil {
			t.Fatal(err)
		}
		trans := int64(1)
		if transposed {
			trans = 0
		}
		g.node("Gemm", in("x", "w"), "y", graph.IntAttr("transB", trans))
		var want []float32
		for _, threads := range []int{1, 3} {
			n, err := Compile(t.Context(), g.Graph, Options{Batch: 6, Threads: threads, Drift: true})
			if err != nil {
				t.Fatal(err)
			}
			if len(n.portions) < 4 {
				t.Fatalf("%d portions", len(n.portions))
			}
			if err := n.Forward(t.Context(), map[string]*tensor.Tensor{"x": pattern(1, 6, 36)}, false); err != nil {
				t.Fatal(err)
			}
			y := n.Outputs()[0]
			for i := range y.Grad {
				y.Grad[i] = float32(i%7) - 3
			}
			if err := n.Backward(t.Context()); err != nil {
				t.Fatal(err)
			}
			k := n.books[0]
			sums := make([]float32, 12)
			for b := range c.Blocks {
				for o := range c.Outputs {
					for j := range 3 {
						at := o*36 + 3*b + j
						if transposed {
							at = (3*b+j)*20 + o
						}
						block := b*c.Outputs + o
						sums[3*int(c.Codes[block])+j] += k.weight.grad[at]
						if k.weight.data[at] != words[3*int(c.Codes[block])+j] || k.drift.Grad[3*block+j] != k.weight.grad[at] {
							t.Fatalf("transposed %v: weight or drift of block %d", transposed, block)
						}
					}
				}
			}
			compare(t, "codewords", k.param.Grad, sums, 1e-3)
			if want == nil {
				want = slices.Clone(k.param.Grad)
			}
			if !slices.Equal(want, k.param.Grad) {
				t.Errorf("%d threads give other gradients", threads)
			}
		}
	}
}
