package lut

import (
	"fmt"
	"math"

	"lutra/internal/graph"
	"lutra/internal/safe"
)

const (
	maxShift = 12 // bits below a level
	taps     = 32 // default Block
	pairBits = 8  // least bits below a level for sums of pairs that stay packed
	maxLane  = math.MaxInt16
	maxByte  = math.MaxInt8
	maxSum   = math.MaxInt32
)

// tableKey says which layers may use one table: the same codewords and levels,
// scales that differ by a power of two.
type tableKey struct {
	words          string
	scale          float32 // of codewords in int8
	levels         int
	offset, factor float64
	most           int64
}

// product is a Linear layer whose integers are to be found: product of level
// (a+in.offset) and weight w is (a+in.offset)*w*factor*2^(exponent+shift).
type product struct {
	*sum
	linear   *Linear
	in       spacing
	levels   int
	key      tableKey
	exponent int
	bins     binning
	words    []float64 // [K*D]
	shift    int
	least    int // shift, if the table may be shared
}

// quantise chooses the scales of all sums, and computes their integers.
func (b *builder) quantise(o Options) error {
	var products []*product
	for _, s := range b.sums {
		var err error
		switch l := s.layer.(type) {
		case *Linear:
			var p *product
			if p, err = b.product(s, l, o); err == nil {
				products = append(products, p)
			}
		case *AvgPool:
			err = b.average(s, l)
		case *Sum:
			err = b.addition(s, l)
		}
		if err != nil {
			return err
		}
	}
	if o.Shared {
		share(products)
	}
	tables := map[tableKey]map[int]*Table{} // by key and exponent+shift
	for _, p := range products {
		byScale := tables[p.key]
		if byScale == nil {
			byScale = map[int]*Table{}
			tables[p.key] = byScale
		}
		e := p.exponent + p.shift
		if byScale[e] == nil {
			byScale[e] = p.table()
		}
		p.linear.Table = byScale[e]
		if err := b.finish(p); err != nil {
			return err
		}
	}
	return nil
}

// binning is the binning in front of tensor t, tanh in at most detail bins for
// a plateau; scores have bins of width unit.
func (b *builder) binning(t int, unit float64, detail int) binning {
	q := b.net.Tensors[t].Quantiser
	if q.Levels == 0 {
		return binning{width: unit, detail: 1}
	}
	key := binningKey{q, detail}
	bins, ok := b.maps[key]
	if !ok {
		bins = binningOf(q, detail)
		b.maps[key] = bins
	}
	return bins
}

// binningKey identifies a binning, so that layers share their maps.
type binningKey struct {
	q      graph.Quantiser
	detail int
}

// activation is a binning of sums that are scaled by 2^shift.
func (b binning) activation(shift int) Activation {
	if b.bins == 0 {
		return Activation{}
	}
	return Activation{Shift: uint(shift), Bins: b.bins, Map: b.levels}
}

// product finds the scale of l alone. Large weights in front of a tanh cost detail.
func (b *builder) product(s *sum, l *Linear, o Options) (*product, error) {
	for detail := maxDetail; ; detail /= 2 {
		p, err := b.scaled(s, l, o, detail)
		if err != nil || p.shift >= 0 || p.bins.bins == 0 && p.shift > noShift {
			return p, err
		}
		if p.bins.detail == 1 {
			return nil, b.refuse(s.node, "weights and bias", "products that fit 16 bits and sums that fit 32", "larger ones", "widen the bounds of its activation, or scale its weights down")
		}
	}
}

// scaled is the product of l with the largest scale for that detail.
func (b *builder) scaled(s *sum, l *Linear, o Options, detail int) (*product, error) {
	q := b.net.Tensors[l.In].Quantiser
	in := spacingOf(q)
	p := &product{sum: s, linear: l, in: in, levels: q.Levels, bins: b.binning(l.Out, in.step, detail)}
	p.key = tableKey{words: s.words, scale: s.book.Scale, levels: q.Levels, offset: in.offset}
	p.key.factor, p.exponent = math.Frexp(in.step / p.bins.width)
	for _, w := range s.book.FloatWords() {
		p.words = append(p.words, float64(w))
	}
	l.Pad = q.Levels
	if z := in.zero(q.Levels); z >= 0 {
		l.Pad = z
	}
	w := l.Window
	if l.Pad == graph.MaxLevels && w.Top+w.Left+w.Bottom+w.Right > 0 {
		return nil, b.refuse(s.node, "padding", "at most 255 levels, or one that is 0", "256 levels, none of them 0", "use another number of levels")
	}
	l.Block = l.K
	if o.Block > 0 || l.wide() {
		l.Block = min(l.K, max(o.Block, 1))
		if o.Block == 0 {
			l.Block = min(l.K, taps)
		}
	}
	bits := maxShift - int(math.Log2(float64(p.bins.detail)))
	if o.Narrow && s.book.D == 1 && l.Groups == 1 && p.narrow(bits) {
		return p, nil
	}
	p.key.most = maxLane
	p.shift = p.fit(bits)
	if o.Block == 0 && s.book.D > 1 && p.shift < pairBits-(maxShift-bits) {
		l.Block = min(l.K, taps)
		p.shift = p.fit(bits)
	}
	p.least = p.shiftFor(1. / 8)
	return p, nil
}

// narrow tries products of 8 bits, for levels.
func (p *product) narrow(bits int) bool {
	if p.bins.bins == 0 {
		return false
	}
	p.key.most = maxByte
	p.shift = p.fit(bits)
	p.least = p.shiftFor(1. / 4)
	return p.shift >= p.least
}

// shiftFor is the least shift with which rounding moves sums by that part of a
// level (root mean square). Rounding a product has a variance of 1/12, so that
// a sum is off by 2^-shift * sqrt(K/12) bins.
func (p *product) shiftFor(part float64) int {
	bins := math.Sqrt(float64(p.linear.K)/12) / float64(p.bins.detail)
	return max(int(math.Ceil(math.Log2(bins/part))), 0)
}

// wide reports whether sums of all taps need not fit 16 bits by default.
func (l *Linear) wide() bool { return l.Outputs == len(l.Codes)/l.K }

// share gives all products of one key the lowest scale among them, those
// excepted whose sums it would move too far.
func share(products []*product) {
	lowest := map[tableKey]int{}
	for _, p := range products {
		e, ok := lowest[p.key]
		if !ok || p.exponent+p.shift < e {
			lowest[p.key] = p.exponent + p.shift
		}
	}
	for _, p := range products {
		shift := lowest[p.key] - p.exponent
		if (p.bins.bins == 0 || shift >= p.least) && p.fits(shift) {
			p.shift = shift
		}
	}
}

// noShift is below all shifts: weights are too large for any.
const noShift = -64

// fit is the largest shift, at most most, with which all sums fit, or noShift.
func (p *product) fit(most int) int {
	for shift := most; shift > noShift; shift-- {
		if p.fits(shift) {
			return shift
		}
	}
	return noShift
}

// fits proves, for one shift, that products fit 16 or 8 bits and sums of Block
// products 16, and sums of everything fit 32 bits, for every input.
func (p *product) fits(shift int) bool {
	l, d := p.linear, p.book.D
	f := p.factors(shift)
	if !f.fits(p.levels) {
		return false
	}
	lo, hi := make([]int64, len(p.words)), make([]int64, len(p.words)) // over all levels and 0
	for i, w := range f.weights {
		for _, a := range []int{0, p.levels - 1} { // products are monotone in a
			e := int64(max(min(f.product(a, i), 1<<40), -1<<40))
			lo[i], hi[i] = min(lo[i], e), max(hi[i], e)
		}
		if !(math.Abs(w) <= maxLane) { // nor is it a number
			lo[i] = -1 << 40
		}
	}
	cols := l.Outputs / d
	for o := range l.Outputs {
		var least, most, lane0, lane1 int64
		for k := range l.K {
			if k%l.Block == 0 {
				lane0, lane1 = 0, 0
			}
			c := int(l.Codes[k*cols+o/d])*d + o%d
			lane0, lane1 = lane0+lo[c], lane1+hi[c]
			least, most = least+lo[c], most+hi[c]
			if lo[c] < -p.key.most || hi[c] > p.key.most || lane0 < -maxLane || lane1 > maxLane {
				return false
			}
		}
		r := int64(0)
		if l.Residual >= 0 {
			r = maxSum / 4 // checked when it is known
		}
		bias := p.scale(shift).bias(p.bias[o], p.bins)
		if math.Abs(bias) > maxSum/4 || least+int64(bias)-r < -maxSum/2 || most+int64(bias)+r > maxSum/2 {
			return false
		}
	}
	return true
}

func (p *product) scale(shift int) scale { return scale{p.bins.width, shift} }

// finish fills in the integers of p that are its own.
func (b *builder) finish(p *product) error {
	l, s := p.linear, p.scale(p.shift)
	l.Activation = p.bins.activation(p.shift)
	l.Bias = make([]int32, l.Outputs)
	for i, v := range p.bias {
		l.Bias[i] = int32(s.bias(v, p.bins))
	}
	if l.Residual >= 0 {
		var err error
		if l.ResidualTable, err = b.numbers(p.sum, l.Residual, s, 1); err != nil {
			return err
		}
	}
	if p.bins.bins == 0 {
		b.net.Tensors[l.Out].Unit = math.Ldexp(p.bins.width, -p.shift)
	}
	widen(p)
	return nil
}

// widen makes Block as large as can be proven.
func widen(p *product) {
	l := p.linear
	least := l.Block
	for _, l.Block = range []int{l.K, 2048, 1024, 512, 256, 128, 64} {
		if l.Block <= l.K && l.Block > least && p.fits(p.shift) {
			return
		}
	}
	l.Block = least
}

// numbers is the table of the levels of tensor t themselves, divided by divisor.
func (b *builder) numbers(s *sum, t int, sc scale, divisor float64) ([]int32, error) {
	q := b.net.Tensors[t].Quantiser
	in := spacingOf(q)
	table := make([]int32, q.Levels)
	for a := range table {
		v := sc.of((float64(a) + in.offset) * in.step / divisor)
		if math.Abs(v) > maxSum/4 {
			return nil, b.refuse(s.node, "operands", "levels of like magnitude", fmt.Sprintf("%v beside bins of %v", (float64(a)+in.offset)*in.step, sc.width), "change the bounds of its activation")
		}
		table[a] = int32(v)
	}
	return table, nil
}

// average computes the integers of an average pooling.
func (b *builder) average(s *sum, l *AvgPool) error {
	in := b.net.Tensors[l.In].Quantiser
	bins := b.binning(l.Out, spacingOf(in).step, maxDetail)
	sc, err := b.direct(s, []int{l.In}, bins, s.divisor)
	if err != nil {
		return err
	}
	if l.Table, err = b.numbers(s, l.In, sc, s.divisor); err != nil {
		return err
	}
	l.Table = append(l.Table, 0)
	l.Pad = in.Levels
	if z := spacingOf(in).zero(in.Levels); z >= 0 {
		l.Pad = z
	}
	w := l.Window
	if l.Pad == graph.MaxLevels && w.Top+w.Left+w.Bottom+w.Right > 0 {
		return b.refuse(s.node, "padding", "at most 255 levels, or one that is 0", "256 levels, none of them 0", "use another number of levels")
	}
	l.Bias = int32(sc.bias(s.bias[0], bins))
	l.Activation = bins.activation(sc.shift)
	if bins.bins == 0 {
		b.net.Tensors[l.Out].Unit = math.Ldexp(bins.width, -sc.shift)
	}
	return nil
}

// addition computes the integers of a sum of levels.
func (b *builder) addition(s *sum, l *Sum) error {
	bins := b.binning(l.Out, spacingOf(b.net.Tensors[l.In[0]].Quantiser).step, maxDetail)
	sc, err := b.direct(s, l.In, bins, 1)
	if err != nil {
		return err
	}
	for _, t := range l.In {
		table, err := b.numbers(s, t, sc, 1)
		if err != nil {
			return err
		}
		l.Tables = append(l.Tables, table)
	}
	l.Bias = int32(sc.bias(s.bias[0], bins))
	l.Activation = bins.activation(sc.shift)
	if bins.bins == 0 {
		b.net.Tensors[l.Out].Unit = math.Ldexp(bins.width, -sc.shift)
	}
	return nil
}

// direct is the scale of sums of the numbers in the tensors in, times divisor,
// over divisor: the largest with which they fit 32 bits.
func (b *builder) direct(s *sum, in []int, bins binning, divisor float64) (scale, error) {
	for shift := maxShift; shift >= 0; shift-- {
		sc := scale{bins.width, shift}
		total := math.Abs(sc.bias(s.bias[0], bins))
		for _, t := range in {
			q := b.net.Tensors[t].Quantiser
			sp := spacingOf(q)
			for _, a := range []float64{0, float64(q.Levels - 1)} {
				total += (math.Abs(sc.of((a+sp.offset)*sp.step/divisor)) + 1) * divisor
			}
		}
		if total < maxSum/2 {
			return sc, nil
		}
	}
	return scale{}, &safe.FormatError{File: b.graph.File, Where: s.node.Label(), Field: "sums", Expected: "numbers that fit 32 bits", Found: "larger ones", Hint: "change the bounds of its activation"}
}
