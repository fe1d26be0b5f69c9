package graph

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"

	"lutra/internal/safe"
)

// RangesKey is the metadata key under which a model carries the ranges of its
// activations: a JSON object {"value": [lo, hi, noise], ...}.
const RangesKey = "lutra.ranges"

// Range bounds the values that an activation takes on calibration data. It
// always contains zero, so that zero has an exact quantised form.
type Range struct {
	Lo, Hi float32
	// Noise is the squared error of the 8-bit form relative to the sum of
	// squares of the values, 0 where it is not known.
	Noise float32
}

// MarshalJSON writes [lo, hi, noise] to five digits, noise to two: that moves
// no byte by more than a fiftieth of a step.
func (r Range) MarshalJSON() ([]byte, error) {
	b := []byte{'['}
	for i, v := range []float32{r.Lo, r.Hi, r.Noise} {
		digits := 5
		if i > 0 {
			b = append(b, ',')
		}
		if i == 2 {
			digits = 2
		}
		b = strconv.AppendFloat(b, float64(v), 'g', digits, 32)
	}
	return append(b, ']'), nil
}

// UnmarshalJSON reads [lo, hi, noise], or [lo, hi].
func (r *Range) UnmarshalJSON(b []byte) error {
	var v [3]float32
	if err := json.Unmarshal(b, &v); err != nil {
		return err
	}
	r.Lo, r.Hi, r.Noise = v[0], v[1], v[2]
	return nil
}

// Affine is the 8-bit quantisation of the range: real = scale * (q - zero)
// with q in 0...255. zero is 0 where the range has no negative part.
func (r Range) Affine() (scale float32, zero uint8) {
	width := float64(r.Hi) - float64(r.Lo)
	if width <= 0 {
		return 1, 0
	}
	s := width / 255
	return float32(s), uint8(min(max(math.RoundToEven(-float64(r.Lo)/s), 0), 255))
}

// Ranges are the activation ranges that g carries, by value name; nil if it carries none.
func (g *Graph) Ranges() (map[string]Range, error) {
	text, ok := g.Meta[RangesKey]
	if !ok {
		return nil, nil
	}
	var ranges map[string]Range
	if err := json.Unmarshal([]byte(text), &ranges); err != nil {
		return nil, safe.JSONError(g.File, RangesKey, err)
	}
	for name, r := range ranges {
		if !(r.Lo <= 0 && r.Hi >= 0 && r.Noise >= 0) || math.IsInf(float64(r.Lo), 0) || math.IsInf(float64(r.Hi), 0) {
			return nil, &safe.FormatError{
				File: g.File, Where: "metadata", Field: fmt.Sprintf("%s of %q", RangesKey, name),
				Expected: "finite bounds around 0, and noise of 0 or more", Found: fmt.Sprintf("[%g, %g, %g]", r.Lo, r.Hi, r.Noise),
			}
		}
	}
	return ranges, nil
}

// SetRanges stores ranges in g's metadata.
func (g *Graph) SetRanges(ranges map[string]Range) error {
	b, err := json.Marshal(ranges)
	if err != nil {
		return err
	}
	if g.Meta == nil {
		g.Meta = map[string]string{}
	}
	g.Meta[RangesKey] = string(b)
	return nil
}

// BudgetKey is the metadata key under which a model carries its Budget.
const BudgetKey = "lutra.int8"

// Budget says how far 8-bit arithmetic may go without changing the results
// much: bounds on sums over layers of squared error relative to the sum of
// squares. They differ by network, since networks differ in how errors add up.
type Budget struct {
	Weights     float64 `json:"weights"`     // of weights in one plane of 8 bits
	Activations float64 `json:"activations"` // of activations in 8 bits
}

// Budget is what g carries; ok is false if it carries none.
func (g *Graph) Budget() (b Budget, ok bool, err error) {
	text, ok := g.Meta[BudgetKey]
	if !ok {
		return b, false, nil
	}
	if err := json.Unmarshal([]byte(text), &b); err != nil {
		return b, false, safe.JSONError(g.File, BudgetKey, err)
	}
	if b.Weights < 0 || b.Activations < 0 {
		return b, false, &safe.FormatError{File: g.File, Where: BudgetKey, Expected: "numbers of 0 or more", Found: fmt.Sprintf("%g and %g", b.Weights, b.Activations)}
	}
	return b, true, nil
}

// SetBudget stores b in g's metadata.
func (g *Graph) SetBudget(b Budget) error {
	text, err := json.Marshal(b)
	if err != nil {
		return err
	}
	if g.Meta == nil {
		g.Meta = map[string]string{}
	}
	g.Meta[BudgetKey] = string(text)
	return nil
}
