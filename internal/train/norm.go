package train

import (
	"math"

	"lutra/internal/graph"
)

// norm is a BatchNormalization, with the statistics of the batch or frozen
// ones, and the clamp of a Relu or Clip behind it.
type norm struct {
	links     // input, scale, shift
	frozen    bool
	channels  int
	epsilon   float32
	momentum  float32   // the weight of the batch in the running statistics
	mean, vrc []float32 // running statistics
	lo, hi    float32

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
		epsilon: n.Float("epsilon", 1e-5), momentum: b.options.NormMomentum,
		mean: b.running(n.Inputs[3]), vrc: b.running(n.Inputs[4]),
		lo: float32(math.Inf(-1)), hi: float32(math.Inf(1)),
	}
	l.in = l.in[:3]
	k.links = *l
	for _, p := range []*[]float32{&k.batchMean, &k.inverse, &k.scale, &k.shift} {
		*p = make([]float32, k.channels)
	}
	return k, nil
}

func (k *norm) clamped() bool { return !math.IsInf(float64(k.lo), -1) || !math.IsInf(float64(k.hi), 1) }

func (k *norm) keeps() []*value {
	keep := []*value{k.in[0].value}
	if k.clamped() {
		keep = append(keep, k.out)
	}
	return keep
}

// rows is the number of rows of channels.
func (k *norm) rows() int { return k.in[0].elems() / k.channels }

func (k *norm) forward(c *crew) {
	if k.frozen {
		k.use(k.mean, k.vrc)
	} else {
		k.statistics(c)
	}
	x, y := k.in[0].data, k.out.data
	pieces := min(k.rows(), parts(len(x)))
	c.each(pieces, func(_ *worker, u int) {
		from, to := part(k.rows(), pieces, u)
		c.level.ScaleShift(y[from*k.channels:to*k.channels], x[from*k.channels:], k.scale, k.shift, k.lo, k.hi)
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

// statistics computes mean and variance over the rows: per piece around its
// own mean, then all together (Chan, Golub and LeVeque 1979).
func (k *norm) statistics(c *crew) {
	rows, n := k.rows(), k.channels
	pieces := min(rows, parts(rows*n))
	sums := c.shared(2 * pieces * n)
	c.each(pieces, func(_ *worker, u int) {
		from, to := part(rows, pieces, u)
		moments(sums[2*u*n:][:n], sums[(2*u+1)*n:][:n], k.in[0].data[from*n:to*n])
	})
	mean, variance := make([]float32, n), make([]float32, n)
	for i := range n {
		total, m, m2 := 0.0, 0.0, 0.0
		for u := range pieces {
			from, to := part(rows, pieces, u)
			count := float64(to - from)
			delta := float64(sums[2*u*n+i]) - m
			m += delta * count / (total + count)
			m2 += float64(sums[(2*u+1)*n+i]) + delta*delta*total*count/(total+count)
			total += count
		}
		mean[i], variance[i] = float32(m), float32(m2/total)
		if k.update {
			unbiased := m2 / max(total-1, 1)
			k.mean[i] += k.momentum * (mean[i] - k.mean[i])
			k.vrc[i] += k.momentum * (float32(unbiased) - k.vrc[i])
		}
	}
	k.use(mean, variance)
}

// moments writes the mean of every column of x and the sum of the squares of
// the differences from it.
func moments(mean, squares, x []float32) {
	n := len(mean)
	clear(mean)
	clear(squares)
	for r := 0; r < len(x); r += n {
		for i, v := range x[r : r+n] {
			mean[i] += v
		}
	}
	for i := range mean {
		mean[i] /= float32(len(x) / n)
	}
	for r := 0; r < len(x); r += n {
		for i, v := range x[r : r+n] {
			d := v - mean[i]
			squares[i] += d * d
		}
	}
}

// backward, with g the gradient behind the clamp and h = (x-mean)*inverse, is
// shift' = sum g, scale' = sum g*h, and x' = scale*inverse*(g - (shift' + h*scale')/rows),
// without the parenthesis if the statistics are frozen.
func (k *norm) backward(c *crew) {
	rows, n := k.rows(), k.channels
	g := k.out.grad
	pieces := min(rows, parts(rows*n))
	sums := c.shared(2 * pieces * n)
	c.each(pieces, func(_ *worker, u int) {
		from, to := part(rows, pieces, u)
		if k.clamped() {
			maskGradient(g[from*n:to*n], k.out.data[from*n:to*n], k.lo, k.hi)
		}
		k.products(sums[2*u*n:][:n], sums[(2*u+1)*n:][:n], k.in[0].data[from*n:to*n], g[from*n:to*n])
	})
	for u := 1; u < pieces; u++ {
		for i, v := range sums[2*u*n:][:2*n] {
			sums[i] += v
		}
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

// products sums g and g*h.
func (k *norm) products(sum, dot, x, g []float32) {
	n := k.channels
	clear(sum)
	clear(dot)
	for r := 0; r < len(x); r += n {
		row := x[r : r+n]
		for i, v := range g[r : r+n] {
			sum[i] += v
			dot[i] += v * (row[i] - k.batchMean[i])
		}
	}
	for i := range dot {
		dot[i] *= k.inverse[i]
	}
}

// backwardInput writes a*g + b*x + c per channel.
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
		from, to := part(rows, pieces, u)
		for r := from * n; r < to*n; r += n {
			x, g, dst := k.in[0].data[r:r+n], k.out.grad[r:r+n], k.in[0].grad[r:r+n]
			for i, v := range g {
				v = k.scale[i]*v + b[i]*x[i] + d[i]
				if k.in[0].add {
					v += dst[i]
				}
				dst[i] = v
			}
		}
	})
}

// maskGradient clears g where the clamp that made y cut.
func maskGradient(g, y []float32, lo, hi float32) {
	for i, v := range y {
		if v <= lo || v >= hi {
			g[i] = 0
		}
	}
}
