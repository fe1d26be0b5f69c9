package train

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"

	"lutra/internal/kernel"
)

// Rule is the update of an optimiser.
type Rule uint8

// The optimisers, with PyTorch's conventions.
const (
	SGD   Rule = iota // momentum, optionally Nesterov's; decay is added to the gradient
	Adam              // Kingma and Ba, ICLR 2015; decay is added to the gradient
	AdamW             // Loshchilov and Hutter, ICLR 2019: decay apart from the gradient
)

// OptimiserOptions configure an Optimiser. The zero value is plain SGD.
type OptimiserOptions struct {
	Rule         Rule
	Momentum     float64 // SGD
	Nesterov     bool    // SGD
	Beta1, Beta2 float64 // Adam; 0: 0.9 and 0.999
	Epsilon      float64 // Adam; 0: 1e-8
	Decay        float64 // weight decay, of parameters with Decay set
	Clip         float64 // largest norm of all gradients together; 0: any
	EMA          float64 // factor of the averaged weights per step, as 0.999; 0: none are kept
}

// Optimiser moves parameters along their gradients.
type Optimiser struct {
	options   OptimiserOptions
	params    []*Param
	stretches []stretch
	crew      *crew
	steps     uint64
	first     [][]float32 // momentum, or first moments
	second    [][]float32 // second moments; nil for SGD
	mean      [][]float32 // averaged weights; nil without EMA
}

// stretch is some of the numbers of a parameter: the work of one unit.
type stretch struct{ param, from, to int }

// mostStretch is the most numbers of a stretch: they and their moments stay in
// cache between the two passes over them.
const mostStretch = 1 << 13

// NewOptimiser is an optimiser of params with nothing remembered.
func NewOptimiser(params []*Param, o OptimiserOptions) *Optimiser {
	if o.Beta1 == 0 {
		o.Beta1 = 0.9
	}
	if o.Beta2 == 0 {
		o.Beta2 = 0.999
	}
	if o.Epsilon == 0 {
		o.Epsilon = 1e-8
	}
	p := &Optimiser{options: o, params: params, crew: newCrew(kernel.Generic, 1)}
	for i, v := range params {
		for from := 0; from < len(v.Value); from += mostStretch {
			p.stretches = append(p.stretches, stretch{i, from, min(from+mostStretch, len(v.Value))})
		}
		p.first = append(p.first, make([]float32, len(v.Value)))
		if o.Rule != SGD {
			p.second = append(p.second, make([]float32, len(v.Value)))
		}
		if o.EMA > 0 {
			p.mean = append(p.mean, append([]float32(nil), v.Value...))
		}
	}
	return p
}

// Step applies one update at learning rate rate. It fails, before it changes
// anything, if a gradient is not finite.
func (p *Optimiser) Step(rate float64) error {
	p.crew.start(context.Background()) // an update is made as a whole
	defer p.crew.stop()
	norm, err := p.norm()
	if err != nil {
		return err
	}
	factor := 1.0
	if p.options.Clip > 0 && norm > p.options.Clip {
		factor = p.options.Clip / norm
	}
	p.steps++
	p.crew.each(len(p.stretches), func(_ *worker, u int) {
		s := p.stretches[u]
		if p.options.Rule == SGD {
			p.sgd(s, float32(rate*p.params[s.param].Rate), float32(factor))
		} else {
			p.adam(s, rate*p.params[s.param].Rate, factor)
		}
		if p.mean != nil {
			keep, mean := float32(p.options.EMA), p.mean[s.param][s.from:s.to]
			for j, w := range p.params[s.param].Value[s.from:s.to] {
				mean[j] = keep*mean[j] + (1-keep)*w
			}
		}
	})
	return nil
}

// norm is the Euclidean norm of all gradients.
func (p *Optimiser) norm() (float64, error) {
	sums := make([]float64, len(p.stretches))
	p.crew.each(len(sums), func(_ *worker, u int) {
		s := p.stretches[u]
		sum := 0.0
		for _, g := range p.params[s.param].Grad[s.from:s.to] {
			sum += float64(g) * float64(g)
		}
		sums[u] = sum
	})
	total := 0.0
	for u, sum := range sums {
		if math.IsNaN(sum) || math.IsInf(sum, 0) {
			return 0, fmt.Errorf("train: step %d: gradient of %q is not finite: lower the learning rate, or clip gradients", p.steps+1, p.params[p.stretches[u].param].Name)
		}
		total += sum
	}
	return math.Sqrt(total), nil
}

// decay is the weight decay of a parameter.
func (p *Optimiser) decay(v *Param) float64 {
	if !v.Decay {
		return 0
	}
	return p.options.Decay
}

func (p *Optimiser) sgd(s stretch, rate, factor float32) {
	v := p.params[s.param]
	values, m := v.Value[s.from:s.to], p.first[s.param][s.from:s.to]
	momentum, decay := float32(p.options.Momentum), float32(p.decay(v))
	for j, g := range v.Grad[s.from:s.to] {
		g = g*factor + decay*values[j]
		if momentum != 0 {
			m[j] = momentum*m[j] + g
			if p.options.Nesterov {
				g += momentum * m[j]
			} else {
				g = m[j]
			}
		}
		values[j] -= rate * g
	}
}

func (p *Optimiser) adam(s stretch, rate, factor float64) {
	v := p.params[s.param]
	values, m, q := v.Value[s.from:s.to], p.first[s.param][s.from:s.to], p.second[s.param][s.from:s.to]
	b1, b2 := float32(p.options.Beta1), float32(p.options.Beta2)
	c1 := 1 - math.Pow(p.options.Beta1, float64(p.steps))
	c2 := math.Sqrt(1 - math.Pow(p.options.Beta2, float64(p.steps)))
	step, decay := float32(rate/c1), p.decay(v)
	added, shrink := float32(decay), float32(1)
	if p.options.Rule == AdamW {
		added, shrink = 0, float32(1-rate*decay)
	}
	for j, g := range v.Grad[s.from:s.to] {
		g = g*float32(factor) + added*values[j]
		m[j] += (1 - b1) * (g - m[j])
		q[j] += (1 - b2) * (g*g - q[j])
		root := float32(math.Sqrt(float64(q[j]))/c2 + p.options.Epsilon)
		values[j] = shrink*values[j] - step*m[j]/root
	}
}

// Average writes the averaged weights to the parameters and keeps the others
// for the next call, which swaps them back. Without EMA it does nothing.
func (p *Optimiser) Average() {
	for i, m := range p.mean {
		for j, v := range p.params[i].Value {
			p.params[i].Value[j], m[j] = m[j], v
		}
	}
}

// slots lists all that has to be saved beside the number of steps.
func (p *Optimiser) slots() [][]float32 {
	all := append([][]float32(nil), p.first...)
	all = append(all, p.second...)
	return append(all, p.mean...)
}

// appendFloats appends x to b in little-endian order.
func appendFloats(b []byte, x []float32) []byte {
	for _, v := range x {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	return b
}

// takeFloats fills x from b and returns the rest.
func takeFloats(x []float32, b []byte) []byte {
	for i := range x {
		x[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
	}
	return b[4*len(x):]
}
