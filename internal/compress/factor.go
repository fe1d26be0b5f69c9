package compress

import (
	"context"
	"math"
	"slices"

	"lutra/internal/tensor"
)

// sameness is the largest relative difference between numbers that are taken
// for one: some units in the last place of float32, in which scales were
// multiplied into codewords.
const sameness = 4e-6

// factor recognises weights that are codewords times a scale per output: what
// remains of a network compressed before when its batch normalisation is
// folded. It returns the codewords, in numbers that float16 holds exactly if
// there is a unit in which they are, and the scales; or nil.
func (l *layer) factor(ctx context.Context, x []float32) (*clusters, []float64, error) {
	lines := l.lines(x)
	if lines == nil || ctx.Err() != nil {
		return nil, nil, ctx.Err()
	}
	gain := l.align(x, lines)
	if gain == nil || ctx.Err() != nil {
		return nil, nil, ctx.Err()
	}
	s := l.representatives(x, lines, gain)
	if s == nil || ctx.Err() != nil {
		return nil, nil, ctx.Err()
	}
	if unit := halfUnit(s.words); unit > 0 {
		for i, v := range s.words {
			s.words[i] = tensor.FromHalf(tensor.ToHalf(float32(float64(v) * unit)))
		}
		for o := range gain {
			gain[o] /= unit
		}
	}
	return s, gain, nil
}

// peak is the index of the number of v that is largest by magnitude.
func peak(v []float32) int {
	at := 0
	for t, f := range v {
		if math.Abs(float64(f)) > math.Abs(float64(v[at])) {
			at = t
		}
	}
	return at
}

// lines numbers the directions of the sub-vectors, without sign, on a grid.
// Neighbouring numbers may be one direction on a border of the grid. It is nil
// if there are too many for k codewords.
func (l *layer) lines(x []float32) []int {
	seen := make(map[string]int)
	all := make([]int, len(x)/l.d)
	key := make([]byte, 2*l.d+1)
	for i := range all {
		v := x[i*l.d:][:l.d]
		top := peak(v)
		key[2*l.d] = byte(top)
		for t, f := range v {
			q := int16(0)
			if v[top] != 0 {
				q = int16(math.Round(float64(f) / float64(v[top]) * 10000))
			}
			key[2*t], key[2*t+1] = byte(q), byte(q>>8)
		}
		n, ok := seen[string(key)]
		if !ok {
			n = len(seen)
			if n > 2*l.k {
				return nil
			}
			seen[string(key)] = n
		}
		all[i] = n
	}
	return all
}

// align finds the scale of every output relative to the first, from the
// directions that outputs have in common; nil if some have none.
func (l *layer) align(x []float32, lines []int) []float64 {
	gain := make([]float64, l.outputs)
	length := map[int]float64{} // of the codeword on a line
	for o := range gain {
		if l.isZero(x, o) {
			gain[o] = 1
		}
	}
	for progress := true; progress; {
		progress = false
		for o := range gain {
			if gain[o] != 0 {
				continue
			}
			var ratios []float64
			for i := o; i < len(lines); i += l.outputs {
				if c, ok := length[lines[i]]; ok {
					ratios = append(ratios, extent(x, i, l.d)/c)
				}
			}
			if len(ratios) == 0 && len(length) > 0 {
				continue
			}
			gain[o], progress = 1, true
			if len(ratios) > 0 {
				slices.Sort(ratios)
				gain[o] = ratios[len(ratios)/2]
			}
			for i := o; i < len(lines); i += l.outputs {
				if _, ok := length[lines[i]]; !ok && extent(x, i, l.d) != 0 {
					length[lines[i]] = extent(x, i, l.d) / gain[o]
				}
			}
		}
	}
	if slices.Contains(gain, 0) {
		return nil
	}
	return gain
}

// isZero reports whether all weights of output o are zero.
func (l *layer) isZero(x []float32, o int) bool {
	for i := o * l.d; i < len(x); i += l.outputs * l.d {
		if extent(x, i/l.d, l.d) != 0 {
			return false
		}
	}
	return true
}

// extent is the largest number of sub-vector i by magnitude, with its sign.
func extent(x []float32, i, d int) float64 {
	v := x[i*d:][:d]
	return float64(v[peak(v)])
}

// representatives lists the different sub-vectors after division by gain; nil
// if there are more than k.
func (l *layer) representatives(x []float32, lines []int, gain []float64) *clusters {
	s := &clusters{codes: make([]uint16, len(lines)), exact: true}
	onLine := map[int][]uint16{}
	y := make([]float64, l.d)
	for i, line := range lines {
		for t, v := range x[i*l.d:][:l.d] {
			y[t] = float64(v) / gain[i%l.outputs]
		}
		at := slices.IndexFunc(onLine[line], func(k uint16) bool { return same(y, s.words[int(k)*l.d:][:l.d]) })
		if at < 0 {
			k, ok := s.find(y)
			if !ok && k == l.k {
				return nil
			}
			if !ok {
				for _, v := range y {
					s.words = append(s.words, float32(v))
				}
			}
			at = len(onLine[line])
			onLine[line] = append(onLine[line], uint16(k))
		}
		s.codes[i] = onLine[line][at]
	}
	return s
}

// find is the number of the codeword y, or of the next one to add.
func (s *clusters) find(y []float64) (k int, ok bool) {
	n := len(s.words) / len(y)
	for k := range n {
		if same(y, s.words[k*len(y):][:len(y)]) {
			return k, true
		}
	}
	return n, false
}

// same reports whether y and w differ by rounding only.
func same(y []float64, w []float32) bool {
	var size, diff float64
	for t, v := range y {
		size = max(size, math.Abs(v))
		diff = max(diff, math.Abs(v-float64(w[t])))
	}
	return diff <= sameness*size
}

// halfUnit is a factor that makes all words float16 numbers, but for rounding;
// 0 if there is none. The largest is put near the top of float16's range,
// where numbers that were subnormal in another unit are exact.
func halfUnit(words []float32) float64 {
	top := math.Abs(float64(words[peak(words)]))
	if top == 0 {
		return 0
	}
	for mantissa := 1024; mantissa < 2048; mantissa++ {
		unit := float64(mantissa*8) / top
		fits := !slices.ContainsFunc(words, func(w float32) bool {
			v := float64(w) * unit
			return math.Abs(float64(tensor.FromHalf(tensor.ToHalf(float32(v))))-v) > sameness*math.Abs(v)
		})
		if fits {
			return unit
		}
	}
	return 0
}
