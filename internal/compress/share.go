package compress

import (
	"context"
	"math"
	"math/rand/v2"
)

// pool is a codebook that several layers share. In a small network codebooks
// take more room than codes: one for all layers has more codewords for fewer
// bytes. Outputs bring their own scale, so that the blocks of all layers are of
// one size; layers without a normalisation behind them stay out.
type pool struct {
	layers []*layer
	d, k   int
	words  []float32 // nil until they are known
	scale  float32   // see clusters
}

// share makes the pools of layers: those of one block length and more than one
// layer, depthwise ones apart.
func (o *Options) share(layers []*layer) {
	if !o.Share {
		return
	}
	type form struct {
		d         int
		depthwise bool
	}
	alike := map[form]*pool{}
	for _, l := range layers {
		if l.storage != Quantised || l.norm == nil {
			continue
		}
		key := form{l.d, l.kind == Depthwise}
		p := alike[key]
		if p == nil {
			p = &pool{d: l.d}
			alike[key] = p
		}
		p.layers = append(p.layers, l)
		p.k = max(p.k, l.want)
	}
	for _, p := range alike {
		n := 0
		for _, l := range p.layers {
			n += l.weights() / l.d
		}
		if p.k = min(p.k, clamp(n)); len(p.layers) < 2 || p.k < 2 {
			continue
		}
		for _, l := range p.layers {
			l.pool, l.k = p, p.k
		}
	}
}

// fillPools finds the codewords of all pools by k-means over the normalised
// blocks of their layers. A layer weighs as the root of its number of blocks:
// errors of small layers harm as much as those of large ones, yet there are
// more large ones to be found in what many blocks have in common.
func (j *job) fillPools(ctx context.Context) error {
	for _, l := range j.layers {
		p := l.pool
		if p == nil || p.words != nil {
			continue
		}
		n := 0
		for _, l := range p.layers {
			n += l.weights()
		}
		x, weight := make([]float32, 0, n), make([]float64, 0, n/p.d)
		for _, l := range p.layers {
			if err := ctx.Err(); err != nil {
				return err
			}
			blocks := l.split(j.net.consts[l.name].Float32s())
			gain := l.gains(blocks)
			x = append(x, l.divide(blocks, gain)...)
			importance := l.importance(gain)
			n := len(blocks) / l.d
			for i := range n {
				weight = append(weight, importance[i%l.outputs]/math.Sqrt(float64(n)))
			}
		}
		c := newClustering(x, p.d, p.k, len(x)/p.d, identityMetric(p.d))
		c.threads, c.level, c.weight, c.iterations = j.o.threads(), j.o.level(), weight, j.iterations()
		c.anneal = j.o.Anneal
		s, err := c.run(ctx, rand.New(rand.NewPCG(j.o.Seed, uint64(p.d))), j.o.Codewords.round)
		if err != nil {
			return err
		}
		p.words, p.scale = s.words, s.scale
	}
	return nil
}

// assigned is the solution of c with the words of p.
func (p *pool) assigned(ctx context.Context, c *clustering) (*clusters, error) {
	s := &clusters{words: append([]float32(nil), p.words...), scale: p.scale}
	c.k = len(s.words) / p.d
	return s, c.encode(ctx, s)
}
