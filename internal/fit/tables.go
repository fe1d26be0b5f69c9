package fit

import (
	"context"
	"fmt"
	"math"

	"lutra/internal/graph"
	"lutra/internal/levels"
	"lutra/internal/safe"
	"lutra/internal/train"
)

// Tables says how the weights of a network of lookup tables are clustered while
// it is trained: every so many steps all of them are replaced by the nearest of
// a few values and go on from there; the result is clustered, too (Baluja et
// al., No Multiplication? No Floating Point? No Problem!, 2018). In a network
// with batch normalisations that begins in the last tenth of the training,
// when they use their running statistics and lose their scale to the weights:
// without the statistics of batches high learning rates make it diverge.
type Tables struct {
	levels.Weights
	Every int `json:"every"` // steps between clusterings; 0: 1000
	// From is the epoch, as 1.5, after which weights are clustered, and batch
	// normalisations frozen; 0: from the first step on, with batch
	// normalisations the last tenth of the training.
	From float64 `json:"from,omitempty"`
	// Anneal begins with 16 times as many values or pairs, which fall to those
	// wanted by the middle of the clusterings, each time by the same factor.
	Anneal bool `json:"anneal,omitempty"`
	// Bounds makes the upper bounds of rectifiers learn with the weights.
	Bounds bool `json:"bounds,omitempty"`
}

const (
	every    = 1000 // default of Tables.Every, the paper's example
	annealed = 16   // factor on the values at first
)

// checkTables refuses what cannot be done and fills in defaults.
func (o *Options) checkTables() error {
	if o.Tables == nil {
		return nil
	}
	t := *o.Tables
	if t.Every < 0 {
		return safe.Optionf("cluster every %d steps: expected 1 or more", t.Every)
	}
	if !(t.From >= 0 && t.From <= float64(o.Epochs)) {
		return safe.Optionf("cluster from epoch %g: expected 0 to %d", t.From, o.Epochs)
	}
	if t.Every == 0 {
		t.Every = every
	}
	o.Tables = &t
	return t.Check()
}

// tables clusters the weights of a training network. What it does depends on
// the number of the step alone, so that a checkpoint need not keep it.
type tables struct {
	Tables
	net    *train.Net
	layers []levels.Layer
	from   int // step from which weights are clustered
	steps  int // of the training
	frozen bool
}

func newTables(g *graph.Graph, net *train.Net, o Options, perEpoch int) (*tables, error) {
	if o.Tables == nil {
		return nil, nil
	}
	t := &tables{Tables: *o.Tables, net: net, steps: o.Epochs * perEpoch}
	t.from = int(t.From * float64(perEpoch))
	var err error
	if t.layers, err = levels.Layers(g); err != nil {
		return nil, err
	}
	for _, l := range t.layers {
		if l.Norm == nil {
			continue
		}
		if o.EMA > 0 {
			return nil, fmt.Errorf("averaged weights: expected none in a network of lookup tables with batch normalisations, whose scale moves into the weights")
		}
		if t.From == 0 {
			t.from = t.steps * 9 / 10
		}
	}
	return t, nil
}

// before prepares the network for the trainer's next step, and returns what
// undoes that.
func (t *tables) before(ctx context.Context, r *train.Trainer) (undo func() error, err error) {
	nothing := func() error { return nil }
	if t == nil || t.frozen || r.Steps() < t.from {
		return nothing, nil
	}
	t.net.FreezeNorm()
	t.frozen = true
	if r.Steps() > t.from {
		return nothing, nil
	}
	old, err := stateOf(ctx, r)
	if err != nil {
		return nil, err
	}
	levels.Absorb(t.layers, t.at)
	return func() error { return old.restore(context.Background(), r) }, nil
}

// cluster clusters the weights if it is time and has not been done: before the
// next step or test, as reassign.
func (j *job) cluster(ctx context.Context) error {
	t, steps := j.tables, j.trainer.Steps()
	if t == nil || steps <= t.from || steps%t.Every != 0 || steps == j.at.Clustered {
		return nil
	}
	levels.Absorb(t.layers, t.at)
	if err := t.wanted(steps).Cluster(ctx, t.layers, t.at); err != nil {
		return err
	}
	j.at.Clustered = steps
	return nil
}

// wanted is how the weights are clustered after so many steps.
func (t *tables) wanted(steps int) levels.Weights {
	w := t.Weights
	if !t.Anneal {
		return w
	}
	left := 1 - 2*float64(steps-t.from)/float64(t.steps-t.from)
	factor := math.Pow(annealed, max(0, left))
	w.Values = min(int(float64(w.Values)*factor), levels.MaxWeights)
	w.Pairs = min(int(float64(w.Pairs)*factor), levels.MaxPairs)
	return w
}

// at is a parameter or running statistic of the network.
func (t *tables) at(name string) []float32 {
	for _, p := range t.net.Params() {
		if p.Name == name {
			return p.Value
		}
	}
	for _, b := range t.net.Buffers() {
		if b.Name == name {
			return b.Value
		}
	}
	return nil
}
