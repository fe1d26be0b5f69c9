package engine

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"lutra/internal/graph"
	"lutra/internal/kernel"
	"lutra/internal/tensor"
)

// probe is a network of one layer, whose steps are timed: a convolution, with
// a rectifier and an average behind it, or a matrix product.
type probe struct {
	in, out, size  int // channels, and side of the input; 0: a matrix product
	kernel, stride int
	d              int // of the codebook; 0: dense weights
	groups         int
	residual       bool
}

// probes cover the layers of ResNets and of networks for microcontrollers.
var probes = []probe{
	{in: 64, out: 64, size: 56, kernel: 3, stride: 1, d: 9},
	{in: 64, out: 64, size: 56, kernel: 3, stride: 1, residual: true},
	{in: 64, out: 128, size: 56, kernel: 3, stride: 2, d: 18},
	{in: 128, out: 128, size: 28, kernel: 3, stride: 1, d: 9, residual: true},
	{in: 128, out: 128, size: 28, kernel: 3, stride: 1},
	{in: 256, out: 256, size: 14, kernel: 3, stride: 1, d: 18},
	{in: 256, out: 256, size: 14, kernel: 3, stride: 1, d: 9, residual: true},
	{in: 512, out: 512, size: 7, kernel: 3, stride: 1, d: 9},
	{in: 512, out: 512, size: 7, kernel: 3, stride: 1},
	{in: 64, out: 256, size: 56, kernel: 1, stride: 1, d: 8},
	{in: 64, out: 256, size: 56, kernel: 1, stride: 1},
	{in: 256, out: 64, size: 56, kernel: 1, stride: 1, d: 8},
	{in: 256, out: 1024, size: 14, kernel: 1, stride: 1, d: 8},
	{in: 1024, out: 256, size: 14, kernel: 1, stride: 1, d: 8},
	{in: 512, out: 2048, size: 7, kernel: 1, stride: 1, d: 8},
	{in: 2048, out: 512, size: 7, kernel: 1, stride: 1},
	{in: 64, out: 128, size: 56, kernel: 1, stride: 2, d: 4},
	{in: 3, out: 64, size: 224, kernel: 7, stride: 2},
	{in: 3, out: 16, size: 96, kernel: 3, stride: 2},
	{in: 16, out: 16, size: 32, kernel: 3, stride: 1},
	{in: 64, out: 64, size: 25, kernel: 1, stride: 1},
	{in: 64, out: 64, size: 8, kernel: 3, stride: 1, d: 9},
	{in: 32, out: 32, size: 112, kernel: 3, stride: 1, groups: 32},
	{in: 128, out: 128, size: 28, kernel: 3, stride: 1, groups: 128},
	{in: 256, out: 256, size: 28, kernel: 3, stride: 2, groups: 256},
	{in: 512, out: 512, size: 7, kernel: 3, stride: 1, groups: 512},
	{in: 512, out: 1000},
	{in: 2048, out: 1000, d: 4},
	{in: 512, out: 1000, d: 4},
	{in: 64, out: 12},
}

// arithmetic is a mode in which probes are timed.
type arithmetic struct {
	mode     Mode
	budget   graph.Budget
	products Products
}

var arithmetics = []arithmetic{
	{mode: Float32},
	{mode: BF16},
	{mode: Int8, products: ProductsDirect},
	{mode: Int8, products: ProductsByTables},
	{mode: Auto, budget: graph.Budget{Activations: 1}, products: ProductsDirect}, // all weights in two planes
}

// MeasureCosts times the kernels of l on one thread and returns the unit costs
// that explain the times best, by instruction set.
func MeasureCosts(ctx context.Context, l kernel.Level, progress func(done, total int)) (Costs, error) {
	samples := map[[2]string][]sample{}
	total := len(probes) * len(arithmetics)
	for i, p := range probes {
		for j, a := range arithmetics {
			if err := p.measure(ctx, l, a, samples); err != nil {
				return nil, err
			}
			if progress != nil {
				progress(i*len(arithmetics)+j+1, total)
			}
		}
	}
	costs := Costs{}
	for key, s := range samples {
		if costs[key[0]] == nil {
			costs[key[0]] = map[string]UnitCosts{}
		}
		costs[key[0]][key[1]] = fit(s)
	}
	return costs, nil
}

// measure times p and adds what its steps took to samples, by instruction set
// and kind. Kinds that only move data are also samples of otherKind.
func (p probe) measure(ctx context.Context, l kernel.Level, a arithmetic, samples map[[2]string][]sample) error {
	g, shape, err := p.graph(a)
	if err != nil {
		return err
	}
	m, err := Compile(g, Options{Threads: 1, Level: &l, Mode: a.mode, Products: a.products, OnlyBytes: true})
	if err != nil {
		return err
	}
	plan, err := m.Plan(map[string]tensor.Shape{"x": shape}, nil)
	if err != nil {
		return err
	}
	x := tensor.New(tensor.Float32, shape...)
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range x.Float32s() {
		x.Float32s()[i] = rng.Float32()*2 - 1
	}
	times, err := m.NewSession().Times(ctx, plan, map[string]*tensor.Tensor{"x": x})
	if err != nil {
		return err
	}
	for i, s := range plan.steps {
		t := sample{s.work, float64(times[i])}
		if t.time <= 0 {
			continue
		}
		key := [2]string{s.info.Level, s.work.kind}
		samples[key] = append(samples[key], t)
		if s.work.macs == 0 {
			key[1] = otherKind
			samples[key] = append(samples[key], t)
		}
	}
	return nil
}

// Limits of Times: it runs until it has as much as it needs.
const (
	leastTimed = 9
	mostTimed  = 200
	enoughTime = 50 * time.Millisecond
)

// Times is the least time of every step of p over several runs on in: other
// work on the machine only ever adds to it.
func (s *Session) Times(ctx context.Context, p *Plan, in map[string]*tensor.Tensor) ([]time.Duration, error) {
	was := s.timed
	s.Timed(true)
	defer s.Timed(was)
	var least []time.Duration
	start := time.Now()
	for i := 0; i <= leastTimed || i < mostTimed && time.Since(start) < enoughTime; i++ {
		if _, err := s.Run(ctx, p, in); err != nil {
			return nil, err
		}
		if i < 2 { // the first run brings weights into caches and memory to life
			least = slices.Clone(s.profile)
			continue
		}
		for j, d := range s.profile {
			least[j] = min(least[j], d)
		}
	}
	return least, nil
}

// graph is p as a network with input "x" of the given shape.
func (p probe) graph(a arithmetic) (*graph.Graph, tensor.Shape, error) {
	g := &graph.Graph{Consts: map[string]*tensor.Tensor{}, Opsets: map[string]int64{"": 13}}
	shape, last := tensor.Shape{1, p.in}, "product"
	if p.size > 0 {
		shape, last = append(shape, p.size, p.size), "mean"
	}
	g.Inputs = []graph.Value{{Name: "x", DType: tensor.Float32}}
	for _, d := range shape {
		g.Inputs[0].Dims = append(g.Inputs[0].Dims, graph.Dim{Size: d})
	}
	g.Outputs = []graph.Value{{Name: last, DType: tensor.Float32, NoShape: true}}
	node := func(op, out string, attrs []graph.Attr, in ...string) {
		g.Nodes = append(g.Nodes, &graph.Node{Name: out, Op: op, Inputs: in, Outputs: []string{out}, Attrs: attrs})
	}
	if p.size == 0 {
		node("Gemm", "product", []graph.Attr{graph.IntAttr("transB", 1)}, "x", "w")
	} else {
		pad := int64(p.kernel / 2)
		node("Conv", "product", []graph.Attr{
			graph.IntsAttr("pads", pad, pad, pad, pad), graph.IntsAttr("strides", int64(p.stride), int64(p.stride)),
			graph.IntAttr("group", int64(max(1, p.groups))),
		}, "x", "w")
		sum := "product"
		if p.residual {
			node("Add", "sum", nil, "product", "x")
			sum = "sum"
		}
		node("Relu", "relu", nil, sum)
		node("GlobalAveragePool", "mean", nil, "relu")
	}
	if err := p.addWeight(g); err != nil {
		return nil, nil, err
	}
	if a.mode > BF16 {
		ranges := map[string]graph.Range{"x": {Lo: -1, Hi: 1}, "relu": {Hi: 4}, "product": {Lo: -4, Hi: 4}, "mean": {Hi: 4}}
		if err := g.SetRanges(ranges); err != nil {
			return nil, nil, err
		}
		if err := g.SetBudget(a.budget); err != nil {
			return nil, nil, err
		}
	}
	return g, shape, g.Validate()
}

// addWeight makes the weight "w" of random numbers, or of a codebook of 256
// random codewords.
func (p probe) addWeight(g *graph.Graph) error {
	rng := rand.New(rand.NewPCG(uint64(p.in), uint64(p.out)))
	shape := tensor.Shape{p.out, p.in / max(1, p.groups)}
	if p.size > 0 {
		shape = append(shape, p.kernel, p.kernel)
	}
	row := shape[1:].Elems()
	random := func(n int) []float32 {
		x := make([]float32, n)
		for i := range x {
			x[i] = (rng.Float32()*2 - 1) * 2 / float32(row)
		}
		return x
	}
	if p.d == 0 {
		g.Consts["w"] = tensor.Of(random(shape.Elems()), shape...)
		return nil
	}
	if row%p.d != 0 {
		return fmt.Errorf("probe: blocks of %d in rows of %d", p.d, row)
	}
	const words = 256
	c := &graph.Codebook{Name: "w", K: words, D: p.d, Blocks: row / p.d, Outputs: p.out, Shape: shape, Words: tensor.Of(random(words*p.d), words, p.d)}
	for i := range shape {
		c.Perm = append(c.Perm, i)
	}
	c.Codes = make([]uint16, c.Blocks*c.Outputs)
	for i := range c.Codes {
		c.Codes[i] = uint16(rng.IntN(words))
	}
	return g.AddCodebook(c)
}
