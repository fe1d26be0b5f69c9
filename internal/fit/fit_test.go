package fit_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"lutra/internal/data"
	"lutra/internal/fit"
	"lutra/internal/graph"
	"lutra/internal/network"
	"lutra/internal/onnx"
	"lutra/internal/tensor"
)

const side = 8 // pixels

// shapes is a set of n images of bars in one of four directions, with noise.
func shapes(t *testing.T, n int, seed uint64) *data.Set {
	t.Helper()
	labels := make([]int, n)
	images := make([]*data.Image, n)
	r := rand.New(rand.NewPCG(seed, 0))
	for i := range n {
		labels[i] = r.IntN(4)
		at := 2 + r.IntN(4)
		m := data.NewImage(side, side)
		for y := range side {
			for x := range side {
				on := [4]bool{x == at, y == at, (x+y)%side == at, (x-y+side)%side == at}[labels[i]]
				v := r.IntN(60)
				if on {
					v += 180
				}
				for c := range 3 {
					m.Pix[3*(y*side+x)+c] = uint8(v)
				}
			}
		}
		images[i] = m
	}
	s, err := data.NewSet("shapes", n, []string{"a", "b", "c", "d"}, labels, func(i int) (*data.Image, error) { return images[i], nil })
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// setup is a small residual network with its data and quick options.
func setup(t *testing.T, name string) (*graph.Graph, fit.Source, fit.Test, fit.Options) {
	t.Helper()
	n, err := network.Lookup(name)
	if err != nil {
		t.Fatal(err)
	}
	no := network.Options{Input: tensor.Shape{3, side, side}, Width: 0.5, Seed: 1}
	if n.Task == network.Classify {
		no.Outputs = 4
	}
	g, err := n.Build(no)
	if err != nil {
		t.Fatal(err)
	}
	p, err := data.Preset("cifar")
	if err != nil {
		t.Fatal(err)
	}
	a, err := data.ParseAugment("crop:1")
	if err != nil {
		t.Fatal(err)
	}
	src, err := shapes(t, 260, 1).Batches(p, data.BatchOptions{Size: 20, Width: side, Height: side, Augment: a, Seed: 5, Threads: 2})
	if err != nil {
		t.Fatal(err)
	}
	test, err := shapes(t, 130, 2).Inputs(p, side, side)
	if err != nil {
		t.Fatal(err)
	}
	return g, src, test, fit.Options{
		Recipe: network.Recipe{Epochs: 3, Batch: 20, Optimiser: "sgd", LearningRate: 0.05, WeightDecay: 1e-4}, Threads: 2, Seed: 5,
	}
}

func encode(t *testing.T, g *graph.Graph) []byte {
	t.Helper()
	b, err := onnx.Encode(g)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func mustRun(t *testing.T, g *graph.Graph, src fit.Source, test fit.Test, o fit.Options) (*graph.Graph, *fit.History) {
	t.Helper()
	out, h, err := fit.Run(t.Context(), g, src, test, o)
	if err != nil {
		t.Fatal(err)
	}
	return out, h
}

// TestLearns: with every optimiser the network learns the shapes, which guessing
// gets right in a quarter of the cases.
func TestLearns(t *testing.T) {
	for optimiser, rate := range map[string]float64{"sgd": 0.05, "adam": 0.005, "adamw": 0.005} {
		g, src, test, o := setup(t, "resnet8")
		before := encode(t, g)
		o.Optimiser, o.LearningRate, o.Epochs = optimiser, rate, 5
		_, h := mustRun(t, g, src, test, o)
		last := h.Epochs[len(h.Epochs)-1]
		t.Logf("%s: %+v", optimiser, *last.TestTop1)
		if *last.TestTop1 < 0.95 || last.Loss > h.Epochs[0].Loss/2 {
			t.Errorf("%s: test %.2f, loss %.3f after %.3f", optimiser, *last.TestTop1, last.Loss, h.Epochs[0].Loss)
		}
		if !bytes.Equal(before, encode(t, g)) {
			t.Error("the graph given was changed")
		}
	}
}

func TestResultDoesNotDependOnThreads(t *testing.T) {
	g, src, test, o := setup(t, "resnet8")
	want, _ := mustRun(t, g, src, test, o)
	o.Threads = 1
	got, _ := mustRun(t, g, src, test, o)
	if !bytes.Equal(encode(t, want), encode(t, got)) {
		t.Error("one thread and two make other networks")
	}
	o.Seed = 6 // only noted here, the order is the source's
	if other, _ := mustRun(t, g, src, test, o); bytes.Equal(encode(t, want), encode(t, other)) {
		t.Error("the seed is not in the provenance")
	}
}

// TestTeacher: without labels a network learns the shapes from one that knows them.
func TestTeacher(t *testing.T) {
	g, src, test, o := setup(t, "resnet8")
	o.Epochs = 5
	teacher, _ := mustRun(t, g, src, test, o)
	student, _, _, _ := setup(t, "alexnet-cifar")
	unlabelled := sourceFunc{src, func(b *data.Batch) {
		for i := range b.Labels {
			b.Labels[i] = data.Unlabelled
		}
	}}
	o.Teacher = teacher
	_, h := mustRun(t, student, unlabelled, test, o)
	if last := h.Epochs[len(h.Epochs)-1]; *last.TestTop1 < 0.9 || last.Top1 < 0.7 {
		t.Errorf("taught without labels: test %.2f, training %.2f", *last.TestTop1, last.Top1)
	}
	// Tested without labels, the teacher agrees with itself.
	o.Epochs, o.LearningRate = 1, 0
	_, h = mustRun(t, teacher, unlabelled, unlabelledTest{test}, o)
	if *h.Epochs[0].TestTop1 < 0.97 { // its running statistics move
		t.Errorf("agreement of the teacher with itself: %.2f", *h.Epochs[0].TestTop1)
	}
	o.Teacher = nil
	if _, _, err := fit.Run(t.Context(), g, src, unlabelledTest{test}, o); err == nil || !strings.Contains(err.Error(), "a label for sample 0, or a teacher") {
		t.Errorf("tested without labels and teacher: %v", err)
	}
}

// unlabelledTest hides the labels of a test.
type unlabelledTest struct{ fit.Test }

func (unlabelledTest) Label(int) int { return data.Unlabelled }

func TestTeacherRefused(t *testing.T) {
	g, src, test, o := setup(t, "resnet8")
	n, err := network.Lookup("resnet8")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		o    network.Options
		want string
	}{
		{network.Options{Input: tensor.Shape{3, side, side}, Outputs: 5}, "classes: expected the student's 4, found 5"},
		{network.Options{Input: tensor.Shape{1, side, side}, Outputs: 4}, "input: expected the student's 3x8x8, found 1x8x8"},
	} {
		if o.Teacher, err = n.Build(c.o); err != nil {
			t.Fatal(err)
		}
		if _, _, err := fit.Run(t.Context(), g, src, test, o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want %q", err, c.want)
		}
	}
}

// TestTeacherOfFixedBatch: the batch size that a teacher declares may mean
// nothing; that of a Reshape does.
func TestTeacherOfFixedBatch(t *testing.T) {
	g, src, test, o := setup(t, "resnet8")
	n, err := network.Lookup("resnet8")
	if err != nil {
		t.Fatal(err)
	}
	o.Epochs = 1
	if o.Teacher, err = n.Build(network.Options{Input: tensor.Shape{3, side, side}, Outputs: 4}); err != nil {
		t.Fatal(err)
	}
	o.Teacher.Inputs[0].Dims[0] = graph.Dim{Size: 1}
	mustRun(t, g, src, test, o)
	for _, n := range o.Teacher.Nodes {
		if n.Op == "Flatten" {
			n.Op, n.Inputs = "Reshape", append(n.Inputs, "fixed")
		}
	}
	o.Teacher.Consts["fixed"] = tensor.Of([]int64{1, -1}, 2)
	if _, _, err := fit.Run(t.Context(), g, src, test, o); err == nil || !strings.Contains(err.Error(), "batch size: expected one that can be") {
		t.Error(err)
	}
}

func TestReconstructAndRegress(t *testing.T) {
	g, src, test, o := setup(t, "autoencoder-cifar")
	o.Optimiser, o.LearningRate, o.Epochs = "adam", 0.005, 12
	_, h := mustRun(t, g, src, test, o)
	if first, last := *h.Epochs[0].TestLoss, *h.Epochs[len(h.Epochs)-1].TestLoss; last > first/2 || h.Epochs[0].TestTop1 != nil {
		t.Errorf("auto-encoder: test loss %g after %g", last, first)
	}
	n, err := network.Lookup("parabola")
	if err != nil {
		t.Fatal(err)
	}
	if g, err = n.Build(network.Options{}); err != nil {
		t.Fatal(err)
	}
	training, held, err := data.Parabola(1000, 1).Divide(0.1, 1)
	if err != nil {
		t.Fatal(err)
	}
	batches, err := training.Batches(20, 1)
	if err != nil {
		t.Fatal(err)
	}
	o.Recipe = network.Recipe{Epochs: 30, Batch: 20, Optimiser: "adam", LearningRate: 0.01}
	_, h = mustRun(t, g, batches, held, o)
	if last := *h.Epochs[len(h.Epochs)-1].TestLoss; last > 1e-3 { // the variance of x*x is 0.089
		t.Errorf("parabola: mean squared error %g", last)
	}
}

func TestResultCarriesItsOrigin(t *testing.T) {
	g, src, test, o := setup(t, "resnet8")
	o.Epochs, o.Tool = 1, "lutra 1.2"
	g.Meta = map[string]string{"lutra.preprocess": "{}", "lutra.ranges": "{}", "lutra.errors": "{}"}
	out, h := mustRun(t, g, src, test, o)
	if _, stale := out.Meta["lutra.ranges"]; stale || out.Meta["lutra.preprocess"] != "{}" || len(out.Meta) != 2 {
		t.Errorf("metadata %v", out.Meta)
	}
	var origin struct {
		Train struct {
			Tool     string
			Seed     uint64
			TestTop1 float64 `json:"test_top1"`
			Recipe   network.Recipe
		}
	}
	if err := json.Unmarshal([]byte(out.Meta["lutra.provenance"]), &origin); err != nil {
		t.Fatal(err)
	}
	if tr := origin.Train; tr.Tool != o.Tool || tr.Seed != 5 || tr.TestTop1 != *h.Epochs[0].TestTop1 || tr.Recipe != o.Recipe {
		t.Errorf("provenance %s", out.Meta["lutra.provenance"])
	}
}

func TestOptionsRefused(t *testing.T) {
	g, src, test, good := setup(t, "resnet8")
	for want, change := range map[string]func(*fit.Options){
		"epochs 0: expected":                 func(o *fit.Options) { o.Epochs = 0 },
		"batch 0: expected":                  func(o *fit.Options) { o.Batch = 0 },
		`optimizer "rmsprop": expected one`:  func(o *fit.Options) { o.Optimiser = "rmsprop" },
		`schedule "linear": expected one of`: func(o *fit.Options) { o.Schedule = "linear" },
		"learning rate NaN: expected":        func(o *fit.Options) { o.LearningRate = math.NaN() },
		"label smoothing 1: expected":        func(o *fit.Options) { o.LabelSmoothing = 1 },
		"ema 1: expected":                    func(o *fit.Options) { o.EMA = 1 },
		"temperature -1: expected":           func(o *fit.Options) { o.Temperature = -1 },
	} {
		o := good
		change(&o)
		if _, _, err := fit.Run(t.Context(), g, src, test, o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

func TestHistory(t *testing.T) {
	one, half := 1.5, 0.5
	h := fit.History{
		Steps:  []fit.StepRecord{{Epoch: 0.5, Step: 5, Loss: 2}, {Epoch: 1, Step: 10, Loss: 1}, {Epoch: 1.5, Step: 15, Loss: 0.5}},
		Epochs: []fit.EpochRecord{{Epoch: 1, Step: 10, Loss: 1.5, TestLoss: &one, TestTop1: &half}, {Epoch: 2, Step: 20, TestLoss: &half, TestTop1: &half}},
	}
	var b bytes.Buffer
	if err := h.Lines(&b); err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for line := range strings.Lines(b.String()) {
		var v map[string]map[string]any
		if err := json.Unmarshal([]byte(line), &v); err != nil || len(v) != 1 {
			t.Fatalf("%s: %v", line, err)
		}
		for kind, x := range v {
			kinds = append(kinds, fmt.Sprint(kind, x["step"]))
		}
	}
	if want := []string{"point5", "point10", "epoch10", "point15", "epoch20"}; !slices.Equal(kinds, want) {
		t.Errorf("lines %q, want %q", kinds, want)
	}
	if best := h.Best(); best.Epoch != 2 {
		t.Errorf("best epoch %d: of equal accuracies the smaller loss is better", best.Epoch)
	}
	b.Reset()
	if err := h.Curves(&b, "net"); err != nil || strings.Count(b.String(), "<path") < 4 {
		t.Errorf("curves: %v", err)
	}
}
