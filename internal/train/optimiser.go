package train

import (
	"encoding/binary"
	"fmt"
	"math"
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
	options OptimiserOptions
	params  []*Param
	steps   uint64
	first   [][]float32 // momentum, or first moments
	second  [][]float32 // second moments; nil for SGD
	mean    [][]float32 // averaged weights; nil without EMA
}

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
	p := &Optimiser{options: o, params: params}
	for _, v := range params {
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
	norm, err := p.norm()
	if err != nil {
		return err
	}
	factor := 1.0
	if p.options.Clip > 0 && norm > p.options.Clip {
		factor = p.options.Clip / norm
	}
	p.steps++
	for i, v := range p.params {
		decay := 0.0
		if v.Decay {
			decay = p.options.Decay
		}
		if p.options.Rule == SGD {
			p.sgd(i, v, float32(rate*v.Rate), float32(factor), float32(decay))
		} else {
			p.adam(i, v, rate*v.Rate, factor, decay)
		}
		if p.mean != nil {
			keep := float32(p.options.EMA)
			for j, w := range v.Value {
				p.mean[i][j] = keep*p.mean[i][j] + (1-keep)*w
			}
		}
	}
	return nil
}

// norm is the Euclidean norm of all gradients.
func (p *Optimiser) norm() (float64, error) {
	total := 0.0
	for _, v := range p.params {
		sum := 0.0
		for _, g := range v.Grad {
			sum += float64(g) * float64(g)
		}
		if math.IsNaN(sum) || math.IsInf(sum, 0) {
			return 0, fmt.Errorf("train: step %d: gradient of %q is not finite: lower the learning rate, or clip gradients", p.steps+1, v.Name)
		}
		total += sum
	}
	return math.Sqrt(total), nil
}

func (p *Optimiser) sgd(i int, v *Param, rate, factor, decay float32) {
	momentum, m := float32(p.options.Momentum), p.first[i]
	for j, g := range v.Grad {
		g = g*factor + decay*v.Value[j]
		if momentum != 0 {
			m[j] = momentum*m[j] + g
			if p.options.Nesterov {
				g += momentum * m[j]
			} else {
				g = m[j]
			}
		}
		v.Value[j] -= rate * g
	}
}

func (p *Optimiser) adam(i int, v *Param, rate, factor, decay float64) {
	b1, b2 := float32(p.options.Beta1), float32(p.options.Beta2)
	c1 := 1 - math.Pow(p.options.Beta1, float64(p.steps))
	c2 := math.Sqrt(1 - math.Pow(p.options.Beta2, float64(p.steps)))
	step, m, s := float32(rate/c1), p.first[i], p.second[i]
	added, shrink := float32(decay), float32(1)
	if p.options.Rule == AdamW {
		added, shrink = 0, float32(1-rate*decay)
	}
	for j, g := range v.Grad {
		g = g*float32(factor) + added*v.Value[j]
		m[j] += (1 - b1) * (g - m[j])
		s[j] += (1 - b2) * (g*g - s[j])
		root := float32(math.Sqrt(float64(s[j]))/c2 + p.options.Epsilon)
		v.Value[j] = shrink*v.Value[j] - step*m[j]/root
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
