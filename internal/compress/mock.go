package compress

import (
	"math/rand/v2"

	"lutra/internal/graph"
)

// Mock is g as Run would store it, with codewords and codes drawn at random from
// the weights: a network that runs as fast as the result of Run will, and puts
// out nothing of use.
func Mock(g *graph.Graph, o Options) (*graph.Graph, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	n, layers, err := newNetwork(g, &o)
	if err != nil {
		return nil, err
	}
	rng := rand.New(rand.NewPCG(o.Seed, 2))
	for _, l := range layers {
		if l.storage != Quantised {
			if err := n.placeholder(l, &o); err != nil {
				return nil, err
			}
			continue
		}
		x := l.split(n.consts[l.name].Float32s())
		s := &clusters{codes: make([]uint16, len(x)/l.d)}
		for range l.k {
			s.words = append(s.words, x[rng.IntN(len(s.codes))*l.d:][:l.d]...)
		}
		for i := range s.codes {
			s.codes[i] = uint16(rng.IntN(l.k))
		}
		s.scale = o.Codewords.round(s.words, nil)
		if err := n.graph.AddCodebook(l.codebook(s, o.Codewords)); err != nil {
			return nil, err
		}
	}
	prune(n.graph)
	return n.graph, nil
}
