package engine

import (
	"strings"
	"testing"

	"lutra/internal/graph"
	"lutra/internal/kernel"
	"lutra/internal/tensor"
)

// flatCosts are costs per result of the kinds of products.
func flatCosts(float, half, bytes, planes float64) Costs {
	kinds := map[string]UnitCosts{}
	for _, kind := range []string{"conv", "gemm", "depthwise"} {
		kinds[kind] = UnitCosts{Output: float}
		kinds[kind+" bf16"] = UnitCosts{Output: half}
		kinds[kind+" int8"] = UnitCosts{Output: bytes}
		kinds[kind+" int8 hi+lo"] = UnitCosts{Output: planes}
	}
	costs := Costs{}
	for _, l := range levels() {
		costs[l.String()] = kinds
	}
	return costs
}

// TestChoice: mode auto takes bfloat16 where costs say that it is faster than
// what bytes need, in every plan of a model, and is near float32 either way.
func TestChoice(t *testing.T) {
	for name, c := range map[string]struct {
		costs                      Costs
		budget                     graph.Budget
		bytes, planes, half, float bool // kinds of products in the plan
	}{
		"bytes":           {costs: flatCosts(9, 5, 2, 4), budget: graph.Budget{Weights: 1, Activations: 1}, bytes: true},
		"two planes":      {costs: flatCosts(9, 5, 2, 4), budget: graph.Budget{Activations: 1}, planes: true},
		"not two planes":  {costs: flatCosts(9, 3, 2, 4), budget: graph.Budget{Activations: 1}, half: true},
		"noisy":           {costs: flatCosts(9, 5, 2, 4), budget: graph.Budget{Weights: 1, Activations: 0.5}, bytes: true, half: true},
		"noisy in float":  {costs: flatCosts(4, 5, 2, 4), budget: graph.Budget{Weights: 1, Activations: 0.5}, bytes: true, float: true},
		"without costs":   {costs: Costs{}, budget: graph.Budget{Weights: 1, Activations: 0.5}, bytes: true, float: true},
		"cheaper at once": {costs: flatCosts(9, 1, 2, 4), budget: graph.Budget{Weights: 1, Activations: 1}, half: true},
	} {
		t.Run(name, func(t *testing.T) {
			n := residualNet(4)
			in := n.inputs(netInput)
			ranged(t, n.g, in)
			ranges, err := n.g.Ranges()
			if err != nil {
				t.Fatal(err)
			}
			bad := n.g.Nodes[len(n.g.Nodes)-1].Inputs[0]
			r := ranges[bad]
			r.Noise = 1
			ranges[bad] = r
			if err := n.g.SetRanges(ranges); err != nil {
				t.Fatal(err)
			}
			if err := n.g.SetBudget(c.budget); err != nil {
				t.Fatal(err)
			}
			want := evalReference(t, n.g, in, []string{n.g.Outputs[0].Name})[n.g.Outputs[0].Name]
			for _, level := range levels() {
				if !level.DotsBytes() {
					continue
				}
				o := Options{Mode: Auto, Threads: 1, Level: &level, Costs: c.costs}
				m, _ := compile(t, n.g, o, netInput)
				for _, batch := range []int{1, 3} {
					p, err := m.Plan(map[string]tensor.Shape{"x0": {batch, 3, 32, 32}}, nil)
					if err != nil {
						t.Fatal(err)
					}
					var seen [4]bool
					for _, s := range p.Steps() {
						switch {
						case s.MACs == 0 || strings.HasPrefix(s.Kernel, "depthwise"): // never in two planes
						case strings.HasSuffix(s.Kernel, "hi+lo"):
							seen[1] = true
						case strings.HasSuffix(s.Kernel, "int8"):
							seen[0] = true
						case strings.HasSuffix(s.Kernel, "bf16"):
							seen[2] = true
						default:
							seen[3] = true
						}
					}
					if want := [4]bool{c.bytes, c.planes, c.half, c.float}; seen != want {
						t.Errorf("%v, batch %d: bytes, planes, bf16, fp32 %v, want %v", level, batch, seen, want)
					}
				}
				got := runPlan(t, n.g, o, in, nil)[n.g.Outputs[0].Name]
				if e := maxError(got, want); e > 0.05 {
					t.Errorf("%v: error %g relative to float32", level, e)
				}
			}
		})
	}
}

// TestOnlyBytes keeps bfloat16 out however cheap it is.
func TestOnlyBytes(t *testing.T) {
	n := residualNet(4)
	ranged(t, n.g, n.inputs(netInput))
	level := kernel.Best()
	_, p := compile(t, n.g, Options{Mode: Auto, Level: &level, OnlyBytes: true, Costs: flatCosts(9, 1, 2, 4)}, netInput)
	for _, s := range p.Steps() {
		if strings.Contains(s.Kernel, "bf16") {
			t.Errorf("%s in a plan of bytes", s.Kernel)
		}
	}
}
