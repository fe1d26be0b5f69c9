package fit

import (
	"context"
	"math/rand/v2"
	"testing"

	"lutra/internal/data"
	"lutra/internal/network"
	"lutra/internal/tensor"
)

// unlabelled is a test whose samples have no labels, and no training data.
type unlabelled struct{ n int }

func (u unlabelled) Len() int      { return u.n }
func (u unlabelled) Label(int) int { return data.Unlabelled }
func (u unlabelled) PerEpoch() int { return 1 }
func (u unlabelled) Input(i int, dst []float32) error {
	r := rand.New(rand.NewPCG(uint64(i), 1))
	for j := range dst {
		dst[j] = float32(r.NormFloat64())
	}
	return nil
}
func (u unlabelled) Epoch(context.Context, int, int, func(int, *data.Batch) error) error { return nil }

// TestScoresAreKept: the second test has the loss of the first, to the bit,
// from the scores of the teacher that the first has kept.
func TestScoresAreKept(t *testing.T) {
	n, err := network.Lookup("resnet8")
	if err != nil {
		t.Fatal(err)
	}
	g, err := n.Build(network.Options{Input: tensor.Shape{3, 8, 8}, Outputs: 4, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	teacher, err := n.Build(network.Options{Input: tensor.Shape{3, 8, 8}, Outputs: 4, Seed: 2})
	if err != nil {
		t.Fatal(err)
	}
	u := unlabelled{testBatch + 7} // a part of a batch at the end
	o := Options{Recipe: network.Recipe{Epochs: 1, Batch: 2, Optimiser: "adam", LearningRate: 0.01}, Teacher: teacher, Baseline: true}
	j, err := newJob(t.Context(), g, u, u, o)
	if err != nil {
		t.Fatal(err)
	}
	measured := func() float64 {
		t.Helper()
		var r EpochRecord
		if err := j.measure(t.Context(), &r); err != nil {
			t.Fatal(err)
		}
		return *r.TestLoss
	}
	first := measured()
	if len(j.scores) != 2 {
		t.Fatalf("scores of %d batches are kept, expected 2", len(j.scores))
	}
	if again := measured(); again != first {
		t.Errorf("loss %v with kept scores, %v without", again, first)
	}
	clear(j.scores[0])
	if changed := measured(); changed == first {
		t.Error("the kept scores are not read")
	}
	clear(j.scores) // of all batches
	if anew := measured(); anew != first {
		t.Errorf("loss %v with scores computed anew, %v at first", anew, first)
	}
}
