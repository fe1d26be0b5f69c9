package graph

import (
	"encoding/json"
	"fmt"
	"math"

	"lutra/internal/safe"
)

// RangesKey is the metadata key under which a model carries the ranges of its
// activations: a JSON object {"value": [lo, hi], ...}.
const RangesKey = "lutra.ranges"

// Range bounds the values that an activation takes on calibration data. It
// always contains zero, so that zero has an exact quantised form.
type Range struct{ Lo, Hi float32 }

// MarshalJSON writes [lo, hi].
func (r Range) MarshalJSON() ([]byte, error) { return json.Marshal([2]float32{r.Lo, r.Hi}) }

// UnmarshalJSON reads [lo, hi].
func (r *Range) UnmarshalJSON(b []byte) error {
	var v [2]float32
	if err := json.Unmarshal(b, &v); err != nil {
		return err
	}
	r.Lo, r.Hi = v[0], v[1]
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
		return nil, &safe.FormatError{File: g.File, Where: "metadata", Field: RangesKey, Err: err}
	}
	for name, r := range ranges {
		if !(r.Lo <= 0 && r.Hi >= 0) || math.IsInf(float64(r.Lo), 0) || math.IsInf(float64(r.Hi), 0) {
			return nil, &safe.FormatError{
				File: g.File, Where: "metadata", Field: fmt.Sprintf("%s of %q", RangesKey, name),
				Expected: "finite bounds around 0", Found: fmt.Sprintf("[%g, %g]", r.Lo, r.Hi),
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
