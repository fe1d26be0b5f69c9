package compress

import (
	"context"
	"math/rand/v2"
)

// runOnSample is run with codewords found for about c.most of the sub-vectors,
// the same outputs of every cell. All sub-vectors get codes.
func (c *clustering) runOnSample(ctx context.Context, rng *rand.Rand, round rounding) (*clusters, error) {
	stride := min((c.n+c.most-1)/c.most, c.per)
	part := *c
	part.most, part.x, part.weight = 0, nil, nil
	part.per = (c.per + stride - 1) / stride
	for i := range c.n {
		if i%c.per%stride == 0 {
			part.x = append(part.x, c.x[i*c.d:][:c.d]...)
			part.weight = append(part.weight, c.weightOf(i))
		}
	}
	part.n = len(part.x) / c.d
	s, err := part.run(ctx, rng, round)
	if err != nil {
		return nil, err
	}
	s.exact = false
	return s, c.encode(ctx, s)
}

// encode gives every block the codeword of s that is best for it.
func (c *clustering) encode(ctx context.Context, s *clusters) error {
	s.codes = make([]uint16, c.n)
	if err := c.measure(ctx); err != nil {
		return err
	}
	t, err := c.assign(ctx, s)
	if err != nil {
		return err
	}
	s.objective = t.objective(s.words)
	return nil
}
