package compress

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// Choice says how every layer is stored within a budget.
type Choice struct {
	Rules  []Rule      // for the layers that have a choice
	Picked []Candidate // one for every layer
	Bytes  int         // of all layers
	US     float64     // of all layers
	Damage float64     // sum over the layers: an estimate for all of them together
}

// Limits are what all layers together may take.
type Limits struct {
	Bytes int
	US    float64 // microseconds; 0: any time
}

// Choose picks a candidate for every layer so that the sum of the damages is
// small and those of the bytes and the times within the limits: starting from
// the cheapest ones, it takes the step that repairs most for its cost as long as
// one fits. Steps go along the lower convex hull of a layer's candidates, what is
// left of the limits goes to whatever still fits. If time is limited, cost is a
// mixture of bytes and time, of several the one that ends with the least damage.
func Choose(layers []Sensitivity, limits Limits) (*Choice, error) {
	if limits.US == 0 {
		c := choose(layers, limits, func(c *Candidate) float64 { return float64(c.Bytes) })
		if c == nil {
			return nil, fmt.Errorf("the weights take at least %d bytes, %d are left for them", leastBytes(layers), limits.Bytes)
		}
		return c, nil
	}
	const mixtures = 16
	var best *Choice
	for i := range mixtures + 1 {
		time := float64(i) / mixtures
		c := choose(layers, limits, func(c *Candidate) float64 {
			return (1-time)*float64(c.Bytes)/float64(max(limits.Bytes, 1)) + time*c.US/limits.US
		})
		if c != nil && (best == nil || c.Damage < best.Damage) {
			best = c
		}
	}
	if best == nil {
		return nil, &TooSlowError{Least: leastTime(layers), Limits: limits}
	}
	return best, nil
}

// TooSlowError says that no choice is within the limits.
type TooSlowError struct {
	Least  float64 // microseconds that the layers take at least, whatever their bytes
	Limits Limits
}

func (e *TooSlowError) Error() string {
	if e.Least > e.Limits.US {
		return fmt.Sprintf("the layers take at least %.0f µs, %.0f are left for them", e.Least, e.Limits.US)
	}
	return fmt.Sprintf("no choice found that takes %.0f µs and %d bytes: allow more time or more bytes", e.Limits.US, e.Limits.Bytes)
}

func leastBytes(layers []Sensitivity) int {
	sum := 0
	for _, l := range layers {
		sum += slices.MinFunc(l.Candidates, func(a, b Candidate) int { return cmp.Compare(a.Bytes, b.Bytes) }).Bytes
	}
	return sum
}

func leastTime(layers []Sensitivity) float64 {
	sum := 0.0
	for _, l := range layers {
		sum += slices.MinFunc(l.Candidates, func(a, b Candidate) int { return cmp.Compare(a.US, b.US) }).US
	}
	return sum
}

// choose is Choose for one measure of cost; nil if the cheapest candidates are
// not within the limits.
func choose(layers []Sensitivity, limits Limits, cost func(*Candidate) float64) *Choice {
	c := &Choice{Picked: make([]Candidate, len(layers))}
	var steps []upgrade
	for i, l := range layers {
		hull := l.hull(cost)
		c.pick(i, hull[0])
		for j := 1; j < len(hull); j++ {
			steps = append(steps, upgrade{i, hull[j], (hull[j-1].Damage - hull[j].Damage) / (cost(&hull[j]) - cost(&hull[j-1]))})
		}
	}
	if !c.hasten(layers, limits) || !c.within(limits) {
		return nil
	}
	slices.SortStableFunc(steps, func(a, b upgrade) int { return cmp.Compare(b.gain, a.gain) })
	for _, s := range steps {
		c.pickIf(limits, s.layer, s.to)
	}
	for i, l := range layers {
		for _, better := range l.Candidates {
			c.pickIf(limits, i, better)
		}
	}
	for i, l := range layers {
		if len(l.Candidates) > 1 {
			c.Rules = append(c.Rules, l.Rule(c.Picked[i]))
		}
	}
	return c
}

func (c *Choice) within(l Limits) bool {
	// Rounding of sums is no reason to miss what takes just as long as allowed.
	return c.Bytes <= l.Bytes && (l.US == 0 || c.US <= l.US*(1+1e-9))
}

// upgrade replaces the candidate of a layer by the next one on its hull.
type upgrade struct {
	layer int
	to    Candidate
	gain  float64 // damage per cost
}

func (c *Choice) pick(i int, to Candidate) {
	c.Bytes += to.Bytes - c.Picked[i].Bytes
	c.US += to.US - c.Picked[i].US
	c.Damage += to.Damage - c.Picked[i].Damage
	c.Picked[i] = to
}

// hasten replaces candidates by faster ones, for the fewest bytes per time, as
// long as c takes too long: where all layers gain alike from more bytes, no
// mixture of bytes and time tells between them. It reports whether it got there.
func (c *Choice) hasten(layers []Sensitivity, l Limits) bool {
	for l.US > 0 && c.US > l.US {
		at, least := -1, math.Inf(1)
		var to Candidate
		for i, p := range c.Picked {
			for _, f := range layers[i].Candidates {
				price := float64(f.Bytes-p.Bytes) / (p.US - f.US)
				if f.US < p.US && c.Bytes-p.Bytes+f.Bytes <= l.Bytes && price < least {
					at, least, to = i, price, f
				}
			}
		}
		if at < 0 {
			return false
		}
		c.pick(at, to)
	}
	return true
}

// pickIf is pick if that does less damage and stays within the limits.
func (c *Choice) pickIf(l Limits, i int, to Candidate) {
	old := c.Picked[i]
	if to.Damage >= old.Damage {
		return
	}
	if c.pick(i, to); !c.within(l) {
		c.pick(i, old)
	}
}

// Near is layers with those candidates only that take half to twice the bytes of
// what Options alone would give.
func Near(layers []Sensitivity) []Sensitivity {
	return filter(layers, func(usual, c *Candidate) bool { return c.Bytes <= 2*usual.Bytes && usual.Bytes <= 2*c.Bytes })
}

// Usual is layers with what Options alone would give as the only candidates.
func Usual(layers []Sensitivity) []Sensitivity {
	return filter(layers, func(_, c *Candidate) bool { return c.Usual })
}

func filter(layers []Sensitivity, keep func(usual, c *Candidate) bool) []Sensitivity {
	kept := slices.Clone(layers)
	for i, l := range layers {
		usual := slices.IndexFunc(l.Candidates, func(c Candidate) bool { return c.Usual })
		kept[i].Candidates = nil
		for _, c := range l.Candidates {
			if usual < 0 || keep(&l.Candidates[usual], &c) {
				kept[i].Candidates = append(kept[i].Candidates, c)
			}
		}
	}
	return kept
}

// Hull is the lower convex hull of s's candidates in the plane of bytes and
// damage, from the smallest to the one of least damage.
func (s *Sensitivity) Hull() []Candidate {
	return s.hull(func(c *Candidate) float64 { return float64(c.Bytes) })
}

func (s *Sensitivity) hull(cost func(*Candidate) float64) []Candidate {
	slope := func(a, b Candidate) float64 { return (b.Damage - a.Damage) / (cost(&b) - cost(&a)) }
	all := slices.Clone(s.Candidates)
	slices.SortStableFunc(all, func(a, b Candidate) int {
		return cmp.Or(cmp.Compare(cost(&a), cost(&b)), cmp.Compare(a.Damage, b.Damage))
	})
	hull := all[:1:1]
	for _, c := range all[1:] {
		if last := hull[len(hull)-1]; c.Damage >= last.Damage || cost(&c) == cost(&last) {
			continue
		}
		for len(hull) > 1 && slope(hull[len(hull)-2], c) <= slope(hull[len(hull)-2], hull[len(hull)-1]) {
			hull = hull[:len(hull)-1]
		}
		hull = append(hull, c)
	}
	return hull
}
