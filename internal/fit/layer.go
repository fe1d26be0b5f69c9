package fit

import (
	"context"

	"lutra/internal/data"
	"lutra/internal/graph"
)

// Layer distils the codewords of one weight of g for some steps, with all else
// as it is, statistics of normalisations included, and returns its codebook:
// the one of g if that has the smaller loss on the test. Layers are meant to
// come one after the other, before the next one gets codewords at all (Stock et
// al., ICLR 2020, section 3.3); number tells them apart: each goes on in src
// where the one before has stopped.
//
// Options.Epochs and Baseline are Layer's own; checkpoints are the caller's.
func Layer(ctx context.Context, g *graph.Graph, weight string, number, steps int, src Source, test Test, o Options) (*graph.Codebook, *History, error) {
	o.Epochs, o.Pieces, o.Baseline, o.Codes, o.weight = 1, 0, true, nil, weight
	o.Checkpoint, o.Resume, o.Record = "", false, nil
	trained, history, err := Run(ctx, g, excerpt{src, number * steps, steps}, test, o)
	if err != nil {
		return nil, nil, err
	}
	c, err := trained.Codebook(weight)
	return c, history, err
}

// excerpt is n batches of a source behind first others, as one epoch. The
// source begins again where it ends.
type excerpt struct {
	Source
	first, n int
}

func (e excerpt) PerEpoch() int {
	if e.Source.PerEpoch() < 1 {
		return 0
	}
	return e.n
}

func (e excerpt) Epoch(ctx context.Context, _, first int, visit func(number int, batch *data.Batch) error) error {
	per := e.Source.PerEpoch()
	for first < e.n {
		at := e.first + first
		err := e.Source.Epoch(ctx, at/per, at%per, func(_ int, b *data.Batch) error {
			if first == e.n {
				return errEnough
			}
			first++
			return visit(first-1, b)
		})
		if err != nil && err != errEnough {
			return err
		}
	}
	return nil
}
