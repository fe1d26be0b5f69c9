package train

import (
	"context"
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

// mostStretch is the most numbers of a stretch: a fraction of a millisecond, so
// that threads end together.
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
// anything, if a gradient is not finite, or if ctx is done by then; the update
// itself is made as a whole.
func (p *Optimiser) Step(ctx context.Context, rate float64) error {
	p.crew.start(ctx)
	defer p.crew.stop()
	norm, err := p.norm()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return err
	}
	p.crew.ctx = context.Background() // no unit is at work
	factor := 1.0
	if p.options.Clip > 0 && norm > p.options.Clip {
		factor = p.options.Clip / norm
	}
	p.steps++
	p.crew.each(len(p.stretches), func(_ *worker, u int) {
		s := p.stretches[u]
		v := p.params[s.param]
		if p.options.Rule == SGD {
			p.sgd(s, v.Rate*rate, factor)
		} else {
			p.adam(s, v.Rate*rate, factor)
		}
		if p.mean != nil {
			p.crew.level.Blend(p.mean[s.param][s.from:s.to], v.Value[s.from:s.to], float32(p.options.EMA))
		}
	})
	return nil
}

// norm is the Euclidean norm of all gradients.
func (p *Optimiser) norm() (float64, error) {
	sums := make([]float64, len(p.stretches))
	p.crew.each(len(sums), func(_ *worker, u int) {
		s := p.stretches[u]
		if p.steps == 0 {
			p.touch(s)
		}
		sums[u] = p.crew.level.SumSquares(p.params[s.param].Grad[s.from:s.to])
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

// touch makes the system hand out the memory of moments before the first update,
// which takes twice as long if it does so on the way, and is not interrupted.
func (p *Optimiser) touch(s stretch) {
	clear(p.first[s.param][s.from:s.to])
	if p.second != nil {
		clear(p.second[s.param][s.from:s.to])
	}
}

// decay is the weight decay of a parameter.
func (p *Optimiser) decay(v *Param) float64 {
	if !v.Decay {
		return 0
	}
	return p.options.Decay
}

func (p *Optimiser) sgd(s stretch, rate, factor float64) {
	v := p.params[s.param]
	p.crew.level.SGD(&kernel.SGDArgs{
		Value: v.Value[s.from:s.to], Grad: v.Grad[s.from:s.to], First: p.first[s.param][s.from:s.to],
		Factor: float32(factor), Added: float32(p.decay(v)),
		Momentum: float32(p.options.Momentum), Nesterov: p.options.Nesterov, Rate: float32(rate),
	})
}

func (p *Optimiser) adam(s stretch, rate, factor float64) {
	v, o := p.params[s.param], &p.options
	a := kernel.AdamArgs{
		Value: v.Value[s.from:s.to], Grad: v.Grad[s.from:s.to], First: p.first[s.param][s.from:s.to], Second: p.second[s.param][s.from:s.to],
		Factor: float32(factor), Added: float32(p.decay(v)), Rest1: 1 - float32(o.Beta1), Rest2: 1 - float32(o.Beta2),
		Step: float32(rate / (1 - math.Pow(o.Beta1, float64(p.steps)))), Shrink: 1,
		Root: math.Sqrt(1 - math.Pow(o.Beta2, float64(p.steps))), Epsilon: o.Epsilon,
	}
	if o.Rule == AdamW {
		a.Added, a.Shrink = 0, float32(1-rate*p.decay(v))
	}
	p.crew.level.Adam(&a)
}

// swapAverage exchanges the values of the parameters for the averaged weights,
// for readers of Param.Value: passes and updates must not come before the next
// call, which swaps them back. Without EMA it does nothing.
func (p *Optimiser) swapAverage() {
	for i, v := range p.params {
		if p.mean != nil {
			v.Value, p.mean[i] = p.mean[i], v.Value
		}
	}
}

// slots lists all that has to be saved beside the number of steps.
func (p *Optimiser) slots() [][]float32 {
	all := append([][]float32(nil), p.first...)
	all = append(all, p.second...)
	return append(all, p.mean...)
}
