package compress

import (
	"cmp"
	"fmt"
	"slices"
)

// Choice says how every layer is stored within a budget.
type Choice struct {
	Rules  []Rule      // for the layers that have a choice
	Picked []Candidate // one for every layer
	Bytes  int         // of all layers
	Damage float64     // sum over the layers: an estimate for all of them together
}

// Choose picks a candidate for every layer so that the sum of the damages is
// small and that of the bytes at most budget: starting from the smallest ones,
// it takes the step that repairs most per byte as long as one fits. Steps go
// along the lower convex hull of a layer's candidates, what is left of the
// budget goes to whatever still fits.
func Choose(layers []Sensitivity, budget int) (*Choice, error) {
	c := &Choice{Picked: make([]Candidate, len(layers))}
	var steps []upgrade
	for i, l := range layers {
		hull := l.Hull()
		c.pick(i, hull[0])
		for j := 1; j < len(hull); j++ {
			steps = append(steps, upgrade{i, hull[j], (hull[j-1].Damage - hull[j].Damage) / float64(hull[j].Bytes-hull[j-1].Bytes)})
		}
	}
	if c.Bytes > budget {
		return nil, fmt.Errorf("the weights take at least %d bytes, %d are left for them", c.Bytes, budget)
	}
	slices.SortStableFunc(steps, func(a, b upgrade) int { return cmp.Compare(b.gain, a.gain) })
	for _, s := range steps {
		if c.Bytes-c.Picked[s.layer].Bytes+s.to.Bytes <= budget {
			c.pick(s.layer, s.to)
		}
	}
	for i, l := range layers {
		for _, better := range l.Candidates {
			if better.Damage < c.Picked[i].Damage && c.Bytes-c.Picked[i].Bytes+better.Bytes <= budget {
				c.pick(i, better)
			}
		}
	}
	for i, l := range layers {
		if len(l.Candidates) > 1 {
			c.Rules = append(c.Rules, l.rule(c.Picked[i]))
		}
	}
	return c, nil
}

// upgrade replaces the candidate of a layer by the next one on its hull.
type upgrade struct {
	layer int
	to    Candidate
	gain  float64 // damage per byte
}

func (c *Choice) pick(i int, to Candidate) {
	c.Bytes += to.Bytes - c.Picked[i].Bytes
	c.Damage += to.Damage - c.Picked[i].Damage
	c.Picked[i] = to
}

// Hull is the lower convex hull of s's candidates in the plane of bytes and
// damage, from the smallest to the one of least damage.
func (s *Sensitivity) Hull() []Candidate {
	all := slices.Clone(s.Candidates)
	slices.SortStableFunc(all, func(a, b Candidate) int {
		return cmp.Or(cmp.Compare(a.Bytes, b.Bytes), cmp.Compare(a.Damage, b.Damage))
	})
	hull := all[:1:1]
	for _, c := range all[1:] {
		if c.Damage >= hull[len(hull)-1].Damage || c.Bytes == hull[len(hull)-1].Bytes {
			continue
		}
		for len(hull) > 1 && slope(hull[len(hull)-2], c) <= slope(hull[len(hull)-2], hull[len(hull)-1]) {
			hull = hull[:len(hull)-1]
		}
		hull = append(hull, c)
	}
	return hull
}

// slope is the change of damage per byte from a to b.
func slope(a, b Candidate) float64 { return (b.Damage - a.Damage) / float64(b.Bytes-a.Bytes) }
