package fit_test

import (
	"context"
	"math"
	"testing"

	"lutra/internal/data"
	"lutra/internal/fit"
	"lutra/internal/network"
)

// noise is a source of batches of random samples.
type noise struct{ size, batch, classes int }

func (n noise) PerEpoch() int { return 4 }

func (n noise) Epoch(_ context.Context, epoch, first int, visit func(int, *data.Batch) error) error {
	for k := first; k < n.PerEpoch(); k++ {
		b := &data.Batch{X: make([]float32, n.batch*n.size), Labels: make([]int, n.batch), Targets: make([]float32, n.batch)}
		for i := range b.X {
			b.X[i] = float32(math.Sin(float64(3*i + 7*i%11)))
		}
		for i := range b.Labels {
			b.Labels[i] = i % max(1, n.classes)
		}
		if err := visit(k, b); err != nil {
			return err
		}
	}
	return nil
}

// TestEveryNetworkTrains: on a batch that stays the same the loss of every
// network of the table, with every activation, falls.
func TestEveryNetworkTrains(t *testing.T) {
	for _, n := range network.All() {
		if testing.Short() && n.Name != "resnet20" {
			continue
		}
		for _, activation := range network.Activations() {
			if n.Name == "resnet110" || n.Name == "resnet56" && activation != "relu" {
				continue // only deeper than resnet44
			}
			t.Run(n.Name+"/"+activation, func(t *testing.T) {
				g, err := n.Build(network.Options{Activation: activation, Width: 0.25, Seed: 1})
				if err != nil {
					t.Fatal(err)
				}
				src := noise{size: n.Input.Elems(), batch: 4, classes: n.Outputs}
				o := fit.Options{Recipe: network.Recipe{Epochs: 3, Batch: src.batch, Optimiser: "adam", LearningRate: 0.003}, Threads: 1, Schedule: "constant"}
				_, h, err := fit.Run(t.Context(), g, src, nil, o)
				if err != nil {
					t.Fatal(err)
				}
				if first, last := h.Steps[0].Loss, h.Steps[len(h.Steps)-1].Loss; !(last < first) {
					t.Errorf("loss %g after %g", last, first)
				}
			})
		}
	}
}
