package fit_test

import (
	"bytes"
	"math"
	"strings"
	"testing"

	"lutra/internal/engine"
	"lutra/internal/fit"
	"lutra/internal/graph"
	"lutra/internal/tensor"
)

// coded is g with 24 codewords of 9 numbers for every 3x3 convolution but the
// first: blocks of the weight, and for every other block the nearest of them.
func coded(t *testing.T, g *graph.Graph) *graph.Graph {
	t.Helper()
	c := *g
	c.Consts = map[string]*tensor.Tensor{}
	for name, v := range g.Consts {
		c.Consts[name] = v
	}
	c.Opsets = map[string]int64{"": g.Opsets[""]}
	c.Nodes = append([]*graph.Node(nil), g.Nodes...)
	for _, n := range g.Nodes {
		if n.Op != "Conv" || c.Consts[n.Inputs[1]].Shape[1] == 3 || c.Consts[n.Inputs[1]].Shape[2] != 3 {
			continue
		}
		w := c.Consts[n.Inputs[1]]
		const k, d = 24, 9
		x := w.Float32s()
		book := &graph.Codebook{
			Name: n.Inputs[1], K: k, D: d, Blocks: w.Shape[1], Outputs: w.Shape[0], Shape: w.Shape, Perm: []int{0, 1, 2, 3},
			Codes: make([]uint16, len(x)/d), Words: tensor.Of(append([]float32(nil), x[:k*d]...), k, d),
		}
		for b := range book.Blocks {
			for o := range book.Outputs {
				block := x[(o*book.Blocks+b)*d:][:d]
				least := math.Inf(1)
				for code := range k {
					e := 0.
					for j, v := range x[code*d:][:d] {
						e += float64(v-block[j]) * float64(v-block[j])
					}
					if e < least {
						least, book.Codes[b*book.Outputs+o] = e, uint16(code)
					}
				}
			}
		}
		if err := c.AddCodebook(book); err != nil {
			t.Fatal(err)
		}
	}
	return &c
}

// tuneSetup is a trained network, the same with codebooks, and options to tune it by.
func tuneSetup(t *testing.T) (g *graph.Graph, src fit.Source, test fit.Test, o fit.Options) {
	t.Helper()
	teacher, src, test, o := setup(t, "resnet8")
	o.Epochs = 4
	teacher, _ = mustRun(t, teacher, src, test, o)
	g = coded(t, teacher)
	o.Teacher, o.TeacherWeight, o.Baseline = teacher, 1, true
	o.Optimiser, o.LearningRate = "adam", 0.01
	o.Codes = &fit.Codes{Every: 4, Rate: 30, Most: 0.05}
	return g, src, test, o
}

// TestTune: tuning brings a network of codebooks nearer to its teacher, changes
// codes, and keeps the form of the codebooks.
func TestTune(t *testing.T) {
	g, src, test, o := tuneSetup(t)
	before := encode(t, g)
	out, h := mustRun(t, g, src, test, o)
	if !bytes.Equal(encode(t, g), before) {
		t.Error("the network given has changed")
	}
	last := h.Epochs[len(h.Epochs)-1]
	t.Logf("held-out loss %.4f -> %.4f, top-1 %.3f -> %.3f", *h.Start.TestLoss, *last.TestLoss, *h.Start.TestTop1, *last.TestTop1)
	if *last.TestLoss > *h.Start.TestLoss/2 {
		t.Errorf("held-out loss %.4f after %.4f", *last.TestLoss, *h.Start.TestLoss)
	}
	if h.Epochs[0].Codes == 0 {
		t.Error("no code was changed")
	}
	a, err := g.Codebooks()
	if err != nil {
		t.Fatal(err)
	}
	same := 0
	for _, old := range a {
		c, err := out.Codebook(old.Name)
		if err != nil || c.K != old.K || c.D != old.D || len(c.Codes) != len(old.Codes) {
			t.Fatalf("%s: %+v, error %v", old.Name, c, err)
		}
		for i := range c.Codes {
			if c.Codes[i] == old.Codes[i] {
				same++
			}
		}
	}
	if same == 0 {
		t.Error("all codes are others")
	}
}

// TestWordsOnly: codewords change, and nothing else.
func TestWordsOnly(t *testing.T) {
	g, src, test, o := tuneSetup(t)
	o.WordsOnly, o.Codes, o.Epochs, o.Pieces = true, nil, 1, 1
	out, _ := mustRun(t, g, src, test, o)
	words := map[string]bool{}
	for _, n := range g.Nodes {
		if n.IsCodebook() {
			words[n.Inputs[1]] = true
		}
	}
	for name, v := range g.Consts {
		same := bytes.Equal(v.Bytes(), out.Consts[name].Bytes())
		if refreshed := strings.Contains(name, "mean") || strings.Contains(name, "var"); words[name] == same && !refreshed {
			t.Errorf("%s: codewords %v, unchanged %v", name, words[name], same)
		}
	}
}

// TestTuneNeverHarms: where training makes it worse, the result is what it was.
func TestTuneNeverHarms(t *testing.T) {
	g, src, test, o := tuneSetup(t)
	o.Teacher, o.LearningRate, o.Epochs = g, 0.3, 2
	out, h := mustRun(t, g, src, test, o)
	for _, e := range h.Epochs {
		if *e.TestLoss <= *h.Start.TestLoss {
			t.Fatalf("a rate of %g does no harm to a network that is its own teacher: %g after %g", o.LearningRate, *e.TestLoss, *h.Start.TestLoss)
		}
	}
	for name, v := range g.Consts {
		if w := out.Consts[name]; w == nil || !bytes.Equal(v.Bytes(), w.Bytes()) {
			t.Errorf("%s has changed", name)
		}
	}
}

// TestOwnTeacher: the held-out loss of a network that is its teacher is 0.
func TestOwnTeacher(t *testing.T) {
	g, src, test, o := tuneSetup(t)
	o.Teacher, o.Epochs = g, 1
	_, h := mustRun(t, g, src, test, o)
	if loss := *h.Start.TestLoss; math.Abs(loss) > 1e-6 {
		t.Errorf("divergence %g of a network from itself", loss)
	}
	// Scores of bfloat16 are other ones, by little.
	o.TeacherMode = engine.BF16
	_, h = mustRun(t, g, src, test, o)
	if loss := *h.Start.TestLoss; loss < 1e-9 || loss > 1e-3 {
		t.Errorf("divergence %g of a network from itself in bfloat16", loss)
	}
}

func TestCodesRefused(t *testing.T) {
	g, src, test, o := tuneSetup(t)
	for _, c := range []fit.Codes{{Every: -1}, {Rate: -1}, {Rate: math.NaN()}, {Most: 2}} {
		o.Codes = &c
		if _, _, err := fit.Run(t.Context(), g, src, test, o); err == nil {
			t.Errorf("%+v is accepted", c)
		}
	}
	o.Codes = nil
	if _, _, err := fit.Run(t.Context(), g, src, nil, o); err == nil {
		t.Error("a baseline without a test is accepted")
	}
}
