package emitc

import (
	"lutra/internal/lut"
	"lutra/internal/wasm"
)

// expander is the function that makes a table of differences: parameters are
// their address, that of the table, the numbers of codewords and of levels, and
// the bytes of a row.
func (w *wasmWriter) expander() *wasm.Function {
	f := w.m.Function(5)
	from, to, count, levels, row := f.Parameter(0), f.Parameter(1), f.Parameter(2), f.Parameter(3), f.Parameter(4)
	entry, step, bits, at, a := f.Local(), f.Local(), f.Local(), f.Local(), f.Local()
	low, high := wasm.And(bits.Get(), wasm.Const(1)), wasm.And(bits.Get(), wasm.Const(2))
	f.Append(wasm.Until(count.Get(),
		entry.Set(wasm.Load32(from.Get(), 0)),
		step.Set(wasm.Load32(from.Get(), 4)),
		from.Add(8),
		at.Set(to.Get()),
		a.Set(wasm.Const(0)),
		wasm.Until(wasm.Less(a.Get(), levels.Get()),
			wasm.Store32(at.Get(), 0, entry.Get()),
			at.Set(wasm.Add(at.Get(), row.Get())),
			wasm.If(wasm.And(a.Get(), wasm.Const(15)),
				bits.Set(wasm.ShiftRight(bits.Get(), 2)),
				wasm.Join(bits.Set(wasm.Load32(from.Get(), 0)), from.Add(4))),
			entry.Set(wasm.Add(entry.Get(), step.Get(), low, wasm.ShiftLeft(high, 15))),
			a.Add(1)),
		to.Add(4),
		count.Add(-1)))
	return f
}

// expand is code that makes t at an address: of differences, or, where products
// are not regular enough, it is none, and the module holds all of t.
func (w *wasmWriter) expand(expander *wasm.Function, t *lut.Table, to, row int) wasm.Code {
	if d := differences(t, w.used(t)); d != nil {
		return wasm.Call(expander, wasm.Const(w.place(words(d))), wasm.Const(to), wasm.Const(t.Words), wasm.Const(t.Levels), wasm.Const(row))
	}
	data := make([]int32, row/4*t.Levels)
	for a := range t.Levels {
		for c := range t.Words {
			data[a*row/4+c] = word(entry(t, a, c))
		}
	}
	w.m.Data(to, words(data))
	return nil
}

// entry is the products of level a and codeword c; one of none.
func entry(t *lut.Table, a, c int) (low, high int32) {
	e := t.Entries[(a*t.Words+c)*t.D:]
	if t.D == 2 {
		high = int32(e[1])
	}
	return int32(e[0]), high
}

// word is two products in one.
func word(low, high int32) int32 { return low + high<<16 }

// differences are t as the expander reads it. Products of neighbouring levels
// and a codeword differ by a constant, rounded down or up: the table is, per
// codeword, its first word, the constant, and two bits for every level, 16
// levels a word, that say which products grow by one more. It is nil if there
// are more than two differences. Codewords that are not used may become zeros.
func differences(t *lut.Table, used []bool) []int32 {
	var d []int32
	for c := range t.Words {
		if !used[c] {
			d = append(d, make([]int32, 2+(t.Levels+15)/16)...)
			continue
		}
		low, high := make([]int32, t.Levels), make([]int32, t.Levels) // from one level to the next
		leastLow, leastHigh := int32(1<<17), int32(1<<17)
		for a := range t.Levels - 1 {
			l0, h0 := entry(t, a, c)
			l1, h1 := entry(t, a+1, c)
			low[a], high[a] = l1-l0, h1-h0
			leastLow, leastHigh = min(leastLow, low[a]), min(leastHigh, high[a])
		}
		d = append(d, word(entry(t, 0, c)), word(leastLow, leastHigh))
		for a := range t.Levels - 1 {
			l, h := low[a]-leastLow, high[a]-leastHigh
			if l > 1 || h > 1 {
				return nil
			}
			if a%16 == 0 {
				d = append(d, 0)
			}
			d[len(d)-1] |= (l | h<<1) << (a % 16 * 2)
		}
		if t.Levels%16 == 1 { // the expander reads bits behind the last level, too
			d = append(d, 0)
		}
	}
	return d
}

// used reports which codewords of t the network uses.
func (w *wasmWriter) used(t *lut.Table) []bool {
	used := make([]bool, t.Words)
	for _, l := range w.net.Layers {
		if l, ok := l.(*lut.Linear); ok && l.Table == t {
			for _, c := range l.Codes {
				used[c] = true
			}
		}
	}
	return used
}
