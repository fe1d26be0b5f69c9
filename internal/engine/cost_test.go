package engine

import (
	"context"
	"encoding/json"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"lutra/internal/graph"
	"lutra/internal/kernel"
	"lutra/internal/tensor"
)

// TestFit recovers unit costs from exact times, and keeps to costs that are
// not negative where the best ones would be.
func TestFit(t *testing.T) {
	want := UnitCosts{Step: 400, MAC: 0.0005, Decoded: 0.03, Byte: 0.02}
	rng := rand.New(rand.NewPCG(1, 2))
	var samples []sample
	for range 30 {
		w := work{
			macs: math.Exp(rng.Float64()*6 + 13), decoded: math.Exp(rng.Float64()*6 + 9),
			output: math.Exp(rng.Float64()*6 + 8), bytes: math.Exp(rng.Float64()*6 + 9),
		}
		samples = append(samples, sample{w, dot(want.vector(), w.vector())})
	}
	got, exact := fit(samples).vector(), want.vector()
	for i := range got {
		if math.Abs(got[i]-exact[i]) > 0.01*exact[i]+1e-5 {
			t.Errorf("cost %d: got %g, want %g", i, got[i], exact[i])
		}
	}
	falling := []sample{{work{bytes: 1}, 10}, {work{bytes: 100}, 1}}
	for i, v := range fit(falling).vector() {
		if !(v >= 0) {
			t.Errorf("cost %d of falling times is %g", i, v)
		}
	}
}

// TestDefaultCosts checks that the embedded costs can be read and name what
// plans use: every kind of product has costs on every instruction set.
func TestDefaultCosts(t *testing.T) {
	costs, err := DefaultCosts()
	if err != nil {
		t.Fatal(err)
	}
	for level, kinds := range map[string][]string{
		"generic": {"conv", "gemm", "depthwise", "conv int8", "table int8"}, "avx2": {"conv", "conv int8", "table int8"},
		"avx512": {"conv", "gemm"}, "vnni": {"conv int8", "conv int8 hi+lo", "gemm int8", "conv bf16"}, "amx": {"conv int8", "conv int8 hi+lo", "conv bf16", "gemm bf16"},
	} {
		for _, kind := range append(kinds, otherKind) {
			if _, ok := costs[level][kind]; !ok {
				t.Errorf("no costs of %s on %s", kind, level)
			}
		}
	}
	// A second plane is never for free, tiles beat vectors, vectors beat Go.
	rate := func(level, kind string) float64 { return costs[level][kind].MAC }
	if !(rate("amx", "conv int8") < rate("vnni", "conv int8") && rate("vnni", "conv int8") < rate("avx512", "conv") && rate("avx512", "conv") < rate("generic", "conv")) {
		t.Error("costs of a multiplication are out of order")
	}
}

func TestParseCosts(t *testing.T) {
	for _, text := range []string{"", "[]", `{"amx":{"conv":{"mac":-1}}}`, `{"amx":{"conv":{"mac":"x"}}}`, `{"amx":{"conv":{"mac":1e300}}}`} {
		if _, err := ParseCosts("file", []byte(text)); err == nil || !strings.HasPrefix(err.Error(), "file") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// TestPredictedTimes: a plan predicts with the costs it is given, on as many
// threads as have work, and says so in its table.
func TestPredictedTimes(t *testing.T) {
	level := kernel.Generic
	n := newNet(1, tensor.Shape{1, 8, 6, 6})
	g := n.output(n.relu(n.conv("x0", n.weight(8, 8, 3, 3))))
	costs := Costs{"generic": {"conv": {Step: 1000, MAC: 2, Output: 3}, otherKind: {Step: 7000}}}
	m, err := Compile(g, Options{Threads: 1, Level: &level, Costs: costs})
	if err != nil {
		t.Fatal(err)
	}
	p, err := m.Plan(map[string]tensor.Shape{"x0": {1, 8, 6, 6}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	info := p.Info()
	_, nr := level.TileSize()
	const outputs, depth = 4 * 4 * 8, 8 * 9
	want := map[string]float64{"conv": 1 + (2*float64(roundUp(8, nr)*depth*16)+3*outputs)/1e3, "layout": 7}
	total := 0.0
	for _, s := range info.Steps {
		if w := want[kindOf(s.Kernel)]; math.Abs(s.PredictedUS-w) > 1e-9 {
			t.Errorf("%s: predicted %g µs, want %g", s.Kernel, s.PredictedUS, w)
		}
		total += s.PredictedUS
	}
	if math.Abs(total-info.PredictedUS) > 1e-9 {
		t.Errorf("total %g, want %g", info.PredictedUS, total)
	}
	times, err := m.NewSession().Times(context.Background(), p, n.inputs(tensor.Shape{1, 8, 6, 6}))
	if err != nil {
		t.Fatal(err)
	}
	measured := info.Measured(times)
	if info.MeasuredUS != 0 || measured.MeasuredUS <= 0 || !strings.Contains(measured.String(), "ratio ") {
		t.Errorf("measured %g µs of %g:\n%s", measured.MeasuredUS, info.MeasuredUS, measured)
	}
}

// TestProbes compiles every probe in every arithmetic, and checks that the
// kinds they measure are those that they are for.
func TestProbes(t *testing.T) {
	level := kernel.Best()
	seen := map[string]bool{}
	for _, p := range probes {
		for _, a := range arithmetics {
			g, shape, err := p.graph(a)
			if err != nil {
				t.Fatalf("%+v: %v", p, err)
			}
			m, err := Compile(g, Options{Threads: 1, Level: &level, Mode: a.mode, Products: a.products, OnlyBytes: true})
			if err != nil {
				t.Fatal(err)
			}
			plan, err := m.Plan(map[string]tensor.Shape{"x": shape}, nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range plan.steps {
				seen[s.work.kind] = true
			}
		}
	}
	for _, kind := range []string{"conv", "conv int8", "conv int8 hi+lo", "conv bf16", "gemm bf16", "table int8", "depthwise", "depthwise int8", "gemm", "gemm int8", "gemm int8 hi+lo", "quantise", "average pool int8"} {
		if !seen[kind] {
			t.Errorf("no probe runs %q", kind)
		}
	}
}

// TestMeasuredCosts measures one small probe and reads back what it yields.
func TestMeasuredCosts(t *testing.T) {
	samples := map[[2]string][]sample{}
	p := probe{in: 8, out: 8, size: 8, kernel: 3, stride: 1, d: 9}
	for _, a := range arithmetics {
		if err := p.measure(context.Background(), kernel.Generic, a, samples); err != nil {
			t.Fatal(err)
		}
	}
	costs := Costs{"generic": {}}
	for key, s := range samples {
		costs[key[0]][key[1]] = fit(s)
	}
	b, err := json.Marshal(costs)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ParseCosts("measured", b); err != nil {
		t.Error(err)
	}
	for _, kind := range []string{"conv", "conv int8", "conv int8 hi+lo", "table int8"} {
		if costs["generic"][kind] == (UnitCosts{}) {
			t.Errorf("no costs of %s", kind)
		}
	}
}

// TestInstructions: float32 steps name the level without dot products of bytes
// that they use.
func TestInstructions(t *testing.T) {
	for _, level := range levels() {
		g, shape, err := probes[0].graph(arithmetic{mode: Int8, budget: graph.Budget{}})
		if err != nil {
			t.Fatal(err)
		}
		for _, mode := range []Mode{Float32, Int8} {
			m, err := Compile(g, Options{Threads: 1, Level: &level, Mode: mode})
			if err != nil {
				t.Fatal(err)
			}
			plan, err := m.Plan(map[string]tensor.Shape{"x": shape}, nil)
			if err != nil {
				t.Fatal(err)
			}
			want := level
			if w, ok := map[kernel.Level]kernel.Level{
				kernel.AVXVNNI: kernel.AVX2, kernel.VNNI: kernel.AVX512, kernel.AMX: kernel.AVX512,
			}[level]; ok && mode == Float32 {
				want = w
			}
			for _, s := range plan.Steps() {
				if strings.Contains(s.Kernel, "conv") && s.Level != want.String() {
					t.Errorf("%v: %s on %s", level, s.Kernel, s.Level)
				}
			}
		}
	}
}
