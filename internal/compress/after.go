package compress

import (
	"context"

	"lutra/internal/graph"
)

// AfterEach says that the codewords of a layer learn, before the next layer is
// quantised, what the whole network should put out: layers before it are
// quantised, those behind it still float, and meet a layer that has made up for
// errors so far (Stock et al., And the Bit Goes Down, ICLR 2020, section 3.3).
type AfterEach struct {
	// Note is all that the result depends on beside the network and Options. It
	// goes into checkpoints and the provenance.
	Note any `json:"note"`
	// Distil returns the codebook of the weight of that name, which is number
	// layer of the network, with better codewords; g is the network as it is
	// now, a copy. Codes, number and length of codewords stay. done counts steps.
	Distil func(ctx context.Context, g *graph.Graph, weight string, layer int, done func(step, steps int)) (*graph.Codebook, error) `json:"-"`
}

// distil replaces the codewords of layer l, which has just been quantised.
func (j *job) distil(ctx context.Context, l *layer, f *finished) error {
	if j.o.AfterEach == nil || f.Exact {
		return nil
	}
	g := clone(j.net.graph)
	if j.o.Share {
		g.ShareCodewords()
	}
	p := j.at("distil")
	c, err := j.o.AfterEach.Distil(ctx, g, l.name, j.current, func(step, steps int) {
		p.Done, p.Total = step, steps
		j.show(p)
	})
	if err != nil {
		return err
	}
	s := &clusters{words: c.FloatWords(), scale: c.Scale, codes: f.codebook.Codes}
	f.codebook = l.codebook(s, precision(c))
	return j.adopt(l, f.codebook)
}

// adopt stores the codewords of c in layer l, and in those before it that share
// them, whose outputs are others then.
func (j *job) adopt(l *layer, c *graph.Codebook) error {
	if l.pool == nil {
		return j.store(c)
	}
	l.pool.words, l.pool.scale = c.FloatWords(), c.Scale
	for _, other := range l.pool.layers {
		old, err := j.net.graph.Codebook(other.name)
		if err != nil {
			return err
		}
		if old == nil { // not quantised yet
			continue
		}
		old.Words, old.Scale = c.Words, c.Scale
		if err := j.store(old); err != nil {
			return err
		}
	}
	j.stream.rewind()
	return nil
}

// store makes c the weight of that name.
func (j *job) store(c *graph.Codebook) error {
	j.net.consts[c.Name] = c.Decode()
	return j.net.graph.AddCodebook(c)
}
