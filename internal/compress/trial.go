package compress

import (
	"context"

	"lutra/internal/graph"
)

// trialSamples bounds the samples that a trial is fitted on, and those that
// judge it.
const trialSamples = 48

// Trial compresses g by o with half of the samples and few iterations, and
// returns the damage to the outputs for the other half: the squared error over
// the variance. Unlike the sum of Candidate.Damage it sees all layers together.
func Trial(ctx context.Context, g *graph.Graph, src Source, o Options) (float64, error) {
	n := min(src.Len(), 2*trialSamples)
	o.Checkpoint, o.AfterEach = "", nil
	o.Iterations, o.Tolerance = sweepIterations, 1e-3
	out, _, err := Run(ctx, g, alternate{src, 0, (n + 1) / 2}, o)
	if err != nil {
		return 0, err
	}
	plain := Small()
	plain.Threads, plain.Level, plain.CacheBytes = o.Threads, o.Level, o.CacheBytes
	float, _, err := newNetwork(g, &plain)
	if err != nil {
		return 0, err
	}
	small, _, err := newNetwork(out, &plain)
	if err != nil {
		return 0, err
	}
	s := &sweep{job: &job{o: &plain, net: float, stream: &stream{net: float, src: alternate{src, 1, n / 2}, o: &plain}}, outputs: float.graphOutputs()}
	if err := s.reference(ctx); err != nil {
		return 0, err
	}
	return s.damage(ctx, small)
}

// alternate is every second of the first samples of a set.
type alternate struct {
	Source
	from, n int
}

func (a alternate) Len() int { return a.n }

func (a alternate) Input(i int, dst []float32) error { return a.Source.Input(a.from+2*i, dst) }
