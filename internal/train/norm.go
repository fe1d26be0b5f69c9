package train

import (
	"math"

	"lutra/internal/graph"
	"lutra/internal/kernel"
)

// norm is a BatchNormalization, with the statistics of the batch or frozen
// ones, and the clamp behind it.
type norm struct {
	links // input, scale, shift
	clamp
	frozen    bool
	channels  int
	epsilon   float32
	momentum  float32   // the weight of the batch in the running statistics
	mean, vrc []float32 // running statistics

	batchMean, inverse []float32 // of the last forward pass; inverse deviation
	scale, shift       []float32 // the output is x*scale + shift
	update             bool      // forward refreshes the running statistics
}

func newNorm(b *builder, n *graph.Node) (operation, error) {
	l, err := b.links(n, 5)
	if err != nil {
		return nil, err
	}
	for _, i := range []int{1, 2, 3, 4} {
		if !l.in[i].fixed {
			return nil, b.errorf(n, "statistics", "stored ones", "computed ones")
		}
	}
	if len(l.in[0].shape) != 4 && len(l.in[0].shape) != 2 {
		return nil, b.errorf(n, "input", "rank 2 or 4", l.in[0].shape.String())
	}
	k := &norm{
		frozen: b.options.FrozenNorm != nil && b.options.FrozenNorm(n), channels: l.in[0].shape[1],
		epsilon: n.Float("epsilon", 1e-5), momentum: 1 - n.Float("momentum", 0.9),
		clamp: noClamp(),
	}
	if k.frozen { // statistics are constants then, which the network keeps as it stores them
		k.mean, k.vrc = b.program.Consts[n.Inputs[3]].Float32s(), b.program.Consts[n.Inputs[4]].Float32s()
	} else {
		k.mean, k.vrc = b.running(n.Inputs[3]), b.running(n.Inputs[4])
	}
	if b.options.NormMomentum > 0 {
		k.momentum = b.options.NormMomentum
	}
	l.in = l.in[:3]
	k.links = *l
	for _, p := range []*[]float32{&k.batchMean, &k.inverse, &k.scale, &k.shift} {
		*p = make([]float32, k.channels)
	}
	return k, nil
}

// keeps: what the clamp cut shows in the input, too.
func (k *norm) keeps() []*value { return []*value{k.in[0].value} }

// rows is the number of rows of channels.
func (k *norm) rows() int { return k.in[0].elems() / k.channels }

func (k *norm) forward(c *crew) {
	if k.frozen {
		k.use(k.mean, k.vrc)
	} else {
		k.statistics(c)
	}
	x, y := k.in[0].data, k.out.data
	pieces := min(k.rows(), strips(len(x)))
	lo, hi := k.before()
	c.each(pieces, func(_ *worker, u int) {
		from, to := part(k.rows(), pieces, u)
		y := y[from*k.channels : to*k.channels]
		c.level.ScaleShift(y, x[from*k.channels:], k.scale, k.shift, lo, hi)
		k.round(c, y)
	})
}

// use sets the mapping of the channels from their mean and variance.
func (k *norm) use(mean, variance []float32) {
	for i := range mean {
		k.batchMean[i] = mean[i]
		k.inverse[i] = float32(1 / math.Sqrt(float64(variance[i])+float64(k.epsilon)))
		k.scale[i] = k.in[1].data[i] * k.inverse[i]
		k.shift[i] = k.in[2].data[i] - mean[i]*k.scale[i]
	}
}

// momentRows is the most rows whose moments are summed in float32.
const momentRows = 512

// pieces is the number of parts that sums over the rows are cut into.
func (k *norm) pieces() int {
	rows := k.rows()
	return max(1, min(rows, max(parts(rows*k.channels), rows/momentRows)))
}

// statistics computes mean and variance over the rows: per piece around its
// first row, then all together (Chan, Golub and LeVeque 1979).
func (k *norm) statistics(c *crew) {
	rows, n, pieces := k.rows(), k.channels, k.pieces()
	sums := c.shared(2 * pieces * n)
	clear(sums)
	c.each(pieces, func(_ *worker, u int) {
		from, to := part(rows, pieces, u)
		x := k.in[0].data[from*n : to*n]
		c.level.Moments(sums[2*u*n:][:n], sums[(2*u+1)*n:][:n], x, x[:n])
	})
	mean, variance := make([]float32, n), make([]float32, n)
	c.each((n+mergedChannels-1)/mergedChannels, func(_ *worker, u int) {
		for i := u * mergedChannels; i < min((u+1)*mergedChannels, n); i++ {
			m, m2 := k.merged(sums, pieces, i)
			mean[i], variance[i] = float32(m), float32(m2/float64(rows))
			if k.update {
				unbiased := m2 / max(float64(rows)-1, 1)
				k.mean[i] += k.momentum * (mean[i] - k.mean[i])
				k.vrc[i] += k.momentum * (float32(unbiased) - k.vrc[i])
			}
		}
	})
	k.use(mean, variance)
}

// mergedChannels is the number of channels of a unit that merges pieces.
const mergedChannels = 8

// merged is the mean of channel i over all rows, and the sum of the squares
// around it, from the sums of the pieces around their first rows.
func (k *norm) merged(sums []float32, pieces, i int) (mean, squares float64) {
	rows, n, total := k.rows(), k.channels, 0.0
	for u := range pieces {
		from, to := part(rows, pieces, u)
		count, sum := float64(to-from), float64(sums[2*u*n+i])
		delta := float64(k.in[0].data[from*n+i]) + sum/count - mean
		mean += delta * count / (total + count)
		squares += float64(sums[(2*u+1)*n+i]) - sum*sum/count + delta*delta*total*count/(total+count)
		total += count
	}
	return mean, max(squares, 0)
}

// backward, with g the gradient behind the clamp and h = (x-mean)*inverse, is
// shift' = sum g, scale' = sum g*h, and x' = scale*inverse*(g - (shift' + h*scale')/rows),
// without the parenthesis if the statistics are frozen.
func (k *norm) backward(c *crew) {
	n, pieces := k.channels, k.pieces()
	sums := c.shared(2 * pieces * n)
	clear(sums)
	c.each(pieces, func(_ *worker, u int) {
		args, _ := k.piece(pieces, u)
		c.level.NormSums(&args, sums[2*u*n:][:n], sums[(2*u+1)*n:][:n], k.batchMean)
	})
	for u := 1; u < pieces; u++ {
		for i, v := range sums[2*u*n:][:2*n] {
			sums[i] += v
		}
	}
	for i, v := range k.inverse {
		sums[n+i] *= v
	}
	if k.in[1].wanted() {
		store(&k.in[1], sums[n:2*n])
	}
	if k.in[2].wanted() {
		store(&k.in[2], sums[:n])
	}
	if k.in[0].wanted() {
		k.backwardInput(c, pieces, sums[:n], sums[n:2*n])
	}
}

// piece is the rows of one piece, the first of them at float from.
func (k *norm) piece(pieces, u int) (args kernel.NormArgs, from int) {
	from, to := part(k.rows(), pieces, u)
	from, to = from*k.channels, to*k.channels
	return kernel.NormArgs{
		X: k.in[0].data[from:to], Grad: k.out.grad[from:to], Scale: k.scale, Shift: k.shift, Min: k.lo, Max: k.hi,
	}, from
}

// backwardInput writes scale*g + b*x + d per channel.
func (k *norm) backwardInput(c *crew, pieces int, sum, dot []float32) {
	rows, n := k.rows(), k.channels
	b, d := make([]float32, n), make([]float32, n)
	if !k.frozen {
		for i := range n {
			b[i] = -k.scale[i] * k.inverse[i] * dot[i] / float32(rows)
			d[i] = -k.scale[i]*sum[i]/float32(rows) - b[i]*k.batchMean[i]
		}
	}
	c.each(pieces, func(_ *worker, u int) {
		args, from := k.piece(pieces, u)
		c.level.NormInput(&args, k.in[0].grad[from:from+len(args.X)], b, d, k.in[0].add)
	})
}
