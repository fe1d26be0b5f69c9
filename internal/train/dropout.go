package train

import (
	"fmt"

	"lutra/internal/graph"
)

// dropout sets elements to zero at random and scales the others up. Which ones
// is a function of seed, pass, node and element, so the mask is not stored.
type dropout struct {
	links
	ratio float32
	seed  uint64
	pass  *uint64
}

func newDropout(b *builder, n *graph.Node) (operation, error) {
	if len(n.Outputs) > 1 && n.Outputs[1] != "" {
		return nil, b.errorf(n, "outputs", "1", "a mask")
	}
	l, err := b.links(n, 1)
	if err != nil {
		return nil, err
	}
	d := &dropout{links: *l, ratio: n.Float("ratio", 0.5), pass: &b.net.passes}
	if len(n.Inputs) > 1 && n.Inputs[1] != "" {
		t := b.program.Consts[n.Inputs[1]]
		if t == nil {
			return nil, b.errorf(n, "ratio", "a constant", "a computed value")
		}
		d.ratio = t.AsFloat32().Float32s()[0]
	}
	if !(d.ratio >= 0 && d.ratio < 1) {
		return nil, b.errorf(n, "ratio", "at least 0 and less than 1", fmt.Sprint(d.ratio))
	}
	d.seed = scramble(b.options.Seed + uint64(len(b.net.ops)))
	return d, nil
}

// scramble is the finaliser of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
func scramble(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

func (d *dropout) keeps() []*value { return nil }

// mask calls f for every element with the factor it is multiplied with.
func (d *dropout) mask(c *crew, f func(i int, factor float32)) {
	seed := scramble(d.seed ^ *d.pass)
	kept := uint64((1 - float64(d.ratio)) * (1 << 53))
	scale := 1 / (1 - d.ratio)
	n := d.out.elems()
	pieces := parts(n)
	c.each(pieces, func(_ *worker, u int) {
		from, to := part(n, pieces, u)
		for i := from; i < to; i++ {
			factor := float32(0)
			if scramble(seed+uint64(i))>>11 < kept {
				factor = scale
			}
			f(i, factor)
		}
	})
}

func (d *dropout) forward(c *crew) {
	d.mask(c, func(i int, factor float32) { d.out.data[i] = factor * d.in[0].data[i] })
}

func (d *dropout) backward(c *crew) {
	o := &d.in[0]
	if !o.wanted() {
		return
	}
	d.mask(c, func(i int, factor float32) {
		v := factor * d.out.grad[i]
		if o.add {
			v += o.grad[i]
		}
		o.grad[i] = v
	})
}
