package emitc

import (
	"encoding/binary"

	"lutra/internal/lut"
	"lutra/internal/wasm"
)

// layer appends the code of l to f. Geometry is known: it becomes constants.
func (w *wasmWriter) layer(f *wasm.Function, l lut.Layer) {
	switch l := l.(type) {
	case *lut.Linear:
		if l.Groups > 1 {
			f.Append(w.wasmDepthwise(f, l))
		} else {
			f.Append(w.wasmLinear(f, l))
		}
	case *lut.MaxPool:
		f.Append(w.wasmPool(f, l.In, l.Out, l.Window, nil))
	case *lut.AvgPool:
		f.Append(w.wasmPool(f, l.In, l.Out, l.Window, l))
	case *lut.Sum:
		f.Append(w.wasmSum(f, l))
	case *lut.Concat:
		f.Append(w.wasmConcat(f, l))
	case *lut.Gather:
		f.Append(w.wasmGather(f, l))
	}
}

// address is that of the first element of tensor t.
func (w *wasmWriter) address(t int) int { return tensors + w.at(t) }

// walk is a walk over the places of an output.
type walk struct {
	f         *wasm.Function
	in, out   *lut.Tensor
	window    lut.Window
	origin    int // address of the first tap of the first place
	at        wasm.Local
	top, left wasm.Local // row and column of a place's first tap
}

func (w *wasmWriter) walk(f *wasm.Function, in, out int, window lut.Window) *walk {
	t := &w.net.Tensors[in]
	return &walk{f, t, &w.net.Tensors[out], window, w.address(in) - window.Top*t.W*t.C - window.Left*t.C, f.Local(), f.Local(), f.Local()}
}

// places runs body at every place.
func (k *walk) places(body ...wasm.Code) wasm.Code {
	y, x, line, c := k.f.Local(), k.f.Local(), k.f.Local(), k.in.C
	return wasm.Join(
		line.Set(wasm.Const(k.origin)),
		k.top.Set(wasm.Const(-k.window.Top)),
		wasm.Repeat(y, k.out.H,
			k.at.Set(line.Get()),
			k.left.Set(wasm.Const(-k.window.Left)),
			wasm.Repeat(x, k.out.W,
				wasm.Join(body...),
				k.at.Add(k.window.StrideX*c),
				k.left.Add(k.window.StrideX)),
			line.Add(k.window.StrideY*k.in.W*c),
			k.top.Add(k.window.StrideY)))
}

// padded reports whether any tap is outside.
func (k *walk) padded() bool {
	w := &k.window
	return w.Top > 0 || w.Left > 0 ||
		(k.out.H-1)*w.StrideY-w.Top+(w.KH-1)*w.DilationY >= k.in.H || (k.out.W-1)*w.StrideX-w.Left+(w.KW-1)*w.DilationX >= k.in.W
}

// taps runs inside for every tap of a place, with its address in tap, or
// outside where there is padding.
func (k *walk) taps(tap wasm.Local, inside, outside wasm.Code) wasm.Code {
	y, x, line, i, j := k.f.Local(), k.f.Local(), k.f.Local(), k.f.Local(), k.f.Local()
	body := inside
	if k.padded() {
		within := wasm.And(wasm.LessUnsigned(y.Get(), wasm.Const(k.in.H)), wasm.LessUnsigned(x.Get(), wasm.Const(k.in.W)))
		body = wasm.If(within, inside, outside)
	}
	return wasm.Join(
		line.Set(k.at.Get()),
		y.Set(k.top.Get()),
		wasm.Repeat(i, k.window.KH,
			tap.Set(line.Get()),
			x.Set(k.left.Get()),
			wasm.Repeat(j, k.window.KW,
				body,
				tap.Add(k.window.DilationX*k.in.C),
				x.Add(k.window.DilationX)),
			line.Add(k.window.DilationY*k.in.W*k.in.C),
			y.Add(k.window.DilationY)))
}

// level is the level of sum z, which it changes.
func (w *wasmWriter) level(a *lut.Activation, z wasm.Local) wasm.Code {
	last := wasm.Const(a.Bins - 1)
	bin := wasm.Join(
		z.Set(wasm.ShiftRight(z.Get(), int(a.Shift))),
		wasm.Select(wasm.Const(0), wasm.Select(last, z.Get(), wasm.Greater(z.Get(), last)), wasm.Less(z.Get(), wasm.Const(0))))
	if a.Map == nil {
		return bin
	}
	return wasm.Load8(bin, w.place(a.Map))
}

// wasmLinear is a convolution, or a matrix product: a place whose taps are all
// of the input, one after the other.
func (w *wasmWriter) wasmLinear(f *wasm.Function, l *lut.Linear) wasm.Code {
	window, in := l.Window, w.net.Tensors[l.In]
	if w.dense(l) {
		window = lut.Window{KH: 1, KW: 1, StrideY: 1, StrideX: 1, DilationY: 1, DilationX: 1}
		in = lut.Tensor{C: l.K, H: 1, W: 1}
	}
	k := w.walk(f, l.In, l.Out, window)
	k.in = &in
	_, shift := stride(l.Table)
	table := w.expanded[l.Table]
	padding := wasm.Const(table + l.Table.Levels<<(shift+2)) // zeros
	tap, from, end, n, out, added := f.Local(), f.Local(), f.Local(), f.Local(), f.Local(), f.Local()
	inside := wasm.Join(from.Set(tap.Get()), wasm.Repeat(n, in.C,
		wasm.Store32(end.Get(), 0, wasm.Add(wasm.ShiftLeft(wasm.Load8(from.Get(), 0), shift+2), wasm.Const(table))),
		end.Add(4), from.Add(1)))
	outside := wasm.Repeat(n, in.C, wasm.Store32(end.Get(), 0, padding), end.Add(4))
	body := wasm.Join(end.Set(wasm.Const(w.list)), k.taps(tap, inside, outside))
	for range -l.K & 3 {
		body = wasm.Join(body, wasm.Store32(end.Get(), 0, padding), end.Add(4))
	}
	body = wasm.Join(body, w.add(f, l, end), w.finish(f, l, out, added))
	begin := out.Set(wasm.Const(w.address(l.Out)))
	if l.Residual >= 0 {
		begin = wasm.Join(begin, added.Set(wasm.Const(w.address(l.Residual))))
	}
	return wasm.Join(begin, k.places(body))
}

// add is code that adds up, for four codes at a time, the words that the taps
// of the list, which ends at end, select.
func (w *wasmWriter) add(f *wasm.Function, l *lut.Linear, end wasm.Local) wasm.Code {
	groups := (l.Outputs/l.Table.D + 3) / 4
	codes, size, shift := w.wasmCodes(l)
	code, sum, row, r, n := f.Local(), f.Local(), f.Local(), f.Local(), f.Local()
	sums := [4]wasm.Local{f.Local(), f.Local(), f.Local(), f.Local()}
	var clear, add, store wasm.Code
	for i, s := range sums {
		clear = wasm.Join(clear, s.Set(wasm.Const(0)))
		store = wasm.Join(store, wasm.Store32(sum.Get(), 4*i, s.Get()))
	}
	for t := range 4 {
		add = wasm.Join(add, r.Set(wasm.Load32(row.Get(), 4*t)))
		for i, s := range sums {
			c := wasm.Load8(code.Get(), 4*t+i)
			if size == 2 {
				c = wasm.Load16(code.Get(), 8*t+2*i)
			}
			add = wasm.Join(add, s.Set(wasm.Add(s.Get(), wasm.Load32(wasm.Add(r.Get(), wasm.ShiftLeft(c, shift)), 0))))
		}
	}
	return wasm.Join(
		code.Set(wasm.Const(w.place(codes))),
		sum.Set(wasm.Const(w.sums)),
		wasm.Repeat(n, groups,
			clear,
			row.Set(wasm.Const(w.list)),
			wasm.Until(wasm.Sub(row.Get(), end.Get()), add, code.Add(16*size), row.Add(16)),
			store,
			sum.Add(16)))
}

// wasmCodes is the codes of l as the kernels read them, the bytes of one, and by
// how much it is to be shifted to be an offset in bytes.
func (w *wasmWriter) wasmCodes(l *lut.Linear) (data []byte, size, shift int) {
	size, shift = 1, 2
	if l.Table.Words > 256 {
		size = 2
	} else if l.Table.Words <= 64 {
		shift = 0
	}
	for _, c := range w.arrange(l, l.K) {
		c <<= 2 - shift
		if size == 2 {
			data = binary.LittleEndian.AppendUint16(data, c)
		} else {
			data = append(data, uint8(c))
		}
	}
	return data, size, shift
}

// finish is code that makes levels or scores of the sums of a place.
func (w *wasmWriter) finish(f *wasm.Function, l *lut.Linear, out, added wasm.Local) wasm.Code {
	scores := w.net.Tensors[l.Out].Scores()
	sum, bias, n, p, z := f.Local(), f.Local(), f.Local(), f.Local(), f.Local()
	write := func(s wasm.Code, i int) wasm.Code {
		set := z.Set(wasm.Add(s, wasm.Load32(bias.Get(), 4*i)))
		if scores {
			return wasm.Join(set, wasm.Store32(out.Get(), 4*i, z.Get()))
		}
		if l.Residual >= 0 {
			r := wasm.ShiftLeft(wasm.Load8(added.Get(), i), 2)
			set = wasm.Join(set, z.Set(wasm.Add(z.Get(), wasm.Load32(r, w.place(words(l.ResidualTable))))))
		}
		return wasm.Join(set, wasm.Store8(out.Get(), i, w.level(&l.Activation, z)))
	}
	size := l.Table.D
	if scores {
		size *= 4
	}
	next := wasm.Join(sum.Add(4), bias.Add(4*l.Table.D), out.Add(size))
	if l.Residual >= 0 {
		next = wasm.Join(next, added.Add(l.Table.D))
	}
	body := write(wasm.Load32(sum.Get(), 0), 0)
	if l.Table.D == 2 { // the low sum borrows from the high one
		low := wasm.Extend16(p.Get())
		body = wasm.Join(p.Set(wasm.Load32(sum.Get(), 0)), write(low, 0), write(wasm.ShiftRight(wasm.Sub(p.Get(), low), 16), 1))
	}
	return wasm.Join(
		sum.Set(wasm.Const(w.sums)),
		bias.Set(wasm.Const(w.place(words(l.Bias)))),
		wasm.Repeat(n, l.Outputs/l.Table.D, body, next))
}

// listed is code that lists the addresses of a place's taps, 0 for padding.
func (w *wasmWriter) listed(k *walk) wasm.Code {
	tap, end := k.f.Local(), k.f.Local()
	next := func(v wasm.Code) wasm.Code { return wasm.Join(wasm.Store32(end.Get(), 0, v), end.Add(4)) }
	return wasm.Join(end.Set(wasm.Const(w.list)), k.taps(tap, next(tap.Get()), next(wasm.Const(0))))
}

// each runs body for every tap of the list, with its address in tap: those of
// padding are left out, as they add nothing.
func (w *wasmWriter) each(k *walk, tap wasm.Local, body, next wasm.Code) wasm.Code {
	row, n := k.f.Local(), k.f.Local()
	if k.padded() {
		body = wasm.If(tap.Get(), body, nil)
	}
	return wasm.Join(row.Set(wasm.Const(w.list)), wasm.Repeat(n, k.window.KH*k.window.KW,
		tap.Set(wasm.Load32(row.Get(), 0)), body, next, row.Add(4)))
}

// wasmDepthwise is a convolution with a filter per channel.
func (w *wasmWriter) wasmDepthwise(f *wasm.Function, l *lut.Linear) wasm.Code {
	k := w.walk(f, l.In, l.Out, l.Window)
	_, shift := stride(l.Table)
	c, code, bias, n, tap, z, out := f.Local(), f.Local(), f.Local(), f.Local(), f.Local(), f.Local(), f.Local()
	row := wasm.ShiftLeft(wasm.Load8(wasm.Add(tap.Get(), c.Get()), 0), shift+2)
	product := wasm.Load32(wasm.Add(row, wasm.ShiftLeft(wasm.Load8(code.Get(), 0), 2)), w.expanded[l.Table])
	body := wasm.Join(
		c.Set(wasm.Const(0)),
		code.Set(wasm.Const(w.place(filters(l, false)))),
		bias.Set(wasm.Const(w.place(words(l.Bias)))),
		wasm.Repeat(n, l.Outputs,
			z.Set(wasm.Load32(bias.Get(), 0)),
			w.each(k, tap, z.Set(wasm.Add(z.Get(), product)), code.Add(1)),
			wasm.Store8(out.Get(), 0, w.level(&l.Activation, z)),
			bias.Add(4), c.Add(1), out.Add(1)))
	return wasm.Join(out.Set(wasm.Const(w.address(l.Out))), k.places(w.listed(k), body))
}

// wasmPool is the highest level of every window, or the average a.
func (w *wasmWriter) wasmPool(f *wasm.Function, in, to int, window lut.Window, a *lut.AvgPool) wasm.Code {
	k := w.walk(f, in, to, window)
	c, n, tap, z, v, out := f.Local(), f.Local(), f.Local(), f.Local(), f.Local(), f.Local()
	first, result := wasm.Const(0), z.Get()
	body := wasm.Join(
		v.Set(wasm.Load8(wasm.Add(tap.Get(), c.Get()), 0)),
		z.Set(wasm.Select(v.Get(), z.Get(), wasm.Greater(v.Get(), z.Get()))))
	if a != nil {
		first, result = wasm.Const(int(a.Bias)), w.level(&a.Activation, z)
		level := wasm.ShiftLeft(wasm.Load8(wasm.Add(tap.Get(), c.Get()), 0), 2)
		body = z.Set(wasm.Add(z.Get(), wasm.Load32(level, w.place(words(a.Table)))))
	}
	return wasm.Join(out.Set(wasm.Const(w.address(to))), k.places(
		w.listed(k),
		c.Set(wasm.Const(0)),
		wasm.Repeat(n, k.in.C,
			z.Set(first),
			w.each(k, tap, body, nil),
			wasm.Store8(out.Get(), 0, result),
			c.Add(1), out.Add(1))))
}

// wasmSum is an addition of two tensors.
func (w *wasmWriter) wasmSum(f *wasm.Function, l *lut.Sum) wasm.Code {
	a, b, out, n, z := f.Local(), f.Local(), f.Local(), f.Local(), f.Local()
	operand := func(at wasm.Local, i int) wasm.Code {
		return wasm.Load32(wasm.ShiftLeft(wasm.Load8(at.Get(), 0), 2), w.place(words(l.Tables[i])))
	}
	return wasm.Join(
		a.Set(wasm.Const(w.address(l.In[0]))),
		b.Set(wasm.Const(w.address(l.In[1]))),
		out.Set(wasm.Const(w.address(l.Out))),
		wasm.Repeat(n, w.net.Tensors[l.Out].Elems(),
			z.Set(wasm.Add(operand(a, 0), operand(b, 1), wasm.Const(int(l.Bias)))),
			wasm.Store8(out.Get(), 0, w.level(&l.Activation, z)),
			a.Add(1), b.Add(1), out.Add(1)))
}

// wasmConcat is a concatenation along the channels.
func (w *wasmWriter) wasmConcat(f *wasm.Function, l *lut.Concat) wasm.Code {
	from, to, i, n := f.Local(), f.Local(), f.Local(), f.Local()
	out := &w.net.Tensors[l.Out]
	var code wasm.Code
	first := w.address(l.Out)
	for j, t := range l.In {
		c := w.net.Tensors[t].C
		level := wasm.Load8(from.Get(), 0)
		if l.Maps[j] != nil {
			level = wasm.Load8(level, w.place(l.Maps[j]))
		}
		code = wasm.Join(code,
			from.Set(wasm.Const(w.address(t))),
			to.Set(wasm.Const(first)),
			wasm.Repeat(i, out.H*out.W,
				wasm.Repeat(n, c, wasm.Store8(to.Get(), 0, level), from.Add(1), to.Add(1)),
				to.Add(out.C-c)))
		first += c
	}
	return code
}

// wasmGather moves levels.
func (w *wasmWriter) wasmGather(f *wasm.Function, l *lut.Gather) wasm.Code {
	place, channel, from, at, out, n, c := f.Local(), f.Local(), f.Local(), f.Local(), f.Local(), f.Local(), f.Local()
	places, channels := w.origins(l)
	level := wasm.Load8(wasm.Add(at.Get(), from.Get()), w.address(l.In))
	return wasm.Join(
		place.Set(wasm.Const(w.place(words(places)))),
		out.Set(wasm.Const(w.address(l.Out))),
		wasm.Repeat(n, len(places),
			at.Set(wasm.Load32(place.Get(), 0)),
			channel.Set(wasm.Const(w.place(words(channels)))),
			wasm.Repeat(c, len(channels),
				from.Set(wasm.Load32(channel.Get(), 0)),
				wasm.If(wasm.Less(from.Get(), wasm.Const(0)),
					wasm.Store8(out.Get(), 0, wasm.Const(int(l.Fill))),
					wasm.Store8(out.Get(), 0, level)),
				channel.Add(4), out.Add(1)),
			place.Add(4)))
}
