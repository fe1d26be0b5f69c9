package train

import (
	"math"

	"lutra/internal/graph"
)

// softmax is Softmax or LogSoftmax along one axis.
type softmax struct {
	links
	log  bool
	n    int   // length of the axis
	step int   // floats between its elements
	at   []int // first float of every group
}

func newSoftmax(b *builder, n *graph.Node) (operation, error) {
	l, err := b.links(n, 1)
	if err != nil {
		return nil, err
	}
	x := l.in[0].value
	standard := int64(-1)
	if b.opset < 13 {
		standard = 1
	}
	axis := int(n.Int("axis", standard))
	if axis < 0 {
		axis += len(x.shape)
	}
	if b.opset < 13 && axis != len(x.shape)-1 {
		return nil, b.errorf(n, "axis", "the last one before opset 13", "another")
	}
	k := &softmax{links: *l, log: n.Op == "LogSoftmax", n: x.shape[axis], step: x.stride[axis]}
	rest := x.shape.Clone()
	rest[axis] = 1
	for i := range rest.Elems() {
		k.at = append(k.at, offset(&value{shape: rest, stride: x.stride}, i))
	}
	return k, nil
}

func (k *softmax) keeps() []*value { return []*value{k.out} }

// groups calls f for the first float of every group.
func (k *softmax) groups(c *crew, f func(at int)) {
	pieces := min(len(k.at), parts(k.out.elems()))
	c.each(pieces, func(_ *worker, u int) {
		from, to := part(len(k.at), pieces, u)
		for _, at := range k.at[from:to] {
			f(at)
		}
	})
}

func (k *softmax) forward(c *crew) {
	x, y := k.in[0].data, k.out.data
	k.groups(c, func(at int) {
		largest, sum := math.Inf(-1), 0.0
		for i := range k.n {
			largest = max(largest, float64(x[at+i*k.step]))
		}
		for i := range k.n {
			sum += math.Exp(float64(x[at+i*k.step]) - largest)
		}
		for i := range k.n {
			v := float64(x[at+i*k.step]) - largest - math.Log(sum)
			if !k.log {
				v = math.Exp(v)
			}
			y[at+i*k.step] = float32(v)
		}
	})
}

// backward: x' = y*(y' - sum y*y'), or for the logarithm y' - e^y * sum y'.
func (k *softmax) backward(c *crew) {
	o := &k.in[0]
	if !o.wanted() {
		return
	}
	y, g := k.out.data, k.out.grad
	k.groups(c, func(at int) {
		sum := float32(0)
		for i := at; i < at+k.n*k.step; i += k.step {
			if k.log {
				sum += g[i]
			} else {
				sum += g[i] * y[i]
			}
		}
		for i := at; i < at+k.n*k.step; i += k.step {
			v := y[i] * (g[i] - sum)
			if k.log {
				v = g[i] - float32(math.Exp(float64(y[i])))*sum
			}
			if o.add {
				v += o.grad[i]
			}
			o.grad[i] = v
		}
	})
}
