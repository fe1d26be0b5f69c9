package compress

import (
	"cmp"
	"context"
	"maps"
	"math"
	"math/rand/v2"
	"slices"

	"lutra/internal/graph"
	"lutra/internal/tensor"
)

// Permute returns a graph that computes what g does, with channels in an order
// in which the blocks of o can be represented better: permutations of a layer's
// outputs are made up for by the layers that read them (Martinez et al., PQF,
// CVPR 2021, section 3.2). Blocks of a Gaussian source are represented with an error
// proportional to det(covariance)^(1/d), which sorting channels by their size and
// swaps of random pairs make small. Weights that no block can gain in (whole
// kernels), inputs and outputs of the network, and what nodes other than those of
// usual classifiers read keep their order.
func Permute(ctx context.Context, g *graph.Graph, o Options) (*graph.Graph, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	n, layers, err := newNetwork(g, &o)
	if err != nil {
		return nil, err
	}
	f := newFlow(n)
	a := &arrangement{rng: rand.New(rand.NewPCG(o.Seed, 1))}
	for _, u := range f.uses {
		if i := slices.IndexFunc(layers, func(l *layer) bool { return l.name == u.name }); i >= 0 {
			a.add(layers[i], u, n.consts[u.name])
		}
	}
	if err := a.improve(ctx); err != nil {
		return nil, err
	}
	for _, u := range f.uses {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if !slices.IsSorted(u.ch.places()) {
			n.set(u.name, u.permuted(n.consts[u.name]))
		}
	}
	return n.graph, nil
}

// permuted is t in the new order along the axis of u.
func (u use) permuted(t *tensor.Tensor) *tensor.Tensor {
	places := u.ch.places()
	size, inner := t.Shape[u.axis], t.Shape[u.axis+1:].Elems()
	out := t.Clone()
	for i := range t.Elems() / inner {
		place, outer := i%size, i/size
		from := places[place]
		if u.groups > 1 { // axis 1, outer counts outputs
			first := outer / (t.Shape[0] / u.groups) * size
			from = places[first+place] - first
		}
		copy(out.Float32s()[i*inner:][:inner], t.Float32s()[(outer*size+from)*inner:])
	}
	return out
}

// arrangement is the search for an order of the channels.
type arrangement struct {
	rng      *rand.Rand
	children []*child
	spaces   []*space
}

// child is a weight whose blocks depend on the order of its inputs.
type child struct {
	l      *layer
	w      []float32 // [outputs, row], every output divided by its gain
	groups int
	per    int   // numbers of a row that belong to one input channel
	order  []int // of the input channels of all groups
	spaces []*space
	m      moment
}

// moment is the sums of the first and second powers of all blocks.
type moment struct{ sum, sq []float64 } // [d], [d, d] lower half

// add makes l a child of the spaces that u follows along its inputs, if blocks
// join channels.
func (a *arrangement) add(l *layer, u use, weight *tensor.Tensor) {
	inputs := 1
	if l.transposed {
		inputs = 0
	}
	per := l.row * u.groups / max(u.ch.count(), 1)
	if u.axis != inputs || l.storage != Quantised || l.kind == Depthwise || per%l.d == 0 {
		return
	}
	x := l.split(weight.Float32s())
	if l.norm != nil {
		x = l.divide(x, l.gains(x))
	}
	c := &child{l: l, w: l.matrix(x), groups: u.groups, per: per, order: newSpace(u.ch.count(), 1).order}
	c.m = moment{make([]float64, l.d), make([]float64, l.d*l.d)}
	for _, s := range u.ch.spaces {
		s = s.root()
		c.spaces = append(c.spaces, s)
		if s.run > 1 && !s.fixed && !slices.Contains(a.spaces, s) {
			a.spaces = append(a.spaces, s)
		}
	}
	c.tally()
	a.children = append(a.children, c)
}

// tally computes the moments anew.
func (c *child) tally() {
	clear(c.m.sum)
	clear(c.m.sq)
	for g := range c.groups {
		for b := range c.l.blocks() {
			c.count(g, b, 1)
		}
	}
}

// count adds block b of all outputs of a group to the moments, sign times.
func (c *child) count(group, b int, sign float64) {
	d, row, per := c.l.d, c.l.row, c.l.outputs/c.groups
	from, x := make([]int, d), make([]float64, d)
	first := group * row / c.per // of the group's channels
	for i := range from {
		e := b*d + i
		from[i] = (c.order[first+e/c.per]-first)*c.per + e%c.per
	}
	for o := group * per; o < (group+1)*per; o++ {
		w := c.w[o*row:][:row]
		for i, f := range from {
			x[i] = float64(w[f])
		}
		for i, v := range x {
			c.m.sum[i] += sign * v
			line := c.m.sq[i*d:][:i+1]
			v *= sign
			for j := range line {
				line[j] += v * x[j]
			}
		}
	}
}

// score is det(covariance)^(1/d) over the mean variance: the share of the
// variance that codewords have to represent, from 0 to 1.
func (c *child) score() float64 {
	d, n := c.l.d, float64(len(c.w)/c.l.d)
	cov, factor := make([]float64, d*d), make([]float64, d*d)
	var trace float64
	for i := range d {
		for j := range i + 1 {
			cov[i*d+j] = c.m.sq[i*d+j]/n - c.m.sum[i]/n*c.m.sum[j]/n
		}
		trace += cov[i*d+i]
	}
	if !(trace > 0) || !cholesky(factor, cov, d, 1e-9*trace/float64(d), 0) {
		return 0
	}
	var log float64
	for i := range d {
		log += 2 * math.Log(factor[i*d+i])
	}
	return math.Exp(log/float64(d)) / (trace / float64(d))
}

// swapsPerChannel is the number of random pairs that are tried, for every channel.
const swapsPerChannel = 16

// improve finds orders of all spaces in which the sum of the scores is small.
func (a *arrangement) improve(ctx context.Context) error {
	for _, s := range a.spaces {
		var of []*child
		for _, c := range a.children {
			if slices.Contains(c.spaces, s) {
				of = append(of, c)
			}
		}
		best := a.sorted(s, of)
		for trial := range swapsPerChannel * s.size {
			if trial%64 == 0 && ctx.Err() != nil {
				return ctx.Err()
			}
			i := a.rng.IntN(s.size)
			if j := i/s.run*s.run + a.rng.IntN(s.run); i != j {
				best = try(s, of, i, j, best)
			}
		}
	}
	return nil
}

// try swaps places i and j of s if the sum of the scores falls below best, and
// returns the sum.
func try(s *space, of []*child, i, j int, best float64) float64 {
	before := make([]moment, len(of))
	var sum float64
	for k, c := range of {
		before[k] = moment{slices.Clone(c.m.sum), slices.Clone(c.m.sq)}
		c.swap(s, i, j)
		sum += c.score()
	}
	if sum < best {
		s.order[i], s.order[j] = s.order[j], s.order[i]
		return sum
	}
	for k, c := range of {
		c.exchange(s, i, j)
		c.m = before[k]
	}
	return best
}

// exchange swaps places i and j of s in the order of c's inputs, and lists
// where they are.
func (c *child) exchange(s *space, i, j int) (places []int) {
	from := 0
	for _, p := range c.spaces {
		if p == s {
			c.order[from+i], c.order[from+j] = c.order[from+j], c.order[from+i]
			places = append(places, from+i, from+j)
		}
		from += p.size
	}
	return places
}

// swap is exchange, with the moments kept up.
func (c *child) swap(s *space, i, j int) {
	touched := map[[2]int]bool{} // group and block
	for _, p := range c.exchange(s, i, j) {
		in := len(c.order) / c.groups
		for e := p % in * c.per / c.l.d; e*c.l.d < (p%in+1)*c.per; e++ {
			touched[[2]int{p / in, e}] = true
		}
	}
	c.exchange(s, i, j)
	for _, sign := range []float64{-1, 1} {
		for _, t := range slices.SortedFunc(maps.Keys(touched), func(a, b [2]int) int {
			return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1]))
		}) {
			c.count(t[0], t[1], sign)
		}
		if sign < 0 {
			c.exchange(s, i, j)
		}
	}
}

// sorted orders the channels of s by the size of their weights, if that is
// better: with q channels to a block, the largest share of them comes first in all
// blocks, and so on, which makes the variances within blocks uneven. It returns
// the sum of the scores.
func (a *arrangement) sorted(s *space, of []*child) float64 {
	total := func() (sum float64) {
		for _, c := range of {
			sum += c.score()
		}
		return sum
	}
	before := total()
	q := of[0].l.d / of[0].per
	if s.run != s.size || q < 2 || s.size%q != 0 {
		return before
	}
	energy := make([]float64, s.size)
	for _, c := range of {
		c.energies(s, energy)
	}
	rank := newSpace(s.size, s.size).order
	slices.SortStableFunc(rank, func(i, j int) int { return cmp.Compare(energy[j], energy[i]) })
	old := slices.Clone(s.order)
	for i := range s.order {
		s.order[i] = rank[i%q*(s.size/q)+i/q]
	}
	for _, c := range of {
		c.arrange(s)
	}
	if after := total(); after < before {
		return after
	}
	copy(s.order, old)
	for _, c := range of {
		c.arrange(s)
	}
	return before
}

// energies adds the share of each channel of s in the squares of c's weights.
func (c *child) energies(s *space, energy []float64) {
	var all float64
	for _, v := range c.w {
		all += float64(v) * float64(v)
	}
	in := len(c.order) / c.groups
	from := 0
	for _, p := range c.spaces {
		for i := range p.size {
			if p != s {
				break
			}
			place := from + i
			per := c.l.outputs / c.groups
			for o := place / in * per; o < (place/in+1)*per; o++ {
				for _, v := range c.w[o*c.l.row+place%in*c.per:][:c.per] {
					energy[i] += float64(v) * float64(v) / all
				}
			}
		}
		from += p.size
	}
}

// arrange takes over the order of s.
func (c *child) arrange(s *space) {
	from := 0
	for _, p := range c.spaces {
		if p == s {
			for i, o := range s.order {
				c.order[from+i] = from + o
			}
		}
		from += p.size
	}
	c.tally()
}
