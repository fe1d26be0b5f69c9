package train

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"lutra/internal/graph"
	"lutra/internal/tensor"
)

// TestPlace: extents of one time lie apart, within the arena, and the arena is
// at least what is alive at once and not much more.
func TestPlace(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	for range 200 {
		var all []*extent
		for range 1 + rng.IntN(40) {
			first := rng.IntN(30)
			all = append(all, &extent{size: 16 * (1 + rng.IntN(20)), first: first, last: first + rng.IntN(10)})
		}
		total, least := place(all), 0
		for at := range 40 {
			alive := 0
			for _, e := range all {
				if e.first <= at && at <= e.last {
					alive += e.size
				}
			}
			least = max(least, alive)
		}
		if total < least || total > 2*least {
			t.Fatalf("arena of %d for %d", total, least)
		}
		for i, a := range all {
			if a.at < 0 || a.at+a.size > total {
				t.Fatalf("extent %d at %d leaves the arena", i, a.at)
			}
			for _, b := range all[:i] {
				if a.first <= b.last && b.first <= a.last && a.at < b.at+b.size && b.at < a.at+a.size {
					t.Fatalf("extents %+v and %+v overlap", *a, *b)
				}
			}
		}
	}
}

// TestPhases: every pair of input and output that a tap joins appears once.
func TestPhases(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	for range 300 {
		a := axis{in: 1 + rng.IntN(12), kernel: 1 + rng.IntN(5), stride: 1 + rng.IntN(4), dilation: 1 + rng.IntN(3), begin: rng.IntN(4)}
		a.out = (a.in+a.begin+rng.IntN(3)-(a.kernel-1)*a.dilation-1)/a.stride + 1
		if a.out < 1 {
			continue
		}
		want := map[[3]int]bool{}
		for o := range a.out {
			for k := range a.kernel {
				if i := o*a.stride + k*a.dilation - a.begin; i >= 0 && i < a.in {
					want[[3]int{i, k, o}] = true
				}
			}
		}
		got := map[[3]int]bool{}
		for _, p := range a.phases() {
			for n := range p.count {
				for j, k := range p.taps {
					if o := n + p.shift[j]; o >= 0 && o < a.out {
						got[[3]int{p.first + n*a.stride, k, o}] = true
					}
				}
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("%+v: phases join %v, want %v", a, got, want)
		}
	}
}

func TestSchedule(t *testing.T) {
	warm := Schedule{Base: 1, Warmup: 4, Milestones: []int{6, 8}, Factor: 0.1}
	cosine := Schedule{Base: 2, Warmup: 2, Cosine: true, Steps: 12, Final: 1}
	for _, c := range []struct {
		s    Schedule
		step int
		want float64
	}{
		{Schedule{Base: 3}, 100, 3},
		{warm, 0, 0.25}, {warm, 3, 1}, {warm, 5, 1}, {warm, 6, 0.1}, {warm, 9, 0.01},
		{cosine, 1, 2}, {cosine, 2, 2}, {cosine, 7, 1.5}, {cosine, 12, 1}, {cosine, 50, 1},
	} {
		if got := c.s.Rate(c.step); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%+v: rate of step %d is %v, want %v", c.s, c.step, got, c.want)
		}
	}
}

// step makes one step of a network whose output is its only input times w.
func linear(t *testing.T, o Options) *Net {
	t.Helper()
	g := newTestGraph(1, 2, 3).constant("w", tensor.Of([]float32{1, 2, 3, 4, 5, 6}, 3, 2)).node("Gemm", in("x", "w"), "y")
	o.Batch = 2
	n, err := Compile(t.Context(), g.Graph, o)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestOptimiserState: the averaged weights, and parameters without decay.
func TestOptimiserState(t *testing.T) {
	n := linear(t, Options{})
	w := n.Params()[0]
	opt := NewOptimiser(n.Params(), OptimiserOptions{EMA: 0.5, Decay: 0.1})
	for i := range w.Grad {
		w.Grad[i] = 1
	}
	if err := opt.Step(t.Context(), 1); err != nil { // w -= 1 + 0.1*w
		t.Fatal(err)
	}
	compare(t, "decayed", w.Value, []float32{-0.1, 0.8, 1.7, 2.6, 3.5, 4.4}, 1e-6)
	opt.swapAverage()
	compare(t, "average", w.Value, []float32{0.45, 1.4, 2.35, 3.3, 4.25, 5.2}, 1e-6)
	opt.swapAverage()
	w.Decay = false
	if err := opt.Step(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	compare(t, "not decayed", w.Value, []float32{-1.1, -0.2, 0.7, 1.6, 2.5, 3.4}, 1e-6)
	w.Grad[3] = float32(math.NaN())
	if err := opt.Step(t.Context(), 1); err == nil || !strings.Contains(err.Error(), `step 3: gradient of "w"`) {
		t.Errorf("gradient that is not a number: %v", err)
	}
	compare(t, "after a failure", w.Value, []float32{-1.1, -0.2, 0.7, 1.6, 2.5, 3.4}, 1e-6)
}

// TestMeanWords: the mean of the gradients of a codeword's blocks is their sum
// over their number.
func TestMeanWords(t *testing.T) {
	grads := map[bool][]*Param{}
	var counts [2][5]float32
	for _, mean := range []bool{false, true} {
		g := newTestGraph(2, 2, 4, 3, 3)
		g.node("Identity", in("x"), "h")
		buildCodebooks(g)
		books, err := g.Codebooks()
		if err != nil {
			t.Fatal(err)
		}
		for i, name := range []string{"w", "m"} {
			at := slices.IndexFunc(books, func(c *graph.Codebook) bool { return c.Name == name })
			counts[i] = [5]float32{}
			for _, c := range books[at].Codes {
				counts[i][c]++
			}
		}
		n, err := Compile(t.Context(), g.Graph, Options{Batch: 2, MeanWords: mean})
		if err != nil {
			t.Fatal(err)
		}
		if err := n.Forward(t.Context(), map[string]*tensor.Tensor{"x": pattern(3, 2, 4, 3, 3)}, true); err != nil {
			t.Fatal(err)
		}
		for i := range n.Output("y").Grad {
			n.Output("y").Grad[i] = float32(i) - 1
		}
		if err := n.Backward(t.Context()); err != nil {
			t.Fatal(err)
		}
		grads[mean] = n.Params()
	}
	for _, p := range grads[false] {
		i := slices.Index([]string{"w.codebook", "m.codebook"}, p.Name)
		d := p.Shape[1]
		for j := range p.Grad {
			p.Grad[j] /= max(1, counts[i][j/d])
		}
		at := slices.IndexFunc(grads[true], func(q *Param) bool { return q.Name == p.Name })
		compare(t, p.Name, grads[true][at].Grad, p.Grad, 1e-5)
	}
}

// TestTrainable: what is not trained keeps its value and gets no gradient.
func TestTrainable(t *testing.T) {
	n, err := Compile(t.Context(), smallNet().Graph, Options{Batch: 24, Trainable: func(name string) bool { return name == "w3" || name == "b" }})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, p := range n.Params() {
		names = append(names, p.Name)
	}
	if !slices.Equal(names, []string{"w3", "b"}) {
		t.Fatalf("trains %v", names)
	}
	before := map[string][]float32{}
	for name, v := range n.Graph().Consts {
		if v.DType == tensor.Float32 {
			before[name] = slices.Clone(v.Float32s())
		}
	}
	tr := NewTrainer(n, OptimiserOptions{}, Schedule{Base: 0.1})
	tr.run(t, rand.New(rand.NewPCG(1, 1)), 2)
	after := n.Graph()
	for name, v := range after.Consts {
		if v.DType != tensor.Float32 {
			continue
		}
		same := slices.Equal(v.Float32s(), before[name])
		moves := name == "w3" || name == "b" || strings.HasSuffix(name, ".m") || strings.HasSuffix(name, ".v")
		if same == moves {
			t.Errorf("%s: changed: %v", name, !same)
		}
	}
	if n, err = Compile(t.Context(), smallNet().Graph, Options{Batch: 2, Trainable: func(string) bool { return false }}); err != nil {
		t.Fatal(err)
	}
	if err := n.Backward(t.Context()); err == nil {
		t.Error("Backward succeeds with nothing to train")
	}
}

// TestElementwise: a quantiser with a straight-through gradient from outside.
func TestElementwise(t *testing.T) {
	steps := func(*graph.Node) (Elementwise, error) {
		return Elementwise{
			Forward: func(dst, x []float32) {
				for i, v := range x {
					dst[i] = float32(math.Floor(float64(v)))
				}
			},
			Backward: func(dx, dy, _, _ []float32) { copy(dx, dy) },
		}, nil
	}
	g := newTestGraph(1, 2, 3).constant("w", tensor.Of([]float32{1, 2, 3, 4, 5, 6}, 3, 2))
	g.node("Gemm", in("x", "w"), "h").node("Floor", in("h"), "y")
	n, err := Compile(t.Context(), g.Graph, Options{Batch: 2, Elementwise: map[string]func(*graph.Node) (Elementwise, error){"Floor": steps}})
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Forward(t.Context(), map[string]*tensor.Tensor{"x": tensor.Of([]float32{.5, 0, 0, 0, .3, 1}, 2, 3)}, true); err != nil {
		t.Fatal(err)
	}
	compare(t, "floor", n.Output("y").Data, []float32{0, 1, 5, 7}, 0)
	copy(n.Output("y").Grad, []float32{1, 0, 0, 1})
	if err := n.Backward(t.Context()); err != nil {
		t.Fatal(err)
	}
	compare(t, "gradient", n.Params()[0].Grad, []float32{.5, 0, 0, .3, 0, 1}, 1e-7)
}

// TestDropout: masks have the ratio, differ from pass to pass, and depend on the seed.
func TestDropout(t *testing.T) {
	mask := func(seed uint64, passes int) []float32 {
		g := newTestGraph(1, 100, 100).constant("r", tensor.Of([]float32{0.25})).node("Dropout", in("x", "r"), "y")
		n, err := Compile(t.Context(), g.Graph, Options{Batch: 100, Seed: seed, Threads: 2})
		if err != nil {
			t.Fatal(err)
		}
		ones := tensor.New(tensor.Float32, 100, 100)
		for i := range ones.Float32s() {
			ones.Float32s()[i] = 1
		}
		for range passes {
			if err := n.Forward(t.Context(), map[string]*tensor.Tensor{"x": ones}, true); err != nil {
				t.Fatal(err)
			}
		}
		return n.Output("y").Data
	}
	a := mask(1, 1)
	zeros := 0
	for _, v := range a {
		switch v {
		case 0:
			zeros++
		case float32(1 / 0.75):
		default:
			t.Fatalf("an element is multiplied with %v", v)
		}
	}
	if zeros < 2350 || zeros > 2650 { // 3.5 standard deviations
		t.Errorf("%d of 10000 dropped, 2500 expected", zeros)
	}
	if !slices.Equal(a, mask(1, 1)) || slices.Equal(a, mask(1, 2)) || slices.Equal(a, mask(2, 1)) {
		t.Error("the mask is no function of seed and pass")
	}
}

// TestFoldedWeights: weights in half precision behind a Cast are trained and
// stay in half precision, unless something else reads them, too.
func TestFoldedWeights(t *testing.T) {
	half := tensor.Half([]uint16{0x3c00, 0x4000, 0x3800}, 3, 1)
	g := newTestGraph(1, 2, 3).constant("w16", half).node("Cast", in("w16"), "w", graph.IntAttr("to", int64(tensor.Float32)))
	g.node("MatMul", in("x", "w"), "y")
	n, err := Compile(t.Context(), g.Graph, Options{Batch: 2})
	if err != nil {
		t.Fatal(err)
	}
	n.Params()[0].Value[1] = 7
	want := []float32{1, 7, 0.5}
	trained := n.Graph()
	if err := trained.Validate(); err != nil {
		t.Fatal(err)
	}
	if w := trained.Consts["w16"]; len(trained.Nodes) != 2 || w.DType != tensor.Float16 || !slices.Equal(w.AsFloat32().Float32s(), want) {
		t.Errorf("%d nodes, weights %v", len(trained.Nodes), w)
	}
	g.node("Cast", in("w16"), "other", graph.IntAttr("to", int64(tensor.Float32)))
	if trained = n.Graph(); len(trained.Nodes) != 2 || len(g.Nodes) != 3 || !slices.Equal(trained.Consts["w"].Float32s(), want) {
		t.Errorf("%d nodes, weights %v that something else reads", len(trained.Nodes), trained.Consts["w"])
	}
}

// TestLossErrors: sizes and labels that do not fit.
func TestLossErrors(t *testing.T) {
	o := &Output{Name: "y", Shape: tensor.Shape{2, 3}, Data: make([]float32, 6), Grad: make([]float32, 6)}
	for name, f := range map[string]func() (float64, error){
		"labels":      func() (float64, error) { return CrossEntropy(o, 1, []int{1}, 0) },
		"label":       func() (float64, error) { return CrossEntropy(o, 1, []int{1, 3}, 0) },
		"soft":        func() (float64, error) { return SoftCrossEntropy(o, 1, make([]float32, 5)) },
		"teacher":     func() (float64, error) { return Distillation(o, 1, make([]float32, 5), 1) },
		"temperature": func() (float64, error) { return Distillation(o, 1, make([]float32, 6), 0) },
		"mse":         func() (float64, error) { return MSE(o, 1, nil) },
	} {
		if _, err := f(); err == nil || !strings.Contains(err.Error(), `output "y"`) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
