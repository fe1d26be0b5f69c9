package lut

import (
	"fmt"
	"math"

	"lutra/internal/graph"
	"lutra/internal/safe"
)

// numbers is the table of the levels of tensor t themselves, divided by divisor,
// and that many lower bits of them.
func (b *builder) numbers(s *sum, t int, sc scale, divisor float64, bits uint) (table, low []int32, err error) {
	q := b.net.Tensors[t].Quantiser
	table, low = make([]int32, q.Levels), make([]int32, q.Levels)
	sc.shift += int(bits)
	for a := range table {
		x := spacingOf(q).value(a)
		if b.exact {
			x = float64(q.Value(uint8(a))) // of float32
		}
		v := sc.of(x / divisor)
		if math.Abs(math.Ldexp(v, -int(bits))) > maxSum/4 {
			return nil, nil, b.refuse(s.node, "operands", "levels of like magnitude", fmt.Sprintf("%v beside bins of %v", x, sc.width), "change the bounds of its activation")
		}
		table[a], low[a] = split(v, int(bits))
	}
	if bits == 0 {
		low = nil
	}
	return table, low, nil
}

// average computes the integers of an average pooling.
func (b *builder) average(s *sum, l *AvgPool) error {
	in := b.net.Tensors[l.In].Quantiser
	bins, sc, err := b.direct(s, l.Out, []int{l.In}, s.divisor)
	if err != nil {
		return err
	}
	if l.Table, l.Low, err = b.numbers(s, l.In, sc, s.divisor, b.lowBits()); err != nil {
		return err
	}
	if l.Table = append(l.Table, 0); l.Low != nil {
		l.Low = append(l.Low, 0)
	}
	l.Pad = in.Levels
	if z := spacingOf(in).zero(in.Levels); z >= 0 {
		l.Pad = z
	}
	w := l.Window
	if l.Pad == graph.MaxLevels && w.Top+w.Left+w.Bottom+w.Right > 0 {
		return b.refuse(s.node, "padding", "at most 255 levels, or one that is 0", "256 levels, none of them 0", "use another number of levels")
	}
	l.Bias, l.BiasLow, l.LowBits = b.directBias(s, bins, sc)
	l.Activation = b.directActivation(l.Out, bins, sc)
	return nil
}

// addition computes the integers of a sum of levels.
func (b *builder) addition(s *sum, l *Sum) error {
	bins, sc, err := b.direct(s, l.Out, l.In, 1)
	if err != nil {
		return err
	}
	for _, t := range l.In {
		table, low, err := b.numbers(s, t, sc, 1, b.lowBits())
		if err != nil {
			return err
		}
		l.Tables, l.Low = append(l.Tables, table), append(l.Low, low)
	}
	l.Bias, l.BiasLow, l.LowBits = b.directBias(s, bins, sc)
	l.Activation = b.directActivation(l.Out, bins, sc)
	return nil
}

// lowBits is how many more bits sums of levels have.
func (b *builder) lowBits() uint {
	if b.exact {
		return maxLowBits
	}
	return 0
}

func (b *builder) directBias(s *sum, bins binning, sc scale) (bias, low int32, bits uint) {
	bits = b.lowBits()
	sc.shift += int(bits)
	bias, low = split(sc.bias(s.bias[0], bins), int(bits))
	return bias, low, bits
}

// directActivation is that of tensor out.
func (b *builder) directActivation(out int, bins binning, sc scale) Activation {
	if bins.bins == 0 || !b.exact {
		return bins.activation(sc.shift)
	}
	sc.shift += maxLowBits
	return Activation{Ends: ends(b.net.Tensors[out].Quantiser, sc)}
}

// direct is the bins of tensor out and the scale of sums of the numbers in the
// tensors in, times divisor, over divisor: the largest with which they fit 32 bits.
func (b *builder) direct(s *sum, out int, in []int, divisor float64) (binning, scale, error) {
	r := coarse
	if b.exact {
		r = fine
	}
	bins := b.binning(out, spacingOf(b.net.Tensors[in[0]].Quantiser).step, r.detail, r.bins)
	if b.exact { // the ends of levels tell where bin 0 begins
		bins.origin = 0
	}
	for shift := r.shift; shift >= 0; shift-- {
		sc := scale{bins.width, shift}
		total := math.Abs(sc.bias(s.bias[0], bins))
		for _, t := range in {
			q := b.net.Tensors[t].Quantiser
			total += (math.Abs(sc.of(spacingOf(q).value(0)/divisor)) + 1) * divisor
			total += (math.Abs(sc.of(spacingOf(q).value(q.Levels-1)/divisor)) + 1) * divisor
		}
		if total < maxSum/2 {
			if bins.bins == 0 {
				b.net.Tensors[out].Unit = math.Ldexp(bins.width, -shift)
			}
			return bins, sc, nil
		}
	}
	return bins, scale{}, &safe.FormatError{File: b.graph.File, Where: s.node.Label(), Field: "sums", Expected: "numbers that fit 32 bits", Found: "larger ones", Hint: "change the bounds of its activation"}
}
