package lut

// A range coder with an adaptive order-0 model: what entropy coding of codes
// really takes, without tables beside the data. It measures; files and engines
// keep codes as they are.

// A symbol that occurs gains coderGain; counts are halved when they exceed
// coderMost, or a few for every symbol: ranges, of at least coderTop, divide
// finely enough.
const (
	coderGain = 24
	coderMost = 1 << 16
	coderTop  = 1 << 24
)

// frequencies is the model: counts of symbols, with their sums in a Fenwick tree.
type frequencies struct {
	count, tree []uint32
	total       uint32
}

func newFrequencies(symbols int) *frequencies {
	f := &frequencies{count: make([]uint32, symbols), tree: make([]uint32, symbols+1)}
	for s := range symbols {
		f.add(s, 1)
	}
	return f
}

func (f *frequencies) add(s int, n uint32) {
	f.count[s] += n
	f.total += n
	for i := s + 1; i < len(f.tree); i += i & -i {
		f.tree[i] += n
	}
}

// below is the sum of the counts of the symbols before s.
func (f *frequencies) below(s int) (sum uint32) {
	for i := s; i > 0; i -= i & -i {
		sum += f.tree[i]
	}
	return sum
}

// find is the symbol whose interval of counts holds at.
func (f *frequencies) find(at uint32) (s int) {
	step := 1
	for step<<1 < len(f.tree) {
		step <<= 1
	}
	for ; step > 0; step >>= 1 {
		if next := s + step; next < len(f.tree) && f.tree[next] <= at {
			s, at = next, at-f.tree[next]
		}
	}
	return s
}

// seen adapts the model to a symbol.
func (f *frequencies) seen(s int) {
	f.add(s, coderGain)
	if int(f.total) <= max(coderMost, 4*len(f.count)) {
		return
	}
	old := f.count
	f.count, f.total = make([]uint32, len(old)), 0
	clear(f.tree)
	for i, n := range old {
		f.add(i, (n+1)/2)
	}
}

// encodeCodes writes codes below symbols, at most 1<<16 of them.
func encodeCodes(codes []uint16, symbols int) []byte {
	f := newFrequencies(symbols)
	var out []byte
	var low uint64
	width, held, pending := uint32(1<<32-1), byte(0), 0
	first := true
	shift := func() { // moves the top byte out; a carry may still change bytes held back
		if low < 0xff000000 || low >= 1<<32 {
			carry := byte(low >> 32)
			if !first {
				out = append(out, held+carry)
			}
			for ; pending > 0; pending-- {
				out = append(out, 0xff+carry)
			}
			first, held = false, byte(low>>24)
		} else {
			pending++
		}
		low = low << 8 & (1<<32 - 1)
	}
	for _, c := range codes {
		unit := width / f.total
		low += uint64(unit * f.below(int(c)))
		width = unit * f.count[c]
		for width < coderTop {
			width <<= 8
			shift()
		}
		f.seen(int(c))
	}
	for range 5 {
		shift()
	}
	return out
}

// decodeCodes reads what encodeCodes wrote of n codes.
func decodeCodes(b []byte, n, symbols int) []uint16 {
	f := newFrequencies(symbols)
	next := func() (v byte) {
		if len(b) > 0 {
			v, b = b[0], b[1:]
		}
		return v
	}
	var code uint32
	for range 4 {
		code = code<<8 | uint32(next())
	}
	width := uint32(1<<32 - 1)
	codes := make([]uint16, n)
	for i := range codes {
		unit := width / f.total
		s := f.find(min(code/unit, f.total-1))
		codes[i] = uint16(s)
		code -= unit * f.below(s)
		width = unit * f.count[s]
		for width < coderTop {
			width <<= 8
			code = code<<8 | uint32(next())
		}
		f.seen(s)
	}
	return codes
}
