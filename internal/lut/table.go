package lut

import (
	"math"

	"lutra/internal/graph"
)

const (
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
	parts          int // of a step, of which levels are made if products are exact
	lowBits        uint
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
	biases   []float64 // per output
	residual float64   // the largest magnitude
	exact    bool
	first    float64 // level 0, if products are exact; see fraction
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
// a plateau, and most in all; scores have bins of width unit.
func (b *builder) binning(t int, unit float64, detail, most int) binning {
	q := b.net.Tensors[t].Quantiser
	if q.Levels == 0 {
		return binning{width: unit, detail: 1}
	}
	key := binningKey{q, detail, most}
	bins, ok := b.maps[key]
	if !ok {
		bins = binningOf(q, detail, most)
		b.maps[key] = bins
	}
	return bins
}

// binningKey identifies a binning, so that layers share their maps.
type binningKey struct {
	q            graph.Quantiser
	detail, most int
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
	r := coarse
	if o.Exact && s.book.D == 1 {
		r = fine
	}
	for ; ; r.detail /= 2 {
		p, err := b.scaled(s, l, o, r)
		if err != nil || p.shift >= 0 || p.bins.bins == 0 && p.shift > noShift {
			return p, err
		}
		if p.bins.detail == 1 {
			return nil, b.refuse(s.node, "weights and bias", "products that fit 16 bits and sums that fit 32", "larger ones", "widen the bounds of its activation, or scale its weights down")
		}
	}
}

// scaled is the product of l with the largest scale for that resolution.
func (b *builder) scaled(s *sum, l *Linear, o Options, r resolution) (*product, error) {
	q := b.net.Tensors[l.In].Quantiser
	in := spacingOf(q)
	p := &product{sum: s, linear: l, in: in, levels: q.Levels, bins: b.binning(l.Out, in.step, r.detail, r.bins)}
	p.biases, p.exact = s.bias, o.Exact && s.book.D == 1
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
	if l.Residual >= 0 {
		p.residual = spacingOf(b.net.Tensors[l.Residual].Quantiser).farthest(b.net.Tensors[l.Residual].Quantiser.Levels)
	}
	bits := r.shift - int(math.Log2(float64(p.bins.detail)))
	if p.exact {
		p.fitExact(bits)
		return p, nil
	}
	l.Block = l.K
	if o.Block > 0 || l.wide() {
		l.Block = min(l.K, max(o.Block, 1))
		if o.Block == 0 {
			l.Block = min(l.K, taps)
		}
	}
	if o.Narrow && s.book.D == 1 && l.Groups == 1 && p.narrow(bits) {
		return p, nil
	}
	p.key.most = maxLane
	p.shift = p.fit(bits)
	if o.Block == 0 && s.book.D > 1 && p.shift < pairBits-(r.shift-bits) {
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

func (p *product) scale(shift int) scale { return scale{p.bins.width, shift} }

// finish fills in the integers of p that are its own.
func (b *builder) finish(p *product) error {
	l, s := p.linear, p.scale(p.shift)
	l.Activation = p.bins.activation(p.shift)
	l.Bias = make([]int32, l.Outputs)
	for i, v := range p.biases {
		l.Bias[i] = int32(s.bias(v, p.bins))
	}
	if l.Residual >= 0 {
		var err error
		if l.ResidualTable, l.ResidualLow, err = b.numbers(p.sum, l.Residual, s, 1, p.key.lowBits); err != nil {
			return err
		}
	}
	if p.exact {
		b.refine(p)
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
